/* SPDX-License-Identifier: Apache-2.0 */
/* law: what it says in numbers and in words; its draws against closed forms, against torchvision's
 * own crops (tests/gold/crops.gold), and against nothing of common/omega.c. */
#include "tests/gold/chance.h"
#include "tests/gold/gold.h"

#include "tools/inspect/figures/law.h"

#include <math.h>

static const struct view_spec usual = {
    .size = 96,
    .crop = CROP_RANDOM,
    .scale = {0.2, 1},
    .ratio = {0.75, 4.0 / 3},
    .flip = 0.5,
    .jitter = {.p = 0.8, .brightness = 0.4, .contrast = 0.4, .saturation = 1.5, .hue = 0.1},
    .grayscale = 0.2,
    .blur = {.p = 0.5, .sigma = {0.1, 2}, .kernel = 9},
    .solarize = {.p = 0.2, .threshold = 0.5},
    .rotation = 0.4,
};

static struct figures figures;

static void near(double is, double wanted)
{
    if (fabs(is - wanted) > 1e-12)
        fail_msg("%.15g, wanted %.15g", is, wanted);
}

static void test_figures(void **state)
{
    (void)state;
    struct law law;
    law_of(FIGURE_BRIGHTNESS, &usual, &law);
    assert_int_equal(law.kind, LAW_UNIFORM);
    near(law.low, 0.6);
    near(law.high, 1.4);
    near(law_cdf(&law, 0.8), 0.25);
    near(law_cdf(&law, 0), 0);
    near(law_cdf(&law, 9), 1);
    law_of(FIGURE_SATURATION, &usual, &law); /* a factor is never below 0 */
    near(law.low, 0);
    near(law.high, 2.5);
    law_of(FIGURE_HUE, &usual, &law);
    near(law.low, -0.1);
    law_of(FIGURE_ROTATION, &usual, &law);
    assert_int_equal(law.classes, 4);
    near(law.share[0], 0.7);
    near(law.share[3], 0.1);
    law_of(FIGURE_ORDER, &usual, &law);
    near(law.share[23], 1.0 / 24);
    struct view_spec none = usual;
    none.jitter.hue = 0;
    law_of(FIGURE_HUE, &none, &law);
    assert_int_equal(law.kind, LAW_CONSTANT);
    law_of(FIGURE_HUE, NULL, &law);
    assert_int_equal(law.kind, LAW_NONE);
    assert_true(law.low < law.high);
}

static void test_words(void **state)
{
    (void)state;
    static const struct {
        enum figure figure;
        const char *words;
    } rows[] = {
        {FIGURE_AREA, "0.2 .. 1 where it fits"},
        {FIGURE_RATIO, "log-uniform 0.75 .. 1.333"},
        {FIGURE_CY, "anywhere it fits"},
        {FIGURE_FLIP, "p 0.5"},
        {FIGURE_BRIGHTNESS, "uniform 0.6 .. 1.4"},
        {FIGURE_HUE, "uniform -0.1 .. 0.1"},
        {FIGURE_KERNEL, "always 9"},
        {FIGURE_ORDER, "any of 24, one a view"},
        {FIGURE_ROTATION, "p 0.4, any of 4"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct law law;
        char words[48];
        law_of(rows[i].figure, &usual, &law);
        law_words(&law, rows[i].figure, &usual, words, sizeof words);
        assert_string_equal(words, rows[i].words);
    }
}

/* Of a pair: both turn with p 0.4 alone, so by none in 0.7 each. */
static void test_targets(void **state)
{
    (void)state;
    struct view_spec other = usual;
    other.flip = 0.1;
    other.rotation = 0;
    struct law law;
    for (size_t i = 0; i < TARGETS; i++) {
        law_of_target(i, &usual, &other, &law);
        if (target_kind(i) == AUGSELF_FLIP)
            near(law.share[1], 0.5);
        if (target_kind(i) == AUGSELF_ROTATION) {
            near(law.share[0], 0.7);
            near(law.share[1], 0.1);
        }
    }
    law_of_target(10, &usual, &usual, &law);
    near(law.share[0], 0.7 * 0.7 + 3 * 0.1 * 0.1);
    near(law.share[0] + law.share[1] + law.share[2] + law.share[3], 1);
}

/* --- draws --- */

enum { DRAWS = 200000 };

static double share_of(uint64_t n, double p)
{
    const double k = (double)n, all = DRAWS;
    return (k - all * p) / sqrt(all * p * (1 - p));
}

static void test_draws(void **state)
{
    (void)state;
    static uint32_t cells[5][CHANCE_CELLS];
    uint32_t orders[FIGURE_ORDERS] = {0}, turns[FIGURE_TURNS] = {0};
    uint64_t bits[5] = {0};
    struct law_dice dice = {3};
    struct law laws[5];
    static const enum figure reals[5] = {FIGURE_BRIGHTNESS, FIGURE_CONTRAST, FIGURE_SATURATION,
                                         FIGURE_HUE, FIGURE_SIGMA};
    for (int i = 0; i < 5; i++)
        law_of(reals[i], &usual, &laws[i]);
    for (int i = 0; i < DRAWS; i++) {
        struct omega o;
        law_draw(&usual, &dice, 400, 300, &o);
        assert_int_equal(omega_check(&o, &usual), 0);
        const double x[] = {(double)o.jitter.brightness, (double)o.jitter.contrast,
                            (double)o.jitter.saturation, (double)o.jitter.hue,
                            (double)o.blur.sigma};
        for (int k = 0; k < 5; k++)
            cells[k][(int)fmin(law_cdf(&laws[k], x[k]) * CHANCE_CELLS, CHANCE_CELLS - 1)]++;
        const bool bit[] = {o.flip, o.jitter.applied, o.grayscale, o.blur.applied,
                            o.solarize.applied};
        for (int k = 0; k < 5; k++)
            bits[k] += bit[k];
        o.jitter.applied = true;
        double order;
        assert_true(figure_read(&figures, FIGURE_ORDER, &o, &order));
        orders[(int)order]++;
        turns[o.rotation]++;
    }
    for (int k = 0; k < 5; k++)
        assert_true(chance_uniform(cells[k]) > 0.01);
    const double p[] = {0.5, 0.8, 0.2, 0.5, 0.2};
    for (int k = 0; k < 5; k++)
        assert_true(fabs(share_of(bits[k], p[k])) < 3);
    struct law law;
    law_of(FIGURE_ORDER, &usual, &law);
    assert_true(chance_counts(orders, law.share, FIGURE_ORDERS, DRAWS) > 0.01);
    law_of(FIGURE_ROTATION, &usual, &law);
    assert_true(chance_counts(turns, law.share, FIGURE_TURNS, DRAWS) > 0.01);
}

/* --- torchvision's crops --- */

enum { SIDE_MAX = 16, CELLS_MAX = 256, CASES_MAX = 16, LEAST = 20 };

struct table {
    uint32_t rows, columns;
    double row_edge[SIDE_MAX], column_edge[SIDE_MAX];
    uint32_t theirs[CELLS_MAX], ours[CELLS_MAX];
};

static void table_read(struct gold *gold, struct table *t)
{
    *t = (struct table){.rows = gold_u32(gold), .columns = gold_u32(gold)};
    assert_true(t->rows <= SIDE_MAX && t->columns <= SIDE_MAX);
    for (uint32_t i = 0; i + 1 < t->rows; i++)
        t->row_edge[i] = gold_f64(gold);
    for (uint32_t i = 0; i + 1 < t->columns; i++)
        t->column_edge[i] = gold_f64(gold);
    for (uint32_t i = 0; i < t->rows * t->columns; i++)
        t->theirs[i] = gold_u32(gold);
}

static uint32_t cell(double value, const double *edges, uint32_t n)
{
    uint32_t i = 0;
    while (i < n && edges[i] <= value)
        i++;
    return i;
}

static void count(struct table *t, enum figure row, enum figure column, const struct omega *o)
{
    double y, x;
    assert_true(figure_read(&figures, row, o, &y));
    assert_true(figure_read(&figures, column, o, &x));
    t->ours[cell(y, t->row_edge, t->rows - 1) * t->columns +
            cell(x, t->column_edge, t->columns - 1)]++;
}

static double likeness(const struct table *t)
{
    return chance_two(t->theirs, t->ours, t->rows * t->columns, LEAST);
}

/* Two p-values of each case: one in a hundred of such files would have one below the bound. The
 * first case with its scale's floor a twentieth higher is found. */
static void test_crops(void **state)
{
    (void)state;
    struct gold gold;
    static struct table shape, place;
    gold_open(&gold, TESTS_DIR "/gold/crops.gold", "AUGCROP1");
    const uint32_t cases = gold_u32(&gold);
    assert_in_range(cases, 10, CASES_MAX);
    for (uint32_t i = 0; i < cases; i++) {
        const char *name = gold_take(&gold, 32);
        const uint32_t w = gold_u32(&gold), h = gold_u32(&gold);
        struct view_spec law = {.size = 1};
        for (int k = 0; k < 4; k++)
            (k < 2 ? law.scale : law.ratio)[k % 2] = gold_f64(&gold);
        (void)gold_u32(&gold);
        table_read(&gold, &shape);
        table_read(&gold, &place);
        struct law_dice dice = {i + 100};
        for (int d = 0; d < DRAWS; d++) {
            struct omega o;
            law_draw(&law, &dice, w, h, &o);
            count(&shape, FIGURE_AREA, FIGURE_RATIO, &o);
            count(&place, FIGURE_CY, FIGURE_CX, &o);
        }
        print_message("%-14s p %.3f, place %.3f\n", name, likeness(&shape), likeness(&place));
        const double bound = 0.01 / (2 * cases);
        assert_true(likeness(&shape) > bound && likeness(&place) > bound);
        if (i > 0)
            continue;
        law.scale[0] *= 1.05;
        memset(shape.ours, 0, sizeof shape.ours);
        for (int d = 0; d < DRAWS; d++) {
            struct omega o;
            law_draw(&law, &dice, w, h, &o);
            count(&shape, FIGURE_AREA, FIGURE_RATIO, &o);
        }
        assert_true(likeness(&shape) < 1e-6);
    }
    free(gold.bytes);
}

/* A centre has no chance in it: what torchvision's Resize(60), CenterCrop(48) keep of 100 x 80. */
static void test_centre(void **state)
{
    (void)state;
    struct view_spec law;
    struct omega o;
    struct law_dice dice = {1};
    view_spec_eval(&law, 48, 60);
    law_draw(&law, &dice, 100, 80, &o);
    assert_int_equal(o.crop_width, 64);
    assert_int_equal(o.crop_height, 64);
    assert_int_equal(o.crop_left, 18);
    assert_int_equal(o.crop_top, 8);
}

int main(void)
{
    figures_init(&figures);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures), cmocka_unit_test(test_words),
        cmocka_unit_test(test_targets), cmocka_unit_test(test_draws),
        cmocka_unit_test(test_crops),   cmocka_unit_test(test_centre),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
