/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bf16: whole bf16 images in and out, and their sum. Takes host memory, gives images; any
 * number of channels. Does not allocate. The other slots are cpu_bf16_bn.c's and cpu_bf16_pool.c's.
 * Threads take runs of numbers; what is computed does not depend on the cut. */
#include "trainer/ops/cpu_bf16.h"

enum { RUN = 4096 }; /* numbers that a thread takes at a time; a multiple of BF16_LANES */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void narrow(const float *from, uint16_t *to, size_t count)
{
    size_t i = 0;
    for (; i + BF16_LANES <= count; i += BF16_LANES)
        bf16_store(to + i, _mm512_loadu_ps(from + i));
    for (; i < count; i++)
        to[i] = bf16_round(from[i]);
}

static void widen(const uint16_t *from, float *to, size_t count)
{
    size_t i = 0;
    for (; i + BF16_LANES <= count; i += BF16_LANES)
        _mm512_storeu_ps(to + i, bf16_load(from + i));
    for (; i < count; i++)
        to[i] = bf16_widen(from[i]);
}

static int tensor_import(const struct ops *o, const float *host_nhwc, struct tensor *t)
{
    size_t count = tensor_count(t);
    uint16_t *to = tensor_bf16(t);
#pragma omp parallel for num_threads(o->threads) schedule(static)
    for (size_t i = 0; i < count; i += RUN)
        narrow(host_nhwc + i, to + i, least(RUN, count - i));
    return 0;
}

static int tensor_export(const struct ops *o, const struct tensor *t, float *host_nhwc)
{
    size_t count = tensor_count(t);
    const uint16_t *from = tensor_bf16(t);
#pragma omp parallel for num_threads(o->threads) schedule(static)
    for (size_t i = 0; i < count; i += RUN)
        widen(from + i, host_nhwc + i, least(RUN, count - i));
    return 0;
}

/* 256 values can come in: a table has all answers. */
static int input_normalize(const struct ops *o, const uint8_t *host_pixels, int32_t rows,
                           const float mean[3], const float std[3], struct tensor *x, int32_t first)
{
    uint16_t table[3][256];
    for (size_t c = 0; c < 3; c++)
        for (size_t v = 0; v < 256; v++)
            table[c][v] = bf16_round(((float)v / 255.0f - mean[c]) / std[c]);

    struct tensor part = tensor_rows(x, first, rows);
    uint16_t *to = tensor_bf16(&part);
    size_t pixels = tensor_count(&part) / 3;
#pragma omp parallel for num_threads(o->threads) schedule(static)
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            to[3 * i + c] = table[c][host_pixels[3 * i + c]];
    return 0;
}

void cpu_bf16_add(const uint16_t *a, uint16_t *sum, size_t count, int threads)
{
    size_t whole = count / BF16_LANES * BF16_LANES;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (size_t i = 0; i < whole; i += BF16_LANES)
        bf16_store(sum + i, _mm512_add_ps(bf16_load(sum + i), bf16_load(a + i)));
    for (size_t i = whole; i < count; i++)
        sum[i] = bf16_round(bf16_widen(sum[i]) + bf16_widen(a[i]));
}

void cpu_bf16_fill(struct ops *ops)
{
    ops->no_bf16 = NULL;
    ops->tensor_import = tensor_import;
    ops->tensor_export = tensor_export;
    ops->input_normalize = input_normalize;
    cpu_bf16_bn_fill(ops);
    cpu_bf16_pool_fill(ops);
}
