/* SPDX-License-Identifier: Apache-2.0 */
/* render: one sample of a batch, as a pure function: read -> header -> draw omega -> pixels ->
 * augment, for every view of the spec. Worker processes only (and tools and tests). */
#ifndef AUGSTREAM_LOADERD_RENDER_H
#define AUGSTREAM_LOADERD_RENDER_H

#include "common/omega.h"
#include "loaderd/decode/decode.h"
#include "loaderd/source/source.h"
#include "proto/wire.h"

#include <stdbool.h>

struct render;
int render_new(struct render **ret); /* calls decode_open */
void render_free(struct render *render);

/* Whole pictures that are decoded already, and room for one more. */
enum { RENDER_REDUCTIONS = 4 };
struct render_cache {
    /* The sample's picture reduced by 1, 2, 4, 8, as struct image has it; NULL: not there. */
    const uint8_t *whole[RENDER_REDUCTIONS];
    struct picture picture; /* of these; w 0: none is there */
    uint8_t *fill;          /* where the whole picture may be put; NULL: nowhere */
    size_t fill_bytes;

    bool used;     /* set by render_sample: a picture that was there was enough */
    size_t filled; /* bytes that were put; 0: none; of this picture, so reduced: */
    struct picture filled_picture;
    uint32_t filled_reduce;
    size_t wanted; /* bytes for which there was too little room */
};

struct render_task {
    const struct item *item;
    const struct spec *spec;
    uint32_t epoch, batch;                /* omega_key */
    uint8_t *out[OMEGA_VIEWS_MAX];        /* [size][size][3] of each view */
    struct omega *omega[OMEGA_VIEWS_MAX]; /* where each view's record goes */
    uint32_t *check[OMEGA_VIEWS_MAX];     /* where the CRC-32C of its pixels goes; NULL: nowhere */
    struct render_cache *cache;           /* NULL: none. The views are the same with and without */
    bool recorded; /* omega holds the records already: nothing is drawn, views come out again */
};

/* 0, or -EBADMSG with *ret_fault (an image's fault; err_text() says what, path named), or another
 * -errno for trouble that is not the image's: -EINVAL for a record that is not of this picture and
 * this spec. What out, and omega where it was to be drawn, then hold means nothing. */
int render_sample(struct render *render, const struct render_task *task,
                  enum wire_fault *ret_fault);

/* The picture itself, for people to look at. side > 0: all of it, reduced as far as leaves the
 * longer side at least `side`, into *ret_image, a loan until the next call on render. side 0: only
 * what its header says. Errors as render_sample's; what they would set then means nothing. */
int render_picture(struct render *render, const struct item *item, uint32_t side,
                   struct picture *ret_picture, const struct image **ret_image,
                   enum wire_fault *ret_fault);

#endif
