/* SPDX-License-Identifier: Apache-2.0 */
/* test_schedule: the values of torch.optim.lr_scheduler.CosineAnnealingLR (PyTorch 1.13, SGD,
 * lr = 0.03 * 64 / 256, T_max 5 and 12). */
#include "test.h"

#include "trainer/schedule.h"

#include <math.h>

static const double torch5[] = {0.0075, 0.00678381372891, 0.00490881372891, 0.00259118627109,
                                0.000716186271094};
static const double torch12[] = {0.0075,   0.00737222184858, 0.00699759526419,  0.00640165042945,
                                 0.005625, 0.00472057141913, 0.00375,           0.00277942858087,
                                 0.001875, 0.00109834957055, 0.000502404735808, 0.000127778151416};

static struct schedule make(enum recipe_schedule kind, enum recipe_schedule_unit unit,
                            int64_t epochs, uint64_t epoch_steps)
{
    static struct recipe recipe; /* only these fields are read */
    recipe.data.batch = 64;
    recipe.optim.accumulate = 1;
    recipe.optim.base_lr = 0.03;
    recipe.optim.epochs = epochs;
    recipe.optim.schedule = kind;
    recipe.optim.schedule_unit = unit;
    struct schedule schedule;
    schedule_init(&schedule, &recipe, epoch_steps);
    return schedule;
}

static void near(double got, double want)
{
    assert_true(fabs(got - want) < 1e-12);
}

static void cosine_per_epoch(void **state)
{
    (void)state;
    struct schedule s = make(SCHEDULE_COSINE, SCHEDULE_EPOCH, 5, 7);
    for (uint64_t step = 0; step < 35; step++)
        near(schedule_lr(&s, step), torch5[step / 7]);
    near(schedule_lr(&s, 35), 0);
    near(schedule_lr(&s, 1000), 0);
}

static void cosine_per_step(void **state)
{
    (void)state;
    struct schedule s = make(SCHEDULE_COSINE, SCHEDULE_STEP, 3, 4);
    for (uint64_t step = 0; step < 12; step++)
        near(schedule_lr(&s, step), torch12[step]);
    near(schedule_lr(&s, 12), 0);
}

static void constant(void **state)
{
    (void)state;
    struct schedule s = make(SCHEDULE_CONSTANT, SCHEDULE_EPOCH, 5, 7);
    near(schedule_lr(&s, 0), 0.0075);
    near(schedule_lr(&s, 34), 0.0075);
    near(s.lr, 0.0075);
}

/* Three epochs up to the peak, then the cosine over what is left; the momentum goes its own way. */
static void warmup(void **state)
{
    (void)state;
    struct schedule s = make(SCHEDULE_COSINE, SCHEDULE_EPOCH, 8, 7);
    s.warmup = 3;
    for (uint64_t epoch = 0; epoch < 3; epoch++)
        near(schedule_lr(&s, 7 * epoch + 6), 0.0075 * (double)(epoch + 1) / 3);
    for (uint64_t epoch = 3; epoch < 8; epoch++)
        near(schedule_lr(&s, 7 * epoch), torch5[epoch - 3]);
    s.unit = SCHEDULE_STEP;
    near(schedule_lr(&s, 0), 0.0075 / 21);
    near(schedule_lr(&s, 20), 0.0075);
    near(schedule_lr(&s, 21), 0.0075);
    assert_true(schedule_lr(&s, 22) < 0.0075);
    s.momentum = 0.9;
    s.momentum_cosine = true;
    near(schedule_momentum(&s, 0), 0.9);
    near(schedule_momentum(&s, 28), 0.95);
    near(schedule_momentum(&s, 56), 1);
    s.momentum_cosine = false;
    near(schedule_momentum(&s, 28), 0.9);
}

/* Two and a half batches' epochs: a step's epoch is that of its first batch. */
static void accumulated(void **state)
{
    (void)state;
    static struct recipe recipe;
    recipe.data.batch = 64;
    recipe.optim.base_lr = 0.03;
    recipe.optim.epochs = 5;
    recipe.optim.accumulate = 2;
    recipe.method.prototypes.frozen = 3;
    struct schedule s;
    schedule_init(&s, &recipe, 5); /* batches an epoch */
    near(s.lr, 0.015);
    const uint64_t first[] = {0, 3, 5, 8, 10}; /* the first step that begins in each epoch */
    for (size_t epoch = 0; epoch < 5; epoch++) {
        near(schedule_lr(&s, first[epoch]), 2 * torch5[epoch]);
        if (epoch > 0)
            near(schedule_lr(&s, first[epoch] - 1), 2 * torch5[epoch - 1]);
    }
    struct rates rates;
    schedule_rates(&s, 2, &rates);
    assert_true(rates.hold_late && rates.lr_first == 0.015F);
    schedule_rates(&s, 3, &rates);
    assert_false(rates.hold_late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cosine_per_epoch), cmocka_unit_test(cosine_per_step),
        cmocka_unit_test(constant),         cmocka_unit_test(warmup),
        cmocka_unit_test(accumulated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
