/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bn: batch normalisation (Ioffe and Szegedy 2015) with the residual sum and the ReLU behind
 * it, in the fewest walks over memory: forward reads x twice and writes y once, backward reads x
 * and dy twice and writes dx (and dadd) once. Takes and gives blocked tensors; other channel counts
 * go to ref, bf16 to cpu_bf16_bn.c. Owner: the plan holds the sums. Here are the plan and how
 * threads walk over it; what they do on the way is cpu_bn_forward.c's and cpu_bn_backward.c's.
 * Knows no convolution. */
#include "trainer/ops/cpu_bn.h"

#include <errno.h>
#include <stdlib.h>

#include "common/err.h"

enum { ITEMS_A_THREAD = 4 };

static void bn_free(struct bn *bn)
{
    if (!bn)
        return;
    if (bn->other)
        bn->other_ops->bn_free(bn->other);
    free(bn->mean);
    free(bn->part);
    free(bn);
}

static int bn_new(const struct ops *o, const struct bn_shape *s, struct bn **ret)
{
    struct cpu *cpu = o->state;
    struct bn *bn = calloc(1, sizeof(*bn));
    if (!bn)
        return err_set(-ENOMEM, "no memory for batch norm");
    const struct ops *other = cpu_other(cpu, s->dtype, s->c);
    bn->other_ops = other ? other : &cpu->ref;
    int r = bn->other_ops->bn_new(bn->other_ops, s, &bn->other); /* it checks the shape as well */
    if (r < 0) {
        free(bn);
        return r;
    }
    if (other) {
        *ret = bn;
        return 0;
    }
    cpu->ref.bn_free(bn->other);
    bn->other = NULL;
    bn->s = *s;
    bn->threads = cpu->threads;
    bn->pixels = (size_t)s->h * (size_t)s->w;
    bn->blocks = (size_t)s->c / CPU_BLOCK;
    bn->image = bn->pixels * (size_t)s->c;
    bn->rows = (size_t)(s->n / s->groups);
    bn->items = bn->blocks * (size_t)s->groups;
    size_t want = (size_t)cpu->threads * ITEMS_A_THREAD;
    bn->parts = bn->items >= want ? 1 : (want + bn->items - 1) / bn->items;
    if (bn->parts > bn->rows)
        bn->parts = bn->rows;

    size_t stats = (size_t)s->groups * (size_t)s->c;
    bn->mean = calloc(stats, 4 * sizeof(*bn->mean));
    bn->part = calloc(bn->items * bn->parts, sizeof(*bn->part));
    if (!bn->mean || !bn->part) {
        bn_free(bn);
        return err_set(-ENOMEM, "no memory for batch norm");
    }
    bn->var = bn->mean + stats;
    bn->sum_z = bn->mean + 2 * stats;
    bn->sum_zh = bn->mean + 3 * stats;
    *ret = bn;
    return 0;
}

void SIMD(cpu_bn_walk)(const struct bn_job *job, bn_walk_fn *first, bn_walk_fn *second)
{
    const struct bn *bn = job->bn;
    size_t parts = bn->parts, all = bn->items * parts;
#pragma omp parallel for num_threads(bn->threads) schedule(static)
    for (size_t i = 0; i < all; i++) {
        first(job, i / parts, i % parts);
        if (second && parts == 1)
            second(job, i, 0);
    }
    if (!second || parts == 1)
        return;
#pragma omp parallel for num_threads(bn->threads) schedule(static)
    for (size_t i = 0; i < all; i++)
        second(job, i / parts, i % parts);
}

static int bn_forward(struct bn *bn, const struct tensor *x, const struct tensor *add,
                      const struct bn_param *p, struct bn_saved *saved, struct tensor *y)
{
    if (bn->other)
        return bn->other_ops->bn_forward(bn->other, x, add, p, saved, y);
    return SIMD(cpu_bn_forward)(bn, x, add, p, saved, y);
}

static int bn_infer(struct bn *bn, const struct tensor *x, const struct tensor *add,
                    const struct bn_param *p, struct tensor *y)
{
    if (bn->other)
        return bn->other_ops->bn_infer(bn->other, x, add, p, y);
    return SIMD(cpu_bn_infer)(bn, x, add, p, y);
}

static int bn_backward(struct bn *bn, const struct tensor *x, const struct tensor *dy,
                       const struct bn_param *p, const struct bn_saved *saved, struct tensor *dx,
                       struct tensor *dadd, float *dgamma, float *dbeta)
{
    if (bn->other)
        return bn->other_ops->bn_backward(bn->other, x, dy, p, saved, dx, dadd, dgamma, dbeta);
    return SIMD(cpu_bn_backward)(bn, x, dy, p, saved, dx, dadd, dgamma, dbeta);
}

void SIMD(cpu_bn_fill)(struct ops *ops)
{
    ops->bn_new = bn_new;
    ops->bn_free = bn_free;
    ops->bn_forward = bn_forward;
    ops->bn_infer = bn_infer;
    ops->bn_backward = bn_backward;
}
