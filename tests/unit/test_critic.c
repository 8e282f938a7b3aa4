/* SPDX-License-Identifier: Apache-2.0 */
/* test_critic: the bound on made-up rows whose information is known. */
#include "test.h"

#include "common/rng.h"
#include "tools/evaluate/critic.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 3072, TRAIN = 2048, DIM = 8, BATCH = 64, STEPS = 300 };

static struct fixture {
    struct ops *ops;
    float c[ROWS * DIM], z[ROWS * DIM];
    uint32_t row[ROWS];
    struct critic_rows train, choose, measure;
    struct critic_config config;
} f;

/* Each set has rows from all over the tables. */
static int setup(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ROWS; i++)
        f.row[i] = i * 5 % ROWS;
    f.train = (struct critic_rows){{f.c, f.z}, f.row, TRAIN};
    f.choose = (struct critic_rows){{f.c, f.z}, f.row + TRAIN, (ROWS - TRAIN) / 2};
    f.measure = (struct critic_rows){{f.c, f.z}, f.row + TRAIN + f.choose.n, (ROWS - TRAIN) / 2};
    f.config = (struct critic_config){
        .dims = {DIM, DIM},
        .batch = BATCH,
        .hidden = 64,
        .out = 32,
        .steps = STEPS,
        .lr = 0.1,
        .weight_decay = 1e-4,
        .temperature = 0.1,
        .seed = 1,
    };
    return ops_open("auto", 1, &f.ops);
}

static int teardown(void **state)
{
    (void)state;
    ops_close(f.ops);
    return 0;
}

static double most(void)
{
    return log(f.config.batch);
}

/* Each number of z goes with the same one of c by the correlation rho; scales and places differ. */
static void gaussians(double rho)
{
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = 7, .purpose = RNG_TEST});
    for (size_t i = 0; i < ROWS * DIM; i++) {
        double radius = sqrt(-2 * log(1 - rng_unit(&rng))), angle = 2 * M_PI * rng_unit(&rng);
        double c = radius * cos(angle), other = radius * sin(angle);
        f.c[i] = (float)(0.01 * c + 3);
        f.z[i] = (float)(100 * (rho * c + sqrt(1 - rho * rho) * other) - 20);
    }
}

static double bound(void)
{
    struct critic *critic = NULL;
    double ret = NAN;
    assert_int_equal(critic_new(f.ops, &f.config, &critic), 0);
    assert_int_equal(critic_train(critic, &f.train, &f.choose), 0);
    assert_int_equal(critic_bound(critic, &f.measure, &ret), 0);
    critic_free(critic);
    assert_true(isfinite(ret) && ret <= most());
    return ret;
}

/* Gaussians: I = -DIM / 2 log(1 - rho^2). What is told lies below it, and above where these few
 * steps and rows get to (measured -0.004, 0.22, 0.90, 2.09, 3.84). 0.06 above it would be the luck
 * of the 512 rows that are measured. */
static void grows_with_dependence(void **state)
{
    (void)state;
    static const struct {
        double rho, least;
    } cases[] = {{0, -0.05}, {0.3, 0.1}, {0.5, 0.7}, {0.7, 1.9}, {0.9, 3.6}};
    double before = -INFINITY;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double rho = cases[i].rho, truth = -0.5 * DIM * log(1 - rho * rho);
        gaussians(rho);
        double got = bound();
        print_message("rho %.2f: %.3f of %.3f nats, log N %.3f\n", rho, got, truth, most());
        assert_true(got >= cases[i].least && got <= truth + 0.06);
        assert_true(got > before);
        before = got;
    }
}

static void nothing_to_know(void **state)
{
    (void)state;
    gaussians(0);
    double got = bound();
    assert_true(fabs(got) < 0.05);
}

/* z is a curved, one-to-one image of c: all but the bound's own ceiling is told, at any N. */
static void one_to_one(void **state)
{
    (void)state;
    static const int32_t batches[] = {16, 32, BATCH};
    gaussians(0);
    for (size_t i = 0; i < ROWS * DIM; i++)
        f.z[i] = expf(-(f.c[i] - 3) * 100);
    for (size_t i = 0; i < ARRAY_LEN(batches); i++) {
        f.config.batch = batches[i];
        double got = bound();
        print_message("one to one, N %d: %.4f of %.4f nats\n", batches[i], got, most());
        assert_true(got > 0.9 * most());
    }
    f.config.batch = BATCH;
}

static void same_seed_same_bits(void **state)
{
    (void)state;
    gaussians(0.5);
    double first = bound(), again = bound();
    assert_memory_equal(&first, &again, sizeof(first));
    f.config.seed = 2;
    double other = bound();
    f.config.seed = 1;
    assert_true(other != first);
    assert_true(fabs(other - first) < 0.15);
}

/* A side that is always the same tells nothing; its columns' spread of 0 is divided by nowhere. */
static void one_side_is_constant(void **state)
{
    (void)state;
    for (int side = 0; side < CRITIC_SIDES; side++) {
        gaussians(0.9);
        float *table = side == CRITIC_C ? f.c : f.z;
        for (size_t i = 0; i < ROWS * DIM; i++)
            table[i] = 0.1F * (float)(i % DIM);
        double got = bound();
        assert_true(got <= 1e-6 && got > -0.05);
    }
}

static void fewer_rows_than_a_batch(void **state)
{
    (void)state;
    gaussians(0.5);
    struct critic *critic = NULL;
    double ret;
    assert_int_equal(critic_new(f.ops, &f.config, &critic), 0);
    struct critic_rows few = f.train;
    few.n = BATCH - 1;
    assert_int_equal(critic_train(critic, &few, &f.choose), -EINVAL);
    assert_string_equal(err_text(), "63 rows to train on, a batch has 64");
    assert_int_equal(critic_train(critic, &f.train, &few), -EINVAL);
    assert_string_equal(err_text(), "63 rows to choose by, a batch has 64");
    assert_int_equal(critic_bound(critic, &few, &ret), -EINVAL);
    assert_string_equal(err_text(), "63 rows to measure, a batch has 64");
    critic_free(critic);
}

/* One number among all that is none. */
static void no_finite_loss(void **state)
{
    (void)state;
    struct critic *critic = NULL;
    gaussians(0.5);
    f.z[f.row[5] * DIM + 1] = NAN;
    assert_int_equal(critic_new(f.ops, &f.config, &critic), 0);
    assert_int_equal(critic_train(critic, &f.train, &f.choose), -ERANGE);
    assert_non_null(strstr(err_text(), "no finite number"));
    critic_free(critic);
}

static void count_steps(void *hint, uint32_t steps)
{
    uint32_t *last = hint;
    assert_int_equal(steps, *last + 1);
    *last = steps;
}

static void tells_each_step(void **state)
{
    (void)state;
    uint32_t last = 0;
    gaussians(0.5);
    f.config.tell = count_steps;
    f.config.hint = &last;
    f.config.steps = 7; /* fewer than there are looks at the rows to choose by */
    bound();
    assert_int_equal(last, 7);
    f.config.tell = NULL;
    f.config.steps = STEPS;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_with_dependence),
        cmocka_unit_test(nothing_to_know),
        cmocka_unit_test(one_to_one),
        cmocka_unit_test(same_seed_same_bits),
        cmocka_unit_test(one_side_is_constant),
        cmocka_unit_test(fewer_rows_than_a_batch),
        cmocka_unit_test(no_finite_loss),
        cmocka_unit_test(tells_each_step),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
