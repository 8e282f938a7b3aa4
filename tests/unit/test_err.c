/* SPDX-License-Identifier: Apache-2.0 */
/* err: the message survives being built from itself, is cut, and codes map to exit codes. */
#include "test.h"

#include <errno.h>
#include <string.h>

static void test_message(void **state)
{
    (void)state;
    assert_int_equal(err_set(-ENOENT, "no file %s", "x.yaml"), -ENOENT);
    assert_string_equal(err_text(), "no file x.yaml");
    err_set(-EIO, "read: %s", err_text());
    assert_string_equal(err_text(), "read: no file x.yaml");
}

static void test_long_message_is_cut(void **state)
{
    (void)state;
    char text[2 * ERR_TEXT_MAX];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    err_set(-EIO, "%s", text);
    assert_int_equal(strlen(err_text()), ERR_TEXT_MAX - 1);
}

static void test_exit_codes(void **state)
{
    (void)state;
    assert_int_equal(err_exit(0), 0);
    assert_int_equal(err_exit(-EBADMSG), 65);
    assert_int_equal(err_exit(-ENODATA), 65);
    assert_int_equal(err_exit(-ENOENT), 65);
    assert_int_equal(err_exit(-EEXIST), 65);
    assert_int_equal(err_exit(-EACCES), 65);
    assert_int_equal(err_exit(-EISDIR), 65);
    assert_int_equal(err_exit(-ELOOP), 65);
    assert_int_equal(err_exit(-ENAMETOOLONG), 65);
    assert_int_equal(err_exit(-E2BIG), 65);
    assert_int_equal(err_exit(-ETIMEDOUT), 69);
    assert_int_equal(err_exit(-EADDRINUSE), 69);
    assert_int_equal(err_exit(-EADDRNOTAVAIL), 69);
    assert_int_equal(err_exit(-ENOSPC), 69);
    assert_int_equal(err_exit(-EFBIG), 69);
    assert_int_equal(err_exit(-EINVAL), 78);
    assert_int_equal(err_exit(-ENOMEM), 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_long_message_is_cut),
        cmocka_unit_test(test_exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
