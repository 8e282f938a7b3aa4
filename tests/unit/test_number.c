/* SPDX-License-Identifier: Apache-2.0 */
/* number: what is one number is read, at its bounds as well; anything else is refused by the name
 * of its option, and changes nothing. */
#include "test.h"

#include "tools/inspect/number.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static void said(const char *text)
{
    if (!strstr(err_text(), text))
        fail_msg("no '%s' in: %s", text, err_text());
}

static void test_whole(void **state)
{
    (void)state;
    int64_t v = 7;
    assert_int_equal(number_whole("steps", "1", 1, 256, &v), 0);
    assert_int_equal(v, 1);
    assert_int_equal(number_whole("steps", "256", 1, 256, &v), 0);
    assert_int_equal(v, 256);
    assert_int_equal(number_whole("steps", "-9223372036854775808", INT64_MIN, 0, &v), 0);
    assert_true(v == INT64_MIN);
    assert_int_equal(number_whole("steps", "+007", 1, 256, &v), 0);
    assert_int_equal(v, 7);
    static const char *const bad[] = {
        "",    "-",   "0",   "257", "-1",  " 1",  "1 ",
        "1.5", "1e1", "0x1", "two", "--1", "+-1", "99999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (number_whole("steps", bad[i], 1, 256, &v) != -EINVAL)
            fail_msg("'%s' is taken", bad[i]);
        said("--steps ");
        said(": a whole number from 1 to 256 is wanted");
        assert_int_equal(v, 7);
    }
}

/* What strtod takes and no command line means. */
static void test_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0},  {"-1.5", -1.5}, {"+2", 2},     {".5", .5},
                {"5.", 5}, {"1e-3", 1e-3}, {"1E3", 1000}, {"1.40129846e-45", 1.40129846e-45}};
    double v = 7;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(number_read(good[i].text, &v));
        assert_true(v == good[i].value);
    }
    static const char *const bad[] = {"",    "nan", "NAN(1)", "inf", "-inf", "infinity", "0x1p3",
                                      "0x1", "1x",  "1 ",     " 1",  "1e",   "1,5",      "1e999",
                                      "-",   ".",   "e5",     "1-2", "\t1"};
    v = 7;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (number_read(bad[i], &v))
            fail_msg("'%s' is taken", bad[i]);
    assert_true(v == 7);
}

static void test_real(void **state)
{
    (void)state;
    const struct number_bounds level = {1e-12, 0.5}, share = {0, 1, .above = true};
    const struct number_bounds any = {-INFINITY, INFINITY};
    double v = 7;
    assert_int_equal(number_real("level", "0.5", &level, &v), 0);
    assert_true(v == 0.5);
    assert_int_equal(number_real("level", "1e-12", &level, &v), 0);
    assert_true(v == 1e-12);
    assert_int_equal(number_real("level", "0.51", &level, &v), -EINVAL);
    said("--level 0.51: a number from 1e-12 to 0.5 is wanted");
    assert_int_equal(number_real("level", "nan", &level, &v), -EINVAL);
    assert_true(v == 1e-12);
    assert_int_equal(number_real("fraction", "1", &share, &v), 0);
    assert_true(v == 1);
    assert_int_equal(number_real("fraction", "0", &share, &v), -EINVAL);
    said("--fraction 0: a number above 0 and up to 1 is wanted");
    assert_int_equal(number_real("fraction", "0x1p-1", &share, &v), -EINVAL);
    assert_int_equal(number_real("from", "-1e300", &any, &v), 0);
    assert_true(v == -1e300);
    assert_int_equal(number_real("from", "inf", &any, &v), -EINVAL);
    said("--from inf: a number is wanted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
