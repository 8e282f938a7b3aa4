/* SPDX-License-Identifier: Apache-2.0 */
/* text: what is too long is cut, at its end or in its midst, never within a character; what would
 * steer a terminal does not reach it. */
#include "test.h"

#include "tools/inspect/tensors/text.h"

#include <string.h>

static void test_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *line;
        size_t width;
    } rows[] = {
        {"", "", 9},
        {"step", "step", 4},
        {"steps", "s...", 4},
        {"two\nlines\t", "two?lines?", 10},
        {"\x1b[31mred\x7f", "?[31mred?", 20},
        {"\xc2\x9b"
         "1m",
         "?1m", 9},
        {"gr\xc3\xb6\xc3\x9f"
         "e",
         "gr\xc3\xb6\xc3\x9f"
         "e",
         9},
        {"gr\xc3\xb6\xc3\x9f"
         "er",
         "gr...", 6}, /* not within a character */
        {"\xc2", "\xc2", 9},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char got[TEXT_MAX];
        text_line(rows[i].text, strlen(rows[i].text), rows[i].width, got);
        assert_string_equal(got, rows[i].line);
    }
    char got[TEXT_MAX];
    text_line("abcdef", 3, 9, got); /* of these only */
    assert_string_equal(got, "abc");
}

static void test_name(void **state)
{
    (void)state;
    char got[TEXT_MAX], longest[256];
    text_name("layer1.0.conv1.weight", 21, got);
    assert_string_equal(got, "layer1.0.conv1.weight");
    text_name("layer1.0.conv1.weight", 20, got);
    assert_string_equal(got, "layer1.0.~nv1.weight");
    text_name("layer1.0.conv1.weight", 5, got);
    assert_string_equal(got, "la~ht");
    text_name("a\x1b"
              "b",
              12, got);
    assert_string_equal(got, "a?b");
    text_name("aaa\xc3\xb6\xc3\xb6zzz", 8, got);
    assert_string_equal(got, "aaa~zzz");
    memset(longest, 'x', 255);
    longest[255] = 0;
    text_name(longest, TEXT_MAX - 1, got);
    assert_string_equal(got, longest);
}

static void test_shape(void **state)
{
    (void)state;
    char got[TEXT_MAX];
    struct safetensor t = {.ndim = 0};
    text_shape(&t, got);
    assert_string_equal(got, "[]");
    t = (struct safetensor){.ndim = 4, .shape = {64, 3, 7, 7}};
    text_shape(&t, got);
    assert_string_equal(got, "[64,3,7,7]");
    t.ndim = SAFETENSORS_NDIM_MAX;
    for (int i = 0; i < t.ndim; i++)
        t.shape[i] = INT64_MAX;
    text_shape(&t, got);
    assert_int_equal(strlen(got), 8 * 19 + 7 + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
