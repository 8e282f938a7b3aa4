/* SPDX-License-Identifier: Apache-2.0 */
/* sheet: a contact sheet of a batch: the views of a sample touch, small ones lie in rows below the
 * large ones, samples are apart. Pure but for the memory it makes. */
#ifndef AUGSTREAM_TRAINER_WATCH_SHEET_H
#define AUGSTREAM_TRAINER_WATCH_SHEET_H

#include "trainer/model.h"

/* A batch as the model reads it, and how it is cut up. All loans. */
struct sheet_batch {
    const struct model_batch *model;
    uint32_t n_samples, n_views, large; /* large: the first so many views */
    const uint32_t *sizes;              /* [n_views], pixels of a side */
};

struct sheet {
    uint8_t *rgb; /* [h][w][3]; the caller frees */
    uint32_t w, h;
};

/* One image, [size][size][3]: a loan from the batch. */
const uint8_t *sheet_image(const struct sheet_batch *batch, uint32_t view, uint32_t sample);

/* The first `samples` of the batch, or all that there are. -ENOMEM. */
int sheet_draw(const struct sheet_batch *batch, uint32_t samples, struct sheet *ret);

#endif
