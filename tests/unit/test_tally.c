/* SPDX-License-Identifier: Apache-2.0 */
/* tally: figures against hand-work, what may not be counted twice, and a reservoir that is fair.
 * --time measures. */
#include "tally_bed.h"

#include "common/stat.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

static void near(double is, double wanted, double tolerance)
{
    if (!(fabs(is - wanted) <= tolerance))
        fail_msg("%.9g, wanted %.9g", is, wanted);
}

/* Five views whose brightness is 0.6, 0.8, 1.0, 1.2 and 1.4; a sixth one was not jittered. */
static void test_figures(void **state)
{
    (void)state;
    struct view_spec laws[OMEGA_VIEWS_MAX];
    struct tally *tally;
    laws_of(simsiam, laws);
    assert_int_equal(
        tally_new(&(struct tally_config){.n_views = 1, .laws = laws, .seed = 1}, &tally), 0);
    struct wire_batch batch;
    draw_batch(laws, 1, 1, 0, &batch);
    batch.n_samples = 6;
    for (uint32_t i = 0; i < 6; i++) {
        omega[i].jitter.applied = i < 5;
        omega[i].jitter.brightness = i < 5 ? 0.6f + 0.2f * (float)i : 9;
        omega[i].flip = i < 2;
    }
    assert_int_equal(tally_add(tally, &batch, NULL), 6);
    struct outcome o = {0};
    assert_int_equal(tally_rows(tally, &o.rows, &o.n), 0);
    assert_int_equal(o.n, FIGURES);
    const struct tally_row *r = row_of(&o, 0, "jitter.brightness");
    assert_int_equal(r->views, 6);
    assert_int_equal(r->n, 5);
    near(r->mean, 1, 1e-7);
    near(r->deviation, sqrt(0.1), 1e-7);
    near(r->min, 0.6, 1e-7);
    near(r->max, 1.4, 1e-7);
    near(r->quantile[0], 0.64, 1e-7);
    near(r->quantile[2], 1, 1e-7);
    near(r->quantile[3], 1.2, 1e-7);
    assert_int_equal(r->outside, 0);
    assert_int_equal(r->bar[0], 1);
    assert_int_equal(r->bar[TALLY_BARS - 1], 1);
    near(r->expected[3], 1.0 / TALLY_BARS, 1e-15);
    assert_int_equal(r->test, TALLY_UNTESTED); /* too few */
    near(r->gap, 0.2, 1e-6); /* at 0.6, where a fifth is below and none should be */
    r = row_of(&o, 0, "flip");
    assert_int_equal(r->bar[1], 2);
    assert_int_equal(r->test, TALLY_BINOMIAL);
    near(r->p, 44.0 / 64, 1e-12); /* twice (1 + 6 + 15) / 64 */
    r = row_of(&o, 0, "blur.kernel");
    assert_int_equal(r->test, TALLY_CERTAIN);
    assert_true(r->p == 1);
    outcome_done(&o);
    assert_true(isnan(tally_trivial(tally, AUGSELF_CROP)));
    tally_free(tally);
}

/* What a head that says the mean loses, from the laws: of brightness a view's number is 0 but with
 * p 0.8, then uniform in -1/2 .. 1/2, so its variance is 0.8 / 12, and a pair's twice that. */
static void test_trivial(void **state)
{
    (void)state;
    struct view_spec laws[OMEGA_VIEWS_MAX];
    struct tally *tally;
    struct wire_batch batch;
    const uint32_t n_views = laws_of((const char *const[]){"views.rotation=1", NULL}, laws);
    assert_int_equal(
        tally_new(&(struct tally_config){.n_views = n_views, .laws = laws, .seed = 1}, &tally), 0);
    for (uint32_t b = 0; b < 200; b++) {
        draw_batch(laws, n_views, 1, b, &batch);
        tally_add(tally, &batch, NULL);
    }
    near(tally_trivial(tally, AUGSELF_COLOR), 2 * 0.8 / 12, 1e-3);
    near(tally_trivial(tally, AUGSELF_FLIP), log(2), 1e-3);
    near(tally_trivial(tally, AUGSELF_ROTATION), log(4), 1e-3);
    near(tally_trivial(tally, AUGSELF_SOLARIZE), 0, 0);
    /* p (1 - p) of the mean 1.05 and p of the variance 1.9^2 / 12, twice */
    near(tally_trivial(tally, AUGSELF_BLUR), 2 * (0.25 * 1.05 * 1.05 + 0.5 * 1.9 * 1.9 / 12), 0.01);
    tally_free(tally);
}

/* A batch that is told twice is counted once, a sample that stands in for another one not at all,
 * and of views that are not meant none. */
static void test_left_out(void **state)
{
    (void)state;
    struct view_spec laws[OMEGA_VIEWS_MAX];
    struct tally *tally;
    struct wire_batch batch;
    static bool keep[2 * BATCH];
    laws_of(simsiam, laws);
    assert_int_equal(
        tally_new(&(struct tally_config){.n_views = 2, .laws = laws, .seed = 1}, &tally), 0);
    draw_batch(laws, 2, 1, 0, &batch);
    assert_int_equal(tally_add(tally, &batch, NULL), 2 * BATCH);
    assert_int_equal(tally_add(tally, &batch, NULL), 0);
    draw_batch(laws, 2, 1, 1, &batch);
    batch.n_substituted = 2;
    substituted[0].position = 3;
    substituted[1].position = 200;
    assert_int_equal(tally_add(tally, &batch, NULL), 2 * (BATCH - 2));
    draw_batch(laws, 2, 1, 2, &batch);
    for (int i = 0; i < BATCH; i++)
        keep[BATCH + i] = i % 2;
    assert_int_equal(tally_add(tally, &batch, keep), BATCH / 2);
    const struct tally_info info = tally_info(tally);
    assert_int_equal(info.batches, 3);
    assert_int_equal(info.repeated, 1);
    assert_int_equal(info.stand_ins, 2);
    assert_int_equal(info.views, 2 * BATCH + 2 * (BATCH - 2) + BATCH / 2);
    struct outcome o = {0};
    assert_int_equal(tally_rows(tally, &o.rows, &o.n), 0);
    assert_int_equal(row_of(&o, 0, "flip")->n, BATCH + BATCH - 2);
    assert_int_equal(row_of(&o, 1, "flip")->n, BATCH + BATCH - 2 + BATCH / 2);
    assert_int_equal(row_of(&o, TALLY_PAIR, "target.flip")->n, BATCH + BATCH - 2);
    outcome_done(&o);
    batch.n_views = 3;
    assert_int_equal(tally_add(tally, &batch, NULL), -EBADMSG);
    tally_free(tally);

    /* ... of the last many batches, and names of two batches never meet */
    assert_int_equal(
        tally_new(&(struct tally_config){.n_views = 1, .laws = laws, .kept = 1}, &tally), 0);
    draw_batch(laws, 1, 1, 0, &batch);
    batch.n_samples = 1;
    for (uint32_t b = 0; b < 3 * TALLY_REPEATS; b++) {
        batch.index = b;
        assert_int_equal(tally_add(tally, &batch, NULL), 1);
        batch.index = b < TALLY_REPEATS ? 0 : b - TALLY_REPEATS + 1;
        assert_int_equal(tally_add(tally, &batch, NULL), 0);
    }
    tally_free(tally);
}

/* A small reservoir is a fair choice of a long stream: its quantiles are those of all, and its
 * distances pass; a choice of the first ones or of the last ones would show the trend that is put
 * into the stream. */
static void test_reservoir(void **state)
{
    (void)state;
    enum { KEPT = 2000 };
    struct view_spec laws[OMEGA_VIEWS_MAX];
    struct tally *tally;
    struct wire_batch batch;
    laws_of((const char *const[]){"views.jitter.p=1", NULL}, laws);
    assert_int_equal(
        tally_new(&(struct tally_config){.n_views = 1, .laws = laws, .kept = KEPT, .seed = 5},
                  &tally),
        0);
    for (uint32_t b = 0; b < 400; b++) { /* brightness grows from end to end */
        draw_batch(laws, 1, 1, b, &batch);
        for (uint32_t i = 0; i < BATCH; i++)
            omega[i].jitter.brightness =
                (float)(0.6 + 0.8 * ((double)b * BATCH + i) / (400.0 * BATCH));
        tally_add(tally, &batch, NULL);
    }
    struct outcome o = {0};
    assert_int_equal(tally_rows(tally, &o.rows, &o.n), 0);
    const struct tally_row *r = row_of(&o, 0, "jitter.brightness");
    assert_int_equal(r->tested, KEPT);
    print_message("reservoir: distance %.4f, p %.3f\n", r->gap, r->p);
    assert_true(r->p > 0.01);
    assert_int_equal(r->n, 400 * BATCH);
    near(r->mean, 1, 1e-4);
    outcome_done(&o);
    tally_free(tally);
}

/* Holm: the least of three is held against a third of the level, the next one against a half. */
static void test_judge(void **state)
{
    (void)state;
    struct tally_row rows[5] = {
        {.test = TALLY_CHI, .p = 0.04},       {.test = TALLY_BINOMIAL, .p = 0.016},
        {.test = TALLY_KOLMOGOROV, .p = 0.3}, {.test = TALLY_UNTESTED, .p = 0},
        {.test = TALLY_CERTAIN, .p = 1},
    };
    size_t tests;
    assert_int_equal(tally_judge(rows, 5, 0.05, &tests), 1);
    assert_int_equal(tests, 3);
    assert_true(rows[1].wrong && !rows[0].wrong);
    rows[0].p = 0.025;
    assert_int_equal(tally_judge(rows, 5, 0.05, &tests), 2);
    rows[1].p = 0.017;
    assert_int_equal(tally_judge(rows, 5, 0.05, &tests), 0);
    rows[4].p = 0;
    assert_int_equal(tally_judge(rows, 5, 0.05, &tests), 1);
    assert_true(rows[4].wrong);
}

/* test_tally --time: views a second on one core. */
static int measure(void)
{
    struct view_spec laws[OMEGA_VIEWS_MAX];
    struct tally *tally;
    struct wire_batch batch;
    const uint32_t n_views = laws_of(simsiam, laws);
    if (tally_new(&(struct tally_config){.n_views = n_views, .laws = laws, .seed = 1}, &tally))
        return 1;
    double best = 0;
    uint32_t index = 0;
    for (int round = 0; round < 20; round++) {
        draw_batch(laws, n_views, 1, index, &batch);
        const double start = stat_now();
        for (int i = 0; i < 200; i++) {
            batch.index = index++;
            tally_add(tally, &batch, NULL);
        }
        best = fmax(best, 200.0 * BATCH * n_views / (stat_now() - start));
    }
    printf("tally_views_per_s %.3g 1/s\n", best);
    struct tally_row *rows;
    size_t n;
    const double start = stat_now();
    if (tally_rows(tally, &rows, &n))
        return 1;
    printf("tally_rows_s %.3g s\n", stat_now() - start);
    free(rows);
    tally_free(tally);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--time") == 0)
        return measure();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures),  cmocka_unit_test(test_trivial),
        cmocka_unit_test(test_left_out), cmocka_unit_test(test_reservoir),
        cmocka_unit_test(test_judge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
