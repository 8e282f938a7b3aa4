/* SPDX-License-Identifier: Apache-2.0 */
/* train: one run from its recipe to its backbone: the step loop. One per process. */
#ifndef AUGSTREAM_TRAINER_TRAIN_H
#define AUGSTREAM_TRAINER_TRAIN_H

#include "trainer/recipe.h"

struct train_config {
    const struct recipe *recipe;
    const char *run_dir;      /* the run folder; NULL: run.dir/run.name */
    bool resume;              /* go on from the newest checkpoint */
    uint64_t steps;           /* end after this step of the run; 0 = the recipe's epochs */
    bool profile;             /* time each phase of a step, tell it in metrics and at the end */
    const volatile int *stop; /* nonzero: write a checkpoint and end well */
};

/* 0 at the end, and after a stop; -EINTR after one that left nothing trained. On an error nothing
 * is left of a run that had not begun; one that had keeps its checkpoints. -EDOM: a guard ended it;
 * step and cause are named. */
int train_run(const struct train_config *config);

#endif
