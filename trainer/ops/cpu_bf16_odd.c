/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bf16_odd: bf16 images whose channels fill no whole vectors: batch norm and pooling by ref, on
 * fp32 copies. No backbone that is worth its time has them; small ones of tests do. Takes and gives
 * [N,H,W,C]; the average and the statistics are ref's to the bit. Owner: a plan holds ref's plan
 * and the copies. One thread. */
#include "trainer/ops/cpu_bf16_half.h"

#include <errno.h>
#include <stdlib.h>

#include "common/err.h"

static const struct ops *ref_of(const struct ops *o)
{
    return &((const struct cpu *)o->state)->ref;
}

/* An image as fp32, in memory of the plan's. */
static struct tensor widened(const struct tensor *t, float *to, bool fill)
{
    struct tensor wide = *t;
    wide.dtype = DTYPE_FP32;
    wide.data = to;
    for (size_t i = 0; fill && i < tensor_count(t); i++)
        to[i] = bf16_widen(tensor_bf16(t)[i]);
    return wide;
}

static void narrow(const struct tensor *wide, struct tensor *to)
{
    for (size_t i = 0; i < tensor_count(wide); i++)
        tensor_bf16(to)[i] = bf16_round(wide->data[i]);
}

/* --- batch norm --- */

enum { X, ADD, Y, DADD, COPIES }; /* dy, dx: in the place of y */

struct bn {
    struct bn *ref;
    const struct ops *ops; /* ref's */
    float *copy[COPIES];
};

static void bn_free(struct bn *bn)
{
    if (!bn)
        return;
    if (bn->ref)
        bn->ops->bn_free(bn->ref);
    cpu_free(bn->copy[0]);
    free(bn);
}

static int bn_new(const struct ops *o, const struct bn_shape *s, struct bn **ret)
{
    struct bn_shape plain = *s;
    plain.dtype = DTYPE_FP32;
    struct bn *bn = calloc(1, sizeof(*bn));
    if (!bn)
        return err_set(-ENOMEM, "no memory for batch norm");
    bn->ops = ref_of(o);
    int r = bn->ops->bn_new(bn->ops, &plain, &bn->ref);
    if (r >= 0) {
        size_t count = (size_t)s->n * (size_t)s->h * (size_t)s->w * (size_t)s->c;
        bn->copy[0] = cpu_alloc(COPIES * count * sizeof(float));
        for (int i = 1; bn->copy[0] && i < COPIES; i++)
            bn->copy[i] = bn->copy[0] + (size_t)i * count;
        r = bn->copy[0] ? 0 : err_set(-ENOMEM, "no memory for batch norm");
    }
    if (r < 0) {
        bn_free(bn);
        return r;
    }
    *ret = bn;
    return 0;
}

static int bn_forward(struct bn *bn, const struct tensor *x, const struct tensor *add,
                      const struct bn_param *p, struct bn_saved *saved, struct tensor *y)
{
    struct tensor wide_x = widened(x, bn->copy[X], true), wide_add;
    struct tensor wide_y = widened(y, bn->copy[Y], false);
    if (add)
        wide_add = widened(add, bn->copy[ADD], true);
    int r = bn->ops->bn_forward(bn->ref, &wide_x, add ? &wide_add : NULL, p, saved, &wide_y);
    if (r >= 0)
        narrow(&wide_y, y);
    return r;
}

static int bn_infer(struct bn *bn, const struct tensor *x, const struct tensor *add,
                    const struct bn_param *p, struct tensor *y)
{
    struct tensor wide_x = widened(x, bn->copy[X], true), wide_add;
    struct tensor wide_y = widened(y, bn->copy[Y], false);
    if (add)
        wide_add = widened(add, bn->copy[ADD], true);
    int r = bn->ops->bn_infer(bn->ref, &wide_x, add ? &wide_add : NULL, p, &wide_y);
    if (r >= 0)
        narrow(&wide_y, y);
    return r;
}

static int bn_backward(struct bn *bn, const struct tensor *x, const struct tensor *dy,
                       const struct bn_param *p, const struct bn_saved *saved, struct tensor *dx,
                       struct tensor *dadd, float *dgamma, float *dbeta)
{
    struct tensor wide_x = widened(x, bn->copy[X], true);
    struct tensor wide_dy = widened(dy, bn->copy[Y], true), wide_dadd;
    if (dadd)
        wide_dadd = widened(dadd, bn->copy[DADD], false);
    int r = bn->ops->bn_backward(bn->ref, &wide_x, &wide_dy, p, saved, &wide_dy,
                                 dadd ? &wide_dadd : NULL, dgamma, dbeta);
    if (r < 0)
        return r;
    narrow(&wide_dy, dx);
    if (dadd)
        narrow(&wide_dadd, dadd);
    return 0;
}

/* --- pooling --- */

struct maxpool {
    struct maxpool *ref;
    const struct ops *ops; /* ref's */
    float *x, *y;
};

static void maxpool_free(struct maxpool *pool)
{
    if (!pool)
        return;
    if (pool->ref)
        pool->ops->maxpool_free(pool->ref);
    cpu_free(pool->x);
    cpu_free(pool->y);
    free(pool);
}

static int maxpool_new(const struct ops *o, const struct maxpool_shape *s, struct maxpool **ret)
{
    struct maxpool_shape plain = *s;
    plain.dtype = DTYPE_FP32;
    struct maxpool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return err_set(-ENOMEM, "no memory for max pooling");
    pool->ops = ref_of(o);
    int r = pool->ops->maxpool_new(pool->ops, &plain, &pool->ref);
    if (r >= 0) {
        size_t ho = (size_t)((s->h + 2 * s->pad - s->kernel) / s->stride + 1);
        size_t wo = (size_t)((s->w + 2 * s->pad - s->kernel) / s->stride + 1);
        size_t channels = (size_t)s->n * (size_t)s->c;
        pool->x = cpu_alloc((size_t)s->h * (size_t)s->w * channels * sizeof(float));
        pool->y = cpu_alloc(ho * wo * channels * sizeof(float));
        r = pool->x && pool->y ? 0 : err_set(-ENOMEM, "no memory for max pooling");
    }
    if (r < 0) {
        maxpool_free(pool);
        return r;
    }
    *ret = pool;
    return 0;
}

static int maxpool_forward(struct maxpool *pool, const struct tensor *x, struct tensor *y)
{
    struct tensor wide_x = widened(x, pool->x, true), wide_y = widened(y, pool->y, false);
    int r = pool->ops->maxpool_forward(pool->ref, &wide_x, &wide_y);
    if (r >= 0)
        narrow(&wide_y, y);
    return r;
}

static int maxpool_backward(struct maxpool *pool, const struct tensor *dy, struct tensor *dx)
{
    struct tensor wide_dy = widened(dy, pool->y, true), wide_dx = widened(dx, pool->x, false);
    int r = pool->ops->maxpool_backward(pool->ref, &wide_dy, &wide_dx);
    if (r >= 0)
        narrow(&wide_dx, dx);
    return r;
}

static int avgpool_forward(const struct ops *o, const struct tensor *x, struct tensor *y)
{
    (void)o;
    size_t pixels = (size_t)x->h * (size_t)x->w, c = (size_t)x->c;
    for (size_t i = 0; i < (size_t)x->n * c; i++) {
        const uint16_t *from = tensor_bf16(x) + i / c * pixels * c + i % c;
        double sum = 0;
        for (size_t k = 0; k < pixels; k++)
            sum += (double)bf16_widen(from[k * c]);
        y->data[i] = (float)(sum / (double)pixels);
    }
    return 0;
}

static int avgpool_backward(const struct ops *o, const struct tensor *dy, struct tensor *dx)
{
    (void)o;
    size_t pixels = (size_t)dx->h * (size_t)dx->w, c = (size_t)dx->c;
    for (size_t i = 0; i < tensor_count(dx); i++)
        tensor_bf16(dx)[i] = bf16_round(dy->data[i / (pixels * c) * c + i % c] / (float)pixels);
    return 0;
}

void cpu_bf16_odd_fill(struct ops *ops)
{
    ops->bn_new = bn_new;
    ops->bn_free = bn_free;
    ops->bn_forward = bn_forward;
    ops->bn_infer = bn_infer;
    ops->bn_backward = bn_backward;
    ops->maxpool_new = maxpool_new;
    ops->maxpool_free = maxpool_free;
    ops->maxpool_forward = maxpool_forward;
    ops->maxpool_backward = maxpool_backward;
    ops->avgpool_forward = avgpool_forward;
    ops->avgpool_backward = avgpool_backward;
}
