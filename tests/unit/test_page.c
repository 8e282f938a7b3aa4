/* SPDX-License-Identifier: Apache-2.0 */
/* page: words keep their order and lines their width, examples stay as they are, and nothing that
 * is text is a request or an escape to roff. */
#include "test.h"

#include "common/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 14 }; /* bytes of what a test prints */

static char *text_of(void (*print)(const char *text, FILE *out), const char *text)
{
    char *got = calloc(1, TEXT_MAX);
    assert_non_null(got);
    FILE *out = fmemopen(got, TEXT_MAX - 1, "w");
    assert_non_null(out);
    print(text, out);
    fclose(out);
    return got;
}

static void at_4_6(const char *text, FILE *out)
{
    fputs("name", out);
    page_wrap(text, 4, 6, out);
}

static void at_2(const char *text, FILE *out)
{
    page_text(text, 2, out);
}

static void test_wrap(void **state)
{
    (void)state;
    char words[1000], expected[1000];
    for (size_t i = 0, used = 0; i < 30; i++) /* blanks and ends of lines alike */
        used += (size_t)snprintf(words + used, sizeof words - used, "%s",
                                 i % 7 ? " 12345678\n" : "123456789");
    auto_free char *got = text_of(at_4_6, words);
    size_t line = 0, longest = 0, n = 0;
    for (const char *c = got; *c; c++) {
        line = *c == '\n' ? 0 : line + 1;
        longest = line > longest ? line : longest;
        n += *c >= '1' && *c <= '9';
    }
    assert_int_equal(n, 25 * 8 + 5 * 9);
    assert_true(longest <= PAGE_WIDTH && longest > PAGE_WIDTH - 10);
    assert_memory_equal(got, "name123456789 12345678", 22);
    const char *second = strchr(got, '\n') + 1;
    assert_memory_equal(second, "      1", 7);

    memset(words, 'x', 2 * PAGE_WIDTH); /* no line has room for it */
    memcpy(words + 2 * PAGE_WIDTH, " y", 3);
    snprintf(expected, sizeof expected, "name%.*s\n      y\n", 2 * PAGE_WIDTH, words);
    auto_free char *longer = text_of(at_4_6, words);
    assert_string_equal(longer, expected);
    auto_free char *empty = text_of(at_4_6, " \n ");
    assert_string_equal(empty, "name\n");
}

static void test_width(void **state)
{
    (void)state;
    char words[PAGE_WIDTH + 10];
    memset(words, 'x', sizeof words);
    words[10] = ' ';
    words[PAGE_WIDTH - 6] = 0; /* "  " and this end two before the last column; the next fits not */
    auto_free char *fits = text_of(at_2, words);
    assert_null(strchr(strchr(fits, '\n') + 1, '\n'));
    words[PAGE_WIDTH - 6] = 'x';
    words[PAGE_WIDTH - 2] = 0;
    auto_free char *just = text_of(at_2, words);
    assert_int_equal(strlen(just), PAGE_WIDTH + 1);
    words[PAGE_WIDTH - 2] = 'x';
    words[PAGE_WIDTH - 1] = 0;
    auto_free char *two = text_of(at_2, words);
    assert_memory_equal(two, "  xxxxxxxxxx\n  x", 16);
}

static const char text[] = "One two\nthree.\n\n    $ run 'it' --now\n        more\n\nlast";

static void test_text(void **state)
{
    (void)state;
    auto_free char *got = text_of(at_2, text);
    assert_string_equal(got, "  One two three.\n\n    $ run 'it' --now\n        more\n\n  last\n");
}

static void test_roff(void **state)
{
    (void)state;
    auto_free char *got = text_of(page_roff, text);
    assert_string_equal(got,
                        "One two three.\n.PP\n.RS 4\n.EX\n$ run \\(aqit\\(aq \\-\\-now\n    more\n"
                        ".EE\n.RE\n.PP\nlast\n");
    static const struct {
        const char *words, *roff;
    } cases[] = {
        {".SH no title", "\\&.SH no title\n"},
        {"a .SH b", "a \\&.SH b\n"},
        {"'br", "\\(aqbr\n"},
        {"\\fBbold\\e", "\\efBbold\\ee\n"},
        {"~/x `y` ^z -1", "\\(ti/x \\(gay\\(ga \\(haz \\-1\n"},
        {"    .SH x", ".RS 4\n.EX\n\\&.SH x\n.EE\n.RE\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_free char *roff = text_of(page_roff, cases[i].words);
        assert_string_equal(roff, cases[i].roff);
    }
    auto_free char *words = text_of(page_roff_words, ".a-b");
    assert_string_equal(words, "\\&.a\\-b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_width),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_roff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
