/* SPDX-License-Identifier: Apache-2.0 */
/* decode: encoded bytes -> RGB image, of which only the part that is asked for is made. Worker
 * processes only, one thread for each decoder. JPEG through libjpeg-turbo, PNG and WebP through
 * libvips with every other loader blocked; the kind is told by the first bytes, never by a name,
 * and limits are checked at the header. Raw pixels, as some sets have them, come in by a door of
 * their own and are pictures like all others from there on. */
#ifndef AUGSTREAM_LOADERD_DECODE_H
#define AUGSTREAM_LOADERD_DECODE_H

#include "proto/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DECODE_FILE_MAX = 64 << 20,            /* bytes of an encoded image */
    DECODE_SIDE_MAX = 16384,               /* pixels */
    DECODE_AREA_MAX = 64 << 20,            /* pixels */
    DECODE_AREA_INTERLACED_MAX = 16 << 20, /* JPEG in several scans, interlaced PNG */
    DECODE_REDUCE_MAX = 8,
};

/* A rectangle of a picture's pixels. */
struct region {
    uint32_t top, left, rows, cols;
};

/* 8-bit RGB, rows top to bottom, EXIF orientation applied, no padding between rows; the whole
 * picture or a window of it. Reused from image to image: its memory only grows. Zero-initialise
 * once. */
struct image {
    uint32_t w, h;   /* the whole picture in source pixels, as omega says */
    uint32_t reduce; /* 1, 2, 4, 8: the reduced picture is ceil(w / reduce) x ceil(h / reduce) */
    struct region window; /* what rgb holds, in pixels of the reduced picture */
    uint8_t *rgb;         /* [window.rows][window.cols][3] */
    size_t capacity;
};
void image_done(struct image *image);

int decode_open(void);   /* before threads; again is fine. -EIO, library named */
void decode_close(void); /* at the very end: there is no opening again */

/* The libraries' state and memory, kept from picture to picture: a JPEG of no more pixels and bytes
 * than one that it has met takes no memory. One thread. */
struct decoder;
int decoder_new(struct decoder **ret); /* after decode_open. -ENOMEM */
void decoder_free(struct decoder *decoder);

/* What a header says. */
struct picture {
    uint32_t w, h;       /* source pixels, EXIF orientation applied */
    uint32_t reduce_max; /* 1, 2, 4, 8: the most that this picture can be reduced by */
};

/* Reads the header. Returns 0, or -EBADMSG with the message set and *ret_fault telling the kind.
 * The bytes are a loan until the pixels are read or another header is. */
int decode_header(struct decoder *decoder, const void *bytes, size_t len, struct picture *ret,
                  enum wire_fault *ret_fault);

/* Three planes of bytes, R, G, B, without a header: what they are like is known beforehand. */
struct raw {
    uint32_t w, h;
    bool by_columns; /* [3][w][h], else [3][h][w] */
};

/* The same for raw pixels, so that nothing behind it sees a difference. FAULT_TRUNCATED where len
 * is not what w and h say. They cannot be reduced. */
int decode_raw_header(struct decoder *decoder, const struct raw *raw, const void *bytes, size_t len,
                      struct picture *ret, enum wire_fault *ret_fault);

/* 0 where the bytes are of a kind in `allow` (of enum encoding), or of none that is known: the
 * header tells. Else -EBADMSG and FAULT_UNSUPPORTED. */
int decode_allow(const void *bytes, size_t len, uint32_t allow, enum wire_fault *ret_fault);

/* Reads pixels of the picture whose header was read last, once for each header: `want` of the
 * picture reduced by `reduce` (not empty, inside; reduce at most reduce_max). image->window holds
 * `want` and may hold more; what is outside `want` is some colour, not the picture's.
 *
 * Gray becomes RGB, CMYK/YCCK is converted, alpha dropped, 16 bits become 8 (x >> 8), colour
 * profiles are ignored. Errors as above; image is then undefined but still to be reused or done.
 * Missing or corrupt pixel data is FAULT_TRUNCATED, never filled in: a file that ends early is
 * refused whatever is wanted of it; corrupt data is where it lies above the end of `want`. */
int decode_pixels(struct decoder *decoder, const struct region *want, uint32_t reduce,
                  struct image *image, enum wire_fault *ret_fault);

#endif
