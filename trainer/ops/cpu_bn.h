/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bn: what the files of batch norm share; private to cpu_bn*.c.
 *
 * The unit of work is an item: one block of channels of one group. All its pixels are walked for
 * the sums, and walked again at once, while they are still in the cache. Where there are fewer
 * items than would keep all threads busy, an item is cut into parts, and the second walk waits for
 * all parts of the first.
 *
 * Sums are made over runs of at most some hundred pixels in float and put together in double. */
#ifndef AUGSTREAM_TRAINER_OPS_CPU_BN_H
#define AUGSTREAM_TRAINER_OPS_CPU_BN_H

#include "trainer/ops/cpu_simd.h"

enum {
    BN_RUN_PIXELS = 512, /* 32 KiB of a tensor: what the second look at a run finds in L1 or L2 */
    BN_SUMS = 4,         /* independent sums in flight, to hide the adder's latency */
};

/* What a part of an item knows after its first walk. */
struct bn_part {
    double count;
    double a[CPU_BLOCK]; /* forward: mean; backward: sum z */
    double b[CPU_BLOCK]; /* forward: sum of squares about it; backward: sum z (x - mean) */
};

struct bn {
    struct bn_shape s;
    struct bn *other; /* another table's plan, where that does the work: ref's, or one of bf16 */
    const struct ops *other_ops;
    int threads;
    size_t pixels;          /* of an image */
    size_t blocks;          /* of 16 channels */
    size_t image;           /* values of an image */
    size_t rows;            /* of a group */
    size_t items, parts;    /* items of the tensor, parts of an item */
    double *mean, *var;     /* [groups,C] */
    double *sum_z, *sum_zh; /* [groups,C] */
    struct bn_part *part;   /* [items][parts] */
};

/* One call's arguments, for the threads. */
struct bn_job {
    const struct bn *bn;
    const float *x, *add, *dy;
    const struct bn_param *p;
    const float *saved_mean, *saved_invstd;
    uint8_t *mask;
    float *y, *dx, *dadd;
    bool infer;
};

/* Some whole images of an item, in the order of memory. */
struct bn_span {
    size_t first, rows; /* images */
    size_t block;       /* of channels */
    size_t at;          /* in an array [groups,C]: the first channel */
};

static inline struct bn_span bn_span_of(const struct bn *bn, size_t item, size_t part)
{
    size_t group = item / bn->blocks, block = item % bn->blocks;
    size_t from = bn->rows * part / bn->parts, to = bn->rows * (part + 1) / bn->parts;
    return (struct bn_span){.first = group * bn->rows + from,
                            .rows = to - from,
                            .block = block,
                            .at = group * (size_t)bn->s.c + block * CPU_BLOCK};
}

/* Where the 16 channels of an image begin. */
static inline size_t bn_place(const struct bn *bn, const struct bn_span *s, size_t row)
{
    return (s->first + row) * bn->image + s->block * bn->pixels * CPU_BLOCK;
}

static inline size_t bn_run_rows(const struct bn *bn)
{
    return bn->pixels >= BN_RUN_PIXELS ? 1 : BN_RUN_PIXELS / bn->pixels;
}

/* Each part of each item: first all of one walk, then the next. In one piece, an item's two walks
 * follow each other. second may be NULL. */
typedef void bn_walk_fn(const struct bn_job *job, size_t item, size_t part);
void SIMD(cpu_bn_walk)(const struct bn_job *job, bn_walk_fn *first, bn_walk_fn *second);

/* Slots of ops.h, for plans that are not ref's. */
int SIMD(cpu_bn_forward)(struct bn *bn, const struct tensor *x, const struct tensor *add,
                         const struct bn_param *p, struct bn_saved *saved, struct tensor *y);
int SIMD(cpu_bn_infer)(struct bn *bn, const struct tensor *x, const struct tensor *add,
                       const struct bn_param *p, struct tensor *y);
int SIMD(cpu_bn_backward)(struct bn *bn, const struct tensor *x, const struct tensor *dy,
                          const struct bn_param *p, const struct bn_saved *saved, struct tensor *dx,
                          struct tensor *dadd, float *dgamma, float *dbeta);

#endif
