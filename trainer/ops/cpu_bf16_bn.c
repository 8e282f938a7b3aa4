/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bf16_bn: batch normalisation of bf16 images with the residual sum and the ReLU behind it, by
 * the formulas of cpu_bn_forward.c and cpu_bn_backward.c. Owner: the plan holds the sums.
 *
 * A group is a run of whole pixels, all channels of a pixel side by side. Each thread walks over a
 * part of them once for the sums, all threads meet, and each walks over its part again, from its
 * end, which is still in the cache. Sums run over some hundred pixels in fp32, about the group's
 * first pixel so that no mean costs digits, and are put together in double. */
#include "trainer/ops/cpu_bf16.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

enum {
    RUN_PIXELS = 256, /* whose sums are fp32 */
    STEP = 4,         /* pixels at a time: as many loads share what belongs to a channel */
};

static const double eps = 1e-5, momentum = 0.1; /* PyTorch's defaults */

struct bn {
    struct bn_shape s;
    int threads;
    size_t c, pixels;       /* pixels of a group */
    size_t parts;           /* of a group, one a thread */
    double *mean, *var;     /* [groups,C] */
    double *sum_z, *sum_zh; /* [groups,C] */
    double *part;           /* [parts,2,C]: what each part summed */
    float *run;             /* [parts,2,C]: of a run */
    float *coefficient;     /* [3,C]: what the second walk multiplies and adds */
};

/* One call's arguments, for the threads; all begin at the group's first pixel. */
struct job {
    struct bn *bn;
    const uint16_t *x, *add, *dy;
    const struct bn_param *p;
    const float *mean, *invstd; /* [C], saved by forward */
    uint8_t *mask;
    uint16_t *y, *dx, *dadd;
    size_t group;
    bool infer;
};

static void bn_free(struct bn *bn)
{
    if (!bn)
        return;
    cpu_free(bn->mean);
    free(bn);
}

static int bn_new(const struct ops *o, const struct bn_shape *s, struct bn **ret)
{
    const struct ops *ref = &((const struct cpu *)o->state)->ref;
    struct bn_shape plain = *s;
    struct bn *checked;
    plain.dtype = DTYPE_FP32;
    int r = ref->bn_new(ref, &plain, &checked); /* it checks the shape */
    if (r < 0)
        return r;
    ref->bn_free(checked);
    assert(s->c % BF16_LANES == 0); /* others are cpu_bf16_odd.c's */
    struct bn *bn = calloc(1, sizeof(*bn));
    if (!bn)
        return err_set(-ENOMEM, "no memory for batch norm");
    bn->s = *s;
    bn->threads = o->threads;
    bn->c = (size_t)s->c;
    bn->pixels = (size_t)(s->n / s->groups) * (size_t)s->h * (size_t)s->w;
    bn->parts = (size_t)o->threads;
    size_t stats = (size_t)s->groups * bn->c, sums = bn->parts * 2 * bn->c;
    bn->mean = cpu_alloc((4 * stats + sums) * sizeof(double) + (sums + 3 * bn->c) * sizeof(float));
    if (!bn->mean) {
        bn_free(bn);
        return err_set(-ENOMEM, "no memory for batch norm");
    }
    bn->var = bn->mean + stats;
    bn->sum_z = bn->var + stats;
    bn->sum_zh = bn->sum_z + stats;
    bn->part = bn->sum_zh + stats;
    bn->run = (float *)(bn->part + sums);
    bn->coefficient = bn->run + sums;
    *ret = bn;
    return 0;
}

/* The pixels [first, end) of a part. */
static void part_of(const struct bn *bn, size_t part, size_t *ret_first, size_t *ret_end)
{
    *ret_first = bn->pixels * part / bn->parts;
    *ret_end = bn->pixels * (part + 1) / bn->parts;
}

/* Adds the sums of some pixels to run[0], run[1], [C] each. */
typedef void sum_fn(const struct job *job, size_t first, size_t end, float *run);
/* Writes the results of some pixels. */
typedef void apply_fn(const struct job *job, size_t first, size_t end);
/* From all parts' sums (or none) to the coefficients; one thread. */
typedef void join_fn(const struct job *job);

static void part_sum(const struct job *job, size_t part, sum_fn *sum)
{
    const struct bn *bn = job->bn;
    size_t first, end, both = 2 * bn->c;
    double *all = bn->part + part * both;
    float *run = bn->run + part * both;
    part_of(bn, part, &first, &end);
    memset(all, 0, both * sizeof(*all));
    for (size_t i = first; i < end; i += RUN_PIXELS) {
        memset(run, 0, both * sizeof(*run));
        sum(job, i, i + RUN_PIXELS < end ? i + RUN_PIXELS : end, run);
        for (size_t k = 0; k < both; k++)
            all[k] += (double)run[k];
    }
}

static void part_apply(const struct job *job, size_t part, apply_fn *apply)
{
    size_t first, end;
    part_of(job->bn, part, &first, &end);
    for (size_t runs = (end - first + RUN_PIXELS - 1) / RUN_PIXELS; runs > 0; runs--) {
        size_t from = first + (runs - 1) * RUN_PIXELS;
        apply(job, from, from + RUN_PIXELS < end ? from + RUN_PIXELS : end);
    }
}

/* OpenMP gives the threads that were asked for (see threads_given), one for each part. */
static void walk(const struct job *job, sum_fn *sum, join_fn *join, apply_fn *apply)
{
#pragma omp parallel num_threads(job->bn->threads)
    {
        size_t part = (size_t)omp_get_thread_num();
        if (sum)
            part_sum(job, part, sum);
#pragma omp barrier
#pragma omp single
        join(job);
        part_apply(job, part, apply);
    }
}

/* Both sums over all parts of channel k. */
static void parts_join(const struct bn *bn, size_t k, double *ret_a, double *ret_b)
{
    double a = 0, b = 0;
    for (size_t i = 0; i < bn->parts; i++) {
        a += bn->part[i * 2 * bn->c + k];
        b += bn->part[i * 2 * bn->c + bn->c + k];
    }
    *ret_a = a;
    *ret_b = b;
}

/* --- forward --- */

/* of x - origin, and of its square; origin: the group's first pixel */
static void sum_moments(const struct job *job, size_t first, size_t end, float *run)
{
    size_t c = job->bn->c;
    for (size_t i = first; i < end; i += STEP) {
        size_t steps = end - i < STEP ? end - i : STEP;
        const uint16_t *x = job->x + i * c;
        for (size_t k = 0; k < c; k += BF16_LANES) {
            __m512 origin = bf16_load(job->x + k);
            __m512 a = _mm512_loadu_ps(run + k), b = _mm512_loadu_ps(run + c + k);
#pragma GCC unroll 4
            for (size_t step = 0; step < STEP; step++) {
                if (step == steps)
                    break;
                __m512 v = _mm512_sub_ps(bf16_load(x + step * c + k), origin);
                a = _mm512_add_ps(a, v);
                b = _mm512_fmadd_ps(v, v, b);
            }
            _mm512_storeu_ps(run + k, a);
            _mm512_storeu_ps(run + c + k, b);
        }
    }
}

/* y = (x - mean) * scale + shift; what the rounding of the mean took away goes into the shift */
static void coefficients(const struct job *job, const double *mean, const double *var)
{
    const struct bn *bn = job->bn;
    float *at = bn->coefficient;
    for (size_t k = 0; k < bn->c; k++) {
        double gamma = job->p->gamma ? (double)job->p->gamma[k] : 1;
        double beta = job->p->beta ? (double)job->p->beta[k] : 0;
        double scale = gamma / sqrt(var[k] + eps);
        at[k] = (float)mean[k];
        at[bn->c + k] = (float)scale;
        at[2 * bn->c + k] = (float)(beta - (mean[k] - (double)at[k]) * scale);
    }
}

static void join_moments(const struct job *job)
{
    const struct bn *bn = job->bn;
    double *mean = bn->mean + job->group * bn->c, *var = bn->var + job->group * bn->c;
    double count = (double)bn->pixels;
    for (size_t k = 0; k < bn->c; k++) {
        double sum, square;
        parts_join(bn, k, &sum, &square);
        double off = sum / count, spread = square / count - off * off;
        mean[k] = (double)bf16_widen(job->x[k]) + off;
        var[k] = spread < 0 ? 0 : spread; /* rounding may leave it just below; a NaN stays */
    }
    coefficients(job, mean, var);
}

static void join_running(const struct job *job)
{
    const struct bn *bn = job->bn;
    for (size_t k = 0; k < bn->c; k++) {
        bn->mean[k] = (double)job->p->running_mean[k];
        bn->var[k] = (double)job->p->running_var[k];
    }
    coefficients(job, bn->mean, bn->var);
}

/* add, relu, mask: constants at each call, so that the loop has no branch. */
static inline __attribute__((always_inline)) void
apply_pixels(const struct job *job, size_t first, size_t end, bool add, bool relu, bool mask)
{
    size_t c = job->bn->c;
    const float *mean = job->bn->coefficient, *scale = mean + c, *shift = scale + c;
    for (size_t i = first * c; i < end * c; i += c)
        for (size_t k = 0; k < c; k += BF16_LANES) {
            __m512 v = _mm512_sub_ps(bf16_load(job->x + i + k), _mm512_loadu_ps(mean + k));
            v = _mm512_fmadd_ps(v, _mm512_loadu_ps(scale + k), _mm512_loadu_ps(shift + k));
            if (add)
                v = _mm512_add_ps(v, bf16_load(job->add + i + k));
            if (mask) {
                uint16_t bits = _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_GT_OQ);
                memcpy(job->mask + (i + k) / 8, &bits, sizeof(bits));
            }
            if (relu)
                v = _mm512_max_ps(_mm512_setzero_ps(), v); /* of a NaN, the second: it stays */
            bf16_store(job->y + i + k, v);
        }
}

static void apply_forward(const struct job *job, size_t first, size_t end)
{
    bool add = job->bn->s.add, relu = job->bn->s.relu;
    if (!relu)
        add ? apply_pixels(job, first, end, true, false, false)
            : apply_pixels(job, first, end, false, false, false);
    else if (job->infer)
        add ? apply_pixels(job, first, end, true, true, false)
            : apply_pixels(job, first, end, false, true, false);
    else
        add ? apply_pixels(job, first, end, true, true, true)
            : apply_pixels(job, first, end, false, true, true);
}

/* The group's pixels of each tensor that there is. */
static struct job job_of(struct bn *bn, const struct bn_param *p, const struct tensor *x,
                         const struct tensor *add, struct tensor *y, size_t group)
{
    size_t at = group * bn->pixels * bn->c;
    return (struct job){.bn = bn,
                        .p = p,
                        .x = tensor_bf16(x) + at,
                        .add = bn->s.add && add ? tensor_bf16(add) + at : NULL,
                        .y = y ? tensor_bf16(y) + at : NULL,
                        .group = group};
}

static void averages(const struct bn *bn, const struct bn_param *p, struct bn_saved *saved)
{
    double unbiased = (double)bn->pixels / (double)(bn->pixels - 1);
    for (size_t i = 0; i < (size_t)bn->s.groups * bn->c; i++) { /* group after group */
        size_t k = i % bn->c;
        saved->mean[i] = (float)bn->mean[i];
        saved->invstd[i] = (float)(1 / sqrt(bn->var[i] + eps));
        p->running_mean[k] =
            (float)((1 - momentum) * (double)p->running_mean[k] + momentum * bn->mean[i]);
        p->running_var[k] =
            (float)((1 - momentum) * (double)p->running_var[k] + momentum * unbiased * bn->var[i]);
    }
}

static int bn_forward(struct bn *bn, const struct tensor *x, const struct tensor *add,
                      const struct bn_param *p, struct bn_saved *saved, struct tensor *y)
{
    for (size_t group = 0; group < (size_t)bn->s.groups; group++) {
        struct job job = job_of(bn, p, x, add, y, group);
        job.mask = saved->mask + group * bn->pixels * bn->c / 8;
        walk(&job, sum_moments, join_moments, apply_forward);
    }
    averages(bn, p, saved);
    return 0;
}

static int bn_infer(struct bn *bn, const struct tensor *x, const struct tensor *add,
                    const struct bn_param *p, struct tensor *y)
{
    for (size_t group = 0; group < (size_t)bn->s.groups; group++) {
        struct job job = job_of(bn, p, x, add, y, group);
        job.infer = true;
        walk(&job, NULL, join_running, apply_forward);
    }
    return 0;
}

/* --- backward --- */

static inline __attribute__((always_inline)) __m512 gradient_at(const struct job *job, size_t i,
                                                                bool relu)
{
    __m512 z = bf16_load(job->dy + i);
    if (!relu)
        return z;
    uint16_t bits;
    memcpy(&bits, job->mask + i / 8, sizeof(bits));
    return _mm512_maskz_mov_ps(bits, z);
}

/* of z, and of z (x - mean) */
static inline __attribute__((always_inline)) void sum_pixels(const struct job *job, size_t first,
                                                             size_t end, float *run, bool relu)
{
    size_t c = job->bn->c;
    for (size_t i = first; i < end; i += STEP) {
        size_t steps = end - i < STEP ? end - i : STEP;
        for (size_t k = 0; k < c; k += BF16_LANES) {
            __m512 mean = _mm512_loadu_ps(job->mean + k);
            __m512 a = _mm512_loadu_ps(run + k), b = _mm512_loadu_ps(run + c + k);
#pragma GCC unroll 4
            for (size_t step = 0; step < STEP; step++) {
                if (step == steps)
                    break;
                size_t at = (i + step) * c + k;
                __m512 z = gradient_at(job, at, relu);
                a = _mm512_add_ps(a, z);
                b = _mm512_fmadd_ps(z, _mm512_sub_ps(bf16_load(job->x + at), mean), b);
            }
            _mm512_storeu_ps(run + k, a);
            _mm512_storeu_ps(run + c + k, b);
        }
    }
}

static void sum_gradients(const struct job *job, size_t first, size_t end, float *run)
{
    job->bn->s.relu ? sum_pixels(job, first, end, run, true)
                    : sum_pixels(job, first, end, run, false);
}

/* dx = scale * z + (x - mean) * slope + even */
static void join_gradients(const struct job *job)
{
    const struct bn *bn = job->bn;
    double count = (double)bn->pixels;
    for (size_t k = 0; k < bn->c; k++) {
        double invstd = (double)job->invstd[k], z, zx;
        double scale = (job->p->gamma ? (double)job->p->gamma[k] : 1) * invstd;
        parts_join(bn, k, &z, &zx);
        bn->sum_z[job->group * bn->c + k] = z;
        bn->sum_zh[job->group * bn->c + k] = zx * invstd;
        bn->coefficient[k] = (float)scale;
        bn->coefficient[bn->c + k] = (float)(-scale * invstd * invstd * zx / count);
        bn->coefficient[2 * bn->c + k] = (float)(-scale * z / count);
    }
}

static inline __attribute__((always_inline)) void
gradient_pixels(const struct job *job, size_t first, size_t end, bool relu, bool add)
{
    size_t c = job->bn->c;
    const float *scale = job->bn->coefficient, *slope = scale + c, *even = slope + c;
    for (size_t i = first * c; i < end * c; i += c)
        for (size_t k = 0; k < c; k += BF16_LANES) {
            __m512 z = gradient_at(job, i + k, relu);
            __m512 off = _mm512_sub_ps(bf16_load(job->x + i + k), _mm512_loadu_ps(job->mean + k));
            if (add)
                bf16_store(job->dadd + i + k, z);
            off = _mm512_fmadd_ps(off, _mm512_loadu_ps(slope + k), _mm512_loadu_ps(even + k));
            bf16_store(job->dx + i + k, _mm512_fmadd_ps(z, _mm512_loadu_ps(scale + k), off));
        }
}

static void apply_gradients(const struct job *job, size_t first, size_t end)
{
    if (job->bn->s.relu)
        job->dadd ? gradient_pixels(job, first, end, true, true)
                  : gradient_pixels(job, first, end, true, false);
    else
        job->dadd ? gradient_pixels(job, first, end, false, true)
                  : gradient_pixels(job, first, end, false, false);
}

static int bn_backward(struct bn *bn, const struct tensor *x, const struct tensor *dy,
                       const struct bn_param *p, const struct bn_saved *saved, struct tensor *dx,
                       struct tensor *dadd, float *dgamma, float *dbeta)
{
    size_t c = bn->c, groups = (size_t)bn->s.groups;
    for (size_t group = 0; group < groups; group++) {
        size_t at = group * bn->pixels * c;
        struct job job = job_of(bn, p, x, NULL, NULL, group);
        job.dy = tensor_bf16(dy) + at;
        job.dx = tensor_bf16(dx) + at;
        job.dadd = dadd ? tensor_bf16(dadd) + at : NULL;
        job.mask = saved->mask + at / 8;
        job.mean = saved->mean + group * c;
        job.invstd = saved->invstd + group * c;
        walk(&job, sum_gradients, join_gradients, apply_gradients);
    }
    for (size_t k = 0; k < c && (dgamma || dbeta); k++) {
        double z = 0, zh = 0;
        for (size_t group = 0; group < groups; group++) {
            z += bn->sum_z[group * c + k];
            zh += bn->sum_zh[group * c + k];
        }
        if (dgamma)
            dgamma[k] = (float)zh;
        if (dbeta)
            dbeta[k] = (float)z;
    }
    return 0;
}

void cpu_bf16_bn_fill(struct ops *ops)
{
    ops->bn_new = bn_new;
    ops->bn_free = bn_free;
    ops->bn_forward = bn_forward;
    ops->bn_infer = bn_infer;
    ops->bn_backward = bn_backward;
}
