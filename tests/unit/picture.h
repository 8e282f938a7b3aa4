/* SPDX-License-Identifier: Apache-2.0 */
/* picture: a struct image around pixels that a test has made, or of a whole file. */
#ifndef AUGSTREAM_TESTS_PICTURE_H
#define AUGSTREAM_TESTS_PICTURE_H

#include "loaderd/decode/decode.h"

/* The whole picture, unreduced. rgb: [h][w][3]; whose it is the test knows. */
static inline struct image picture_whole(uint32_t w, uint32_t h, uint8_t *rgb)
{
    return (struct image){
        .w = w, .h = h, .reduce = 1, .window = {.rows = h, .cols = w}, .rgb = rgb};
}

/* All pixels of an encoded image, by a decoder that has seen no other. As decode_pixels. */
static inline int picture_decode(const void *bytes, size_t len, struct image *image,
                                 enum wire_fault *ret_fault)
{
    struct decoder *decoder;
    struct picture picture;
    int rc = decoder_new(&decoder);
    if (rc < 0)
        return rc;
    rc = decode_header(decoder, bytes, len, &picture, ret_fault);
    if (rc == 0) {
        const struct region whole = {.rows = picture.h, .cols = picture.w};
        rc = decode_pixels(decoder, &whole, 1, image, ret_fault);
    }
    decoder_free(decoder);
    return rc;
}

#endif
