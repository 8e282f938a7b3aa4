/* SPDX-License-Identifier: Apache-2.0 */
/* child: how a program ended, and the line in which it said why. */
#include "test.h"

#include "tools/evaluate/report/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Runs a shell's command line; what comes to our standard error meanwhile is in heard. */
static char heard[8192];

static struct child_end run(const char *command)
{
    char path[] = "/tmp/augstream-child-XXXXXX";
    int file = mkstemp(path), ours = dup(STDERR_FILENO);
    assert_true(file >= 0 && ours >= 0);
    unlink(path);
    dup2(file, STDERR_FILENO);
    struct child_end end = {.code = -1};
    char *const argv[] = {"/bin/sh", "-c", (char *)command, NULL};
    const int rc = child_run(argv, &end);
    dup2(ours, STDERR_FILENO);
    close(ours);
    memset(heard, 0, sizeof heard);
    assert_true(pread(file, heard, sizeof heard - 1, 0) >= 0);
    close(file);
    assert_int_equal(rc, 0);
    return end;
}

static void why_is(const char *command, int code, const char *why)
{
    const struct child_end end = run(command);
    char text[CHILD_LINE_MAX];
    assert_int_equal(end.code, code);
    child_why(&end, text);
    assert_string_equal(text, why);
}

static void test_fine(void **state)
{
    (void)state;
    const struct child_end end = run("echo half >&2; printf whole >&2");
    assert_int_equal(end.code, 0);
    assert_int_equal(end.signal, 0);
    assert_string_equal(heard, "half\nwhole");
}

static void test_why(void **state)
{
    (void)state;
    why_is("echo 'x: error: no such thing' >&2; echo 'x: stopped' >&2; exit 65", 65,
           "no such thing");
    why_is("echo 'x: error: first' >&2; echo 'x: error: second' >&2; exit 1", 1, "second");
    why_is("echo 'something else' >&2; echo >&2; exit 3", 3, "something else");
    why_is("printf '10 %% \\r20 %% \\rbroken' >&2; exit 3", 3, "broken");
    why_is("printf 'a\\033[1mb' >&2; exit 3", 3, "a?[1mb");
    why_is("exit 7", 7, "ended with exit code 7 and said nothing");
    why_is("echo 'x: error: ah' >&2; kill -SEGV $$", 128 + SIGSEGV,
           "ended by signal 11 (Segmentation fault)");
}

static void test_long_lines(void **state)
{
    (void)state;
    const struct child_end end = run("printf '%02000d' 5 >&2; exit 1");
    assert_int_equal(strlen(end.line), CHILD_LINE_MAX - 1);
    assert_int_equal(strlen(heard), 2000);
}

static void test_no_such_program(void **state)
{
    (void)state;
    struct child_end end;
    char *const argv[] = {"/nowhere/at/all", NULL};
    assert_int_equal(child_run(argv, &end), 0);
    assert_int_equal(end.code, 127);
}

/* No descriptor is left behind, whatever became of the program. */
static void test_descriptors(void **state)
{
    (void)state;
    const int before = dup(0);
    close(before);
    for (int i = 0; i < 20; i++)
        run(i % 2 ? "exit 1" : "true");
    const int after = dup(0);
    close(after);
    assert_int_equal(before, after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fine),        cmocka_unit_test(test_why),
        cmocka_unit_test(test_long_lines),  cmocka_unit_test(test_no_such_program),
        cmocka_unit_test(test_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
