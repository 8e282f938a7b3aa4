/* SPDX-License-Identifier: Apache-2.0 */
/* keep: views of batch after batch -> one safetensors file, as inspect's verb batch writes it, or a
 * contact sheet. */
#ifndef AUGSTREAM_TOOLS_INSPECT_KEEP_H
#define AUGSTREAM_TOOLS_INSPECT_KEEP_H

#include "proto/wire.h"

#include <stdbool.h>

#define KEEP_BYTES_MAX (4ull << 30) /* of pixels */

/* Zero-initialise. The batches must have the same views; the first so many of one size are the
 * large ones. */
struct keep {
    uint32_t n_views, large, sizes[OMEGA_VIEWS_MAX];
    size_t n, capacity;               /* samples */
    uint8_t *pixels[OMEGA_VIEWS_MAX]; /* each [n][size][size][3] */
    int64_t *labels, *samples;        /* [n] */
};

/* Makes room for a batch's views behind those that are there; ret_pixels [n_views] is where they
 * go. -EINVAL for other views than before, -E2BIG above KEEP_BYTES_MAX. */
int keep_room(struct keep *keep, const struct wire_message *tap,
              uint8_t *ret_pixels[OMEGA_VIEWS_MAX]);

/* Keeps of the batch for which there was room the samples that are true in `good` [n_samples]. */
void keep_batch(struct keep *keep, const struct wire_message *tap, const bool *good);

/* Tensors views U8 [V,n,S,S,3], small where there are smaller ones, labels and samples I64 [n].
 * Afterwards keep holds no pixels. */
int keep_write(struct keep *keep, const char *path);

/* A PNG picture of the first KEEP_SHEET_MAX samples: the views of one touch, samples are apart. */
enum { KEEP_SHEET_MAX = 256 };
int keep_draw(const struct keep *keep, const char *path);

void keep_done(struct keep *keep);

#endif
