/* SPDX-License-Identifier: Apache-2.0 */
/* decode: encoded bytes -> RGB image. Worker processes only, one thread each. JPEG through
 * libjpeg-turbo, PNG and WebP through libvips with every other loader blocked; the kind is told by
 * the first bytes, never by a name, and limits are checked at the header. */
#ifndef AUGSTREAM_LOADERD_DECODE_H
#define AUGSTREAM_LOADERD_DECODE_H

#include "proto/wire.h"

#include <stddef.h>
#include <stdint.h>

enum {
    DECODE_FILE_MAX = 64 << 20,            /* bytes of an encoded image */
    DECODE_SIDE_MAX = 16384,               /* pixels */
    DECODE_AREA_MAX = 64 << 20,            /* pixels */
    DECODE_AREA_INTERLACED_MAX = 16 << 20, /* JPEG in several scans, interlaced PNG */
};

/* 8-bit RGB, rows top to bottom, EXIF orientation applied, no padding between rows; the whole
 * picture or a window of it. Reused from image to image: its memory only grows. Zero-initialise
 * once. */
struct image {
    uint32_t w, h;   /* the whole picture in source pixels, as omega says */
    uint32_t reduce; /* 1, 2, 4, 8: the reduced picture is ceil(w / reduce) x ceil(h / reduce) */
    struct {
        uint32_t top, left, rows, cols; /* pixels of the reduced picture */
    } window;                           /* what rgb holds */
    uint8_t *rgb;                       /* [window.rows][window.cols][3] */
    size_t capacity;
};
void image_done(struct image *image);

int decode_open(void);   /* before threads; again is fine. -EIO, library named */
void decode_close(void); /* at the very end: there is no opening again */

/* Gray becomes RGB, CMYK/YCCK is converted, alpha dropped, 16 bits become 8 (x >> 8), colour
 * profiles are ignored. Returns 0, or -EBADMSG with the message set and *ret_fault telling the
 * kind; image is then undefined but still to be reused or done. A file is taken whole or not at
 * all: missing or corrupt pixel data is FAULT_TRUNCATED, never filled in. */
int decode_image(const void *bytes, size_t len, struct image *image, enum wire_fault *ret_fault);

#endif
