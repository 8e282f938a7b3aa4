/* SPDX-License-Identifier: Apache-2.0 */
/* jitter: each operation against its formula, the clamp after each, the order, and hue turning
 * primaries into primaries. Pixels against torchvision are in the gold suite. */
#include "planes.h"

#include <math.h>

enum { SIZE = 3, PIXELS = SIZE * SIZE };

static const float start[3 * PIXELS] = {
    0.9f, 0.1f, 0.4f, 0, 1, 0.5f, 0.3f, 0.7f, 0.2f, /* red */
    0.2f, 0.8f, 0.4f, 0, 1, 0.5f, 0.6f, 0.1f, 0.9f, /* green */
    0.1f, 0.3f, 0.9f, 0, 1, 0.5f, 0.5f, 0.6f, 0.4f, /* blue */
};
static float x[3 * PIXELS];
static struct planes view;

static struct omega neutral(void)
{
    struct omega omega = {0};
    omega.jitter.applied = true;
    omega.jitter.brightness = omega.jitter.contrast = omega.jitter.saturation = 1;
    for (uint8_t i = 0; i < JITTER_OPS; i++)
        omega.jitter.order[i] = i;
    return omega;
}

static void apply(const struct omega *omega)
{
    view.size = SIZE;
    for (uint32_t i = 0; i < 3 * PIXELS; i++)
        planes_at(&view, i / PIXELS, i % PIXELS / SIZE)[i % SIZE] = start[i];
    planes_jitter(&view, omega);
    for (uint32_t i = 0; i < 3 * PIXELS; i++)
        x[i] = planes_at(&view, i / PIXELS, i % PIXELS / SIZE)[i % SIZE];
}

static double luma(int i)
{
    return 0.2989 * (double)start[i] + 0.587 * (double)start[PIXELS + i] +
           0.114 * (double)start[2 * PIXELS + i];
}

static double unit(double value)
{
    return fmin(fmax(value, 0), 1);
}

static void test_neutral(void **state)
{
    (void)state;
    const struct omega omega = neutral();
    apply(&omega);
    for (int i = 0; i < 3 * PIXELS; i++)
        assert_float_equal(x[i], start[i], 1e-6);
}

static void test_brightness(void **state)
{
    (void)state;
    struct omega omega = neutral();
    omega.jitter.brightness = 1.4f;
    apply(&omega);
    for (int i = 0; i < 3 * PIXELS; i++)
        assert_float_equal(x[i], unit(1.4 * (double)start[i]), 1e-6);
}

static void test_contrast(void **state)
{
    (void)state;
    double mean = 0;
    for (int i = 0; i < PIXELS; i++)
        mean += luma(i) / PIXELS;
    for (float factor = 0; factor < 2; factor += 0.25f) {
        struct omega omega = neutral();
        omega.jitter.contrast = factor;
        apply(&omega);
        for (int i = 0; i < 3 * PIXELS; i++)
            assert_float_equal(
                x[i], unit((double)factor * (double)start[i] + (1 - (double)factor) * mean), 1e-6);
    }
}

static void test_saturation(void **state)
{
    (void)state;
    for (float factor = 0; factor < 2; factor += 0.25f) {
        struct omega omega = neutral();
        omega.jitter.saturation = factor;
        apply(&omega);
        for (int i = 0; i < 3 * PIXELS; i++)
            assert_float_equal(
                x[i],
                unit((double)factor * (double)start[i] + (1 - (double)factor) * luma(i % PIXELS)),
                1e-6);
    }
}

/* A third of a turn sends red to green, green to blue, blue to red: the planes change places. */
static void test_hue_thirds(void **state)
{
    (void)state;
    struct omega omega = neutral();
    for (int turns = -1; turns <= 1; turns++) {
        omega.jitter.hue = (float)turns / 3;
        apply(&omega);
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < PIXELS; i++)
                assert_float_equal(x[(c + 3 + turns) % 3 * PIXELS + i], start[c * PIXELS + i],
                                   1e-6);
    }
}

static void test_hue_stays_in_range(void **state)
{
    (void)state;
    struct omega omega = neutral();
    for (float h = -0.5f; h <= 0.5f; h += 0.01f) {
        omega.jitter.hue = h;
        apply(&omega);
        for (int i = 0; i < 3 * PIXELS; i++)
            assert_true(x[i] >= 0 && x[i] <= 1);
        for (int i = 3; i < 6; i++) /* black, white and gray have no hue to turn */
            assert_true(x[i] == start[i]);
    }
}

/* Doubled and then gray is not gray and then doubled, since the clamp comes between. */
static void test_order_matters(void **state)
{
    (void)state;
    struct omega omega = neutral();
    omega.jitter.brightness = 2;
    omega.jitter.saturation = 0;
    static const uint8_t orders[2][JITTER_OPS] = {
        {JITTER_BRIGHTNESS, JITTER_SATURATION, JITTER_CONTRAST, JITTER_HUE},
        {JITTER_HUE, JITTER_SATURATION, JITTER_CONTRAST, JITTER_BRIGHTNESS},
    };
    memcpy(omega.jitter.order, orders[0], JITTER_OPS);
    apply(&omega);
    assert_float_equal(x[0], 0.2989 * 1 + 0.587 * 0.4 + 0.114 * 0.2, 1e-6);
    memcpy(omega.jitter.order, orders[1], JITTER_OPS);
    apply(&omega);
    assert_float_equal(x[0], 2 * luma(0), 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_neutral),       cmocka_unit_test(test_brightness),
        cmocka_unit_test(test_contrast),      cmocka_unit_test(test_saturation),
        cmocka_unit_test(test_hue_thirds),    cmocka_unit_test(test_hue_stays_in_range),
        cmocka_unit_test(test_order_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
