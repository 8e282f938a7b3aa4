/* SPDX-License-Identifier: Apache-2.0 */
/* colour_simd: a grid of all colours, its grays and ties among it, through every step at many
 * strengths and through steps in every order: the same floats as plain C's. */
#include "test.h"

#include "loaderd/augment/kernels.h"

enum { SHADES = 16, N = SHADES * SHADES * SHADES };

static float grid[3][N], got[3][N], expected[3][N];

static int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++) {
        grid[0][i] = (float)(i % SHADES) / (SHADES - 1);
        grid[1][i] = (float)(i / SHADES % SHADES) / (SHADES - 1);
        grid[2][i] = (float)(i / SHADES / SHADES) / (SHADES - 1);
    }
    return 0;
}

static void compare(const struct colour *colour)
{
    const float *const from[3] = {grid[0], grid[1], grid[2]};
    float *const plain[3] = {expected[0], expected[1], expected[2]};
    float *const to[3] = {got[0], got[1], got[2]};
    kernels_at(0)->colour(colour, N, from, plain);
    for (size_t copy = 1; copy < KERNELS_MAX && kernels_at(copy); copy++) {
        kernels_at(copy)->colour(colour, N, from, to);
        assert_memory_equal(got, expected, sizeof got);
    }
}

static void test_every_step(void **state)
{
    (void)state;
    for (float t = 0; t <= 2; t += 0.0625f) {
        compare(&(struct colour){1, {{COLOUR_BRIGHTNESS, t, 0}}});
        compare(&(struct colour){1, {{COLOUR_CONTRAST, t, (1 - t) * 0.45f}}});
        compare(&(struct colour){1, {{COLOUR_SATURATION, t, 1 - t}}});
        compare(&(struct colour){1, {{COLOUR_HUE, 1 + 2.99f * t, 0}}});
        compare(&(struct colour){1, {{COLOUR_SOLARIZE, t / 2, 0}}});
    }
    compare(&(struct colour){1, {{COLOUR_GRAYSCALE, 0, 0}}});
}

static void test_every_order(void **state)
{
    (void)state;
    static const struct colour_step steps[JITTER_OPS] = {{COLOUR_BRIGHTNESS, 1.3f, 0},
                                                         {COLOUR_CONTRAST, 0.7f, 0.13f},
                                                         {COLOUR_SATURATION, 1.4f, -0.4f},
                                                         {COLOUR_HUE, 6.5f, 0}};
    for (uint32_t order = 0; order < 256; order++) {
        struct colour colour = {.n = COLOUR_STEPS_MAX};
        for (uint32_t i = 0; i < JITTER_OPS; i++)
            colour.step[i] = steps[order >> 2 * i & 3];
        colour.step[JITTER_OPS] = (struct colour_step){COLOUR_SOLARIZE, 0.5f, 0};
        colour.step[JITTER_OPS + 1] = (struct colour_step){COLOUR_GRAYSCALE, 0, 0};
        compare(&colour);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_step),
        cmocka_unit_test(test_every_order),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
