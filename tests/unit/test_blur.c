/* SPDX-License-Identifier: Apache-2.0 */
/* blur: against the two-dimensional sum it stands for, written plainly; at sizes smaller than the
 * kernel; and with a sigma so small that nothing may change. */
#include "test.h"

#include "loaderd/augment/augment.h"

#include "common/rng.h"

#include <math.h>
#include <string.h>

enum { SIZE_MAX_TESTED = 24 };

static float x[3 * SIZE_MAX_TESTED * SIZE_MAX_TESTED];
static float before[3 * SIZE_MAX_TESTED * SIZE_MAX_TESTED];
static float scratch[SIZE_MAX_TESTED * SIZE_MAX_TESTED];

static void fill(uint32_t size)
{
    struct rng rng;
    const struct rng_key key = {.seed = size, .purpose = RNG_TEST};
    rng_init(&rng, &key);
    for (uint32_t i = 0; i < 3 * size * size; i++)
        x[i] = before[i] = (float)rng_unit(&rng);
}

static int32_t mirrored(int32_t i, int32_t size)
{
    while (size > 1 && (i < 0 || i >= size))
        i = i < 0 ? -i : 2 * (size - 1) - i;
    return size > 1 ? i : 0;
}

static double plain_sum(const float *plane, int32_t size, const int32_t at[2],
                        const struct blur *blur)
{
    const int32_t half = (int32_t)blur->kernel / 2;
    double sum = 0, weights = 0;
    for (int32_t dy = -half; dy <= half; dy++)
        for (int32_t dx = -half; dx <= half; dx++) {
            const double w =
                exp(-0.5 * (dx * dx + dy * dy) / ((double)blur->sigma * (double)blur->sigma));
            weights += w;
            sum +=
                w * (double)plane[mirrored(at[0] + dy, size) * size + mirrored(at[1] + dx, size)];
        }
    return sum / weights;
}

static void test_against_plain_sum(void **state)
{
    (void)state;
    static const struct {
        uint32_t size;
        struct blur blur;
    } rows[] = {
        {24, {.sigma = 1.3f, .kernel = 9}},  {24, {.sigma = 0.1f, .kernel = 9}},
        {23, {.sigma = 2.0f, .kernel = 23}}, {12, {.sigma = 2.0f, .kernel = 23}},
        {7, {.sigma = 5.0f, .kernel = 31}},  {2, {.sigma = 1.0f, .kernel = 127}},
        {1, {.sigma = 1.0f, .kernel = 9}},   {9, {.sigma = 0.7f, .kernel = 1}},
    };
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        const int32_t size = (int32_t)rows[r].size;
        fill(rows[r].size);
        blur_apply(x, rows[r].size, &rows[r].blur, scratch);
        for (int32_t i = 0; i < 3 * size * size; i++) {
            const int32_t p = i % (size * size), at[2] = {p / size, p % size};
            assert_float_equal(x[i], plain_sum(before + (i - p), size, at, &rows[r].blur), 1e-6);
        }
    }
}

static void test_tiny_sigma_changes_nothing(void **state)
{
    (void)state;
    const struct blur blur = {.sigma = 0.1f, .kernel = 23};
    fill(SIZE_MAX_TESTED);
    blur_apply(x, SIZE_MAX_TESTED, &blur, scratch);
    assert_memory_equal(x, before, sizeof x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_plain_sum),
        cmocka_unit_test(test_tiny_sigma_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
