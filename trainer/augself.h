/* SPDX-License-Identifier: Apache-2.0 */
/* augself: the heads that predict the difference of two views' omega from the pair of backbone
 * features (Lee et al., NeurIPS 2021, arXiv 2111.09613). One head per augmentation with a weight
 * above 0: "augself.<name>", an MLP 2D-hidden-hidden-outputs. Used symmetrically: row i < N is the
 * pair (view 1, view 2) of image i, row N+i the pair (view 2, view 1); one batch norm over all.
 * Beside each loss stands a score: "augself.<name>.accuracy" where classes are predicted (flip,
 * rotation), else "augself.<name>.r2", the share of the targets' variance in this batch that is
 * explained, all numbers of a target pooled: 1 = predicted, 0 = no better than their mean. */
#ifndef AUGSTREAM_TRAINER_AUGSELF_H
#define AUGSTREAM_TRAINER_AUGSELF_H

#include "common/omega.h"
#include "trainer/loss.h"

struct augself_config {
    int32_t rows;                   /* 2N */
    int32_t features, hidden;       /* D, of the backbone; width of the heads */
    float weight[AUGSELF_KINDS];    /* lambda of each loss, 0 = no head */
    const struct view_spec *law[2]; /* of view 1 and view 2; copied */
};

struct augself;

int augself_new(struct net *net, struct loss *loss, const struct augself_config *config,
                struct augself **ret);
void augself_free(struct augself *augself);

/* y [2N,D]: backbone features, view 1's rows first; omega [2][N]. Writes the losses and the
 * gradient of each head's output. */
int augself_forward(struct augself *augself, const struct omega *omega, const struct tensor *y);
int augself_backward(struct augself *augself, struct tensor *dy); /* dy += */

#endif
