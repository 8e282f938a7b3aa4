/* SPDX-License-Identifier: Apache-2.0 */
/* loss: the named scalars of a step. They are written by ops slots into back-end memory and fetched
 * together, so that a step itself waits for nothing. */
#ifndef AUGSTREAM_TRAINER_LOSS_H
#define AUGSTREAM_TRAINER_LOSS_H

#include "trainer/net.h"

enum {
    LOSS_MAX = 15,
    LOSS_NAME_MAX = 32,
};

struct loss {
    struct net *net; /* a loan */
    uint32_t n;
    struct {
        char name[LOSS_NAME_MAX];
        float weight;        /* in the total; 0: only watched */
        float scale, offset; /* the value is scale * what the slot wrote + offset */
        float value;         /* as last fetched */
    } item[LOSS_MAX];
    float *device;        /* [LOSS_MAX], in the order of item */
    double sum[LOSS_MAX]; /* of earlier batches */
    uint32_t batches;     /* how many */
};

int loss_init(struct loss *loss, struct net *net);
/* Returns the item's index, or -ENOSPC. */
int loss_add(struct loss *loss, const char *name, float weight);
/* The value is scale * what the slot writes + offset from now on. Returns 0. */
int loss_map(struct loss *loss, int index, float scale, float offset);
/* Fetches every value; the total is the sum of weight * value. After loss_add_up: the means over
 * the batches since the last fetch, the present one included. */
int loss_fetch(struct loss *loss, float *ret_total);
/* Keeps this batch's values for the next fetch, before another batch overwrites them. */
int loss_add_up(struct loss *loss);

#endif
