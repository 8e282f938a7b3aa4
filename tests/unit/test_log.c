/* SPDX-License-Identifier: Apache-2.0 */
/* log: levels are kept back, and no text can forge a second line. */
#include "test.h"

#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Runs one log call with stderr going to a pipe; text gets what was written. */
static void captured(enum log_level level, const char *message, char *text, size_t cap)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    int saved = dup(STDERR_FILENO);
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
    log_line(level, "%s", message);
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t n = read(fds[0], text, cap - 1);
    text[n > 0 ? n : 0] = 0;
    close(fds[0]);
}

static void test_lines(void **state)
{
    (void)state;
    char text[256];
    unsetenv("JOURNAL_STREAM");
    log_open("t", LOG_INFO);
    captured(LOG_ERROR, "bad", text, sizeof text);
    assert_string_equal(text, "t: error: bad\n");
    captured(LOG_INFO, "one\nt: error: forged", text, sizeof text);
    assert_string_equal(text, "t: one?t: error: forged\n");
    captured(LOG_INFO,
             "\xc2\x9b"
             "2J",
             text, sizeof text); /* CSI, as UTF-8 writes it */
    assert_string_equal(text, "t: ?2J\n");
    captured(LOG_DEBUG, "hidden", text, sizeof text);
    assert_string_equal(text, "");
}

static void test_journal_prefix(void **state)
{
    (void)state;
    char text[256];
    setenv("JOURNAL_STREAM", "8:1", 1);
    log_open("t", LOG_DEBUG);
    captured(LOG_WARN, "w", text, sizeof text);
    assert_string_equal(text, "<4>w\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_journal_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
