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

/* One axis of a box in a picture's own pixels, which a box in source pixels may begin and end
 * within: it spans [origin + within, origin + within + length) and touches `touched` pixels. */
struct span {
    uint32_t origin, touched;
    double within, length;
};

static struct span span_of(uint32_t start, uint32_t length, uint32_t reduce)
{
    struct span span = {.origin = start / reduce,
                        .within = (double)(start % reduce) / reduce,
                        .length = (double)length / reduce};
    span.touched = (start + length + reduce - 1) / reduce - span.origin;
    return span;
}

struct crop_window crop_window(const struct omega *omega, uint32_t reduce)
{
    assert(reduce >= 1 && omega->crop_top >= 0 && omega->crop_left >= 0);
    assert(omega->crop_height >= 1 && omega->crop_width >= 1);
    const struct span rows =
        span_of((uint32_t)omega->crop_top, (uint32_t)omega->crop_height, reduce);
    const struct span columns =
        span_of((uint32_t)omega->crop_left, (uint32_t)omega->crop_width, reduce);
    return (struct crop_window){
        .top = rows.origin, .left = columns.origin, .rows = rows.touched, .cols = columns.touched};
}

/* The taps of a span reduced or enlarged to `size`: Pillow's precompute_coeffs with the triangle
 * filter. At most 2 * ceil(scale) + 1 taps per output. */
static void taps_fill(struct crop_taps *taps, const struct span *span, uint32_t size)
{
    const double scale = span->length / size;
    const double support = scale > 1 ? scale : 1;
    taps->stride = 2 * (uint32_t)ceil(support) + 1;
    for (uint32_t i = 0; i < size; i++) {
        const double center = span->within + (i + 0.5) * scale;
        const double low = center - support + 0.5, high = center + support + 0.5;
        const uint32_t first = low > 0 ? (uint32_t)low : 0;
        const uint32_t end = high < span->touched ? (uint32_t)high : span->touched;
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
    const uint32_t reduce = image->reduce;
    const struct span rows =
        span_of((uint32_t)omega->crop_top, (uint32_t)omega->crop_height, reduce);
    const struct span columns =
        span_of((uint32_t)omega->crop_left, (uint32_t)omega->crop_width, reduce);
    assert(omega->crop_top >= 0 && omega->crop_height >= 1);
    assert(omega->crop_left >= 0 && omega->crop_width >= 1);
    assert(rows.origin >= image->window.top && columns.origin >= image->window.left);
    const uint32_t row = rows.origin - image->window.top;
    const uint32_t column = columns.origin - image->window.left;
    assert(row <= image->window.rows && rows.touched <= image->window.rows - row);
    assert(column <= image->window.cols && columns.touched <= image->window.cols - column);
    assert(image->window.rows <= DECODE_SIDE_MAX && image->window.cols <= DECODE_SIDE_MAX);
    taps_fill(&a->rows, &rows, size);
    taps_fill(&a->columns, &columns, size);
    const size_t pitch = 3 * (size_t)image->window.cols;
    const uint8_t *box = image->rgb + row * pitch + 3 * (size_t)column;
    for (uint32_t i = 0; i < size; i++) {
        blend_rows(box + a->rows.first[i] * pitch, pitch,
                   a->rows.weight + (size_t)i * a->rows.stride, a->rows.count[i], a->line,
                   3 * (size_t)columns.touched);
        blend_columns(&a->columns, a->line, size, x + (size_t)i * size);
    }
}
