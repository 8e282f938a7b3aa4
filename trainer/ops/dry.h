/* SPDX-License-Identifier: Apache-2.0 */
/* dry: a back end that computes nothing. Its memory is address space that nobody may touch, its
 * plans are shapes, and every product of matrices or convolution only counts itself: what a model
 * would cost is known without having the machine for it. Not among the names of ops_open. */
#ifndef AUGSTREAM_TRAINER_OPS_DRY_H
#define AUGSTREAM_TRAINER_OPS_DRY_H

#include "trainer/ops/ops.h"

struct dry_counts {
    uint64_t macs; /* multiply-adds of convolutions and matrix products since it was opened */
    /* What plans take beside the arenas, as onednn's do: one copy of the largest input of a
     * convolution that has a gradient, and a byte for each pooled value. */
    uint64_t plan_bytes;
};

/* -ENOMEM. Downloads give zeros; uploads are forgotten. Closed with ops_close. */
int dry_open(struct ops **ret);
void dry_counts(const struct ops *ops, struct dry_counts *ret);

#endif
