/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_pool: max pooling and the global average, on blocked tensors; other channel counts go to
 * ref, bf16 to cpu_bf16_pool.c. Owner: a plan of max pooling holds, for each value of y, which tap
 * of its window gave it. Backward gathers: each value of dx sums, in a fixed order, the windows
 * that took it. The unit of work is one block of channels of one image. */
#include "trainer/ops/cpu_simd.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "common/err.h"

enum { KERNEL_MOST = 15 }; /* the taps are counted in a byte */

struct maxpool {
    struct maxpool_shape s;
    int32_t ho, wo;
    int threads;
    size_t items;          /* blocks of channels of all images */
    uint8_t *tap;          /* [items, ho, wo, 16] */
    struct maxpool *other; /* another table's plan, where that does the work: ref's, or of bf16 */
    const struct ops *other_ops;
};

static void maxpool_free(struct maxpool *pool)
{
    if (!pool)
        return;
    if (pool->other)
        pool->other_ops->maxpool_free(pool->other);
    cpu_free(pool->tap);
    free(pool);
}

static int maxpool_new(const struct ops *o, const struct maxpool_shape *s, struct maxpool **ret)
{
    struct cpu *cpu = o->state;
    struct maxpool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return err_set(-ENOMEM, "no memory for max pooling");
    const struct ops *other = cpu_other(cpu, s->dtype, s->c);
    pool->other_ops = other ? other : &cpu->ref;
    int r = pool->other_ops->maxpool_new(pool->other_ops, s, &pool->other); /* checks the shape */
    if (r < 0) {
        free(pool);
        return r;
    }
    if (other) {
        *ret = pool;
        return 0;
    }
    if (s->kernel > KERNEL_MOST) { /* ref would need a copy of the blocked tensor */
        maxpool_free(pool);
        return err_set(-ENOTSUP, "no max pooling over more than %d pixels", KERNEL_MOST);
    }
    cpu->ref.maxpool_free(pool->other);
    pool->other = NULL;
    pool->s = *s;
    pool->threads = cpu->threads;
    pool->ho = (s->h + 2 * s->pad - s->kernel) / s->stride + 1;
    pool->wo = (s->w + 2 * s->pad - s->kernel) / s->stride + 1;
    pool->items = (size_t)s->n * (size_t)s->c / CPU_BLOCK;
    pool->tap = cpu_alloc(pool->items * (size_t)pool->ho * (size_t)pool->wo * CPU_BLOCK);
    if (!pool->tap) {
        maxpool_free(pool);
        return err_set(-ENOMEM, "no memory for the places of max pooling");
    }
    *ret = pool;
    return 0;
}

static int32_t most(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* The maximum of one window and its tap; of equals the first, of NaNs the last, as PyTorch picks.
 * x: one block of an image; (oy, ox): the pixel of y. */
static inline void window_max(const struct maxpool_shape *s, const float *x, int32_t oy, int32_t ox,
                              float *y, uint8_t *tap)
{
    int32_t top = oy * s->stride - s->pad, left = ox * s->stride - s->pad;
    int32_t ky_end = least(s->kernel, s->h - top), kx_end = least(s->kernel, s->w - left);
    for (size_t lane = 0; lane < CPU_BLOCK; lane += LANES) {
        vec best = vec_set(-INFINITY);
        ivec from = {0};
        bool first = true;
        for (int32_t ky = most(0, -top); ky < ky_end; ky++)
            for (int32_t kx = most(0, -left); kx < kx_end; kx++) {
                size_t pixel = (size_t)((top + ky) * s->w + left + kx);
                vec v = vec_load(x + pixel * CPU_BLOCK + lane);
                ivec take = (ivec)(v > best) | (ivec)(v != v) | (first ? -1 : 0);
                ivec here = (ivec){0} + (ky * s->kernel + kx);
                best = (vec)(((ivec)v & take) | ((ivec)best & ~take));
                from = (here & take) | (from & ~take);
                first = false;
            }
        vec_store(y + lane, best);
        for (size_t k = 0; k < LANES; k++)
            tap[lane + k] = (uint8_t)from[k];
    }
}

static int maxpool_forward(struct maxpool *pool, const struct tensor *x, struct tensor *y)
{
    if (pool->other)
        return pool->other_ops->maxpool_forward(pool->other, x, y);
    const struct maxpool_shape *s = &pool->s;
    size_t in = (size_t)s->h * (size_t)s->w * CPU_BLOCK;
    size_t out = (size_t)pool->ho * (size_t)pool->wo * CPU_BLOCK;
#pragma omp parallel for num_threads(pool->threads) schedule(static)
    for (size_t i = 0; i < pool->items; i++) {
        float *to = y->data + i * out;
        uint8_t *tap = pool->tap + i * out;
        for (int32_t oy = 0; oy < pool->ho; oy++)
            for (int32_t ox = 0; ox < pool->wo; ox++, to += CPU_BLOCK, tap += CPU_BLOCK)
                window_max(s, x->data + i * in, oy, ox, to, tap);
    }
    return 0;
}

/* The windows [first, end) along one axis that see pixel `at`. */
struct windows {
    int32_t first, end;
};

static inline struct windows windows_over(const struct maxpool_shape *s, int32_t at, int32_t out)
{
    int32_t first = at + s->pad - s->kernel + 1; /* the first one begins here or later */
    return (struct windows){.first = first <= 0 ? 0 : (first + s->stride - 1) / s->stride,
                            .end = least(out, (at + s->pad) / s->stride + 1)};
}

/* dy, where the window took this tap. In vectors by hand: left to itself, gcc 12 for AVX2 makes
 * vectors across the windows and takes dy's channels in reverse. */
static inline void add_taken(float *sum, const float *dy, const uint8_t *tap, uint8_t want)
{
#if defined(__AVX512F__)
    __m128i taps = _mm_loadu_si128((const void *)tap);
    __mmask16 taken = _mm512_cmpeq_epi32_mask(_mm512_cvtepu8_epi32(taps), _mm512_set1_epi32(want));
    vec_store(sum, vec_load(sum) + (vec)_mm512_maskz_loadu_ps(taken, dy));
#else
    for (size_t lane = 0; lane < CPU_BLOCK; lane += LANES) {
#if defined(__AVX2__)
        ivec taps = (ivec)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(tap + lane)));
#else
        ivec taps;
        for (size_t k = 0; k < LANES; k++)
            taps[k] = tap[lane + k];
#endif
        vec taken = (vec)((ivec)vec_load(dy + lane) & (taps == want));
        vec_store(sum + lane, vec_load(sum + lane) + taken);
    }
#endif
}

static void gather_row(const struct maxpool *pool, const float *dy, const uint8_t *tap, int32_t iy,
                       float *dx)
{
    const struct maxpool_shape *s = &pool->s;
    struct windows wy = windows_over(s, iy, pool->ho);
    for (int32_t ix = 0; ix < s->w; ix++, dx += CPU_BLOCK) {
        struct windows wx = windows_over(s, ix, pool->wo);
        float sum[CPU_BLOCK] = {0};
        for (int32_t oy = wy.first; oy < wy.end; oy++)
            for (int32_t ox = wx.first; ox < wx.end; ox++) {
                int32_t ky = iy + s->pad - oy * s->stride, kx = ix + s->pad - ox * s->stride;
                size_t at = (size_t)(oy * pool->wo + ox) * CPU_BLOCK;
                add_taken(sum, dy + at, tap + at, (uint8_t)(ky * s->kernel + kx));
            }
        memcpy(dx, sum, sizeof(sum));
    }
}

static int maxpool_backward(struct maxpool *pool, const struct tensor *dy, struct tensor *dx)
{
    if (pool->other)
        return pool->other_ops->maxpool_backward(pool->other, dy, dx);
    const struct maxpool_shape *s = &pool->s;
    size_t row = (size_t)s->w * CPU_BLOCK, in = (size_t)s->h * row;
    size_t out = (size_t)pool->ho * (size_t)pool->wo * CPU_BLOCK;
#pragma omp parallel for num_threads(pool->threads) schedule(static)
    for (size_t i = 0; i < pool->items; i++)
        for (int32_t iy = 0; iy < s->h; iy++)
            gather_row(pool, dy->data + i * out, pool->tap + i * out, iy,
                       dx->data + i * in + (size_t)iy * row);
    return 0;
}

/* --- global average --- */

static int avgpool_forward(const struct ops *o, const struct tensor *x, struct tensor *y)
{
    const struct cpu *cpu = o->state;
    const struct ops *other = cpu_other(cpu, x->dtype, x->c);
    if (other)
        return other->avgpool_forward(other, x, y);
    size_t pixels = (size_t)x->h * (size_t)x->w, items = (size_t)x->n * (size_t)x->c / CPU_BLOCK;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t i = 0; i < items; i++)
        for (size_t lane = 0; lane < CPU_BLOCK; lane += LANES) {
            vec sum = {0};
            for (size_t k = 0; k < pixels; k++)
                sum += vec_load(x->data + (i * pixels + k) * CPU_BLOCK + lane);
            vec_store(y->data + i * CPU_BLOCK + lane, sum / (float)pixels);
        }
    return 0;
}

static int avgpool_backward(const struct ops *o, const struct tensor *dy, struct tensor *dx)
{
    const struct cpu *cpu = o->state;
    const struct ops *other = cpu_other(cpu, dx->dtype, dx->c);
    if (other)
        return other->avgpool_backward(other, dy, dx);
    size_t pixels = (size_t)dx->h * (size_t)dx->w,
           items = (size_t)dx->n * (size_t)dx->c / CPU_BLOCK;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t i = 0; i < items; i++)
        for (size_t lane = 0; lane < CPU_BLOCK; lane += LANES) {
            vec share = vec_load(dy->data + i * CPU_BLOCK + lane) / (float)pixels;
            for (size_t k = 0; k < pixels; k++)
                vec_store(dx->data + (i * pixels + k) * CPU_BLOCK + lane, share);
        }
    return 0;
}

void SIMD(cpu_pool_fill)(struct ops *ops)
{
    ops->maxpool_new = maxpool_new;
    ops->maxpool_free = maxpool_free;
    ops->maxpool_forward = maxpool_forward;
    ops->maxpool_backward = maxpool_backward;
    ops->avgpool_forward = avgpool_forward;
    ops->avgpool_backward = avgpool_backward;
}
