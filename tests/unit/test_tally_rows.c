/* SPDX-License-Identifier: Apache-2.0 */
/* tally_rows: right pipelines of several recipes pass, wrong ones are found, and it is the wrong
 * parameter that is named; over many right runs p-values are what they should be. */
#include "tally_bed.h"

#include "tools/inspect/figures/pvalue.h"

#include <math.h>

enum { BATCHES = 40 };
static const double LEVEL = 0.001;

/* What a change makes of a batch after it was drawn. */
typedef void (*spoil_fn)(struct omega *o, uint32_t v, uint32_t i);

/* Draws by `drawn`, told to be by `told`. */
static void run(const struct view_spec *drawn, const struct view_spec *told, uint32_t n_views,
                uint64_t seed, spoil_fn spoil, struct outcome *ret)
{
    struct tally *tally;
    struct wire_batch batch;
    assert_int_equal(
        tally_new(&(struct tally_config){.n_views = n_views, .laws = told, .seed = 1}, &tally), 0);
    for (uint32_t b = 0; b < BATCHES; b++) {
        draw_batch(drawn, n_views, seed, b, &batch);
        for (uint32_t i = 0; spoil && i < n_views * BATCH; i++)
            spoil(&omega[i], i / BATCH, i % BATCH);
        assert_int_equal(tally_add(tally, &batch, NULL), n_views * BATCH);
    }
    assert_int_equal(tally_rows(tally, &ret->rows, &ret->n), 0);
    ret->wrong = tally_judge(ret->rows, ret->n, LEVEL, &ret->tests);
    tally_free(tally);
}

/* --- right ones --- */

static const char *const moco[] = {"views={jitter: {order: batch}}", NULL};
static const char *const byol[] = {"views={blur: {p: 1}, solarize: {p: 0}}",
                                   "views.second={blur: {p: .1}, solarize: {p: .2, threshold: .5}}",
                                   NULL};
static const char *const swav[] = {"views.small={count: 6, size: 48, crop: {scale: [.05, .14]}}",
                                   "views.crop.scale=[.14, 1]", NULL};
static const char *const asymmetric[] = {
    "views={rotation: .5, jitter: {brightness: .4, hue: .1}}",
    "views.second={flip: .1, crop: {scale: [.5, 1]}, jitter: {p: .3, brightness: 0, hue: .2}, "
    "grayscale: 0}",
    NULL};
static const struct {
    const char *name;
    const char *const *sets;
} recipes[] = {{"simsiam", simsiam},
               {"moco", moco},
               {"byol", byol},
               {"swav", swav},
               {"asymmetric", asymmetric}};

/* Five recipes times four seeds, 20 to 150 tests each, at level 0.001: that any is wrong has a
 * chance of 2 %, and the seeds are fixed. */
static void test_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(recipes); i++)
        for (uint64_t seed = 1; seed <= 4; seed++) {
            struct view_spec laws[OMEGA_VIEWS_MAX];
            struct outcome o = {0};
            const uint32_t n_views = laws_of(recipes[i].sets, laws);
            run(laws, laws, n_views, seed, NULL, &o);
            double least = 1;
            for (size_t r = 0; r < o.n; r++) {
                if (o.rows[r].wrong)
                    print_message("%s, seed %d: view %d %s: p %g\n", recipes[i].name, (int)seed,
                                  o.rows[r].view, o.rows[r].name, o.rows[r].p);
                least = o.rows[r].test == TALLY_UNTESTED ? least : fmin(least, o.rows[r].p);
            }
            if (seed == 1)
                print_message("%s: %zu tests of %u views, least p %.2g\n", recipes[i].name, o.tests,
                              n_views, least);
            assert_true(o.tests >= 20);
            assert_int_equal(o.wrong, 0);
            outcome_done(&o);
        }
}

/* --- wrong ones --- */

static void spoil_order(struct omega *o, uint32_t v, uint32_t i)
{
    (void)v;
    (void)i;
    memcpy(o->jitter.order, (uint8_t[]){0, 1, 2, 3}, JITTER_OPS);
}

static void spoil_place(struct omega *o, uint32_t v, uint32_t i)
{
    (void)i;
    if (v == 1)
        o->crop_left = ((int32_t)o->source_w - o->crop_width) / 2;
}

/* Both views alike, as when a generator is not told which view it draws for. */
static void spoil_alike(struct omega *o, uint32_t v, uint32_t i)
{
    static struct omega first[BATCH];
    if (v == 0)
        first[i] = *o;
    if (v == 1)
        *o = first[i];
}

/* One of 4096 is out of bounds, which no distance shows. */
static void spoil_rarely(struct omega *o, uint32_t v, uint32_t i)
{
    if (v == 0 && i == 17 && o->sample % 16 == 1) {
        o->jitter.applied = true;
        o->jitter.hue = 0.3f;
    }
}

static const struct {
    const char *set;
    spoil_fn spoil;
    int32_t view;
    const char *found;   /* this row is called wrong, ... */
    const char *bent[4]; /* ... these may be, and no other one of any view */
} planted[] = {
    {"views.jitter.hue=.05", NULL, 0, "jitter.hue", {"target.color.hue"}},
    {"views.flip=.6", NULL, 0, "flip", {"target.flip"}},
    {"views.blur.sigma=[.3, 2]", NULL, 1, "blur.sigma", {"target.blur"}},
    {"views.crop.scale=[.08, 1]", NULL, 0, "crop.area", {"crop.", "target.crop"}},
    {"views.crop.ratio=[.7, 1.43]", NULL, 0, "crop.ratio", {"crop.", "target.crop"}},
    {"views.grayscale=.25", NULL, 1, "grayscale", {0}},
    {"views.jitter.p=.7", NULL, 0, "jitter.applied", {"target.color"}},
    {"views.jitter.brightness=.3", NULL, 0, "jitter.brightness", {"target.color.brightness"}},
    {NULL, spoil_order, 0, "jitter.order", {0}},
    {NULL, spoil_place, 1, "crop.cx", {"target.crop.cx"}},
    {NULL, spoil_alike, TALLY_PAIR, "target.crop.cy", {"target."}},
    {NULL, spoil_rarely, 0, "jitter.hue", {"target.color.hue"}},
};

static bool may_be(const char *name, const char *found, const char *const bent[4])
{
    bool may = strcmp(name, found) == 0;
    for (int i = 0; i < 4 && bent[i]; i++)
        may = may || strncmp(name, bent[i], strlen(bent[i])) == 0;
    return may;
}

static void test_planted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(planted); i++) {
        struct view_spec drawn[OMEGA_VIEWS_MAX], told[OMEGA_VIEWS_MAX];
        struct outcome o = {0};
        const uint32_t n_views = laws_of(simsiam, told);
        laws_of((const char *const[]){planted[i].set, NULL}, drawn);
        run(drawn, told, n_views, 1, planted[i].spoil, &o);
        const struct tally_row *found = row_of(&o, planted[i].view, planted[i].found);
        print_message("%-28s %s: distance %.4f, p %.2g; %zu wrong of %zu\n",
                      planted[i].set ? planted[i].set : "(spoilt)", found->name, found->gap,
                      found->p, o.wrong, o.tests);
        assert_true(found->wrong);
        for (size_t r = 0; r < o.n; r++)
            if (o.rows[r].wrong && !may_be(o.rows[r].name, planted[i].found, planted[i].bent))
                fail_msg("%s of view %d is called wrong", o.rows[r].name, o.rows[r].view);
        outcome_done(&o);
    }
}

/* Of an evaluation nothing is drawn: what is as told passes, and a crop a pixel off is found. */
static void spoil_pixel(struct omega *o, uint32_t v, uint32_t i)
{
    (void)v;
    (void)i;
    o->crop_top -= o->crop_top > 0;
}

static void test_evaluation(void **state)
{
    (void)state;
    struct view_spec law;
    struct outcome o = {0};
    view_spec_eval(&law, 48, 60);
    run(&law, &law, 1, 1, NULL, &o);
    assert_int_equal(o.wrong, 0);
    outcome_done(&o);
    run(&law, &law, 1, 1, spoil_pixel, &o);
    assert_true(row_of(&o, 0, "crop.cy")->wrong);
    assert_int_equal(o.wrong, 1);
    outcome_done(&o);
}

/* An order a batch, told as an order a view, and the other way round. */
static void test_order_of_batches(void **state)
{
    (void)state;
    struct view_spec per_view[OMEGA_VIEWS_MAX], per_batch[OMEGA_VIEWS_MAX];
    struct outcome o = {0};
    laws_of(simsiam, per_view);
    const uint32_t n_views = laws_of(moco, per_batch);
    run(per_batch, per_view, n_views, 1, NULL, &o);
    assert_true(row_of(&o, 0, "jitter.order")->wrong && row_of(&o, 1, "jitter.order")->wrong);
    assert_int_equal(o.wrong, 2);
    outcome_done(&o);
    run(per_view, per_batch, n_views, 1, NULL, &o);
    assert_true(row_of(&o, 0, "jitter.order")->wrong);
    assert_int_equal(o.wrong, 2);
    outcome_done(&o);
    run(per_batch, per_batch, n_views, 1, NULL, &o);
    assert_int_equal(row_of(&o, 0, "jitter.order")->n, BATCHES);
    assert_int_equal(o.wrong, 0);
    outcome_done(&o);
}

/* --- under right laws --- */

enum { NULL_RUNS = 400, NULL_BATCHES = 3 };

/* How far p-values, sorted, are from uniform ones, as a p-value. */
static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double uniformity(double *p, size_t n)
{
    double gap = 0;
    qsort(p, n, sizeof *p, by_size);
    for (size_t i = 0; i < n; i++)
        gap = fmax(gap, fmax(p[i] - (double)i / (double)n, (double)(i + 1) / (double)n - p[i]));
    return pvalue_kolmogorov(gap, (double)n);
}

/* 400 small runs of right views: the p-values of continuous figures are uniform, those of discrete
 * ones and of two samples are not small too often, and at a level of 0.2 for all tests together one
 * run in five or fewer has a false alarm. */
static void test_null(void **state)
{
    (void)state;
    static const char *const uniform[] = {"jitter.brightness", "jitter.hue", "blur.sigma"};
    static const char *const small[] = {"crop.area", "crop.ratio", "crop.cx",
                                        "flip",      "grayscale",  "jitter.order"};
    static double p[ARRAY_LEN(uniform)][NULL_RUNS];
    int low[ARRAY_LEN(small)] = {0}, alarms = 0;
    struct view_spec laws[OMEGA_VIEWS_MAX];
    laws_of(simsiam, laws);
    for (uint32_t run_number = 0; run_number < NULL_RUNS; run_number++) {
        struct tally *tally;
        struct wire_batch batch;
        struct outcome o = {0};
        const struct tally_config config = {
            .n_views = 2, .laws = laws, .kept = NULL_BATCHES * BATCH, .seed = run_number};
        assert_int_equal(tally_new(&config, &tally), 0);
        for (uint32_t b = 0; b < NULL_BATCHES; b++) {
            draw_batch(laws, 2, 1000 + run_number, b, &batch);
            tally_add(tally, &batch, NULL);
        }
        assert_int_equal(tally_rows(tally, &o.rows, &o.n), 0);
        for (size_t i = 0; i < ARRAY_LEN(uniform); i++)
            p[i][run_number] = row_of(&o, 1, uniform[i])->p;
        for (size_t i = 0; i < ARRAY_LEN(small); i++)
            low[i] += row_of(&o, 0, small[i])->p < 0.1;
        alarms += tally_judge(o.rows, o.n, 0.2, &o.tests) > 0;
        outcome_done(&o);
        tally_free(tally);
    }
    for (size_t i = 0; i < ARRAY_LEN(uniform); i++) {
        const double uniform_p = uniformity(p[i], NULL_RUNS);
        print_message("%s: uniform with p %.3f\n", uniform[i], uniform_p);
        assert_true(uniform_p > 0.01);
    }
    for (size_t i = 0; i < ARRAY_LEN(small); i++) {
        print_message("%s: p below 0.1 in %d of %d\n", small[i], low[i], NULL_RUNS);
        assert_in_range(low[i], NULL_RUNS / 50, NULL_RUNS / 10 + 18); /* three deviations above */
    }
    print_message("false alarms at level 0.2: %d of %d\n", alarms, NULL_RUNS);
    assert_in_range(alarms, NULL_RUNS / 20, NULL_RUNS / 5 + 24);
}

/* Without a law there are figures, and no verdict. */
static void test_untold(void **state)
{
    (void)state;
    struct view_spec laws[OMEGA_VIEWS_MAX];
    struct outcome o = {0};
    laws_of(simsiam, laws);
    run(laws, NULL, 2, 1, NULL, &o);
    assert_int_equal(o.n, 2 * FIGURES);
    assert_int_equal(o.tests, 0);
    assert_int_equal(o.wrong, 0);
    assert_true(fabs(row_of(&o, 0, "jitter.brightness")->mean - 1) < 0.02);
    assert_true(fabs(row_of(&o, 0, "flip")->mean - 0.5) < 0.02);
    outcome_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),   cmocka_unit_test(test_evaluation),
        cmocka_unit_test(test_planted), cmocka_unit_test(test_order_of_batches),
        cmocka_unit_test(test_untold),  cmocka_unit_test(test_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
