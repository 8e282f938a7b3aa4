/* SPDX-License-Identifier: Apache-2.0 */
/* blur_simd: blur.c's two passes with vectors, a row at a time: down the columns into a line that
 * stays in the nearest cache, its border reflected, and along it. */
#include "loaderd/augment/parts.h"
#include "loaderd/augment/simd/simd.h"

enum {
    BLOCK = 4,
    MARGIN = BLUR_HALF_MAX + 1 /* floats before the line: a multiple of the vectors */
};

/* The rows at distance k on either side. */
struct sides {
    const float *above[BLUR_HALF_MAX + 1], *below[BLUR_HALF_MAX + 1];
};

/* n vectors at once: a weight is fetched once for all. */
static inline void block_down(const struct blur_taps *taps, const struct sides *rows, size_t at,
                              float *to, const int n)
{
    vec sum[BLOCK], weight = vec_set(taps->weight[0]);
    for (int j = 0; j < n; j++)
        sum[j] = weight * vec_load(rows->above[0] + at + j * LANES);
    for (uint32_t k = 1; k <= taps->half; k++) {
        const float *above = rows->above[k] + at, *below = rows->below[k] + at;
        weight = vec_set(taps->weight[k]);
        for (int j = 0; j < n; j++)
            sum[j] += weight * (vec_load(above + j * LANES) + vec_load(below + j * LANES));
    }
    for (int j = 0; j < n; j++)
        vec_store(to + at + j * LANES, sum[j]);
}

static inline void block_along(const struct blur_taps *taps, const float *from, float *to,
                               const int n)
{
    vec sum[BLOCK], weight = vec_set(taps->weight[0]);
    for (int j = 0; j < n; j++)
        sum[j] = weight * vec_load(from + j * LANES);
    for (uint32_t k = 1; k <= taps->half; k++) {
        const float *left = from - k, *right = from + k;
        weight = vec_set(taps->weight[k]);
        for (int j = 0; j < n; j++)
            sum[j] += weight * (vec_load(left + j * LANES) + vec_load(right + j * LANES));
    }
    for (int j = 0; j < n; j++)
        vec_store(to + j * LANES, sum[j]);
}

void SIMD(blur)(const struct blur_pass *pass)
{
    const struct blur_taps *taps = pass->taps;
    const int32_t size = (int32_t)pass->size, half = (int32_t)taps->half;
    const size_t pitch = pitch_of(pass->size);
    float *line = pass->line + MARGIN;
    for (int32_t y = 0; y < size; y++) {
        struct sides rows;
        for (int32_t k = 0; k <= half; k++) {
            rows.above[k] = pass->in + blur_reflect(y - k, pass->size) * pitch;
            rows.below[k] = pass->in + blur_reflect(y + k, pass->size) * pitch;
        }
        size_t i = 0;
        for (; i + BLOCK * LANES <= pitch; i += BLOCK * LANES)
            block_down(taps, &rows, i, line, BLOCK);
        for (; i < pitch; i += STEP * LANES)
            block_down(taps, &rows, i, line, STEP);
        for (int32_t k = 1; k <= half; k++) {
            line[-k] = line[blur_reflect(-k, pass->size)];
            line[size - 1 + k] = line[blur_reflect(size - 1 + k, pass->size)];
        }
        float *out = pass->out + (size_t)y * pitch;
        for (i = 0; i + BLOCK * LANES <= pitch; i += BLOCK * LANES)
            block_along(taps, line + i, out + i, BLOCK);
        for (; i < pitch; i += STEP * LANES)
            block_along(taps, line + i, out + i, STEP);
    }
}
