/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bn_forward: the statistics of each group, and y = relu((x - mean) * scale + shift + add) by
 * them or by the running averages. Takes blocked tensors; gives y, which outputs are > 0, and the
 * averages. Moments of runs are put together by Chan, Golub and LeVeque's rule, so a mean far from
 * zero costs no digits. Threads, owner: see cpu_bn.h. */
#include "trainer/ops/cpu_bn.h"

#include <math.h>

static const double eps = 1e-5, momentum = 0.1; /* PyTorch's defaults */

/* The sum, or the sum of squares about mean, of some rows' pixels, for LANES channels. */
static inline vec run_sum(const struct bn *bn, const float *x, size_t rows, vec mean, bool square)
{
    vec sum[BN_SUMS] = {{0}};
    for (size_t n = 0; n < rows; n++, x += bn->image) {
        size_t i = 0;
        for (; i + BN_SUMS <= bn->pixels; i += BN_SUMS)
            for (size_t k = 0; k < BN_SUMS; k++) {
                vec v = vec_load(x + (i + k) * CPU_BLOCK) - mean;
                sum[k] += square ? v * v : v;
            }
        for (; i < bn->pixels; i++) {
            vec v = vec_load(x + i * CPU_BLOCK) - mean;
            sum[0] += square ? v * v : v;
        }
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void part_join(struct bn_part *to, const struct bn_part *from)
{
    double count = to->count + from->count;
    for (size_t k = 0; k < CPU_BLOCK; k++) {
        double off = from->a[k] - to->a[k];
        to->a[k] += off * (from->count / count);
        to->b[k] += from->b[k] + off * off * (to->count * from->count / count);
    }
    to->count = count;
}

static void moments(const struct bn_job *job, size_t item, size_t part)
{
    const struct bn *bn = job->bn;
    struct bn_span s = bn_span_of(bn, item, part);
    struct bn_part all = {0};
    for (size_t row = 0; row < s.rows; row += bn_run_rows(bn)) {
        size_t rows = s.rows - row < bn_run_rows(bn) ? s.rows - row : bn_run_rows(bn);
        const float *x = job->x + bn_place(bn, &s, row);
        struct bn_part run = {.count = (double)(rows * bn->pixels)};
        for (size_t lane = 0; lane < CPU_BLOCK; lane += LANES) {
            vec mean = run_sum(bn, x + lane, rows, vec_set(0), false) / (float)run.count;
            vec square = run_sum(bn, x + lane, rows, mean, true);
            for (size_t k = 0; k < LANES; k++) {
                run.a[lane + k] = (double)mean[k];
                run.b[lane + k] = (double)square[k];
            }
        }
        part_join(&all, &run);
    }
    bn->part[item * bn->parts + part] = all;
}

/* y = relu((x - mean) * scale + shift + add) */
struct affine {
    float mean[CPU_BLOCK], scale[CPU_BLOCK], shift[CPU_BLOCK];
};

static struct affine affine_of(const struct bn_job *job, size_t channel, const double *mean,
                               const double *var)
{
    const struct bn_param *p = job->p;
    struct affine a;
    for (size_t k = 0; k < CPU_BLOCK; k++) {
        double gamma = p->gamma ? (double)p->gamma[channel + k] : 1;
        a.mean[k] = (float)mean[k];
        /* what the rounding of the mean took away goes into the shift */
        double scale = gamma / sqrt(var[k] + eps), lost = mean[k] - (double)a.mean[k];
        a.scale[k] = (float)scale;
        a.shift[k] = (float)((p->beta ? (double)p->beta[channel + k] : 0) - lost * scale);
    }
    return a;
}

/* has_add, relu, mask: constants at each call, so that the loop has no branch. */
static inline __attribute__((always_inline)) void apply_row(const struct bn_job *job,
                                                            const struct affine *a, size_t at,
                                                            bool has_add, bool relu, bool mask)
{
    size_t values = job->bn->pixels * CPU_BLOCK;
    for (size_t lane = 0; lane < CPU_BLOCK; lane += LANES) {
        vec mean = vec_load(a->mean + lane), scale = vec_load(a->scale + lane);
        vec shift = vec_load(a->shift + lane);
        for (size_t i = at + lane; i < at + values; i += CPU_BLOCK) {
            vec v = (vec_load(job->x + i) - mean) * scale + shift;
            if (has_add)
                v += vec_load(job->add + i);
            if (relu)
                v = vec_relu(v);
            if (mask)
                mask_store(job->mask + i / 8, v);
            vec_store(job->y + i, v);
        }
    }
}

static void apply(const struct bn_job *job, size_t item, size_t part, const struct affine *a)
{
    const struct bn *bn = job->bn;
    struct bn_span s = bn_span_of(bn, item, part);
    bool mask = bn->s.relu && !job->infer;
    for (size_t row = 0; row < s.rows; row++) {
        size_t at = bn_place(bn, &s, row);
        if (!bn->s.relu)
            bn->s.add ? apply_row(job, a, at, true, false, false)
                      : apply_row(job, a, at, false, false, false);
        else if (mask)
            bn->s.add ? apply_row(job, a, at, true, true, true)
                      : apply_row(job, a, at, false, true, true);
        else
            bn->s.add ? apply_row(job, a, at, true, true, false)
                      : apply_row(job, a, at, false, true, false);
    }
}

static void normalise(const struct bn_job *job, size_t item, size_t part)
{
    const struct bn *bn = job->bn;
    const struct bn_part *parts = bn->part + item * bn->parts;
    struct bn_part all = parts[0]; /* every part puts the item together for itself: same order */
    for (size_t i = 1; i < bn->parts; i++)
        part_join(&all, &parts[i]);
    for (size_t k = 0; k < CPU_BLOCK; k++)
        all.b[k] /= all.count;
    struct bn_span s = bn_span_of(bn, item, part);
    struct affine a = affine_of(job, s.block * CPU_BLOCK, all.a, all.b);
    apply(job, item, part, &a);
    if (part == 0) {
        memcpy(bn->mean + s.at, all.a, sizeof(all.a));
        memcpy(bn->var + s.at, all.b, sizeof(all.b));
    }
}

static void infer(const struct bn_job *job, size_t item, size_t part)
{
    double mean[CPU_BLOCK], var[CPU_BLOCK];
    size_t channel = item % job->bn->blocks * CPU_BLOCK;
    for (size_t k = 0; k < CPU_BLOCK; k++) {
        mean[k] = (double)job->p->running_mean[channel + k];
        var[k] = (double)job->p->running_var[channel + k];
    }
    struct affine a = affine_of(job, channel, mean, var);
    apply(job, item, part, &a);
}

int SIMD(cpu_bn_forward)(struct bn *bn, const struct tensor *x, const struct tensor *add,
                         const struct bn_param *p, struct bn_saved *saved, struct tensor *y)
{
    struct bn_job job = {.bn = bn,
                         .x = x->data,
                         .add = bn->s.add ? add->data : NULL,
                         .p = p,
                         .mask = saved->mask,
                         .y = y->data};
    SIMD(cpu_bn_walk)(&job, moments, normalise);

    size_t c = (size_t)bn->s.c, count = bn->rows * bn->pixels;
    double unbiased = (double)count / (double)(count - 1);
    for (size_t i = 0; i < (size_t)bn->s.groups * c; i++) { /* group after group */
        size_t k = i % c;
        saved->mean[i] = (float)bn->mean[i];
        saved->invstd[i] = (float)(1 / sqrt(bn->var[i] + eps));
        p->running_mean[k] =
            (float)((1 - momentum) * (double)p->running_mean[k] + momentum * bn->mean[i]);
        p->running_var[k] =
            (float)((1 - momentum) * (double)p->running_var[k] + momentum * unbiased * bn->var[i]);
    }
    return 0;
}

int SIMD(cpu_bn_infer)(struct bn *bn, const struct tensor *x, const struct tensor *add,
                       const struct bn_param *p, struct tensor *y)
{
    struct bn_job job = {.bn = bn,
                         .x = x->data,
                         .add = bn->s.add ? add->data : NULL,
                         .p = p,
                         .y = y->data,
                         .infer = true};
    SIMD(cpu_bn_walk)(&job, infer, NULL);
    return 0;
}
