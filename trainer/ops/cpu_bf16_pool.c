/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bf16_pool: max pooling and the global average of bf16 images. Owner: a plan of max pooling
 * holds, for each number of y, which tap of its window gave it. Backward gathers: each number of dx
 * sums, in a fixed order and in fp32, the windows that took it. The unit of work is a row of
 * pixels. */
#include "trainer/ops/cpu_bf16.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "common/err.h"

enum { KERNEL_MOST = 15 }; /* the taps are counted in a byte */

struct maxpool {
    struct maxpool_shape s;
    int32_t ho, wo;
    int threads;
    uint8_t *tap; /* [n, ho, wo, c] */
};

static void maxpool_free(struct maxpool *pool)
{
    if (!pool)
        return;
    cpu_free(pool->tap);
    free(pool);
}

static bool shape_ok(const struct maxpool_shape *s)
{
    return s->n >= 1 && s->c >= 1 && s->c % BF16_LANES == 0 && s->kernel >= 1 &&
           s->kernel <= KERNEL_MOST && s->stride >= 1 && s->pad >= 0 && s->pad < s->kernel &&
           s->h >= 1 && s->w >= 1 && s->h + 2 * s->pad >= s->kernel &&
           s->w + 2 * s->pad >= s->kernel;
}

static int maxpool_new(const struct ops *o, const struct maxpool_shape *s, struct maxpool **ret)
{
    if (!shape_ok(s))
        return err_set(-ENOTSUP,
                       "no bf16 max pooling of [%d,%d,%d,%d], kernel %d/%d (at most %d), pad %d",
                       s->n, s->h, s->w, s->c, s->kernel, s->stride, KERNEL_MOST, s->pad);
    struct maxpool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return err_set(-ENOMEM, "no memory for max pooling");
    pool->s = *s;
    pool->threads = o->threads;
    pool->ho = (s->h + 2 * s->pad - s->kernel) / s->stride + 1;
    pool->wo = (s->w + 2 * s->pad - s->kernel) / s->stride + 1;
    pool->tap = cpu_alloc((size_t)s->n * (size_t)pool->ho * (size_t)pool->wo * (size_t)s->c);
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
 * image: from the block of channels that is meant. */
static inline void window_max(const struct maxpool_shape *s, const uint16_t *image, int32_t oy,
                              int32_t ox, uint16_t *y, uint8_t *tap)
{
    int32_t top = oy * s->stride - s->pad, left = ox * s->stride - s->pad;
    int32_t ky_end = least(s->kernel, s->h - top), kx_end = least(s->kernel, s->w - left);
    __m512 best = _mm512_set1_ps(-INFINITY);
    __m512i from = _mm512_setzero_si512();
    __mmask16 first = 0xffff;
    for (int32_t ky = most(0, -top); ky < ky_end; ky++)
        for (int32_t kx = most(0, -left); kx < kx_end; kx++) {
            size_t pixel = (size_t)((top + ky) * s->w + left + kx);
            __m512 v = bf16_load(image + pixel * (size_t)s->c);
            /* not (v <= best): above it, or a NaN; a NaN already there is beaten by one only */
            __mmask16 take = _mm512_cmp_ps_mask(v, best, _CMP_GT_OQ) |
                             _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q) | first;
            best = _mm512_mask_mov_ps(best, take, v);
            from = _mm512_mask_mov_epi32(from, take, _mm512_set1_epi32(ky * s->kernel + kx));
            first = 0;
        }
    bf16_store(y, best);
    _mm_storeu_si128((void *)tap, _mm512_cvtepi32_epi8(from));
}

static int maxpool_forward(struct maxpool *pool, const struct tensor *x, struct tensor *y)
{
    const struct maxpool_shape *s = &pool->s;
    size_t c = (size_t)s->c, rows = (size_t)s->n * (size_t)pool->ho;
#pragma omp parallel for num_threads(pool->threads) schedule(static)
    for (size_t i = 0; i < rows; i++) {
        int32_t oy = (int32_t)(i % (size_t)pool->ho);
        const uint16_t *image =
            tensor_bf16(x) + i / (size_t)pool->ho * (size_t)s->h * (size_t)s->w * c;
        for (int32_t ox = 0; ox < pool->wo; ox++) {
            size_t at = (i * (size_t)pool->wo + (size_t)ox) * c;
            for (size_t k = 0; k < c; k += BF16_LANES)
                window_max(s, image + k, oy, ox, tensor_bf16(y) + at + k, pool->tap + at + k);
        }
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

/* dy, tap: of the image's y, from the block of channels that is meant. */
static inline __m512 gather(const struct maxpool *pool, const uint16_t *dy, const uint8_t *tap,
                            int32_t iy, int32_t ix)
{
    const struct maxpool_shape *s = &pool->s;
    struct windows wy = windows_over(s, iy, pool->ho), wx = windows_over(s, ix, pool->wo);
    __m512 sum = _mm512_setzero_ps();
    for (int32_t oy = wy.first; oy < wy.end; oy++)
        for (int32_t ox = wx.first; ox < wx.end; ox++) {
            int32_t ky = iy + s->pad - oy * s->stride, kx = ix + s->pad - ox * s->stride;
            size_t at = (size_t)(oy * pool->wo + ox) * (size_t)s->c;
            __mmask16 taken = _mm_cmpeq_epi8_mask(_mm_loadu_si128((const void *)(tap + at)),
                                                  _mm_set1_epi8((char)(ky * s->kernel + kx)));
            sum = _mm512_mask_add_ps(sum, taken, sum, bf16_load(dy + at));
        }
    return sum;
}

static int maxpool_backward(struct maxpool *pool, const struct tensor *dy, struct tensor *dx)
{
    const struct maxpool_shape *s = &pool->s;
    size_t c = (size_t)s->c, rows = (size_t)s->n * (size_t)s->h;
    size_t out = (size_t)pool->ho * (size_t)pool->wo * c;
#pragma omp parallel for num_threads(pool->threads) schedule(static)
    for (size_t i = 0; i < rows; i++) {
        int32_t iy = (int32_t)(i % (size_t)s->h);
        size_t image = i / (size_t)s->h * out;
        for (int32_t ix = 0; ix < s->w; ix++) {
            uint16_t *to = tensor_bf16(dx) + (i * (size_t)s->w + (size_t)ix) * c;
            for (size_t k = 0; k < c; k += BF16_LANES)
                bf16_store(to + k, gather(pool, tensor_bf16(dy) + image + k, pool->tap + image + k,
                                          iy, ix));
        }
    }
    return 0;
}

/* --- global average: features are fp32 --- */

static int avgpool_forward(const struct ops *o, const struct tensor *x, struct tensor *y)
{
    size_t pixels = (size_t)x->h * (size_t)x->w, c = (size_t)x->c, rows = (size_t)x->n;
#pragma omp parallel for num_threads(o->threads) schedule(static)
    for (size_t n = 0; n < rows; n++)
        for (size_t k = 0; k < c; k += BF16_LANES) {
            const uint16_t *from = tensor_bf16(x) + n * pixels * c + k;
            __m512 sum = _mm512_setzero_ps();
            for (size_t i = 0; i < pixels; i++)
                sum = _mm512_add_ps(sum, bf16_load(from + i * c));
            _mm512_storeu_ps(y->data + n * c + k,
                             _mm512_div_ps(sum, _mm512_set1_ps((float)pixels)));
        }
    return 0;
}

static int avgpool_backward(const struct ops *o, const struct tensor *dy, struct tensor *dx)
{
    size_t pixels = (size_t)dx->h * (size_t)dx->w, c = (size_t)dx->c, rows = (size_t)dx->n;
#pragma omp parallel for num_threads(o->threads) schedule(static)
    for (size_t n = 0; n < rows; n++)
        for (size_t k = 0; k < c; k += BF16_LANES) {
            uint16_t *to = tensor_bf16(dx) + n * pixels * c + k;
            __m512 share =
                _mm512_div_ps(_mm512_loadu_ps(dy->data + n * c + k), _mm512_set1_ps((float)pixels));
            for (size_t i = 0; i < pixels; i++)
                bf16_store(to + i * c, share);
        }
    return 0;
}

void cpu_bf16_pool_fill(struct ops *ops)
{
    ops->maxpool_new = maxpool_new;
    ops->maxpool_free = maxpool_free;
    ops->maxpool_forward = maxpool_forward;
    ops->maxpool_backward = maxpool_backward;
    ops->avgpool_forward = avgpool_forward;
    ops->avgpool_backward = avgpool_backward;
}
