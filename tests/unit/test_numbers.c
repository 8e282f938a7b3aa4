/* SPDX-License-Identifier: Apache-2.0 */
/* numbers: lists are read whole or refused whole. */
#include "test.h"

#include "tools/evaluate/numbers.h"

#include <errno.h>
#include <string.h>

static void test_whole(void **state)
{
    (void)state;
    const struct numbers_law law = {"shots", 1, 100, 3};
    uint64_t v[3];
    size_t n = 0;
    assert_int_equal(numbers_of(&law, "1,5,100", v, &n), 0);
    assert_true(n == 3 && v[0] == 1 && v[1] == 5 && v[2] == 100);
    assert_int_equal(numbers_of(&law, "7", v, &n), 0);
    assert_true(n == 1 && v[0] == 7);
    static const char *const bad[] = {
        "",   ",",   "1,",  "1,,2",    "0",   "101", "-1",  " 1",
        "1 ", "5,5", "1.5", "1,2,3,4", "two", "0x1", "1;2", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(numbers_of(&law, bad[i], v, &n), -EINVAL);
        assert_non_null(strstr(err_text(), "different whole numbers from 1 to 100"));
    }
    assert_int_equal(
        numbers_of(&(struct numbers_law){"seed", 0, UINT64_MAX, 1}, "18446744073709551615", v, &n),
        0);
    assert_true(v[0] == UINT64_MAX);
    assert_int_equal(numbers_of(&(struct numbers_law){"seed", 0, UINT64_MAX, 1}, "1,2", v, &n),
                     -EINVAL);
    assert_non_null(strstr(err_text(), "--seed 1,2: a whole number from 0"));
}

static void test_positive(void **state)
{
    (void)state;
    double v[2];
    size_t n = 0;
    assert_int_equal(numbers_positive("ridge", "1e-3,.5", 2, v, &n), 0);
    assert_true(n == 2 && v[0] == 1e-3 && v[1] == .5);
    static const char *const bad[] = {"", "0", "-1", "1,", "1,2,3", "nan", "inf", "1e999", "1x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(numbers_positive("ridge", bad[i], 2, v, &n), -EINVAL);
    assert_non_null(strstr(err_text(), "--ridge 1x: at most 2 numbers above 0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_positive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
