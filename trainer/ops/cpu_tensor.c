/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_tensor: whole tensors in and out: between the host's [N,H,W,C] and the blocked layout, and
 * pixels to normalised floats. Takes host memory, gives tensors. Does not allocate. */
#include "trainer/ops/cpu.h"

#include <string.h>

/* Moves one image between plain (pixel after pixel) and blocked. */
static void image_block(const float *plain, size_t pixels, size_t c, float *blocked)
{
    for (size_t b = 0; b < c; b += CPU_BLOCK)
        for (size_t i = 0; i < pixels; i++)
            memcpy(blocked + b * pixels + i * CPU_BLOCK, plain + i * c + b,
                   CPU_BLOCK * sizeof(float));
}

static void image_unblock(const float *blocked, size_t pixels, size_t c, float *plain)
{
    for (size_t b = 0; b < c; b += CPU_BLOCK)
        for (size_t i = 0; i < pixels; i++)
            memcpy(plain + i * c + b, blocked + b * pixels + i * CPU_BLOCK,
                   CPU_BLOCK * sizeof(float));
}

static int tensor_import(const struct ops *o, const float *host_nhwc, struct tensor *t)
{
    const struct cpu *cpu = o->state;
    size_t pixels = (size_t)t->h * (size_t)t->w, c = (size_t)t->c, rows = (size_t)t->n;
    if (t->dtype == DTYPE_BF16)
        return cpu->bf16.tensor_import(&cpu->bf16, host_nhwc, t);
    if (!cpu_blocked(t->c) || pixels == 1)
        return o->upload(o, t->data, host_nhwc, tensor_count(t) * sizeof(float));
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t n = 0; n < rows; n++)
        image_block(host_nhwc + n * pixels * c, pixels, c, t->data + n * pixels * c);
    return 0;
}

static int tensor_export(const struct ops *o, const struct tensor *t, float *host_nhwc)
{
    const struct cpu *cpu = o->state;
    size_t pixels = (size_t)t->h * (size_t)t->w, c = (size_t)t->c, rows = (size_t)t->n;
    if (t->dtype == DTYPE_BF16)
        return cpu->bf16.tensor_export(&cpu->bf16, t, host_nhwc);
    if (!cpu_blocked(t->c) || pixels == 1)
        return o->download(o, host_nhwc, t->data, tensor_count(t) * sizeof(float));
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t n = 0; n < rows; n++)
        image_unblock(t->data + n * pixels * c, pixels, c, host_nhwc + n * pixels * c);
    return 0;
}

/* 256 values can come in: a table of the answers has ref's bits without its divisions. */
static int input_normalize(const struct ops *o, const uint8_t *host_pixels, int32_t rows,
                           const float mean[3], const float std[3], struct tensor *x, int32_t first)
{
    const struct cpu *cpu = o->state;
    if (x->dtype == DTYPE_BF16)
        return cpu->bf16.input_normalize(&cpu->bf16, host_pixels, rows, mean, std, x, first);
    float table[3][256];
    for (size_t c = 0; c < 3; c++)
        for (size_t v = 0; v < 256; v++)
            table[c][v] = ((float)v / 255.0f - mean[c]) / std[c];

    struct tensor part = tensor_rows(x, first, rows);
    size_t pixels = tensor_count(&part) / 3;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            part.data[3 * i + c] = table[c][host_pixels[3 * i + c]];
    return 0;
}

void cpu_tensor_fill(struct ops *ops)
{
    ops->tensor_import = tensor_import;
    ops->tensor_export = tensor_export;
    ops->input_normalize = input_normalize;
}
