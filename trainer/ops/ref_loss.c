/* SPDX-License-Identifier: Apache-2.0 */
/* ref_loss: the losses with their gradients, and the row measures beside them. Each loss is
 * PyTorch's of the same meaning, with mean reduction. One thread; no state. */
#include "trainer/ops/ref.h"

#include <errno.h>
#include <math.h>

#include "common/err.h"

static const double norm_least_unit = 1e-12;  /* torch.nn.functional.normalize */
static const double norm_least_cosine = 1e-8; /* torch.nn.functional.cosine_similarity */

static double row_norm(const float *row, size_t d)
{
    return sqrt(ref_dot(row, row, d));
}

/* max(norm, least), but a NaN stays seen, which fmax would hide. */
static double at_least(double norm, double least)
{
    return norm < least ? least : norm;
}

static int l2_normalize(const struct ops *o, const struct tensor *x, struct tensor *y)
{
    (void)o;
    size_t d = (size_t)x->c;
    for (size_t n = 0; n < (size_t)x->n; n++) {
        const float *row = x->data + n * d;
        double norm = at_least(row_norm(row, d), norm_least_unit);
        for (size_t i = 0; i < d; i++)
            y->data[n * d + i] = (float)(row[i] / norm);
    }
    return 0;
}

/* d cos(p,z) / dp = (z/|z| - cos * p/|p|) / |p|. Below the least norm |p| is a constant, so the
 * second term is gone. */
static int loss_cosine(const struct ops *o, const struct tensor *p, const struct tensor *z,
                       float weight, struct tensor *dp, float *loss)
{
    (void)o;
    size_t rows = (size_t)p->n, d = (size_t)p->c;
    double total = 0;

    for (size_t n = 0; n < rows; n++) {
        const float *a = p->data + n * d, *b = z->data + (n + rows / 2) % rows * d;
        double norm_a = row_norm(a, d);
        double least_a = at_least(norm_a, norm_least_cosine);
        double least_b = at_least(row_norm(b, d), norm_least_cosine);
        double cosine = ref_dot(a, b, d) / (least_a * least_b);
        double own = norm_a <= norm_least_cosine ? 0 : cosine / least_a;
        double scale = -(double)weight / (double)rows / least_a;
        for (size_t i = 0; i < d; i++)
            dp->data[n * d + i] = (float)(scale * (b[i] / least_b - own * a[i]));
        total += cosine;
    }
    *loss = (float)(-total / (double)rows);
    return 0;
}

static int loss_mse_tanh(const struct ops *o, const struct tensor *p, const float *target,
                         float weight, struct tensor *dp, float *loss)
{
    (void)o;
    size_t count = tensor_count(p);
    double total = 0;

    for (size_t i = 0; i < count; i++) {
        double t = tanh(p->data[i]), off = t - target[i];
        dp->data[i] = (float)(weight * 2 * off * (1 - t * t) / (double)count);
        total += off * off;
    }
    *loss = (float)(total / (double)count);
    return 0;
}

static int loss_bce(const struct ops *o, const struct tensor *p, const float *target, float weight,
                    struct tensor *dp, float *loss)
{
    (void)o;
    size_t count = tensor_count(p);
    double total = 0;

    for (size_t i = 0; i < count; i++) {
        double x = p->data[i], small = exp(-fabs(x)); /* never overflows */
        double sigmoid = (x >= 0 ? 1 : small) / (1 + small);
        dp->data[i] = (float)(weight * (sigmoid - target[i]) / (double)count);
        total += fmax(x, 0) - x * target[i] + log1p(small);
    }
    *loss = (float)(total / (double)count);
    return 0;
}

static int loss_softmax(const struct ops *o, const struct tensor *p, const float *target,
                        float weight, struct tensor *dp, float *loss)
{
    (void)o;
    size_t rows = (size_t)p->n, classes = (size_t)p->c;
    double total = 0;

    for (size_t n = 0; n < rows; n++) {
        const float *row = p->data + n * classes;
        if (!(target[n] >= 0 && target[n] < (float)classes))
            return err_set(-EINVAL, "row %zu has class %g of %zu", n, (double)target[n], classes);
        size_t right = (size_t)target[n];
        double most = row[0], sum = 0;
        for (size_t i = 1; i < classes; i++)
            most = fmax(most, row[i]);
        for (size_t i = 0; i < classes; i++)
            sum += exp(row[i] - most);
        for (size_t i = 0; i < classes; i++) {
            double share = exp(row[i] - most) / sum - (i == right);
            dp->data[n * classes + i] = (float)(weight * share / (double)rows);
        }
        total += log(sum) + most - row[right];
    }
    *loss = (float)(total / (double)rows);
    return 0;
}

/* A NaN is above nothing, so a row with one where it counts is wrong. */
static bool is_hit(const float *row, size_t classes, float target)
{
    if (classes == 1)
        return row[0] > 0 ? target == 1 : row[0] <= 0 && target == 0;
    if (!(target >= 0 && target < (float)classes))
        return false;
    size_t right = (size_t)target;
    bool hit = true;
    for (size_t i = 0; i < classes; i++)
        hit = hit && (i < right ? row[right] > row[i] : row[right] >= row[i]);
    return hit;
}

static int accuracy(const struct ops *o, const struct tensor *p, const float *target, float *ret)
{
    (void)o;
    size_t rows = (size_t)p->n, classes = (size_t)p->c, hits = 0;
    for (size_t n = 0; n < rows; n++)
        hits += is_hit(p->data + n * classes, classes, target[n]);
    *ret = (float)((double)hits / (double)rows);
    return 0;
}

/* Columns go in blocks whose sums fit on the stack; a row's norm is found anew for each block,
 * which is cheaper than memory that an operation without a plan does not have. */
static int spread(const struct ops *o, const struct tensor *x, float *ret)
{
    (void)o;
    enum { BLOCK = 256 };
    size_t rows = (size_t)x->n, d = (size_t)x->c;
    double total = 0;

    for (size_t at = 0; at < d && rows > 1; at += BLOCK) {
        size_t width = d - at < BLOCK ? d - at : BLOCK;
        double sum[BLOCK] = {0}, square[BLOCK] = {0};
        for (size_t n = 0; n < rows; n++) {
            const float *row = x->data + n * d;
            double norm = at_least(row_norm(row, d), norm_least_unit);
            for (size_t i = 0; i < width; i++) {
                double unit = row[at + i] / norm;
                sum[i] += unit;
                square[i] += unit * unit;
            }
        }
        for (size_t i = 0; i < width; i++) {
            double var = (square[i] - sum[i] * sum[i] / (double)rows) / (double)(rows - 1);
            total += var < 0 ? 0 : sqrt(var); /* rounding may leave it just below 0; NaN stays */
        }
    }
    *ret = (float)(total / (double)d * sqrt((double)d));
    return 0;
}

void ref_loss_fill(struct ops *ops)
{
    ops->l2_normalize = l2_normalize;
    ops->loss_cosine = loss_cosine;
    ops->loss_mse_tanh = loss_mse_tanh;
    ops->loss_bce = loss_bce;
    ops->loss_softmax = loss_softmax;
    ops->accuracy = accuracy;
    ops->spread = spread;
}
