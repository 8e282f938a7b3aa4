/* SPDX-License-Identifier: Apache-2.0 */
/* ref_contrast: what the contrastive and clustering methods need: unit rows and their gradient, dot
 * products of rows, InfoNCE, NT-Xent, soft targets, and Sinkhorn's balanced assignment. One thread;
 * no state. */
#include "trainer/ops/ref.h"

#include <math.h>

static const double norm_least_unit = 1e-12; /* torch.nn.functional.normalize */

static int l2_normalize_backward(const struct ops *o, const struct tensor *x,
                                 const struct tensor *y, const struct tensor *dy, struct tensor *dx)
{
    (void)o;
    size_t d = (size_t)x->c;
    for (size_t n = 0; n < (size_t)x->n; n++) {
        const float *unit = y->data + n * d, *g = dy->data + n * d;
        double norm = sqrt(ref_dot(x->data + n * d, x->data + n * d, d));
        double along = norm > norm_least_unit ? ref_dot(unit, g, d) : 0;
        double scale = 1 / fmax(norm, norm_least_unit);
        for (size_t i = 0; i < d; i++)
            dx->data[n * d + i] = (float)((g[i] - along * unit[i]) * scale);
    }
    return 0;
}

static int row_dot(const struct ops *o, const struct tensor *a, const struct tensor *b,
                   struct tensor *y)
{
    (void)o;
    size_t d = (size_t)a->c;
    for (size_t n = 0; n < (size_t)a->n; n++)
        y->data[n] = (float)ref_dot(a->data + n * d, b->data + n * d, d);
    return 0;
}

static int row_add(const struct ops *o, const struct tensor *scale, const struct tensor *a,
                   struct tensor *sum)
{
    (void)o;
    size_t d = (size_t)a->c;
    for (size_t n = 0; n < (size_t)a->n; n++)
        for (size_t i = 0; i < d; i++) {
            double product = (double)scale->data[n] * a->data[n * d + i];
            sum->data[n * d + i] = (float)(sum->data[n * d + i] + product);
        }
    return 0;
}

/* One row of logits / temperature, of which some may be left out. */
struct row {
    const float *value;
    size_t count, skip; /* skip: the column that does not take part; count = none */
    double temperature;
};

static double row_most(const struct row *r)
{
    double most = -INFINITY;
    for (size_t i = 0; i < r->count; i++)
        most = i == r->skip ? most : fmax(most, r->value[i]);
    return most;
}

static double row_sum_exp(const struct row *r, double most)
{
    double sum = 0;
    for (size_t i = 0; i < r->count; i++)
        sum += i == r->skip ? 0 : exp((r->value[i] - most) / r->temperature);
    return sum;
}

static int loss_info_nce(const struct ops *o, const struct tensor *positive,
                         const struct tensor *negative, float temperature, float weight,
                         struct tensor *dpositive, struct tensor *dnegative, float *loss)
{
    (void)o;
    size_t rows = (size_t)negative->n, count = (size_t)negative->c;
    double total = 0, scale = (double)weight / (double)rows / (double)temperature;
    for (size_t n = 0; n < rows; n++) {
        struct row r = {negative->data + n * count, count, count, (double)temperature};
        double right = positive->data[n], most = fmax(row_most(&r), right);
        double own = exp((right - most) / r.temperature), sum = own + row_sum_exp(&r, most);
        total += log(sum) - (right - most) / r.temperature;
        for (size_t i = 0; i < count; i++) {
            double share = exp((r.value[i] - most) / r.temperature) / sum;
            dnegative->data[n * count + i] = (float)(scale * share);
        }
        dpositive->data[n] = (float)(scale * (own / sum - 1));
    }
    *loss = (float)(total / (double)rows);
    return 0;
}

static int loss_nt_xent(const struct ops *o, const struct tensor *s, float temperature,
                        float weight, struct tensor *ds, float *loss)
{
    (void)o;
    size_t rows = (size_t)s->n;
    double total = 0, scale = (double)weight / (double)rows / (double)temperature;
    for (size_t n = 0; n < rows; n++) {
        struct row r = {s->data + n * rows, rows, n, (double)temperature};
        size_t right = (n + rows / 2) % rows;
        double most = row_most(&r), sum = row_sum_exp(&r, most);
        total += log(sum) - (r.value[right] - most) / r.temperature;
        for (size_t i = 0; i < rows; i++) {
            double share = i == n ? 0 : exp((r.value[i] - most) / r.temperature) / sum;
            ds->data[n * rows + i] = (float)(scale * (share - (i == right)));
        }
    }
    *loss = (float)(total / (double)rows);
    return 0;
}

static int loss_soft_targets(const struct ops *o, const struct tensor *p, const struct tensor *q,
                             float temperature, float weight, struct tensor *dp, float *loss)
{
    (void)o;
    size_t rows = (size_t)p->n, count = (size_t)p->c;
    double total = 0, scale = (double)weight / (double)rows / (double)temperature;
    for (size_t n = 0; n < rows; n++) {
        struct row r = {p->data + n * count, count, count, (double)temperature};
        const float *target = q->data + n * count;
        double most = row_most(&r), sum = row_sum_exp(&r, most), mass = 0;
        for (size_t i = 0; i < count; i++) {
            total += target[i] * (log(sum) - (r.value[i] - most) / r.temperature);
            mass += target[i];
        }
        for (size_t i = 0; i < count; i++) {
            double share = exp((r.value[i] - most) / r.temperature) / sum;
            dp->data[n * count + i] = (float)(scale * (mass * share - target[i]));
        }
    }
    *loss = (float)(total / (double)rows);
    return 0;
}

/* --- Sinkhorn-Knopp --- */

/* Divides each column by its sum. The factor 1/P that belongs to it goes away with the next row. */
static void columns_balance(float *q, size_t rows, size_t count)
{
    enum { BLOCK = 256 };
    for (size_t at = 0; at < count; at += BLOCK) {
        size_t width = count - at < BLOCK ? count - at : BLOCK;
        double sum[BLOCK] = {0};
        for (size_t n = 0; n < rows; n++)
            for (size_t i = 0; i < width; i++)
                sum[i] += q[n * count + at + i];
        for (size_t n = 0; n < rows; n++)
            for (size_t i = 0; i < width; i++)
                q[n * count + at + i] = (float)(q[n * count + at + i] / sum[i]);
    }
}

static void rows_balance(float *q, size_t rows, size_t count)
{
    for (size_t n = 0; n < rows; n++) {
        double sum = 0;
        for (size_t i = 0; i < count; i++)
            sum += q[n * count + i];
        for (size_t i = 0; i < count; i++)
            q[n * count + i] = (float)(q[n * count + i] / sum);
    }
}

static int sinkhorn(const struct ops *o, const struct tensor *scores, float epsilon,
                    int32_t iterations, struct tensor *q)
{
    (void)o;
    size_t rows = (size_t)scores->n, count = (size_t)scores->c;
    struct row all = {scores->data, rows * count, rows * count, (double)epsilon};
    double most = row_most(&all); /* any common factor goes away with the first division */
    for (size_t i = 0; i < rows * count; i++)
        q->data[i] = (float)exp((scores->data[i] - most) / all.temperature);
    for (int32_t i = 0; i < iterations; i++) {
        columns_balance(q->data, rows, count);
        rows_balance(q->data, rows, count);
    }
    return 0;
}

void ref_contrast_fill(struct ops *ops)
{
    ops->l2_normalize_backward = l2_normalize_backward;
    ops->row_dot = row_dot;
    ops->row_add = row_add;
    ops->loss_info_nce = loss_info_nce;
    ops->loss_nt_xent = loss_nt_xent;
    ops->loss_soft_targets = loss_soft_targets;
    ops->sinkhorn = sinkhorn;
}
