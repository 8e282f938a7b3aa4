/* SPDX-License-Identifier: Apache-2.0 */
/* render: one sample of a batch, as a pure function: read -> header -> draw omega -> pixels ->
 * augment, for every view of the spec. Worker processes only (and tests). */
#ifndef AUGSTREAM_LOADERD_RENDER_H
#define AUGSTREAM_LOADERD_RENDER_H

#include "common/omega.h"
#include "loaderd/source/source.h"
#include "proto/wire.h"

#include <stdbool.h>

struct render;
int render_new(struct render **ret); /* calls decode_open */
void render_free(struct render *render);

struct render_task {
    const struct item *item;
    const struct spec *spec;
    uint32_t epoch, batch;                /* omega_key */
    uint8_t *out[OMEGA_VIEWS_MAX];        /* [size][size][3] of each view */
    struct omega *omega[OMEGA_VIEWS_MAX]; /* where each view's record goes */
    bool recorded; /* omega holds the records already: nothing is drawn, views come out again */
};

/* 0, or -EBADMSG with *ret_fault (an image's fault; err_text() says what, path named), or another
 * -errno for trouble that is not the image's: -EINVAL for a record that is not of this picture and
 * this spec. What out, and omega where it was to be drawn, then hold means nothing. */
int render_sample(struct render *render, const struct render_task *task,
                  enum wire_fault *ret_fault);

#endif
