/* SPDX-License-Identifier: Apache-2.0 */
/* crop: takes a box of an image, gives it resized to size x size float planes. Any thread, one per
 * struct augment, whose tables it fills anew for every view. It does not draw the box.
 *
 * The resize is separable; the vertical pass comes first. It runs over interleaved bytes as they
 * stand in memory, which vectorises whatever the filter, and leaves `size` rows for the horizontal
 * pass, whose taps are short and scattered. */
#include "loaderd/augment/augment.h"

#include <assert.h>
#include <math.h>

/* The taps of `source` pixels reduced or enlarged to `size`: Pillow's precompute_coeffs with the
 * triangle filter, in its order of operations. At most 2 * ceil(scale) + 1 taps per output. */
static void taps_fill(struct crop_taps *taps, uint32_t source, uint32_t size)
{
    const double scale = (double)source / size;
    const double support = scale > 1 ? scale : 1;
    taps->stride = 2 * (uint32_t)ceil(support) + 1;
    for (uint32_t i = 0; i < size; i++) {
        const double center = (i + 0.5) * scale;
        const double low = center - support + 0.5, high = center + support + 0.5;
        const uint32_t first = low > 0 ? (uint32_t)low : 0;
        const uint32_t end = high < source ? (uint32_t)high : source;
        float *weight = taps->weight + (size_t)i * taps->stride;
        assert(end > first && end - first <= taps->stride);
        double sum = 0;
        for (uint32_t k = 0; k < end - first; k++) {
            const double distance = fabs((first + k - center + 0.5) / support);
            sum += distance < 1 ? 1 - distance : 0;
        }
        for (uint32_t k = 0; k < end - first; k++) {
            const double distance = fabs((first + k - center + 0.5) / support);
            weight[k] = (float)((distance < 1 ? 1 - distance : 0) / sum);
        }
        taps->first[i] = first;
        taps->count[i] = end - first;
    }
}

/* line[0..n) = sum over k of weight[k] * row k; rows are `pitch` bytes apart. */
static void blend_rows(const uint8_t *restrict rows, size_t pitch, const float *restrict weight,
                       uint32_t count, float *restrict line, size_t n)
{
    for (size_t i = 0; i < n; i++)
        line[i] = weight[0] * rows[i];
    for (uint32_t k = 1; k < count; k++) {
        const uint8_t *restrict row = rows + k * pitch;
        const float w = weight[k];
        for (size_t i = 0; i < n; i++)
            line[i] += w * row[i];
    }
}

/* One output row: out[c][i] for every column i, from the interleaved line. */
static void blend_columns(const struct crop_taps *taps, const float *restrict line, uint32_t size,
                          float *restrict out)
{
    const size_t plane = (size_t)size * size;
    for (uint32_t i = 0; i < size; i++) {
        const float *p = line + 3 * (size_t)taps->first[i];
        const float *weight = taps->weight + (size_t)i * taps->stride;
        /* Four lanes, so that a pixel is one vector; the fourth holds the next pixel's red (or the
         * spare float at the line's end) and is dropped. */
        float sum[4] = {0, 0, 0, 0};
        for (uint32_t k = 0; k < taps->count[i]; k++)
            for (uint32_t c = 0; c < 4; c++)
                sum[c] += weight[k] * p[3 * k + c];
        for (uint32_t c = 0; c < 3; c++) {
            const float value = sum[c] / 255.0f; /* a division: the same float as byte / 255 */
            out[c * plane + i] = value < 1.0f ? value : 1.0f;
        }
    }
}

void crop_resize(struct augment *a, const struct image *image, const struct omega *omega,
                 uint32_t size, float *x)
{
    const uint32_t top = (uint32_t)omega->crop_top, left = (uint32_t)omega->crop_left;
    const uint32_t height = (uint32_t)omega->crop_height, width = (uint32_t)omega->crop_width;
    assert(omega->crop_top >= 0 && omega->crop_left >= 0);
    assert(height >= 1 && height <= image->h && top <= image->h - height);
    assert(width >= 1 && width <= image->w && left <= image->w - width);
    assert(image->h <= DECODE_SIDE_MAX && image->w <= DECODE_SIDE_MAX);
    assert(image->reduce == 1);
    assert(image->window.top <= top && top + height <= image->window.top + image->window.rows);
    assert(image->window.left <= left && left + width <= image->window.left + image->window.cols);
    taps_fill(&a->rows, height, size);
    taps_fill(&a->columns, width, size);
    const size_t pitch = 3 * (size_t)image->window.cols;
    const uint8_t *box =
        image->rgb + (top - image->window.top) * pitch + 3 * (size_t)(left - image->window.left);
    for (uint32_t i = 0; i < size; i++) {
        blend_rows(box + a->rows.first[i] * pitch, pitch,
                   a->rows.weight + (size_t)i * a->rows.stride, a->rows.count[i], a->line,
                   3 * (size_t)width);
        blend_columns(&a->columns, a->line, size, x + (size_t)i * size);
    }
}
