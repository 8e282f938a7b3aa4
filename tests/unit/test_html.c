/* SPDX-License-Identifier: Apache-2.0 */
/* html: no text gets out of its place, and bytes come back out of their URL. */
#include "test.h"

#include "tools/evaluate/html.h"

#include <stdlib.h>
#include <string.h>

static char *written;
static size_t written_len;

static FILE *begin(void)
{
    free(written);
    written = NULL;
    FILE *out = open_memstream(&written, &written_len);
    assert_non_null(out);
    return out;
}

static void text_is(const char *text, const char *expected)
{
    FILE *out = begin();
    html_text(text, out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(written, expected);
}

static void test_markup_is_text(void **state)
{
    (void)state;
    text_is("", "");
    text_is("a <b> & \"c\" 'd'", "a &lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
    text_is("</style><script>alert(1)</script>",
            "&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;");
    text_is("line\nand\ttab", "line\nand\ttab");
}

#define BAD "\xef\xbf\xbd"

static void test_bytes_that_are_no_text(void **state)
{
    (void)state;
    text_is("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\xb8", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\xb8");
    text_is("a\x01\x1b[m\x7f", "a" BAD BAD "[m" BAD);
    text_is("\xe9t\xe9", BAD "t" BAD); /* Latin-1 */
    text_is("\xc0\xaf", BAD BAD);      /* overlong */
    text_is("\xe0\x9f\xbf", BAD BAD BAD);
    text_is("\xed\xa0\x80", BAD BAD BAD);         /* surrogate */
    text_is("\xf4\x90\x80\x80", BAD BAD BAD BAD); /* above U+10FFFF */
    text_is("\xf5<", BAD "&lt;");
    /* Cut: what comes after is not swallowed, and nothing behind the end is read. */
    text_is("\xe2\x82<", BAD BAD "&lt;");
    text_is("\xf0\x9f\x8c", BAD BAD BAD);
    text_is("\xc3", BAD);
}

static void test_print(void **state)
{
    (void)state;
    FILE *out = begin();
    html_print(out, "%s is %d < %d", "<i>", 1, 2);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(written, "&lt;i&gt; is 1 &lt; 2");
}

/* RFC 4648, section 10. */
static void test_data(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        FILE *out = begin();
        html_data("image/png", cases[i][0], strlen(cases[i][0]), out);
        assert_int_equal(fclose(out), 0);
        assert_int_equal(strncmp(written, "data:image/png;base64,", 22), 0);
        assert_string_equal(written + 22, cases[i][1]);
    }
    FILE *out = begin();
    html_data("x/y", "\xfb\xff\xfe\x00", 4, out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(written, "data:x/y;base64,+//+AA==");
}

static void test_page(void **state)
{
    (void)state;
    FILE *out = begin();
    html_begin("Flowers & <birds>", ".mine{color:red}\n", out);
    html_end(out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(strncmp(written, "<!DOCTYPE html>\n<html lang=\"en\">", 32), 0);
    assert_non_null(strstr(written, "<title>Flowers &amp; &lt;birds&gt;</title>"));
    assert_non_null(strstr(written, "<h1>Flowers &amp; &lt;birds&gt;</h1>"));
    assert_non_null(strstr(written, ".mine{color:red}\n</style>"));
    assert_non_null(strstr(written, "prefers-color-scheme:dark"));
    assert_null(strstr(written, "http"));
    assert_null(strstr(written, "<script"));
    assert_string_equal(strstr(written, "</main>"), "</main>\n</body>\n</html>\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_markup_is_text), cmocka_unit_test(test_bytes_that_are_no_text),
        cmocka_unit_test(test_print),          cmocka_unit_test(test_data),
        cmocka_unit_test(test_page),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(written);
    return failed;
}
