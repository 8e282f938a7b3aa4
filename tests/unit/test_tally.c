/* SPDX-License-Identifier: Apache-2.0 */
/* tally: figures against hand-work; what may not be counted twice; right pipelines of several
 * recipes pass, wrong ones are found, and it is the wrong parameter that is named. Views are drawn
 * by omega_draw, as the loader does: under their own law, or under another one than is told. */
#include "test.h"

#include "tools/inspect/figures/tally.h"

#include "common/stat.h"
#include "trainer/recipe.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 256, BATCHES = 40 };
static const double LEVEL = 0.001;

/* --- views, as a loader makes them --- */

static struct omega omega[OMEGA_VIEWS_MAX * BATCH];
static struct wire_substitution substituted[BATCH];

/* Sources of three sizes. */
static void draw_batch(const struct view_spec *laws, uint32_t n_views, uint64_t seed,
                       uint32_t index, struct wire_batch *ret)
{
    static const uint32_t sizes[][2] = {{500, 375}, {64, 64}, {333, 500}};
    *ret = (struct wire_batch){.session = {7, (uint8_t)seed},
                               .epoch = 2,
                               .index = index,
                               .n_samples = BATCH,
                               .n_views = n_views,
                               .omega = omega,
                               .substituted = substituted};
    for (uint32_t v = 0; v < n_views; v++)
        for (uint32_t i = 0; i < BATCH; i++) {
            const uint32_t sample = index * BATCH + i, *size = sizes[sample % ARRAY_LEN(sizes)];
            const struct omega_key key = {
                .seed = seed, .epoch = 2, .batch = index, .sample = sample, .view = v};
            omega_draw(&laws[v], &key, size[0], size[1], &omega[v * BATCH + i]);
        }
}

/* The laws of a recipe that is given as assignments, NULL at its end. Returns how many. */
static uint32_t laws_of(const char *const *more, struct view_spec ret[OMEGA_VIEWS_MAX])
{
    const char *sets[8] = {"run.name=laws", "data={dataset: laws, path: none}"};
    size_t n = 2;
    while (*more)
        sets[n++] = *more++;
    static struct recipe recipe;
    struct spec spec;
    if (recipe_load(&recipe, NULL, sets, n) < 0)
        fail_msg("%s", err_text());
    recipe_spec(&recipe, &spec);
    memcpy(ret, spec.views, sizeof spec.views);
    return spec.n_views;
}

/* What a change makes of a batch after it was drawn. */
typedef void (*spoil_fn)(struct omega *o, uint32_t v, uint32_t i);

struct outcome {
    struct tally_row *rows;
    size_t n, tests, wrong;
};

static void outcome_done(struct outcome *outcome)
{
    free(outcome->rows);
}

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

static const struct tally_row *row_of(const struct outcome *outcome, int32_t view, const char *name)
{
    for (size_t i = 0; i < outcome->n; i++)
        if (outcome->rows[i].view == view && strcmp(outcome->rows[i].name, name) == 0)
            return &outcome->rows[i];
    fail_msg("no row %s of view %d", name, view);
    return NULL;
}

/* --- right ones --- */

static const char *const simsiam[] = {NULL};
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

/* --- figures --- */

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
    near(row_of(&o, 0, "jitter.brightness")->mean, 1, 0.02);
    near(row_of(&o, 0, "flip")->mean, 0.5, 0.02);
    outcome_done(&o);
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
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_trivial),
        cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_untold),
        cmocka_unit_test(test_reservoir),
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_right),
        cmocka_unit_test(test_planted),
        cmocka_unit_test(test_order_of_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
