/* SPDX-License-Identifier: Apache-2.0 */
/* parts: what the files of decode/ share and nobody else includes. */
#ifndef AUGSTREAM_LOADERD_DECODE_PARTS_H
#define AUGSTREAM_LOADERD_DECODE_PARTS_H

#include "common/err.h"
#include "loaderd/decode/decode.h"

#include <errno.h>
#include <stdbool.h>

struct encoded {
    const uint8_t *bytes;
    size_t len;
};

/* Sets the fault and the message; its value is the code to return. */
#define decode_fail(ret_fault, fault, ...) (*(ret_fault) = (fault), err_set(-EBADMSG, __VA_ARGS__))

/* 0, or FAULT_TOO_LARGE. interlaced: the decoder must hold the whole picture to begin. */
int decode_limits(uint64_t w, uint64_t h, bool interlaced, enum wire_fault *ret_fault);

/* Room for w x h pixels, within the limits; sets w and h, the window to all of it, unreduced.
 * FAULT_TOO_LARGE where memory is short. */
int image_reserve(struct image *image, uint32_t w, uint32_t h, enum wire_fault *ret_fault);

/* Turns the image upright: orientation as in EXIF, 1..8. FAULT_TOO_LARGE where memory is short. */
int image_orient(struct image *image, unsigned orientation, enum wire_fault *ret_fault);

/* The orientation that an EXIF block (with or without its "Exif" prefix) states; 1 where it states
 * none, or none of 1..8, or is no EXIF block. */
unsigned exif_orientation(const uint8_t *bytes, size_t len);

/* A PNG without what its pixels do not need. */
struct png_essence {
    uint8_t *bytes; /* the caller's to free */
    size_t len;
    unsigned orientation;
    bool animated;
};

/* FAULT_TRUNCATED where the chunks do not lead to the end chunk. in: at least the signature. */
int png_strip(const struct encoded *in, struct png_essence *ret, enum wire_fault *ret_fault);

/* The decoders: pixels as stored, and how they are to be turned. */
typedef int decoder_fn(const struct encoded *in, struct image *image, unsigned *ret_orientation,
                       enum wire_fault *ret_fault);
decoder_fn jpeg_decode, png_decode, webp_decode;

int vips_door_open(void);
void vips_door_close(void);

#endif
