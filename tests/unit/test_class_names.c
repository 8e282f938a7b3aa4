/* SPDX-License-Identifier: Apache-2.0 */
/* class_names: what may be told, its bounds to the byte, and copies that stand alone. */
#include "test.h"

#include "common/class_names.h"
#include "common/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void test_one_name(void **state)
{
    (void)state;
    char longest[CLASS_NAME_MAX + 1];
    memset(longest, 'x', sizeof longest);
    longest[CLASS_NAME_MAX - 1] = 0;
    assert_int_equal(class_name_check(-EINVAL, 0, longest), 0);
    longest[CLASS_NAME_MAX - 1] = 'x';
    longest[CLASS_NAME_MAX] = 0;
    static const char *const good[] = {"a",
                                       "Mercedes-Benz 300-Class",
                                       "<b>\"&'",
                                       " ",
                                       "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\xb8",
                                       "\xc2\xa0"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(class_name_check(-EINVAL, 0, good[i]), 0);
    const struct {
        const char *name, *says;
    } bad[] = {
        {"", "1 to 255 bytes"},
        {longest, "1 to 255 bytes"},
        {"tab\there", "control character (byte 3)"},
        {"\x1b[2J", "control character"},
        {"a\x7f", "control character (byte 1)"},
        {"\xc2\x9b", "control character"},      /* CSI in one character */
        {"a\xe2\x80\xa8", "control character"}, /* ends the line */
        {"a\xe2\x80\xae", "control character"}, /* runs the other way */
        {"a\xe2\x81\xa6", "control character"},
        {"\xe9t\xe9", "not UTF-8 text (byte 0)"}, /* Latin-1 */
        {"ab\xc0\xaf", "not UTF-8 text (byte 2)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(class_name_check(-EBADMSG, 7, bad[i].name), -EBADMSG);
        assert_non_null(strstr(err_text(), bad[i].says));
        assert_non_null(strstr(err_text(), "class 7"));
    }
}

static void test_all_together(void **state)
{
    (void)state;
    enum { N = CLASS_NAMES_MAX + 1 };
    static const char *names[N];
    for (size_t i = 0; i < N; i++)
        names[i] = "abcd";
    assert_int_equal(class_names_check(-EINVAL, names, 0), 0);
    assert_int_equal(class_names_check(-EINVAL, names, CLASS_NAMES_MAX), 0);
    assert_int_equal(class_names_check(-EINVAL, names, CLASS_NAMES_MAX + 1), -EINVAL);
    assert_non_null(strstr(err_text(), "at most 2000"));
    names[9] = "";
    assert_int_equal(class_names_check(-EINVAL, names, 10), -EINVAL);
    assert_int_equal(class_names_check(-EINVAL, names, 9), 0);

    /* 253 bytes and 3 beside: 248 of these are just what may be told. */
    char text[CLASS_NAME_MAX];
    memset(text, 'y', sizeof text);
    text[253] = 0;
    for (size_t i = 0; i < N; i++)
        names[i] = text;
    assert_int_equal(class_names_check(-EINVAL, names, CLASS_NAMES_BYTES / 256), 0);
    char more[CLASS_NAME_MAX];
    memset(more, 'z', sizeof more);
    more[254] = 0;
    names[0] = more;
    assert_int_equal(class_names_check(-EINVAL, names, CLASS_NAMES_BYTES / 256), -EINVAL);
    assert_non_null(strstr(err_text(), "63489 bytes, at most 63488"));
}

static void test_copies_stand_alone(void **state)
{
    (void)state;
    char first[] = "cat", second[] = "caf\xc3\xa9";
    const char *const names[] = {first, second};
    const size_t bytes = class_names_bytes(names, 2);
    assert_int_equal(bytes, 2 * sizeof(char *) + sizeof first + sizeof second);
    void *memory = malloc(bytes); /* to the byte: a sanitizer sees one too many */
    assert_non_null(memory);
    const char *const *copies = class_names_lay(memory, names, 2);
    assert_ptr_equal(copies, memory);
    memset(first, 'x', 3);
    memset(second, 'x', 3);
    assert_string_equal(copies[0], "cat");
    assert_string_equal(copies[1], "caf\xc3\xa9");
    free(memory);
    assert_int_equal(class_names_bytes(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_name),
        cmocka_unit_test(test_all_together),
        cmocka_unit_test(test_copies_stand_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
