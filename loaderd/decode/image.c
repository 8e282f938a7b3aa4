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

int image_reserve(struct image *image, uint32_t w, uint32_t h, enum wire_fault *ret_fault)
{
    assert(w <= DECODE_SIDE_MAX && h <= DECODE_SIDE_MAX);
    const size_t bytes = 3 * (size_t)w * h;
    if (bytes > image->capacity) {
        image_done(image); /* the old pixels are not kept, so they need no copying */
        image->rgb = malloc(bytes);
        if (!image->rgb)
            return decode_fail(ret_fault, FAULT_TOO_LARGE, "no memory for %ux%u pixels", w, h);
        image->capacity = bytes;
    }
    image->w = w;
    image->h = h;
    image->reduce = 1;
    image->window.top = image->window.left = 0;
    image->window.rows = h;
    image->window.cols = w;
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

int image_orient(struct image *image, unsigned orientation, enum wire_fault *ret_fault)
{
    assert(orientation >= 1 && orientation <= 8);
    if (orientation == 1)
        return 0;
    const struct turn *turn = &turns[orientation];
    const ptrdiff_t pitch = 3 * (ptrdiff_t)image->w;
    const ptrdiff_t by_row = turn->last_row ? -pitch : pitch;
    const ptrdiff_t by_column = turn->last_column ? -3 : 3;
    const ptrdiff_t down = turn->transposed ? by_column : by_row;
    const ptrdiff_t right = turn->transposed ? by_row : by_column;
    struct image upright = {0};
    int rc = image_reserve(&upright, turn->transposed ? image->h : image->w,
                           turn->transposed ? image->w : image->h, ret_fault);
    if (rc < 0)
        return rc;
    const uint8_t *start = image->rgb + (turn->last_row ? (image->h - 1) * pitch : 0) +
                           (turn->last_column ? pitch - 3 : 0);
    uint8_t *out = upright.rgb;
    for (uint32_t row = 0; row < upright.h; row++) {
        const uint8_t *from = start + (ptrdiff_t)row * down;
        for (uint32_t column = 0; column < upright.w; column++, out += 3, from += right)
            memcpy(out, from, 3);
    }
    image_done(image);
    *image = upright;
    return 0;
}
