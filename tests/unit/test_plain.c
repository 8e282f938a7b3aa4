/* SPDX-License-Identifier: Apache-2.0 */
/* plain: no control character is left, and nothing else is touched. */
#include "test.h"

#include "common/auto.h"
#include "common/plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text, *plain;
    int columns;
} rows[] = {
    {"", "", 0},
    {"pink-nine/00003.jpg", "pink-nine/00003.jpg", 19},
    {"a\x1b[31mred", "a?[31mred", 9},
    {"\x1b]0;title\x07", "?]0;title?", 10},
    {"line\r\nforged\t\x7f", "line??forged??", 14},
    {"\xc2\x9b"
     "2J",
     "?2J", 3},                                  /* C1: CSI in two bytes */
    {"\xc2\xa0\xc3\x9b", "\xc2\xa0\xc3\x9b", 2}, /* no-break space, U with a hat */
    {"\xc2", "\xc2", 1},                         /* cut within a character */
    {"\xc2\x1b", "\xc2?", 2},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", rows[i].text);
        plain_text(text);
        assert_string_equal(text, rows[i].plain);

        char *put = NULL;
        size_t len;
        FILE *out = open_memstream(&put, &len);
        assert_non_null(out);
        assert_int_equal(plain_put(out, rows[i].text), rows[i].columns);
        fclose(out);
        assert_string_equal(put, rows[i].plain);
        free(put);
    }
}

static void test_bytes(void **state)
{
    (void)state;
    char text[] = "a\0\xc2\x9b\xc2";
    assert_int_equal(plain_bytes(text, 5), 4);
    assert_memory_equal(text, "a??\xc2", 4);
    assert_int_equal(plain_bytes(text, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
