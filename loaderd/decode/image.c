/* SPDX-License-Identifier: Apache-2.0 */
/* image: the memory of one decoded picture, and turning it upright. One thread per struct image. It
 * knows nothing of formats. */
#include "loaderd/decode/parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void image_done(struct image *image)
{
    free(image->rgb);
    *image = (struct image){0};
}

int image_reserve(struct image *image, const struct region *window, enum wire_fault *ret_fault)
{
    assert(window->rows >= 1 && window->rows <= DECODE_SIDE_MAX);
    assert(window->cols >= 1 && window->cols <= DECODE_SIDE_MAX);
    const size_t bytes = 3 * (size_t)window->rows * window->cols;
    if (bytes > image->capacity) {
        image_done(image); /* the old pixels are not kept, so they need no copying */
        image->rgb = malloc(bytes);
        if (!image->rgb)
            return decode_fail(ret_fault, FAULT_TOO_LARGE, "no memory for %ux%u pixels",
                               window->cols, window->rows);
        image->capacity = bytes;
    }
    image->window = *window;
    return 0;
}

/* What the stored picture needs, by EXIF orientation: first mirrored left to right, then turned. In
 * terms of an upright pixel (row, column): where reading starts in the stored picture (at its last
 * row, its last column), and whether a step down the upright picture is a step along stored columns
 * (transposed). */
static const struct turn {
    bool last_row, last_column, transposed;
} turns[9] = {
    [1] = {false, false, false}, [2] = {false, true, false}, [3] = {true, true, false},
    [4] = {true, false, false},  [5] = {false, false, true}, [6] = {true, false, true},
    [7] = {true, true, true},    [8] = {false, true, true},
};

static const struct turn *turn_of(unsigned orientation)
{
    assert(orientation >= 1 && orientation <= 8);
    return &turns[orientation];
}

uint32_t image_reduce_max(const struct stored *stored)
{
    const struct turn *turn = turn_of(stored->orientation);
    uint32_t reduce = stored->reducible ? DECODE_REDUCE_MAX : 1;
    while ((turn->last_row && stored->h % reduce) || (turn->last_column && stored->w % reduce))
        reduce /= 2;
    return reduce;
}

static uint32_t mirror(bool mirrored, uint32_t side, uint32_t start, uint32_t length)
{
    return mirrored ? side - start - length : start;
}

struct region image_stored_region(const struct stored *stored, uint32_t reduce,
                                  const struct region *upright)
{
    const struct turn *turn = turn_of(stored->orientation);
    struct region region = *upright;
    if (turn->transposed)
        region = (struct region){upright->left, upright->top, upright->cols, upright->rows};
    const uint32_t w = (stored->w + reduce - 1) / reduce, h = (stored->h + reduce - 1) / reduce;
    region.top = mirror(turn->last_row, h, region.top, region.rows);
    region.left = mirror(turn->last_column, w, region.left, region.cols);
    return region;
}

/* The way back. */
static struct region upright_region(const struct image *stored, const struct turn *turn)
{
    const uint32_t reduce = stored->reduce;
    const uint32_t w = (stored->w + reduce - 1) / reduce, h = (stored->h + reduce - 1) / reduce;
    struct region region = stored->window;
    region.top = mirror(turn->last_row, h, region.top, region.rows);
    region.left = mirror(turn->last_column, w, region.left, region.cols);
    if (turn->transposed)
        region = (struct region){region.left, region.top, region.cols, region.rows};
    return region;
}

int image_turn(const struct image *from, unsigned orientation, struct image *to,
               enum wire_fault *ret_fault)
{
    const struct turn *turn = turn_of(orientation);
    const struct region window = upright_region(from, turn);
    int rc = image_reserve(to, &window, ret_fault);
    if (rc < 0)
        return rc;
    to->w = turn->transposed ? from->h : from->w;
    to->h = turn->transposed ? from->w : from->h;
    to->reduce = from->reduce;
    const ptrdiff_t pitch = 3 * (ptrdiff_t)from->window.cols;
    const ptrdiff_t by_row = turn->last_row ? -pitch : pitch;
    const ptrdiff_t by_column = turn->last_column ? -3 : 3;
    const ptrdiff_t down = turn->transposed ? by_column : by_row;
    const ptrdiff_t right = turn->transposed ? by_row : by_column;
    const uint8_t *start = from->rgb + (turn->last_row ? (from->window.rows - 1) * pitch : 0) +
                           (turn->last_column ? pitch - 3 : 0);
    uint8_t *out = to->rgb;
    for (uint32_t row = 0; row < window.rows; row++) {
        const uint8_t *pixel = start + (ptrdiff_t)row * down;
        for (uint32_t column = 0; column < window.cols; column++, out += 3, pixel += right)
            memcpy(out, pixel, 3);
    }
    return 0;
}
