/* SPDX-License-Identifier: Apache-2.0 */
/* summary: what a run says at its end. Pure. */
#ifndef AUGSTREAM_TRAINER_WATCH_SUMMARY_H
#define AUGSTREAM_TRAINER_WATCH_SUMMARY_H

#include "trainer/recv.h"
#include "trainer/watch/profile.h"

struct summary {
    const char *folder;
    uint64_t first, step, end; /* steps done when it began, now, and of the whole run */
    uint64_t images;           /* of a step */
    double seconds, away_s;    /* away: not stepping (evaluation, checkpoints) */
    const struct model_losses *losses;
    double rank;                /* the features' effective rank, as last measured; */
    double knn_first, knn_last; /* these three below 0: not measured */
    const struct recv_counts *counts;
    const struct profile *profile;
};

void summary_print(const struct summary *summary, FILE *out);

#endif
