/* SPDX-License-Identifier: Apache-2.0 */
/* decode: encoded bytes -> RGB image. Worker processes only. JPEG through libjpeg-turbo, PNG and
 * WebP through libvips with everything else blocked; limits are checked at the header. */
#ifndef AUGSTREAM_LOADERD_DECODE_H
#define AUGSTREAM_LOADERD_DECODE_H

#include "proto/wire.h"

#include <stddef.h>
#include <stdint.h>

enum {
    DECODE_FILE_MAX = 64 << 20,          /* bytes of an encoded image */
    DECODE_SIDE_MAX = 16384,             /* pixels */
    DECODE_AREA_MAX = 64 << 20,          /* pixels */
    DECODE_AREA_INTERLACED_MAX = 16 << 20, /* progressive JPEG, interlaced PNG */
};

/* 8-bit RGB, rows top to bottom, EXIF orientation applied, no padding between rows. Reused from
 * image to image: data only grows. Zero-initialise once. */
struct image {
    uint32_t w, h;
    uint8_t *rgb; /* [h][w][3] */
    size_t capacity;
};
void image_done(struct image *image);

int decode_open(void); /* once per process, before threads */
void decode_close(void);

/* Gray becomes RGB, CMYK/YCCK is converted, alpha dropped, 16 bits become 8 (x >> 8). Returns 0 or
 * -EBADMSG with the message set and *ret_fault telling the kind. Never crashes on any input, but a
 * caller still runs it in a process of its own. */
int decode_image(const void *bytes, size_t len, struct image *image, enum wire_fault *ret_fault);

#endif
