/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_contrast: the losses that take a soft-max of each row: InfoNCE over a queue, NT-Xent, soft
 * targets, classes. No state. A row is one thread's from end to end, so that a long one stays in
 * that core's cache while it is read three times (its largest number, its exponentials and their
 * sum, their shares) with one exponential for each number; losses are summed in the order of rows,
 * so that any number of threads gives the same bits. */
#include "trainer/ops/cpu_span.h"

#include <errno.h>

#include "common/err.h"

struct soft {
    const struct tensor *value, *right; /* right: InfoNCE's positives, soft targets */
    const float *class;
    struct tensor *dvalue, *dright;
    float per_temperature;
    double scale; /* of the gradient */
};

typedef double row_fn(const struct soft *s, size_t n); /* fills row n's gradient, gives its loss */

static struct soft soft_of(const struct tensor *value, struct tensor *dvalue, float temperature,
                           float weight)
{
    return (struct soft){.value = value,
                         .dvalue = dvalue,
                         .per_temperature = 1 / temperature,
                         .scale = (double)weight / (double)value->n / (double)temperature};
}

static int rows_run(const struct ops *o, const struct soft *s, row_fn *fn, float *loss)
{
    enum { PART = 512 }; /* rows whose losses lie on the stack */
    const struct cpu *cpu = o->state;
    size_t rows = (size_t)s->value->n;
    double part[PART], total = 0;
    for (size_t at = 0; at < rows; at += PART) {
        size_t n = least(PART, rows - at);
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
        for (size_t i = 0; i < n; i++)
            part[i] = fn(s, at + i);
        for (size_t i = 0; i < n; i++)
            total += part[i];
    }
    *loss = (float)(total / (double)rows);
    return 0;
}

static double info_nce_row(const struct soft *s, size_t n)
{
    size_t count = (size_t)s->value->c;
    const float *value = s->value->data + n * count;
    float *d = s->dvalue->data + n * count, right = s->right->data[n];
    float most = span_most(value, count);
    most = most > right ? most : right;
    double gap = (double)(most - right) * (double)s->per_temperature, own = exp(-gap);
    double sum = own + span_exp(value, most, s->per_temperature, count, d);
    span_scale(d, (float)(s->scale / sum), count);
    s->dright->data[n] = (float)(s->scale * (own / sum - 1));
    return log(sum) + gap;
}

static int loss_info_nce(const struct ops *o, const struct tensor *positive,
                         const struct tensor *negative, float temperature, float weight,
                         struct tensor *dpositive, struct tensor *dnegative, float *loss)
{
    struct soft s = soft_of(negative, dnegative, temperature, weight);
    s.right = positive;
    s.dright = dpositive;
    return rows_run(o, &s, info_nce_row, loss);
}

/* A row of values whose column `right` should have all: d holds the values, then the gradient. */
static double one_right(const struct soft *s, float *d, size_t count, size_t right)
{
    float most = span_most(d, count);
    double gap = (double)(most - d[right]) * (double)s->per_temperature;
    double sum = span_exp(d, most, s->per_temperature, count, d), own = (double)d[right];
    span_scale(d, (float)(s->scale / sum), count);
    d[right] = (float)(s->scale * (own / sum - 1));
    return log(sum) + gap;
}

static float *row_begin(const struct soft *s, size_t n)
{
    size_t count = (size_t)s->value->c;
    float *d = s->dvalue->data + n * count;
    if (s->dvalue->data != s->value->data)
        memcpy(d, s->value->data + n * count, count * sizeof(*d));
    return d;
}

static double nt_xent_row(const struct soft *s, size_t n)
{
    size_t rows = (size_t)s->value->n;
    float *d = row_begin(s, n);
    d[n] = -INFINITY; /* takes no part */
    double loss = one_right(s, d, rows, (n + rows / 2) % rows);
    d[n] = 0; /* also where the row is no number */
    return loss;
}

static int loss_nt_xent(const struct ops *o, const struct tensor *s, float temperature,
                        float weight, struct tensor *ds, float *loss)
{
    struct soft soft = soft_of(s, ds, temperature, weight);
    return rows_run(o, &soft, nt_xent_row, loss);
}

static double class_row(const struct soft *s, size_t n)
{
    return one_right(s, row_begin(s, n), (size_t)s->value->c, (size_t)s->class[n]);
}

static int loss_softmax(const struct ops *o, const struct tensor *p, const float *target,
                        float weight, struct tensor *dp, float *loss)
{
    size_t rows = (size_t)p->n, classes = (size_t)p->c;
    for (size_t n = 0; n < rows; n++)
        if (!(target[n] >= 0 && target[n] < (float)classes))
            return err_set(-EINVAL, "row %zu has class %g of %zu", n, (double)target[n], classes);
    struct soft s = soft_of(p, dp, 1, weight);
    s.class = target;
    return rows_run(o, &s, class_row, loss);
}

/* Cross-entropy with q is the sum of q times what a number lies below log of the sum: all terms
 * have one sign. */
static double soft_targets_row(const struct soft *s, size_t n)
{
    size_t count = (size_t)s->value->c;
    const float *value = s->value->data + n * count, *q = s->right->data + n * count;
    float *d = s->dvalue->data + n * count;
    float most = span_most(value, count);
    double mass = span_sum(q, count);
    double gap = span_gap(value, most, q, count) * (double)s->per_temperature;
    double sum = span_exp(value, most, s->per_temperature, count, d);
    float share = (float)(mass * s->scale / sum), scale = (float)s->scale;
    for (size_t i = 0; i < count; i++)
        d[i] = share * d[i] - scale * q[i];
    return mass * log(sum) + gap;
}

static int loss_soft_targets(const struct ops *o, const struct tensor *p, const struct tensor *q,
                             float temperature, float weight, struct tensor *dp, float *loss)
{
    struct soft s = soft_of(p, dp, temperature, weight);
    s.right = q;
    return rows_run(o, &s, soft_targets_row, loss);
}

void SIMD(cpu_contrast_fill)(struct ops *ops)
{
    ops->loss_info_nce = loss_info_nce;
    ops->loss_nt_xent = loss_nt_xent;
    ops->loss_softmax = loss_softmax;
    ops->loss_soft_targets = loss_soft_targets;
}
