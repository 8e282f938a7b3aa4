/* SPDX-License-Identifier: Apache-2.0 */
/* profile: where the time of a step goes, by phase. Off, it costs a branch a phase. Owner: train.
 * One thread; allocates nothing. */
#ifndef AUGSTREAM_TRAINER_WATCH_PROFILE_H
#define AUGSTREAM_TRAINER_WATCH_PROFILE_H

#include "common/stat.h"
#include "trainer/model.h"

#include <stdbool.h>
#include <stdio.h>

enum profile_phase {
    PROFILE_DATA,     /* waiting for a batch */
    PROFILE_FORWARD,  /* backbone, the method's heads and its loss */
    PROFILE_AUGSELF,  /* the AugSelf heads, there and back */
    PROFILE_BACKWARD, /* the method's heads and the backbone */
    PROFILE_OPTIM,    /* optimiser, momentum encoder, fetching the losses */
    PROFILE_REST,     /* guards, metrics, letting the batch go */
    PROFILE_PHASES,
};

/* Zero-initialise: off. */
struct profile {
    bool on;
    double since_s, begin_s;
    double step_s[PROFILE_PHASES]; /* of the step that runs, or ran last */
    struct stat_mean phase_s[PROFILE_PHASES], whole_s;
};

extern const char *const profile_names[PROFILE_PHASES]; /* "data", "forward", ... */

/* Turns it on; the model marks its own phases from now on. The struct must not move. */
void profile_start(struct profile *profile, struct model *model);

/* A step begins; the time since the step before, with its checkpoints and scores, is nobody's. */
void profile_begin(struct profile *profile);
/* The time since begin or the last mark was this phase's; a phase may have several pieces. */
void profile_mark(struct profile *profile, enum profile_phase phase);
/* The step is over: it ended with the last mark. */
void profile_end(struct profile *profile);

/* The same by a clock of the caller's. */
void profile_begin_at(struct profile *profile, double now_s);
void profile_mark_at(struct profile *profile, enum profile_phase phase, double now_s);

/* "profile 120 steps of 35.2 ms (deviation 1.0, longest 40.2)", then a line for each phase: its
 * name, ms a step, share. Nothing without a step. */
void profile_report(const struct profile *profile, FILE *out);

#endif
