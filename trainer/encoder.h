/* SPDX-License-Identifier: Apache-2.0 */
/* encoder: the backbones of a model and the features that they make of a batch, view by view. The
 * trained backbone sees the first large views and the small ones (at their size, with the same
 * parameters); a momentum backbone, where the method wants one, sees the last large views.
 *     pixels -> x -> y [V*N,D] of the trained views, t [targets*N,D] of the target's,
 *     pair [2N,D] of the two large views, one from the target where it is not trained */
#ifndef AUGSTREAM_TRAINER_ENCODER_H
#define AUGSTREAM_TRAINER_ENCODER_H

#include "trainer/resnet.h"

/* Images of one view and size, in row order: a loan. */
struct encoder_run {
    const uint8_t *pixels; /* [rows][size][size][3], of one view as recv gives it */
    int32_t rows;
};

struct encoder_config {
    struct resnet_config backbone;       /* rows, size, groups and role are filled in here */
    int32_t n;                           /* N, images */
    int32_t size, small_size;            /* pixels of a side */
    int32_t large_views, small_views;    /* of a batch */
    int32_t trained_views, target_views; /* of the large ones: first so many; last so many or 0 */
    float mean[3], std[3];
};

struct encoder;

/* -EINVAL unless each large view is trained or a target's. */
int encoder_new(struct net *net, const struct encoder_config *config, struct encoder **ret);
void encoder_free(struct encoder *encoder);

int32_t encoder_views(const struct encoder *encoder);    /* V, trained: large ones and small ones */
int32_t encoder_features(const struct encoder *encoder); /* D */
int32_t encoder_rows(const struct encoder *encoder);     /* images that encoder_infer takes */

/* A whole batch: large views, then small ones. -EINVAL when runs hold more or fewer images. */
int encoder_forward(struct encoder *encoder, const struct encoder_run *runs, uint32_t n_runs);
const struct tensor *encoder_y(const struct encoder *encoder);
const struct tensor *encoder_t(const struct encoder *encoder); /* data NULL without a target */
const struct tensor *encoder_pair(const struct encoder *encoder);

/* Gradients of y and of the pair, to be written between forward and backward. They share rows:
 * write dy first, then add to dpair. */
struct tensor *encoder_dy(struct encoder *encoder);
struct tensor *encoder_dpair(struct encoder *encoder);
int encoder_backward(struct encoder *encoder);

/* By the running averages; host features [images][D]. */
int encoder_infer(struct encoder *encoder, const struct encoder_run *runs, uint32_t n_runs,
                  float *ret_features);

#endif
