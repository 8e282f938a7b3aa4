/* SPDX-License-Identifier: Apache-2.0 */
/* sorted: floats of every kind in order, as qsort has them; quantiles and distances by hand. */
#include "test.h"

#include "tools/inspect/figures/law.h"
#include "tools/inspect/figures/sorted.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 20000 };

static int by_size(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void test_sort(void **state)
{
    (void)state;
    static float is[MANY], wanted[MANY], spare[MANY];
    struct law_dice dice = {4};
    for (size_t n = 0; n <= MANY; n = n * 3 + 1) {
        for (size_t i = 0; i < n; i++)
            is[i] =
                (float)ldexp(2 * law_dice_unit(&dice) - 1, (int)(law_dice_word(&dice) % 200) - 140);
        if (n > 12)
            memcpy(is, (float[]){FLT_MAX, -FLT_MAX, FLT_MIN, 0, 1e-45f, -1e-45f, 1, 1}, 32);
        memcpy(wanted, is, n * sizeof *is);
        qsort(wanted, n, sizeof *wanted, by_size);
        sorted_make(is, n, spare);
        assert_memory_equal(is, wanted, n * sizeof *is);
    }
}

static void test_quantile(void **state)
{
    (void)state;
    const float five[] = {1, 2, 4, 8, 16};
    assert_true(sorted_quantile(five, 5, 0) == 1 && sorted_quantile(five, 5, 1) == 16);
    assert_true(sorted_quantile(five, 5, 0.5) == 4);
    assert_true(sorted_quantile(five, 5, 0.625) == 6); /* half way between 4 and 8 */
    assert_true(sorted_quantile(five, 1, 0.3) == 1);
}

static void test_distance(void **state)
{
    (void)state;
    const float a[] = {1, 2, 3, 4}, c[] = {5, 6}, d[] = {2, 2, 2};
    assert_true(sorted_distance(a, 4, a, 4) == 0);
    assert_true(sorted_distance(a, 4, c, 2) == 1 && sorted_distance(c, 2, a, 4) == 1);
    assert_true(sorted_distance(a, 4, d, 3) == 0.5); /* ties are stepped over together */
    assert_true(sorted_distance(d, 3, d, 3) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_quantile),
        cmocka_unit_test(test_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
