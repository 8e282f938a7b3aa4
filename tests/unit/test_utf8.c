/* SPDX-License-Identifier: Apache-2.0 */
/* utf8: a character's bytes and number, and all that is none. */
#include "test.h"

#include "common/utf8.h"

#include <string.h>

static void test_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len; /* 0: no character */
        uint32_t value;
    } rows[] = {
        {"a", 1, 'a'},
        {"\x7f", 1, 0x7f},
        {"\xc2\x80", 2, 0x80},
        {"\xdf\xbf", 2, 0x7ff},
        {"\xe0\xa0\x80", 3, 0x800},
        {"\xed\x9f\xbf", 3, 0xd7ff},
        {"\xee\x80\x80", 3, 0xe000},
        {"\xef\xbf\xbf", 3, 0xffff},
        {"\xf0\x90\x80\x80", 4, 0x10000},
        {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
        {"", 0, 0},
        {"\x80", 0, 0},
        {"\xbf", 0, 0},
        {"\xc0\x80", 0, 0}, /* overlong */
        {"\xc1\xbf", 0, 0},
        {"\xe0\x9f\xbf", 0, 0},
        {"\xf0\x8f\xbf\xbf", 0, 0},
        {"\xed\xa0\x80", 0, 0}, /* surrogates */
        {"\xed\xbf\xbf", 0, 0},
        {"\xf4\x90\x80\x80", 0, 0}, /* above */
        {"\xf5\x80\x80\x80", 0, 0},
        {"\xff", 0, 0},
        {"\xc3<", 0, 0}, /* does not go on */
        {"\xe2\x82<", 0, 0},
        {"\xf0\x9f\x8c<", 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const unsigned char *p = (const unsigned char *)rows[i].text;
        const size_t len = strlen(rows[i].text);
        uint32_t value = 77;
        assert_int_equal(utf8_length(p, len ? len : 1, &value), rows[i].len);
        assert_int_equal(value, rows[i].len ? rows[i].value : 77);
        assert_int_equal(utf8_length(p, len ? len : 1, NULL), rows[i].len);
        for (size_t left = 1; left < rows[i].len; left++) /* cut */
            assert_int_equal(utf8_length(p, left, NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
