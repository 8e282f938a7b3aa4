/* SPDX-License-Identifier: Apache-2.0 */
/* stat: known figures, far from zero as well, and a clock that does not go back. */
#include "test.h"

#include "common/stat.h"

#include <math.h>
#include <time.h>

static void test_mean(void **state)
{
    (void)state;
    struct stat_mean s = {0};
    assert_true(stat_deviation(&s) == 0);
    static const double values[] = {2, 4, 4, 4, 5, 5, 7, 9};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        stat_add(&s, values[i] - 100);
        if (i == 0)
            assert_true(stat_deviation(&s) == 0 && s.min == -98 && s.max == -98);
    }
    assert_int_equal(s.count, 8);
    assert_true(fabs(s.mean + 95) < 1e-12);
    assert_true(fabs(stat_deviation(&s) - sqrt(32.0 / 7)) < 1e-12);
    assert_true(s.min == -98 && s.max == -91);
}

/* A sum of squares would lose everything here: 1e9 squared has no digits left for a variance of 1.
 */
static void test_mean_is_stable(void **state)
{
    (void)state;
    struct stat_mean s = {0};
    for (int i = 0; i < 1000; i++)
        stat_add(&s, 1e9 + (i % 2 ? 1 : -1));
    assert_true(fabs(stat_deviation(&s) - sqrt(1000.0 / 999)) < 1e-6);
}

static void test_now(void **state)
{
    (void)state;
    double first = stat_now(), second = stat_now();
    assert_true(first > 0 && second >= first && second - first < 60);
}

/* The date as the C library has it. */
static void test_wall(void **state)
{
    (void)state;
    const time_t before = time(NULL);
    const uint64_t us = stat_wall_us();
    const time_t after = time(NULL);
    assert_true((time_t)(us / 1000000) >= before - 1 && (time_t)(us / 1000000) <= after + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean),
        cmocka_unit_test(test_mean_is_stable),
        cmocka_unit_test(test_now),
        cmocka_unit_test(test_wall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
