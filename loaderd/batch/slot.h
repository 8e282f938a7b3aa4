/* SPDX-License-Identifier: Apache-2.0 */
/* slot: what lies where in a pool slot that holds one batch. The daemon and its workers both
 * compute it from the spec, so a task need not carry it. view 0 [N][S0][S0][3] | view 1
 * [N][S1][S1][3] | ... | omega [V][N] | check [V][N]. A view starts at a multiple of
 * SLOT_ALIGN, omega and check too. */
#ifndef AUGSTREAM_LOADERD_SLOT_H
#define AUGSTREAM_LOADERD_SLOT_H

#include "common/omega.h"
#include "proto/wire.h"

#include <stddef.h>

enum {
    SLOT_ALIGN = 64, /* bytes */
    /* Bytes beside the pixels: every record and checksum of the largest batch, and the gaps of
     * alignment. */
    SLOT_EXTRA = WIRE_OMEGAS_MAX * (sizeof(struct omega) + sizeof(uint32_t)) +
                 (OMEGA_VIEWS_MAX + 2) * SLOT_ALIGN,
};

struct slot_layout {
    size_t view[OMEGA_VIEWS_MAX];  /* offset of a view's first image, bytes */
    size_t image[OMEGA_VIEWS_MAX]; /* bytes of one image of a view */
    size_t omega;                  /* offset */
    size_t check;                  /* offset: CRC-32C of each view's pixels */
    size_t bytes;                  /* in all */
    uint32_t frames;               /* that the pixels are cut into (batch_seal) */
};

/* For n samples, 1..spec->batch; spec has passed spec_check. */
void slot_layout(const struct spec *spec, uint32_t n, struct slot_layout *ret);

/* Whole images of one view that fit in a frame. */
uint32_t slot_frame_images(size_t image_bytes);

#endif
