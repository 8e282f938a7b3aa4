/* SPDX-License-Identifier: Apache-2.0 */
/* schedule: see schedule.h. Takes the recipe and a step's number; gives rates. Any
 * thread. Owner: train. Does not touch parameters. */
#include "trainer/schedule.h"

#include <assert.h>
#include <math.h>

void schedule_init(struct schedule *schedule, const struct recipe *recipe, uint64_t epoch_steps)
{
    assert(epoch_steps > 0 && recipe->optim.epochs > 0);
    *schedule = (struct schedule){
        .kind = (enum recipe_schedule)recipe->optim.schedule,
        .unit = (enum recipe_schedule_unit)recipe->optim.schedule_unit,
        .lr = recipe->optim.base_lr * (double)recipe->data.batch / 256,
        .epochs = (uint64_t)recipe->optim.epochs,
        .steps = epoch_steps,
        .momentum = recipe->method.momentum,
        .momentum_cosine = recipe->method.momentum_schedule == MOMENTUM_COSINE,
        .frozen = (uint64_t)recipe->method.prototypes.frozen,
    };
}

/* (1 + cos(pi t/T)) / 2: from 1 down to 0 over the run. */
static double cosine(const struct schedule *s, uint64_t step)
{
    bool per_step = s->unit == SCHEDULE_STEP;
    uint64_t now = per_step ? step : step / s->steps;
    uint64_t end = per_step ? s->epochs * s->steps : s->epochs;
    return now >= end ? 0 : (1 + cos(M_PI * (double)now / (double)end)) / 2;
}

double schedule_lr(const struct schedule *s, uint64_t step)
{
    return s->kind == SCHEDULE_CONSTANT ? s->lr : s->lr * cosine(s, step);
}

double schedule_momentum(const struct schedule *s, uint64_t step)
{
    return s->momentum_cosine ? 1 - (1 - s->momentum) * cosine(s, step) : s->momentum;
}

void schedule_rates(const struct schedule *s, uint64_t step, struct rates *ret)
{
    *ret = (struct rates){
        .lr = (float)schedule_lr(s, step),
        .lr_first = (float)s->lr,
        .momentum = (float)schedule_momentum(s, step),
        .hold_late = step < s->frozen,
    };
}
