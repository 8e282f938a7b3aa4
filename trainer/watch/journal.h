/* SPDX-License-Identifier: Apache-2.0 */
/* journal: what a run tells, at one door: the line on the terminal and metrics.jsonl (progress),
 * TensorBoard's file (board). Owner: train. One thread. */
#ifndef AUGSTREAM_TRAINER_WATCH_JOURNAL_H
#define AUGSTREAM_TRAINER_WATCH_JOURNAL_H

#include "trainer/watch/profile.h"
#include "trainer/watch/progress.h"
#include "trainer/watch/sheet.h"

struct journal;

struct journal_config {
    const char *folder; /* the run's: the event file goes in there */
    bool resumed;       /* later steps of older files are void */
    struct progress_config progress;
};
int journal_open(const struct journal_config *config, struct journal **ret);
void journal_close(struct journal *journal); /* NULL is fine */

struct journal_step {
    uint64_t step; /* steps done, this one counted */
    uint32_t epoch;
    const struct model_losses *losses;
    const double *rank; /* the features' effective rank; NULL: not of this step */
    double lr, now_s, wait_s;
    const struct profile *profile; /* the phases so far of this step, if it is on */
};
/* Allocates nothing. */
int journal_step(struct journal *journal, const struct journal_step *step);

/* A score, measured now and then: name in metrics.jsonl, tag on the board. */
struct journal_score {
    const char *name, *tag;
    double value;
};
int journal_score(struct journal *journal, uint64_t step, uint32_t epoch,
                  const struct journal_score *score);

/* A histogram of each weight (not of norms and biases, not of a momentum encoder). */
int journal_weights(struct journal *journal, uint64_t step, struct net *net);

/* A picture of the first `samples` images' views. */
int journal_views(struct journal *journal, uint64_t step, const struct sheet_batch *batch,
                  uint32_t samples);

/* Ends the terminal's line, so that other text can follow. */
void journal_break(struct journal *journal);

#endif
