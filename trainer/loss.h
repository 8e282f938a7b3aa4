/* SPDX-License-Identifier: Apache-2.0 */
/* loss: the named scalars of a step. They are written by ops slots into back-end memory and fetched
 * together, so that a step itself waits for nothing. Beside losses there are scores, which say how
 * well a loss is met in words that need no scale: an accuracy, written by a slot like a loss; or
 * R2 = 1 - loss / variance, made of a mean squared error and the variance of its targets. */
#ifndef AUGSTREAM_TRAINER_LOSS_H
#define AUGSTREAM_TRAINER_LOSS_H

#include "trainer/net.h"

enum {
    LOSS_MAX = 23,
    LOSS_NAME_MAX = 32,
};

struct loss {
    struct net *net; /* a loan */
    uint32_t n;
    struct loss_item {
        char name[LOSS_NAME_MAX];
        float weight;        /* in the total; 0: only watched */
        float scale, offset; /* the value is scale * what the slot wrote + offset */
        bool score;          /* may be no number where there was nothing to tell apart */
        int of;              /* R2: the index of its mean squared error; else -1 */
        double variance;     /* R2: of this batch's targets... */
        double variance_sum; /* ...and of earlier batches' */
        float value;         /* as last fetched */
    } item[LOSS_MAX];
    float *device;        /* [LOSS_MAX], in the order of item */
    double sum[LOSS_MAX]; /* of earlier batches */
    uint32_t batches;     /* how many */
};

int loss_init(struct loss *loss, struct net *net);
/* Returns the item's index, or -ENOSPC. */
int loss_add(struct loss *loss, const char *name, float weight);
/* "name.kind", watched only, written by a slot: an accuracy. Index or -ENOSPC. */
int loss_add_score(struct loss *loss, const char *name, const char *kind);
/* "NAME.r2" of the item `of`, a mean squared error; no slot writes it. Index or -ENOSPC. */
int loss_add_r2(struct loss *loss, int of);
/* Of this batch's targets about their own mean, the mean over outputs; before fetch or add_up. */
void loss_set_variance(struct loss *loss, int index, double variance);
/* The value is scale * what the slot writes + offset from now on. Returns 0. */
int loss_map(struct loss *loss, int index, float scale, float offset);
/* Fetches every value; the total is the sum of weight * value. After loss_add_up: the means over
 * the batches since the last fetch, the present one included; of an R2, made of both means. NaN:
 * an R2 of targets that are all the same. */
int loss_fetch(struct loss *loss, float *ret_total);
/* Keeps this batch's values for the next fetch, before another batch overwrites them. */
int loss_add_up(struct loss *loss);

#endif
