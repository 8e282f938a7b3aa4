/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bf16_conv: see cpu_bf16_conv.h. A convolution becomes a product over "columns": a row for
 * each pixel of y, which holds the pixels of x under its window, tap after tap. Images are taken in
 * chunks, so that columns need little memory whatever the batch. Owner: the scratch memory is the
 * back end's. Takes and gives [N,H,W,C] with channels in whole vectors. */
#include "trainer/ops/cpu_bf16_conv.h"

#include "trainer/ops/cpu_bf16.h"

#include <omp.h>

enum {
    PIXELS_MOST = 16,  /* of an image of y: what is larger, oneDNN does better */
    CHUNK_ROWS = 2048, /* of columns */
    GRAIN = 32,        /* cuts fall on multiples of this: whole tiles */
};

/* The part of [0, count) that thread `index` of `threads` does. */
static void cut(size_t count, size_t index, size_t threads, size_t *ret_first, size_t *ret_end)
{
    size_t grains = (count + GRAIN - 1) / GRAIN;
    size_t first = grains * index / threads * GRAIN, end = grains * (index + 1) / threads * GRAIN;
    *ret_first = first < count ? first : count;
    *ret_end = end < count ? end : count;
}

static const void *side_at(const struct amx_side *s, size_t line)
{
    return (const char *)s->data + line * s->line * (s->half ? sizeof(uint16_t) : sizeof(float));
}

/* Along the longer side of the result. */
static void multiply(const struct cpu *cpu, const struct amx_product *whole)
{
#pragma omp parallel num_threads(cpu->threads)
    {
        size_t index = (size_t)omp_get_thread_num(), threads = (size_t)omp_get_num_threads();
        struct amx_product part = *whole;
        size_t first, end;
        if (whole->m >= whole->n) {
            cut(whole->m, index, threads, &first, &end);
            part.m = end - first;
            part.a.data = side_at(&whole->a, first);
            part.c += first * whole->c_i;
        } else {
            cut(whole->n, index, threads, &first, &end);
            part.n = end - first;
            part.b.data = side_at(&whole->b, first);
            part.c += first;
        }
        if (part.m && part.n)
            cpu_amx_multiply(&part, cpu->amx_pack + index * AMX_PACK_BYTES);
    }
}

/* What follows from a shape. */
struct frame {
    int32_t ho, wo;
    size_t pixels, taps; /* of an image of y; numbers of a row of columns */
    size_t images;       /* of a chunk */
};

static struct frame frame_of(const struct conv_shape *s)
{
    struct frame f = {.ho = (s->h + 2 * s->pad - s->kernel) / s->stride + 1,
                      .wo = (s->w + 2 * s->pad - s->kernel) / s->stride + 1,
                      .taps = (size_t)s->kernel * (size_t)s->kernel * (size_t)s->c_in};
    f.pixels = (size_t)f.ho * (size_t)f.wo;
    f.images = CHUNK_ROWS / f.pixels;
    if (f.images > (size_t)s->n)
        f.images = (size_t)s->n;
    return f;
}

static bool conv_wants(const struct conv_shape *s)
{
    return cpu_blocked(s->c_in) && cpu_blocked(s->c_out) && frame_of(s).pixels <= PIXELS_MOST;
}

/* The columns of a chunk, and behind them a product in fp32: of as many numbers, or y's. */
static size_t columns_bytes(const struct conv_shape *s)
{
    struct frame f = frame_of(s);
    return f.images * f.pixels * f.taps * sizeof(uint16_t);
}

static size_t conv_scratch(const struct conv_shape *s)
{
    struct frame f = frame_of(s);
    size_t most = f.taps > (size_t)s->c_out ? f.taps : (size_t)s->c_out;
    return columns_bytes(s) + f.images * f.pixels * most * sizeof(float);
}

static float *product_of(const struct cpu *cpu, const struct conv_shape *s)
{
    return (float *)((char *)cpu->scratch + columns_bytes(s));
}

/* The row of columns of pixel (oy, ox). */
static void column_fill(const struct conv_shape *s, const uint16_t *image, int32_t oy, int32_t ox,
                        uint16_t *to)
{
    size_t c = (size_t)s->c_in;
    for (int32_t ky = 0; ky < s->kernel; ky++)
        for (int32_t kx = 0; kx < s->kernel; kx++, to += c) {
            int32_t y = oy * s->stride - s->pad + ky, x = ox * s->stride - s->pad + kx;
            if (y < 0 || y >= s->h || x < 0 || x >= s->w)
                memset(to, 0, c * sizeof(*to));
            else
                memcpy(to, image + (size_t)(y * s->w + x) * c, c * sizeof(*to));
        }
}

static void columns_fill(const struct cpu *cpu, const struct conv_shape *s, const struct frame *f,
                         const uint16_t *x, size_t images)
{
    uint16_t *columns = (uint16_t *)cpu->scratch;
    size_t image = (size_t)s->h * (size_t)s->w * (size_t)s->c_in;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t i = 0; i < images * f->pixels; i++) {
        size_t pixel = i % f->pixels;
        column_fill(s, x + i / f->pixels * image, (int32_t)(pixel / (size_t)f->wo),
                    (int32_t)(pixel % (size_t)f->wo), columns + i * f->taps);
    }
}

static void conv_forward(const struct cpu *cpu, const struct conv_shape *s, const struct tensor *x,
                         const float *w, struct tensor *y)
{
    struct frame f = frame_of(s);
    float *product = product_of(cpu, s);
    size_t out = (size_t)s->c_out;
    for (size_t first = 0; first < (size_t)s->n; first += f.images) {
        size_t images = (size_t)s->n - first < f.images ? (size_t)s->n - first : f.images;
        size_t rows = images * f.pixels;
        struct tensor part = tensor_rows(x, (int32_t)first, (int32_t)images);
        columns_fill(cpu, s, &f, tensor_bf16(&part), images);
        multiply(cpu, &(struct amx_product){.m = rows,
                                            .n = out,
                                            .k = f.taps,
                                            .a = {cpu->scratch, f.taps, 1, true},
                                            .b = {w, f.taps, 1, false},
                                            .c = product,
                                            .c_i = out});
        uint16_t *to = tensor_bf16(y) + first * f.pixels * out;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
        for (size_t i = 0; i < rows * out; i += BF16_LANES)
            bf16_store(to + i, _mm512_loadu_ps(product + i));
    }
}

/* Pixel (iy, ix) of dx: the sum over the windows that saw it, onto what is there or onto 0. */
static void pixel_gather(const struct conv_shape *s, const struct frame *f, const float *columns,
                         int32_t iy, int32_t ix, uint16_t *to, bool accumulate)
{
    size_t c = (size_t)s->c_in;
    for (size_t k = 0; k < c; k += BF16_LANES) {
        __m512 sum = accumulate ? bf16_load(to + k) : _mm512_setzero_ps();
        for (int32_t ky = 0; ky < s->kernel; ky++) {
            int32_t top = iy + s->pad - ky, oy = top / s->stride;
            if (top < 0 || top % s->stride || oy >= f->ho)
                continue;
            for (int32_t kx = 0; kx < s->kernel; kx++) {
                int32_t left = ix + s->pad - kx, ox = left / s->stride;
                if (left < 0 || left % s->stride || ox >= f->wo)
                    continue;
                const float *row = columns + (size_t)(oy * f->wo + ox) * f->taps;
                size_t tap = (size_t)(ky * s->kernel + kx) * c;
                sum = _mm512_add_ps(sum, _mm512_loadu_ps(row + tap + k));
            }
        }
        bf16_store(to + k, sum);
    }
}

static void conv_backward_data(const struct cpu *cpu, const struct conv_shape *s,
                               const struct tensor *dy, const float *w, struct tensor *dx,
                               bool accumulate)
{
    struct frame f = frame_of(s);
    float *product = product_of(cpu, s);
    size_t out = (size_t)s->c_out, pixels = (size_t)s->h * (size_t)s->w;
    for (size_t first = 0; first < (size_t)s->n; first += f.images) {
        size_t images = (size_t)s->n - first < f.images ? (size_t)s->n - first : f.images;
        struct tensor part = tensor_rows(dy, (int32_t)first, (int32_t)images);
        multiply(cpu, &(struct amx_product){.m = images * f.pixels,
                                            .n = f.taps,
                                            .k = out,
                                            .a = {part.data, out, 1, true},
                                            .b = {w, 1, f.taps, false},
                                            .c = product,
                                            .c_i = f.taps});
        uint16_t *to = tensor_bf16(dx) + first * pixels * (size_t)s->c_in;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
        for (size_t i = 0; i < images * pixels; i++) {
            size_t pixel = i % pixels;
            pixel_gather(s, &f, product + i / pixels * f.pixels * f.taps,
                         (int32_t)(pixel / (size_t)s->w), (int32_t)(pixel % (size_t)s->w),
                         to + i * (size_t)s->c_in, accumulate);
        }
    }
}

static void conv_backward_weight(const struct cpu *cpu, const struct conv_shape *s,
                                 const struct tensor *x, const struct tensor *dy, float *dw)
{
    struct frame f = frame_of(s);
    size_t out = (size_t)s->c_out;
    for (size_t first = 0; first < (size_t)s->n; first += f.images) {
        size_t images = (size_t)s->n - first < f.images ? (size_t)s->n - first : f.images;
        struct tensor part = tensor_rows(x, (int32_t)first, (int32_t)images);
        struct tensor dpart = tensor_rows(dy, (int32_t)first, (int32_t)images);
        columns_fill(cpu, s, &f, tensor_bf16(&part), images);
        multiply(cpu, &(struct amx_product){.m = out,
                                            .n = f.taps,
                                            .k = images * f.pixels,
                                            .a = {dpart.data, 1, out, true},
                                            .b = {cpu->scratch, 1, f.taps, true},
                                            .c = dw,
                                            .c_i = f.taps,
                                            .accumulate = first > 0});
    }
}

const struct cpu_matrix cpu_amx_matrix = {
    .multiply = multiply,
    .conv_wants = conv_wants,
    .conv_scratch = conv_scratch,
    .conv_forward = conv_forward,
    .conv_backward_data = conv_backward_data,
    .conv_backward_weight = conv_backward_weight,
};
