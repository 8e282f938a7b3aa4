/* SPDX-License-Identifier: Apache-2.0 */
/* colour: omega's steps in their order, split where contrast asks for the mean; the mean's fixed
 * lanes. What the steps do to a view is in test_augment. */
#include "test.h"

#include "loaderd/augment/parts.h"

static struct omega with_order(const uint8_t order[JITTER_OPS])
{
    struct omega omega = {.grayscale = true,
                          .solarize = {.applied = true, .threshold = 0.25f},
                          .jitter = {.applied = true,
                                     .brightness = 1.25f,
                                     .contrast = 0.5f,
                                     .saturation = 0.75f,
                                     .hue = 0.125f}};
    for (int i = 0; i < JITTER_OPS; i++)
        omega.jitter.order[i] = order[i];
    return omega;
}

static void assert_step(const struct colour_step *step, enum colour_op op, float factor, float rest)
{
    assert_int_equal(step->op, op);
    assert_true(step->factor == factor && step->rest == rest);
}

static void test_plan(void **state)
{
    (void)state;
    const struct omega omega = with_order(
        (const uint8_t[]){JITTER_SATURATION, JITTER_HUE, JITTER_CONTRAST, JITTER_BRIGHTNESS});
    struct colour_plan plan;
    colour_plan(&omega, &plan);
    assert_true(plan.mean);
    assert_int_equal(plan.head.n, 2);
    assert_step(&plan.head.step[0], COLOUR_SATURATION, 0.75f, 0.25f);
    assert_step(&plan.head.step[1], COLOUR_HUE, 6.75f, 0);
    assert_int_equal(plan.tail.n, 4);
    colour_mean(&plan, 0.5f);
    assert_step(&plan.tail.step[0], COLOUR_CONTRAST, 0.5f, 0.25f);
    assert_step(&plan.tail.step[1], COLOUR_BRIGHTNESS, 1.25f, 0);
    assert_step(&plan.tail.step[2], COLOUR_SOLARIZE, 0.25f, 0);
    assert_int_equal(plan.tail.step[3].op, COLOUR_GRAYSCALE);
}

static void test_plan_without_mean(void **state)
{
    (void)state;
    struct omega omega = with_order((const uint8_t[]){1, 0, 2, 3});
    omega.jitter.applied = false;
    struct colour_plan plan;
    colour_plan(&omega, &plan);
    assert_false(plan.mean);
    assert_int_equal(plan.head.n, 2);
    assert_int_equal(plan.head.step[0].op, COLOUR_SOLARIZE);
    assert_int_equal(plan.tail.n, 0);
    colour_plan(&(struct omega){.grayscale = false}, &plan);
    assert_int_equal(plan.head.n + plan.tail.n, 0);
}

/* From 1 up to but without 7 sixths, a whole number of turns away from what omega says. */
static void test_hue_shift(void **state)
{
    (void)state;
    static const float hues[] = {-0.5f, -0.1f, 0, 0.1f, 0.1666f, 0.1667f, 0.5f};
    for (size_t i = 0; i < ARRAY_LEN(hues); i++) {
        struct omega omega = with_order((const uint8_t[]){3, 1, 0, 2});
        omega.jitter.hue = hues[i];
        struct colour_plan plan;
        colour_plan(&omega, &plan);
        const float shift = plan.head.step[0].factor;
        assert_true(shift >= 1 && shift < 7);
        const float turns = (shift - 6 * hues[i]) / 6;
        assert_float_equal(turns, turns > 0.5f, 1e-6);
    }
}

/* Floats of 1 and 2^-24 tell which were added to which: within a row in float, over rows in double.
 */
static void test_luma_lanes(void **state)
{
    (void)state;
    enum { N = 40 };
    float red[N] = {0}, none[N] = {0};
    red[3] = 1;
    red[3 + MEAN_LANES] = 0x1p-26f; /* lost beside the 1 of its lane */
    red[4] = 0x1p-26f;
    const float *const row[3] = {red, none, none};
    double sums[MEAN_LANES] = {0};
    luma_plain(N, row, sums);
    assert_true(sums[3] == (double)LUMA_R);
    assert_true(sums[4] == (double)(LUMA_R * 0x1p-26f));
    red[3] = 0;
    red[3 + MEAN_LANES] = 0x1p-26f;
    luma_plain(N, row, sums);
    assert_true(sums[3] == (double)LUMA_R + (double)(LUMA_R * 0x1p-26f));
    for (int s = 0; s < MEAN_LANES; s++)
        assert_true(s == 3 || s == 4 || sums[s] == 0);
}

static void test_all_steps(void **state)
{
    (void)state;
    const float red[2] = {0.5f, 1}, green[2] = {0.25f, 0}, blue[2] = {0, 0};
    const float *const from[3] = {red, green, blue};
    float x[6];
    float *const to[3] = {x, x + 2, x + 4};
    const struct colour colour = {2, {{COLOUR_BRIGHTNESS, 1.5f, 0}, {COLOUR_SOLARIZE, 0.5f, 0}}};
    colour_plain(&colour, 2, from, to);
    static const float expected[6] = {0.25f, 0, 0.375f, 0, 0, 0};
    for (int i = 0; i < 6; i++)
        assert_true(x[i] == expected[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),      cmocka_unit_test(test_plan_without_mean),
        cmocka_unit_test(test_hue_shift), cmocka_unit_test(test_luma_lanes),
        cmocka_unit_test(test_all_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
