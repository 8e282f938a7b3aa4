/* SPDX-License-Identifier: Apache-2.0 */
/* crop: takes omega's box of an image, gives the view's rows. It makes the weights; applying them
 * is the kernels' work, of which the plain C is here. Owns its tables; one thread per struct crop.
 * It does not draw the box.
 *
 * The resize is separable; the vertical pass comes first. It runs over interleaved bytes as they
 * stand in memory, which makes vectors whatever the filter, and leaves `size` rows for the
 * horizontal pass, whose taps are short and scattered. */
#include "loaderd/augment/parts.h"

#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Most taps of an axis with `size` outputs: size * (2 * ceil(source / size) + 1) for any size up to
 * size_max and any source side up to DECODE_SIDE_MAX; see taps_fill for the count per output. */
static size_t taps_max(uint32_t size_max)
{
    return 2 * (size_t)DECODE_SIDE_MAX + 3 * (size_t)size_max;
}

/* The same for crop_spread: the worst is one output of all pixels. */
static size_t spread_max(uint32_t size_max)
{
    const size_t most = 2 * (size_t)DECODE_SIDE_MAX + 1;
    return SPREAD_WIDTH * (taps_max(size_max) + (SPREAD_STEP - 1) * most);
}

int crop_init(struct crop *crop, uint32_t size_max)
{
    *crop = (struct crop){0};
    crop->rows.weight = malloc(taps_max(size_max) * sizeof(float));
    crop->columns.weight = malloc(taps_max(size_max) * sizeof(float));
    crop->columns.spread.weight = malloc(spread_max(size_max) * sizeof(float));
    crop->line = augment_zeroed((3 * (size_t)DECODE_SIDE_MAX + LINE_SLACK) * sizeof(float));
    if (!crop->rows.weight || !crop->columns.weight || !crop->columns.spread.weight || !crop->line)
        return err_set(-ENOMEM, "no memory for the weights of crops");
    return 0;
}

void crop_done(struct crop *crop)
{
    free(crop->rows.weight);
    free(crop->columns.weight);
    free(crop->columns.spread.weight);
    free(crop->line);
    *crop = (struct crop){0};
}

/* One axis of a box in a picture's own pixels, which a box in source pixels may begin and end
 * within: it spans [origin + within, origin + within + length) and touches `touched` pixels. */
struct span {
    uint32_t origin, touched;
    double within, length;
};

static struct span span_of(int32_t start, int32_t length, uint32_t reduce)
{
    assert(start >= 0 && length >= 1 && reduce >= 1);
    const uint32_t from = (uint32_t)start, end = from + (uint32_t)length;
    struct span span = {.origin = from / reduce,
                        .within = (double)(from % reduce) / reduce,
                        .length = (double)length / reduce};
    span.touched = (end + reduce - 1) / reduce - span.origin;
    return span;
}

struct crop_window crop_window(const struct omega *omega, uint32_t reduce)
{
    const struct span rows = span_of(omega->crop_top, omega->crop_height, reduce);
    const struct span columns = span_of(omega->crop_left, omega->crop_width, reduce);
    return (struct crop_window){
        .top = rows.origin, .left = columns.origin, .rows = rows.touched, .cols = columns.touched};
}

/* The triangle at `distance`, in parts of its support. */
static double triangle(double distance)
{
    const double height = 1 - fabs(distance);
    return height > 0 ? height : 0;
}

/* Pillow's triangle filter with the support widened on reduction; the weights of an output sum to
 * `unit`. At most 2 * ceil(scale) + 1 taps per output. */
static void taps_fill(struct crop_taps *taps, const struct span *span, uint32_t size, double unit)
{
    const double scale = span->length / size;
    const double support = scale > 1 ? scale : 1, inverse = 1 / support;
    taps->size = size;
    taps->touched = span->touched;
    taps->stride = 2 * (uint32_t)ceil(support) + 1;
    for (uint32_t i = 0; i < size; i++) {
        const double center = span->within + (i + 0.5) * scale;
        const double low = center - support + 0.5, high = center + support + 0.5;
        const uint32_t first = low > 0 ? (uint32_t)low : 0;
        const uint32_t end = high < span->touched ? (uint32_t)high : span->touched;
        float *weight = taps->weight + (size_t)i * taps->stride;
        uint32_t count = end - first;
        assert(end > first && count <= taps->stride);
        double sum = 0;
        for (uint32_t k = 0; k < count; k++)
            sum += triangle((first + k + 0.5 - center) * inverse);
        const double share = unit / sum;
        for (uint32_t k = 0; k < count; k++)
            weight[k] = (float)(triangle((first + k + 0.5 - center) * inverse) * share);
        while (weight[count - 1] == 0.0f) /* a pixel at the very end of the support adds nothing */
            count--;
        taps->first[i] = first;
        taps->count[i] = count;
    }
}

void crop_open(struct crop *crop, const struct kernels *kernels, const struct image *image,
               const struct omega *omega, uint32_t size)
{
    const struct span rows = span_of(omega->crop_top, omega->crop_height, image->reduce);
    const struct span columns = span_of(omega->crop_left, omega->crop_width, image->reduce);
    assert(rows.origin >= image->window.top && columns.origin >= image->window.left);
    const uint32_t row = rows.origin - image->window.top;
    const uint32_t column = columns.origin - image->window.left;
    assert(row <= image->window.rows && rows.touched <= image->window.rows - row);
    assert(column <= image->window.cols && columns.touched <= image->window.cols - column);
    assert(image->window.rows <= DECODE_SIDE_MAX && image->window.cols <= DECODE_SIDE_MAX);
    taps_fill(&crop->rows, &rows, size, 1);
    taps_fill(&crop->columns, &columns, size, 1.0 / 255);
    if (omega->flip)
        flip_taps(&crop->columns);
    kernels->crop_spread(&crop->columns);
    crop->kernels = kernels;
    crop->box.pitch = 3 * (size_t)image->window.cols;
    crop->box.rows = image->rgb + row * crop->box.pitch + 3 * (size_t)column;
    crop->box.n = 3 * (size_t)columns.touched;
}

void crop_row(const struct crop *crop, uint32_t y, float *const row[3])
{
    struct crop_rows rows = crop->box;
    rows.rows += crop->rows.first[y] * rows.pitch;
    rows.weight = crop->rows.weight + (size_t)y * crop->rows.stride;
    rows.count = crop->rows.count[y];
    crop->kernels->crop_rows(&rows, crop->line);
    crop->kernels->crop_columns(&crop->columns, crop->line, row);
}

void crop_rows_plain(const struct crop_rows *rows, float *restrict line)
{
    for (size_t i = 0; i < rows->n; i++)
        line[i] = rows->weight[0] * rows->rows[i];
    for (uint32_t k = 1; k < rows->count; k++) {
        const uint8_t *restrict row = rows->rows + k * rows->pitch;
        const float weight = rows->weight[k];
        for (size_t i = 0; i < rows->n; i++)
            line[i] += weight * row[i];
    }
}

void crop_spread_plain(struct crop_taps *columns)
{
    (void)columns; /* weight does */
}

void crop_columns_plain(const struct crop_taps *columns, const float *line, float *const row[3])
{
    for (uint32_t c = 0; c < 3; c++) {
        for (uint32_t i = 0; i < columns->size; i++) {
            const float *p = line + 3 * (size_t)columns->first[i] + c;
            const float *weight = columns->weight + (size_t)i * columns->stride;
            float sum = 0;
            for (uint32_t k = 0; k < columns->count[i]; k++)
                sum += weight[k] * p[3 * (size_t)k];
            row[c][i] = sum < 1.0f ? sum : 1.0f;
        }
        for (size_t i = columns->size; i < pitch_of(columns->size); i++)
            row[c][i] = 0;
    }
}
