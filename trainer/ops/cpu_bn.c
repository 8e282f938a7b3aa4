/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bn: batch normalisation (Ioffe and Szegedy 2015) with the residual sum and the ReLU behind
 * it, in the fewest walks over memory: forward reads x twice and writes y once, backward reads x
 * and dy twice and writes dx (and dadd) once. Takes and gives blocked tensors; other channel counts
 * go to ref. Owner: the plan holds the sums. Knows no convolution.
 *
 * The unit of work is an item: one block of channels of one group. All its pixels are walked for
 * the sums, and walked again at once, while they are still in the cache. Where there are fewer
 * items than would keep all threads busy, an item is cut into parts, and the second walk waits for
 * all parts of the first.
 *
 * Sums are made over runs of at most some hundred pixels in float and put together in double:
 * the moments by Chan, Golub and LeVeque's rule, so a mean far from zero costs no digits. */
#include "trainer/ops/cpu_simd.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "common/err.h"

static const double eps = 1e-5, momentum = 0.1; /* PyTorch's defaults */

enum {
    RUN_PIXELS = 512, /* 32 KiB of a tensor: what the second look at a run finds in L1 or L2 */
    ITEMS_A_THREAD = 4,
    SUMS = 4, /* independent sums in flight, to hide the adder's latency */
};

/* What a part of an item knows after its first walk. */
struct part {
    double count;
    double a[CPU_BLOCK]; /* forward: mean; backward: sum z */
    double b[CPU_BLOCK]; /* forward: sum of squares about it; backward: sum z (x - mean) */
};

struct bn {
    struct bn_shape s;
    struct bn *ref; /* ref's plan, where it does the work */
    const struct ops *ref_ops;
    int threads;
    size_t pixels;          /* of an image */
    size_t blocks;          /* of 16 channels */
    size_t image;           /* values of an image */
    size_t rows;            /* of a group */
    size_t items, parts;    /* items of the tensor, parts of an item */
    double *mean, *var;     /* [groups,C] */
    double *sum_z, *sum_zh; /* [groups,C] */
    struct part *part;      /* [items][parts] */
};

/* One call's arguments, for the threads. */
struct job {
    const struct bn *bn;
    const float *x, *add, *dy;
    const struct bn_param *p;
    const float *saved_mean, *saved_invstd;
    uint8_t *mask;
    float *y, *dx, *dadd;
    bool infer;
};

static void bn_free(struct bn *bn)
{
    if (!bn)
        return;
    if (bn->ref)
        bn->ref_ops->bn_free(bn->ref);
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
    bn->ref_ops = &cpu->ref;
    int r = cpu->ref.bn_new(&cpu->ref, s, &bn->ref); /* it checks the shape as well */
    if (r < 0) {
        free(bn);
        return r;
    }
    if (!cpu_blocked(s->c)) {
        *ret = bn;
        return 0;
    }
    cpu->ref.bn_free(bn->ref);
    bn->ref = NULL;
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

/* Some whole images of an item, in the order of memory. */
struct span {
    size_t first, rows; /* images */
    size_t block;       /* of channels */
    size_t at;          /* in an array [groups,C]: the first channel */
};

static struct span span_of(const struct bn *bn, size_t item, size_t part)
{
    size_t group = item / bn->blocks, block = item % bn->blocks;
    size_t from = bn->rows * part / bn->parts, to = bn->rows * (part + 1) / bn->parts;
    return (struct span){.first = group * bn->rows + from,
                         .rows = to - from,
                         .block = block,
                         .at = group * (size_t)bn->s.c + block * CPU_BLOCK};
}

/* Where the 16 channels of an image begin. */
static size_t place(const struct bn *bn, const struct span *s, size_t row)
{
    return (s->first + row) * bn->image + s->block * bn->pixels * CPU_BLOCK;
}

static size_t run_rows(const struct bn *bn)
{
    return bn->pixels >= RUN_PIXELS ? 1 : RUN_PIXELS / bn->pixels;
}

/* --- forward --- */

/* The sum, or the sum of squares about mean, of some rows' pixels, for LANES channels. */
static inline vec run_sum(const struct bn *bn, const float *x, size_t rows, vec mean, bool square)
{
    vec sum[SUMS] = {{0}};
    for (size_t n = 0; n < rows; n++, x += bn->image) {
        size_t i = 0;
        for (; i + SUMS <= bn->pixels; i += SUMS)
            for (size_t k = 0; k < SUMS; k++) {
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

static void part_join(struct part *to, const struct part *from)
{
    double count = to->count + from->count;
    for (size_t k = 0; k < CPU_BLOCK; k++) {
        double off = from->a[k] - to->a[k];
        to->a[k] += off * (from->count / count);
        to->b[k] += from->b[k] + off * off * (to->count * from->count / count);
    }
    to->count = count;
}

static void moments(const struct job *job, size_t item, size_t part)
{
    const struct bn *bn = job->bn;
    struct span s = span_of(bn, item, part);
    struct part all = {0};
    for (size_t row = 0; row < s.rows; row += run_rows(bn)) {
        size_t rows = s.rows - row < run_rows(bn) ? s.rows - row : run_rows(bn);
        const float *x = job->x + place(bn, &s, row);
        struct part run = {.count = (double)(rows * bn->pixels)};
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

static struct affine affine_of(const struct job *job, size_t channel, const double *mean,
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
static inline __attribute__((always_inline)) void apply_row(const struct job *job,
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

static void apply(const struct job *job, size_t item, size_t part, const struct affine *a)
{
    const struct bn *bn = job->bn;
    struct span s = span_of(bn, item, part);
    bool mask = bn->s.relu && !job->infer;
    for (size_t row = 0; row < s.rows; row++) {
        size_t at = place(bn, &s, row);
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

static void normalise(const struct job *job, size_t item, size_t part)
{
    const struct bn *bn = job->bn;
    const struct part *parts = bn->part + item * bn->parts;
    struct part all = parts[0]; /* every part puts the item together for itself: same order */
    for (size_t i = 1; i < bn->parts; i++)
        part_join(&all, &parts[i]);
    for (size_t k = 0; k < CPU_BLOCK; k++)
        all.b[k] /= all.count;
    struct span s = span_of(bn, item, part);
    struct affine a = affine_of(job, s.block * CPU_BLOCK, all.a, all.b);
    apply(job, item, part, &a);
    if (part == 0) {
        memcpy(bn->mean + s.at, all.a, sizeof(all.a));
        memcpy(bn->var + s.at, all.b, sizeof(all.b));
    }
}

static void infer(const struct job *job, size_t item, size_t part)
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

/* Each part of each item: first all of one walk, then the next. In one piece, an item's two walks
 * follow each other. */
typedef void walk_fn(const struct job *job, size_t item, size_t part);

static void walk(const struct job *job, walk_fn *first, walk_fn *second)
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
    if (bn->ref)
        return bn->ref_ops->bn_forward(bn->ref, x, add, p, saved, y);
    struct job job = {.bn = bn,
                      .x = x->data,
                      .add = bn->s.add ? add->data : NULL,
                      .p = p,
                      .mask = saved->mask,
                      .y = y->data};
    walk(&job, moments, normalise);

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

static int bn_infer(struct bn *bn, const struct tensor *x, const struct tensor *add,
                    const struct bn_param *p, struct tensor *y)
{
    if (bn->ref)
        return bn->ref_ops->bn_infer(bn->ref, x, add, p, y);
    struct job job = {.bn = bn,
                      .x = x->data,
                      .add = bn->s.add ? add->data : NULL,
                      .p = p,
                      .y = y->data,
                      .infer = true};
    walk(&job, infer, NULL);
    return 0;
}

/* --- backward. With z = dy behind the ReLU and h = (x - mean) * invstd, over a group's pixels:
 *   dbeta = sum z, dgamma = sum z h, dx = gamma invstd (z - dbeta/pixels - h dgamma/pixels).
 * Each group is a batch of its own; gamma and beta are shared, so theirs add up. --- */

static inline __attribute__((always_inline)) vec gradient_at(const struct job *job, size_t i,
                                                             bool relu)
{
    vec z = vec_load(job->dy + i);
    return relu ? mask_apply(job->mask + i / 8, z) : z;
}

static inline __attribute__((always_inline)) void run_sums(const struct job *job,
                                                           const struct span *s, size_t row,
                                                           size_t rows, size_t lane, bool relu,
                                                           vec *ret_z, vec *ret_zx)
{
    const struct bn *bn = job->bn;
    vec mean = vec_load(job->saved_mean + s->at + lane);
    vec z_sum[SUMS] = {{0}}, zx_sum[SUMS] = {{0}};
    for (size_t n = row; n < row + rows; n++) {
        size_t i = place(bn, s, n) + lane, end = i + bn->pixels * CPU_BLOCK;
        for (; i + SUMS * CPU_BLOCK <= end; i += SUMS * CPU_BLOCK)
            for (size_t k = 0; k < SUMS; k++) {
                vec z = gradient_at(job, i + k * CPU_BLOCK, relu);
                z_sum[k] += z;
                zx_sum[k] += z * (vec_load(job->x + i + k * CPU_BLOCK) - mean);
            }
        for (; i < end; i += CPU_BLOCK) {
            vec z = gradient_at(job, i, relu);
            z_sum[0] += z;
            zx_sum[0] += z * (vec_load(job->x + i) - mean);
        }
    }
    *ret_z = (z_sum[0] + z_sum[1]) + (z_sum[2] + z_sum[3]);
    *ret_zx = (zx_sum[0] + zx_sum[1]) + (zx_sum[2] + zx_sum[3]);
}

static void gradient_sums(const struct job *job, size_t item, size_t part)
{
    const struct bn *bn = job->bn;
    struct span s = span_of(bn, item, part);
    struct part all = {0};
    for (size_t row = 0; row < s.rows; row += run_rows(bn)) {
        size_t rows = s.rows - row < run_rows(bn) ? s.rows - row : run_rows(bn);
        for (size_t lane = 0; lane < CPU_BLOCK; lane += LANES) {
            vec z, zx;
            if (bn->s.relu)
                run_sums(job, &s, row, rows, lane, true, &z, &zx);
            else
                run_sums(job, &s, row, rows, lane, false, &z, &zx);
            for (size_t k = 0; k < LANES; k++) {
                all.a[lane + k] += (double)z[k];
                all.b[lane + k] += (double)zx[k];
            }
        }
    }
    bn->part[item * bn->parts + part] = all;
}

/* dx = scale * (z - even - (x - mean) * slope) */
struct slope {
    float scale[CPU_BLOCK], even[CPU_BLOCK], slope[CPU_BLOCK];
};

static inline __attribute__((always_inline)) void gradient_row(const struct job *job,
                                                               const struct span *s, size_t row,
                                                               const struct slope *g, bool relu,
                                                               bool add)
{
    size_t at = place(job->bn, s, row), values = job->bn->pixels * CPU_BLOCK;
    for (size_t lane = 0; lane < CPU_BLOCK; lane += LANES) {
        vec mean = vec_load(job->saved_mean + s->at + lane), scale = vec_load(g->scale + lane);
        vec even = vec_load(g->even + lane), slope = vec_load(g->slope + lane);
        for (size_t i = at + lane; i < at + values; i += CPU_BLOCK) {
            vec z = gradient_at(job, i, relu);
            if (add)
                vec_store(job->dadd + i, z);
            vec_store(job->dx + i, scale * (z - even - (vec_load(job->x + i) - mean) * slope));
        }
    }
}

static void gradient(const struct job *job, size_t item, size_t part)
{
    const struct bn *bn = job->bn;
    const struct part *parts = bn->part + item * bn->parts;
    struct part all = parts[0];
    for (size_t i = 1; i < bn->parts; i++)
        for (size_t k = 0; k < CPU_BLOCK; k++) {
            all.a[k] += parts[i].a[k];
            all.b[k] += parts[i].b[k];
        }
    struct span s = span_of(bn, item, part);
    double count = (double)(bn->rows * bn->pixels);
    struct slope g;
    for (size_t k = 0; k < CPU_BLOCK; k++) {
        double invstd = (double)job->saved_invstd[s.at + k];
        double gamma = job->p->gamma ? (double)job->p->gamma[s.block * CPU_BLOCK + k] : 1;
        all.b[k] *= invstd; /* now the sum of z h */
        g.scale[k] = (float)(gamma * invstd);
        g.even[k] = (float)(all.a[k] / count);
        g.slope[k] = (float)(invstd * all.b[k] / count);
    }
    for (size_t row = 0; row < s.rows; row++) {
        if (bn->s.relu)
            job->dadd ? gradient_row(job, &s, row, &g, true, true)
                      : gradient_row(job, &s, row, &g, true, false);
        else
            job->dadd ? gradient_row(job, &s, row, &g, false, true)
                      : gradient_row(job, &s, row, &g, false, false);
    }
    if (part == 0) {
        memcpy(bn->sum_z + s.at, all.a, sizeof(all.a));
        memcpy(bn->sum_zh + s.at, all.b, sizeof(all.b));
    }
}

static int bn_backward(struct bn *bn, const struct tensor *x, const struct tensor *dy,
                       const struct bn_param *p, const struct bn_saved *saved, struct tensor *dx,
                       struct tensor *dadd, float *dgamma, float *dbeta)
{
    if (bn->ref)
        return bn->ref_ops->bn_backward(bn->ref, x, dy, p, saved, dx, dadd, dgamma, dbeta);
    struct job job = {.bn = bn,
                      .x = x->data,
                      .dy = dy->data,
                      .p = p,
                      .saved_mean = saved->mean,
                      .saved_invstd = saved->invstd,
                      .mask = saved->mask,
                      .dx = dx->data,
                      .dadd = dadd ? dadd->data : NULL};
    walk(&job, gradient_sums, gradient);

    size_t c = (size_t)bn->s.c;
    for (size_t k = 0; k < c && (dgamma || dbeta); k++) {
        double z = 0, zh = 0;
        for (size_t g = 0; g < (size_t)bn->s.groups; g++) {
            z += bn->sum_z[g * c + k];
            zh += bn->sum_zh[g * c + k];
        }
        if (dgamma)
            dgamma[k] = (float)zh;
        if (dbeta)
            dbeta[k] = (float)z;
    }
    return 0;
}

void SIMD(cpu_bn_fill)(struct ops *ops)
{
    ops->bn_new = bn_new;
    ops->bn_free = bn_free;
    ops->bn_forward = bn_forward;
    ops->bn_infer = bn_infer;
    ops->bn_backward = bn_backward;
}
