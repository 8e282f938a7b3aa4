/* SPDX-License-Identifier: Apache-2.0 */
/* blur: against the two-dimensional sum it stands for, written plainly; at sizes smaller than the
 * kernel; and with a sigma so small that nothing may change. */
#include "planes.h"

#include "common/rng.h"

#include <math.h>

enum { SIZE_MAX_TESTED = 24 };

struct law {
    float sigma;
    uint32_t kernel;
};

static struct planes view, before;

static void fill(uint32_t size)
{
    struct rng rng;
    const struct rng_key key = {.seed = size, .purpose = RNG_TEST};
    rng_init(&rng, &key);
    view.size = size;
    for (size_t i = 0; i < 3 * size * pitch_of(size); i++)
        view.x[i] = (float)rng_unit(&rng);
    before = view;
}

static int32_t mirrored(int32_t i, int32_t size)
{
    while (size > 1 && (i < 0 || i >= size))
        i = i < 0 ? -i : 2 * (size - 1) - i;
    return size > 1 ? i : 0;
}

static double plain_sum(const float *plane, int32_t size, const int32_t at[2],
                        const struct law *law)
{
    const int32_t half = (int32_t)law->kernel / 2, pitch = (int32_t)pitch_of((uint32_t)size);
    double sum = 0, weights = 0;
    for (int32_t dy = -half; dy <= half; dy++)
        for (int32_t dx = -half; dx <= half; dx++) {
            const double w =
                exp(-0.5 * (dx * dx + dy * dy) / ((double)law->sigma * (double)law->sigma));
            weights += w;
            sum +=
                w * (double)plane[mirrored(at[0] + dy, size) * pitch + mirrored(at[1] + dx, size)];
        }
    return sum / weights;
}

static void test_against_plain_sum(void **state)
{
    (void)state;
    static const struct {
        uint32_t size;
        struct law law;
    } rows[] = {
        {24, {.sigma = 1.3f, .kernel = 9}},  {24, {.sigma = 0.1f, .kernel = 9}},
        {23, {.sigma = 2.0f, .kernel = 23}}, {12, {.sigma = 2.0f, .kernel = 23}},
        {7, {.sigma = 5.0f, .kernel = 31}},  {2, {.sigma = 1.0f, .kernel = 127}},
        {1, {.sigma = 1.0f, .kernel = 9}},   {9, {.sigma = 0.7f, .kernel = 1}},
    };
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        const int32_t size = (int32_t)rows[r].size;
        fill(rows[r].size);
        planes_blur(&view, rows[r].law.sigma, rows[r].law.kernel);
        for (int32_t i = 0; i < 3 * size * size; i++) {
            const uint32_t c = (uint32_t)(i / size / size);
            const int32_t at[2] = {i / size % size, i % size};
            const float *plane = planes_at(&before, c, 0);
            assert_float_equal(planes_at(&view, c, (uint32_t)at[0])[at[1]],
                               plain_sum(plane, size, at, &rows[r].law), 1e-6);
        }
    }
}

/* Against the C library, which is exact to more than a float holds. */
static void test_weights(void **state)
{
    (void)state;
    for (float sigma = 0.1f; sigma < 6; sigma += 0.37f) {
        enum { KERNEL = 23 };
        struct blur_taps taps;
        blur_taps_fill(&taps, sigma, KERNEL);
        double raw[KERNEL], sum = 0;
        for (int k = 0; k < KERNEL; k++) {
            const double z = (k - KERNEL / 2) / (double)sigma;
            sum += raw[k] = exp(-0.5 * z * z);
        }
        for (uint32_t k = 0; k <= KERNEL / 2; k++) {
            const double weight = raw[KERNEL / 2 + k] / sum;
            assert_int_equal(k <= taps.half, weight >= 0x1p-22);
            if (k <= taps.half)
                assert_true(fabs((double)taps.weight[k] - weight) <= weight * 0x1.01p-24);
        }
    }
}

static void test_tiny_sigma_changes_nothing(void **state)
{
    (void)state;
    fill(SIZE_MAX_TESTED);
    planes_blur(&view, 0.1f, 23);
    assert_memory_equal(view.x, before.x, sizeof view.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_plain_sum),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_tiny_sigma_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
