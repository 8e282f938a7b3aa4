/* SPDX-License-Identifier: Apache-2.0 */
/* program: beside this one first, then where it was installed; else both places are named. */
#include "test.h"

#include "loaderd/crew/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void make(const char *path, mode_t mode)
{
    int fd = open(path, O_CREAT | O_WRONLY, mode);
    assert_true(fd >= 0);
    close(fd);
}

static void test_places(void **state)
{
    (void)state;
    char installed[] = "/tmp/test_program.XXXXXX", path[64], ret[PROGRAM_PATH_MAX];
    assert_non_null(mkdtemp(installed));
    snprintf(path, sizeof path, "%s/test-no-such", installed);
    assert_int_equal(program_find("test-no-such", installed, ret), -ENOENT);
    assert_non_null(strstr(err_text(), "test-no-such"));
    assert_non_null(strstr(err_text(), installed));
    make(path, 0644); /* there, and no program */
    if (geteuid() != 0 || access(path, X_OK) != 0)
        assert_int_equal(program_find("test-no-such", installed, ret), -ENOENT);
    unlink(path);
    make(path, 0755);
    assert_int_equal(program_find("test-no-such", installed, ret), 0);
    assert_string_equal(ret, path);
    unlink(path);
    /* This test itself lies beside itself, which comes before where it is installed. */
    snprintf(path, sizeof path, "%s/test_program", installed);
    make(path, 0755);
    assert_int_equal(program_find("test_program", installed, ret), 0);
    assert_string_not_equal(ret, path);
    assert_non_null(strstr(ret, "/test_program"));
    unlink(path);
    rmdir(installed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
