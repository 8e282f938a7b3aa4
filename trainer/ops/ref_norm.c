/* SPDX-License-Identifier: Apache-2.0 */
/* ref_norm: batch normalisation (Ioffe and Szegedy 2015) with the residual sum and the ReLU that
 * follow it, as PyTorch's BatchNorm2d / BatchNorm1d computes it. Owner: the plan holds its shape
 * and its double sums; one thread. */
#include "trainer/ops/ref.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

static const double eps = 1e-5, momentum = 0.1; /* PyTorch's defaults */

struct bn {
    struct bn_shape s;
    size_t c, pixels; /* pixels: values of a channel in one group */
    double *sum[4];   /* [C] each, lying in one block that sum[0] owns */
};

static void bn_free(struct bn *bn)
{
    if (!bn)
        return;
    free(bn->sum[0]);
    free(bn);
}

static int bn_new(const struct ops *o, const struct bn_shape *s, struct bn **ret)
{
    (void)o;
    int r = ref_check_dtype(s->dtype);
    if (r < 0)
        return r;
    if (s->n < 1 || s->h < 1 || s->w < 1 || s->c < 1 || s->groups < 1 || s->n % s->groups)
        return err_set(-ENOTSUP, "no batch norm of [%d,%d,%d,%d] in %d groups", s->n, s->h, s->w,
                       s->c, s->groups);
    size_t pixels = (size_t)(s->n / s->groups) * (size_t)s->h * (size_t)s->w;
    if (pixels < 2) /* one value has no variance; PyTorch refuses as well */
        return err_set(-ENOTSUP, "batch norm needs more than one value a channel and group");

    struct bn *bn = calloc(1, sizeof(*bn));
    double *sums = calloc((size_t)s->c, 4 * sizeof(*sums));
    if (!bn || !sums) {
        free(bn);
        free(sums);
        return err_set(-ENOMEM, "no memory for batch norm");
    }
    *bn = (struct bn){.s = *s, .c = (size_t)s->c, .pixels = pixels};
    for (size_t i = 0; i < 4; i++)
        bn->sum[i] = sums + i * bn->c;
    *ret = bn;
    return 0;
}

static bool mask_get(const uint8_t *mask, size_t i)
{
    return mask[i / 8] >> (i % 8) & 1;
}

static void mask_put(uint8_t *mask, size_t i, bool on)
{
    uint8_t bit = (uint8_t)(1u << (i % 8));
    mask[i / 8] = (uint8_t)(on ? mask[i / 8] | bit : mask[i / 8] & ~bit);
}

/* Mean and biased variance of one group, in two passes. x: the group's first value. */
static void group_moments(const struct bn *bn, const float *x, double *mean, double *var)
{
    size_t c = bn->c;
    memset(mean, 0, c * sizeof(*mean));
    memset(var, 0, c * sizeof(*var));
    for (size_t i = 0; i < bn->pixels * c; i++)
        mean[i % c] += x[i];
    for (size_t k = 0; k < c; k++)
        mean[k] /= (double)bn->pixels;
    for (size_t i = 0; i < bn->pixels * c; i++) {
        double d = x[i] - mean[i % c];
        var[i % c] += d * d;
    }
    for (size_t k = 0; k < c; k++)
        var[k] /= (double)bn->pixels;
}

static void running_update(const struct bn *bn, const struct bn_param *p, const double *mean,
                           const double *var)
{
    double unbiased = (double)bn->pixels / (double)(bn->pixels - 1);
    for (size_t k = 0; k < bn->c; k++) {
        p->running_mean[k] = (float)((1 - momentum) * p->running_mean[k] + momentum * mean[k]);
        p->running_var[k] =
            (float)((1 - momentum) * p->running_var[k] + momentum * unbiased * var[k]);
    }
}

/* y = relu(x * scale + shift + add), for the elements [first, end) of the whole tensor. */
static void apply(const struct bn *bn, const struct tensor *x, const struct tensor *add,
                  const double *scale, const double *shift, size_t first, size_t end,
                  struct tensor *y)
{
    for (size_t i = first; i < end; i++) {
        double value = x->data[i] * scale[i % bn->c] + shift[i % bn->c];
        if (bn->s.add)
            value += add->data[i];
        if (bn->s.relu && value < 0) /* not !(value > 0): a NaN must stay seen */
            value = 0;
        y->data[i] = (float)value;
    }
}

static int bn_forward(struct bn *bn, const struct tensor *x, const struct tensor *add,
                      const struct bn_param *p, struct bn_saved *saved, struct tensor *y)
{
    double *mean = bn->sum[0], *var = bn->sum[1], *scale = bn->sum[2], *shift = bn->sum[3];
    size_t c = bn->c;

    for (size_t g = 0; g < (size_t)bn->s.groups; g++) {
        size_t first = g * bn->pixels * c;
        group_moments(bn, x->data + first, mean, var);
        for (size_t k = 0; k < c; k++) {
            double invstd = 1 / sqrt(var[k] + eps);
            scale[k] = invstd * (p->gamma ? p->gamma[k] : 1.0);
            shift[k] = (p->beta ? p->beta[k] : 0.0) - mean[k] * scale[k];
            saved->mean[g * c + k] = (float)mean[k];
            saved->invstd[g * c + k] = (float)invstd;
        }
        running_update(bn, p, mean, var);
        apply(bn, x, add, scale, shift, first, first + bn->pixels * c, y);
    }
    for (size_t i = 0; bn->s.relu && i < tensor_count(y); i++)
        mask_put(saved->mask, i, y->data[i] > 0);
    return 0;
}

static int bn_infer(struct bn *bn, const struct tensor *x, const struct tensor *add,
                    const struct bn_param *p, struct tensor *y)
{
    double *scale = bn->sum[0], *shift = bn->sum[1];
    for (size_t k = 0; k < bn->c; k++) {
        scale[k] = (p->gamma ? p->gamma[k] : 1.0) / sqrt(p->running_var[k] + eps);
        shift[k] = (p->beta ? p->beta[k] : 0.0) - p->running_mean[k] * scale[k];
    }
    apply(bn, x, add, scale, shift, 0, tensor_count(x), y);
    return 0;
}

/* dy behind the ReLU. */
static double gradient_at(const struct bn *bn, const struct tensor *dy,
                          const struct bn_saved *saved, size_t i)
{
    return !bn->s.relu || mask_get(saved->mask, i) ? dy->data[i] : 0;
}

/* With z = dy behind the ReLU and h = (x - mean) * invstd, sums over a group's pixels:
 *   dbeta = sum z, dgamma = sum z h, dx = gamma invstd (z - dbeta/pixels - h dgamma/pixels).
 * Each group is a batch of its own; gamma and beta are shared, so theirs add up. */
static int bn_backward(struct bn *bn, const struct tensor *x, const struct tensor *dy,
                       const struct bn_param *p, const struct bn_saved *saved, struct tensor *dx,
                       struct tensor *dadd, float *dgamma, float *dbeta)
{
    double *group_z = bn->sum[0], *group_zh = bn->sum[1];
    double *total_z = bn->sum[2], *total_zh = bn->sum[3];
    size_t c = bn->c;

    memset(total_z, 0, c * sizeof(*total_z));
    memset(total_zh, 0, c * sizeof(*total_zh));
    for (size_t g = 0; g < (size_t)bn->s.groups; g++) {
        const float *mean = saved->mean + g * c, *invstd = saved->invstd + g * c;
        size_t first = g * bn->pixels * c, end = first + bn->pixels * c;

        memset(group_z, 0, c * sizeof(*group_z));
        memset(group_zh, 0, c * sizeof(*group_zh));
        for (size_t i = first; i < end; i++) {
            double z = gradient_at(bn, dy, saved, i);
            group_z[i % c] += z;
            group_zh[i % c] += z * ((double)x->data[i] - mean[i % c]) * invstd[i % c];
        }
        for (size_t i = first; i < end; i++) {
            size_t k = i % c;
            double z = gradient_at(bn, dy, saved, i);
            double h = ((double)x->data[i] - mean[k]) * invstd[k];
            double away = (group_z[k] + h * group_zh[k]) / (double)bn->pixels;
            if (dadd)
                dadd->data[i] = (float)z;
            dx->data[i] = (float)((p->gamma ? p->gamma[k] : 1.0) * invstd[k] * (z - away));
        }
        for (size_t k = 0; k < c; k++) {
            total_z[k] += group_z[k];
            total_zh[k] += group_zh[k];
        }
    }
    for (size_t k = 0; dgamma && k < c; k++)
        dgamma[k] = (float)total_zh[k];
    for (size_t k = 0; dbeta && k < c; k++)
        dbeta[k] = (float)total_z[k];
    return 0;
}

void ref_norm_fill(struct ops *ops)
{
    ops->bn_new = bn_new;
    ops->bn_free = bn_free;
    ops->bn_forward = bn_forward;
    ops->bn_infer = bn_infer;
    ops->bn_backward = bn_backward;
}
