/* SPDX-License-Identifier: Apache-2.0 */
/* schedule: see schedule.h. Takes the recipe and a step's number; gives a learning rate. Any
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
    };
}

double schedule_lr(const struct schedule *s, uint64_t step)
{
    if (s->kind == SCHEDULE_CONSTANT)
        return s->lr;
    bool per_step = s->unit == SCHEDULE_STEP;
    uint64_t now = per_step ? step : step / s->steps;
    uint64_t end = per_step ? s->epochs * s->steps : s->epochs;
    if (now >= end)
        return 0;
    return s->lr / 2 * (1 + cos(M_PI * (double)now / (double)end));
}
