/* SPDX-License-Identifier: Apache-2.0 */
/* schedule: see schedule.h. Takes the recipe and a step's number; gives rates. Any
 * thread. Owner: train. Does not touch parameters. */
#include "trainer/schedule.h"

#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>

void schedule_init(struct schedule *schedule, const struct recipe *recipe, uint64_t epoch_batches)
{
    assert(epoch_batches > 0 && recipe->optim.epochs > 0 && recipe->optim.accumulate > 0);
    double images = (double)recipe->data.batch * (double)recipe->optim.accumulate;
    *schedule = (struct schedule){
        .kind = (enum recipe_schedule)recipe->optim.schedule,
        .unit = (enum recipe_schedule_unit)recipe->optim.schedule_unit,
        .lr = recipe->optim.base_lr * images / 256,
        .epochs = (double)recipe->optim.epochs,
        .steps = (double)epoch_batches / (double)recipe->optim.accumulate,
        .warmup = recipe->optim.warmup,
        .momentum = recipe->method.momentum,
        .momentum_cosine = recipe->method.momentum_schedule == MOMENTUM_COSINE,
        .frozen = (uint64_t)recipe->method.prototypes.frozen,
    };
}

int schedule_steps(const struct recipe *recipe, uint64_t epoch_batches, uint64_t *ret)
{
    uint64_t batches = (uint64_t)recipe->optim.epochs * epoch_batches;
    *ret = batches / (uint64_t)recipe->optim.accumulate;
    if (*ret > 0)
        return 0;
    return err_set(-EINVAL, "optim.accumulate: %" PRId64 " batches; the run has only %" PRIu64,
                   recipe->optim.accumulate, batches);
}

/* t in the schedule's unit, and how many of these an epoch has. */
static double clock_of(const struct schedule *s, uint64_t step, double *ret_epoch)
{
    bool per_step = s->unit == SCHEDULE_STEP;
    *ret_epoch = per_step ? s->steps : 1;
    return per_step ? (double)step : floor((double)step / s->steps);
}

/* (1 + cos(pi t/T)) / 2: from 1 down to 0 between `from` and `to`. */
static double cosine(double t, double from, double to)
{
    return t >= to ? 0 : (1 + cos(M_PI * (t - from) / (to - from))) / 2;
}

double schedule_lr(const struct schedule *s, uint64_t step)
{
    double epoch, t = clock_of(s, step, &epoch);
    double warmup = s->warmup * epoch;
    if (t < warmup)
        return s->lr * fmin(1, (t + 1) / warmup);
    return s->kind == SCHEDULE_CONSTANT ? s->lr : s->lr * cosine(t, warmup, s->epochs * epoch);
}

double schedule_momentum(const struct schedule *s, uint64_t step)
{
    double epoch, t = clock_of(s, step, &epoch);
    return s->momentum_cosine ? 1 - (1 - s->momentum) * cosine(t, 0, s->epochs * epoch)
                              : s->momentum;
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
