/* SPDX-License-Identifier: Apache-2.0 */
/* rows_simd: crop.c's pass down the columns with vectors: bytes as they stand in memory become
 * floats and are added up in registers. */
#include "loaderd/augment/simd/simd.h"

enum { BLOCK = 4 /* vectors that share a weight and hide the latency of adding */ };

static inline void rows_block(const struct crop_rows *rows, size_t at, float *line)
{
    const uint8_t *p = rows->rows + at;
    vec sum[BLOCK], weight = vec_set(rows->weight[0]);
    for (int j = 0; j < BLOCK; j++)
        sum[j] = weight * vec_from_bytes(p + j * LANES);
    for (uint32_t k = 1; k < rows->count; k++) {
        p += rows->pitch;
        weight = vec_set(rows->weight[k]);
        for (int j = 0; j < BLOCK; j++)
            sum[j] += weight * vec_from_bytes(p + j * LANES);
    }
    for (int j = 0; j < BLOCK; j++)
        vec_store(line + at + j * LANES, sum[j]);
}

static inline void rows_vec(const struct crop_rows *rows, size_t at, float *line)
{
    const uint8_t *p = rows->rows + at;
    vec sum = vec_set(rows->weight[0]) * vec_from_bytes(p);
    for (uint32_t k = 1; k < rows->count; k++) {
        p += rows->pitch;
        sum += vec_set(rows->weight[k]) * vec_from_bytes(p);
    }
    vec_store(line + at, sum);
}

void SIMD(crop_rows)(const struct crop_rows *rows, float *line)
{
    const size_t n = rows->n;
    if (n < LANES) {
        for (size_t i = 0; i < n; i++) {
            float sum = rows->weight[0] * rows->rows[i];
            for (uint32_t k = 1; k < rows->count; k++)
                sum += rows->weight[k] * rows->rows[k * rows->pitch + i];
            line[i] = sum;
        }
        return;
    }
    size_t i = 0;
    for (; i + BLOCK * LANES <= n; i += BLOCK * LANES)
        rows_block(rows, i, line);
    for (; i + LANES <= n; i += LANES)
        rows_vec(rows, i, line);
    if (i < n) /* some again, rather than read beyond the picture */
        rows_vec(rows, n - LANES, line);
}
