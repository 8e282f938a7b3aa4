/* SPDX-License-Identifier: Apache-2.0 */
/* picture: a struct image around pixels that a test has made. */
#ifndef AUGSTREAM_TESTS_PICTURE_H
#define AUGSTREAM_TESTS_PICTURE_H

#include "loaderd/decode/decode.h"

/* The whole picture, unreduced. rgb: [h][w][3]; whose it is the test knows. */
static inline struct image picture_whole(uint32_t w, uint32_t h, uint8_t *rgb)
{
    struct image image = {.w = w, .h = h, .reduce = 1, .rgb = rgb};
    image.window.rows = h;
    image.window.cols = w;
    return image;
}

#endif
