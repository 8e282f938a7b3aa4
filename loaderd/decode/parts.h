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

/* A picture as its file stores it: before it is turned upright. */
struct stored {
    uint32_t w, h;
    unsigned orientation; /* as in EXIF, 1..8 */
    bool reducible;
};

/* Sets the fault and the message; its value is the code to return. */
#define decode_fail(ret_fault, fault, ...) (*(ret_fault) = (fault), err_set(-EBADMSG, __VA_ARGS__))

/* 0, or FAULT_TOO_LARGE. interlaced: the decoder must hold the whole picture to begin. */
int decode_limits(uint64_t w, uint64_t h, bool interlaced, enum wire_fault *ret_fault);

/* --- image.c --- */

/* Room for a window, which becomes the image's. FAULT_TOO_LARGE where memory is short. */
int image_reserve(struct image *image, const struct region *window, enum wire_fault *ret_fault);

/* The most that a picture can be reduced by and still begin, when upright, at a whole pixel of the
 * reduced picture: a side that is mirrored must be a multiple. */
uint32_t image_reduce_max(const struct stored *stored);

/* Where a region of the upright picture lies in the stored one, both reduced. */
struct region image_stored_region(const struct stored *stored, uint32_t reduce,
                                  const struct region *upright);

/* Turns a window of the stored picture (from's) upright. FAULT_TOO_LARGE where memory is short. */
int image_turn(const struct image *from, unsigned orientation, struct image *to,
               enum wire_fault *ret_fault);

/* --- decode_exif.c --- */

/* The orientation that an EXIF block (with or without its "Exif" prefix) states; 1 where it states
 * none, or none of 1..8, or is no EXIF block. */
unsigned exif_orientation(const uint8_t *bytes, size_t len);

/* --- decode_png.c --- */

/* A PNG without what its pixels do not need. */
struct png_essence {
    uint8_t *bytes; /* the caller's to free */
    size_t len;
    unsigned orientation;
    bool animated;
};

/* FAULT_TRUNCATED where the chunks do not lead to the end chunk. in: at least the signature. */
int png_strip(const struct encoded *in, struct png_essence *ret, enum wire_fault *ret_fault);

/* --- decode_webp.c --- */

/* Width and height as the file states them, bounded by nothing but their 24 bits. FAULT_TRUNCATED
 * where the first chunk tells none. in: at least the signature. */
int webp_sides(const struct encoded *in, uint32_t ret_sides[2], enum wire_fault *ret_fault);

/* --- the decoders --- */

/* What libvips reads between a header and its pixels. */
struct vips_source {
    void *picture;  /* VipsImage */
    uint8_t *bytes; /* of which it reads, where they are a copy */
    const char *format;
};

struct decoder {
    const struct codec *codec; /* of the picture whose header was read; NULL: there is none */
    struct stored stored;      /* that picture */
    struct jpeg_reader *jpeg;
    struct vips_source vips;
    struct raw raw;
    const uint8_t *raw_bytes;
    struct image sideways; /* pixels on their way to being upright */
};

/* One kind of file. header fills decoder->stored; pixels reads at least `want` of the stored
 * picture into the image and sets its window; close releases what is held for this picture. */
struct codec {
    int (*header)(struct decoder *decoder, const struct encoded *in, enum wire_fault *ret_fault);
    int (*pixels)(struct decoder *decoder, const struct region *want, uint32_t reduce,
                  struct image *image, enum wire_fault *ret_fault);
    void (*close)(struct decoder *decoder);
};
extern const struct codec jpeg_codec, png_codec, webp_codec, raw_codec;

int jpeg_reader_new(struct jpeg_reader **ret); /* -ENOMEM */
void jpeg_reader_free(struct jpeg_reader *reader);

int vips_door_open(void);
void vips_door_close(void);

#endif
