/* SPDX-License-Identifier: Apache-2.0 */
/* tally_private: what tally.c adds to and tally_rows.c reads. */
#ifndef AUGSTREAM_INSPECT_TALLY_PRIVATE_H
#define AUGSTREAM_INSPECT_TALLY_PRIVATE_H

#include "tools/inspect/figures/tally.h"

/* One number of one view, or of the pair. */
struct cell {
    struct law law;
    double per_bar; /* bars per unit; 0: a constant */
    double slack;   /* bars: a float at the end of a law of doubles is not outside */
    struct stat_mean stat;
    uint64_t bar[TALLY_BARS], outside;
};

/* Batches that have been told: open addressing, two generations, of which the older is forgotten
 * when the newer is full. 0 is an empty place. */
struct repeats {
    uint64_t *place[2]; /* [REPEAT_PLACES] */
    uint32_t n;         /* in place[0] */
};

struct tally {
    struct figures figures;
    uint32_t n_views, kept_max;
    bool told;
    struct view_spec laws[OMEGA_VIEWS_MAX];
    uint64_t seed;
    struct tally_info info;
    struct repeats repeats;
    bool stand_in[WIRE_BATCH_MAX]; /* of the batch that is being added */

    uint64_t views[OMEGA_VIEWS_MAX], pairs;
    struct cell (*cells)[FIGURES]; /* [n_views] */
    uint64_t order_batches[OMEGA_VIEWS_MAX];
    uint64_t order_mixed[OMEGA_VIEWS_MAX]; /* batches with several, where there may be but one */
    struct cell targets[TARGETS];          /* of (0,1) */
    struct stat_mean both[TARGETS];        /* of (0,1) and (1,0) */
    uint64_t turns[FIGURE_TURNS];          /* rotation's target of (0,1) and (1,0) */

    /* The reservoir: a uniform choice of the samples that had any view kept. */
    struct law_dice dice;
    uint64_t seen, next; /* samples; the next one that goes in */
    double weight;       /* of the largest key in it, Li's algorithm L */
    uint32_t kept;
    struct omega *omega; /* [kept_max][n_views] */
    uint16_t *has;       /* [kept_max]: a bit a view */
};

#endif
