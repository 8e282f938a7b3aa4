/* SPDX-License-Identifier: Apache-2.0 */
/* schedule: what the optimiser and a momentum encoder use in a step, as a pure function of the
 * step's number. */
#ifndef AUGSTREAM_TRAINER_SCHEDULE_H
#define AUGSTREAM_TRAINER_SCHEDULE_H

#include "trainer/recipe.h"

struct schedule {
    enum recipe_schedule kind;
    enum recipe_schedule_unit unit;
    double lr; /* the peak: base_lr * images a step / 256 (Goyal et al. 2017); constant groups' */
    double epochs, steps; /* of the run; of an epoch, with optim.accumulate no whole number */
    double warmup;        /* epochs */
    double momentum;      /* of a momentum encoder */
    bool momentum_cosine;
    uint64_t frozen; /* steps in which late parameters stand still */
};

struct rates {
    float lr;       /* scheduled learning rate */
    float lr_first; /* that of PARAM_CONSTANT */
    float momentum; /* of the momentum encoder */
    bool hold_late; /* PARAM_LATE stands still */
};

void schedule_init(struct schedule *schedule, const struct recipe *recipe, uint64_t epoch_batches);

/* How many steps a run has. -EINVAL: not one, for optim.accumulate takes more batches than there
 * are. */
int schedule_steps(const struct recipe *recipe, uint64_t epoch_batches, uint64_t *ret);

/* step counts from 0 over the whole run; t counts epochs or steps by the unit. Warm-up over W of
 * them: lr (t + 1) / W. Then lr/2 (1 + cos(pi (t - W) / (T - W))), PyTorch's CosineAnnealingLR with
 * eta_min 0. */
double schedule_lr(const struct schedule *schedule, uint64_t step);

/* The momentum encoder's momentum: constant, or 1 - (1 - base) (1 + cos(pi t/T)) / 2 (BYOL, Grill
 * et al. 2020, section 3.2). */
double schedule_momentum(const struct schedule *schedule, uint64_t step);

void schedule_rates(const struct schedule *schedule, uint64_t step, struct rates *ret);

#endif
