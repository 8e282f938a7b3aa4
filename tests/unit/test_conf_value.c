/* SPDX-License-Identifier: Apache-2.0 */
/* conf_value: what each type takes and refuses, that a refusal leaves the field alone, and that
 * what is printed is the value. */
#include "test.h"

#include "common/conf_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct conf_where where = {.source = "--set", .key = "k"};

union field {
    bool yes;
    int64_t integer;
    double number, numbers[2];
    int index;
    char text[CONF_STR_MAX];
    struct conf_strs texts;
};

static int set(const struct conf_option *o, const char *text, union field *field)
{
    struct conf_scalar s = {.plain = false, .line = 1};
    snprintf(s.text, sizeof s.text, "%s", text);
    return conf_value_set(o, field, &s, 1, false, &where);
}

static void assert_refuses(const struct conf_option *o, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        union field field, before;
        memset(&field, 0x5a, sizeof field);
        memcpy(&before, &field, sizeof field);
        if (set(o, texts[i], &field) != -EINVAL)
            fail_msg("'%s' was accepted", texts[i]);
        assert_memory_equal(&field, &before, sizeof field);
        assert_true(strncmp(err_text(), "--set k: '", 10) == 0);
    }
}

static void test_int(void **state)
{
    (void)state;
    const struct conf_option free = {"k", CONF_INT}, tight = {"k", CONF_INT, .min = -2, .max = 3};
    union field field;
    assert_int_equal(set(&free, "-9223372036854775808", &field), 0);
    assert_true(field.integer == INT64_MIN);
    assert_int_equal(set(&free, "9223372036854775807", &field), 0);
    assert_true(field.integer == INT64_MAX);
    assert_int_equal(set(&free, "+7", &field), 0);
    assert_int_equal(field.integer, 7);
    assert_int_equal(set(&free, "010", &field), 0); /* decimal, as YAML 1.2 has it */
    assert_int_equal(field.integer, 10);
    static const char *const bad[] = {"",    "x",   "1x", "1.0", "1e3",
                                      "0x1", "--1", " 1", "1 ",  "9223372036854775808"};
    assert_refuses(&free, bad, ARRAY_LEN(bad));
    assert_int_equal(set(&tight, "-2", &field), 0);
    assert_int_equal(set(&tight, "3", &field), 0);
    assert_refuses(&tight, (const char *const[]){"-3", "4"}, 2);
}

static void test_float(void **state)
{
    (void)state;
    const struct conf_option free = {"k", CONF_FLOAT}, tight = {"k", CONF_FLOAT, .max = 0.5};
    union field field;
    assert_int_equal(set(&free, ".25", &field), 0);
    assert_true(field.number == .25);
    assert_int_equal(set(&free, "-5E-4", &field), 0);
    assert_true(field.number == -5e-4);
    static const char *const bad[] = {"",    ".",     "x",  "1x", "nan",   ".nan", ".inf",
                                      "inf", "0x1p3", "1e", " 1", "1e999", "1,5",  "e5"};
    assert_refuses(&free, bad, ARRAY_LEN(bad));
    assert_int_equal(set(&tight, "0.5", &field), 0);
    assert_refuses(&tight, (const char *const[]){"0.50001", "-0.1"}, 2);
}

static void test_bool_and_enum(void **state)
{
    (void)state;
    static const char *const choices[] = {"auto", "ref", NULL};
    const struct conf_option yes = {"k", CONF_BOOL}, one = {"k", CONF_ENUM, .choices = choices};
    union field field;
    assert_int_equal(set(&yes, "true", &field), 0);
    assert_true(field.yes);
    assert_int_equal(set(&yes, "false", &field), 0);
    assert_false(field.yes);
    assert_refuses(&yes, (const char *const[]){"True", "yes", "1", "on"}, 4);
    assert_int_equal(set(&one, "ref", &field), 0);
    assert_int_equal(field.index, 1);
    assert_refuses(&one, (const char *const[]){"re", "reff", "REF", "1", ""}, 5);
}

static void test_lists(void **state)
{
    (void)state;
    const struct conf_option two = {"k", CONF_FLOATS, .count = 2, .min = 0, .max = 9};
    const struct conf_option texts = {"k", CONF_STRS}, text = {"k", CONF_STR};
    const struct conf_scalar s[] = {{"1", true, 1}, {"2", true, 1}, {"x", true, 3}};
    union field field;
    memset(&field, 0x5a, sizeof field);
    assert_int_equal(conf_value_set(&two, &field, s + 1, 2, true, &where), -EINVAL);
    assert_string_equal(err_text(), "--set k: 'x' is not a number in 0..9");
    assert_true(field.numbers[0] != 2); /* not half of a list */
    assert_int_equal(conf_value_set(&two, &field, s, 2, true, &where), 0);
    assert_true(field.numbers[0] == 1 && field.numbers[1] == 2);
    assert_int_equal(conf_value_set(&two, &field, s, 1, true, &where), -EINVAL);
    assert_int_equal(conf_value_set(&texts, &field, s, 3, true, &where), 0);
    assert_int_equal(field.texts.n, 3);
    assert_string_equal(field.texts.v[2], "x");
    assert_int_equal(conf_value_set(&texts, &field, s, 0, true, &where), 0);
    assert_int_equal(field.texts.n, 0);
    assert_int_equal(conf_value_set(&text, &field, s, 1, true, &where), -EINVAL);
}

static void test_null(void **state)
{
    (void)state;
    static const char *const nulls[] = {"", "~", "null", "NULL"};
    const struct conf_option text = {"k", CONF_STR};
    for (size_t i = 0; i < ARRAY_LEN(nulls); i++) {
        struct conf_scalar s = {.plain = true};
        union field field;
        snprintf(s.text, sizeof s.text, "%s", nulls[i]);
        assert_int_equal(conf_value_set(&text, &field, &s, 1, false, &where), -EINVAL);
        assert_string_equal(err_text(), "--set k: has no value; it takes a text");
        s.plain = false; /* in quotes it is that text */
        assert_int_equal(conf_value_set(&text, &field, &s, 1, false, &where), 0);
        assert_string_equal(field.text, nulls[i]);
    }
}

static void assert_prints(const struct conf_option *o, const void *field, const char *expected)
{
    auto_free char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    conf_value_print(o, field, out);
    fclose(out);
    assert_string_equal(text, expected);
}

static void test_print(void **state)
{
    (void)state;
    static const char *const choices[] = {"auto", "ref", NULL};
    const struct conf_option number = {"k", CONF_FLOAT};
    assert_prints(&number, &(double){0.1}, "0.1");
    assert_prints(&number, &(double){1}, "1");
    assert_prints(&number, &(double){-0.0}, "-0");
    assert_prints(&number, &(double){1e-5}, "1.0e-05");
    assert_prints(&number, &(double){1.5e300}, "1.5e+300");
    assert_prints(&number, &(double){1.0 / 3}, "0.3333333333333333");
    assert_prints(&number, &(double){0.1 + 0.2}, "0.30000000000000004");
    assert_prints(&(struct conf_option){"k", CONF_INT}, &(int64_t){-5}, "-5");
    assert_prints(&(struct conf_option){"k", CONF_BOOL}, &(bool){true}, "true");
    assert_prints(&(struct conf_option){"k", CONF_ENUM, .choices = choices}, &(int){1}, "ref");
    assert_prints(&(struct conf_option){"k", CONF_FLOATS, .count = 2}, (double[]){.5, 2},
                  "[0.5, 2]");
    assert_prints(&(struct conf_option){"k", CONF_STR}, "a \"b\" \\ \n\x7f \xc3\xa9",
                  "\"a \\\"b\\\" \\\\ \\x0a\\x7f \xc3\xa9\"");
    struct conf_strs strs = {.n = 0, .v = {"a", "~"}};
    assert_prints(&(struct conf_option){"k", CONF_STRS}, &strs, "[]");
    strs.n = 2;
    assert_prints(&(struct conf_option){"k", CONF_STRS}, &strs, "[\"a\", \"~\"]");
}

static void test_takes(void **state)
{
    (void)state;
    char text[64];
    conf_value_takes(&(struct conf_option){"k", CONF_INT, .min = 1, .max = 1048576, .unit = "s"},
                     text, sizeof text);
    assert_string_equal(text, "an integer in 1..1048576 s");
    conf_value_takes(&(struct conf_option){"k", CONF_FLOAT}, text, sizeof text);
    assert_string_equal(text, "a number");
    conf_value_takes(&(struct conf_option){"k", CONF_FLOATS, .count = 3}, text, 12);
    assert_string_equal(text, "a list of 3"); /* cut, not overrun */
    assert_int_equal(conf_fail(&(struct conf_where){"p", NULL, 3, "k"}, "no %d", 1), -EINVAL);
    assert_string_equal(err_text(), "p:3: k: no 1");
    conf_fail(&(struct conf_where){"p", NULL, 3, ""}, "no");
    assert_string_equal(err_text(), "p:3: no");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_int),   cmocka_unit_test(test_float),
        cmocka_unit_test(test_lists), cmocka_unit_test(test_bool_and_enum),
        cmocka_unit_test(test_null),  cmocka_unit_test(test_print),
        cmocka_unit_test(test_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
