/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: every event moves its counter, and the summary tells them. */
#include "test.h"

#include "common/log.h"
#include "loaderd/metrics.h"

#include <string.h>
#include <unistd.h>

static void test_counts(void **state)
{
    (void)state;
    log_open("test", LOG_ERROR); /* the warnings themselves are test_loaderd's business */
    struct metrics m = {.batches = 3, .samples = 12, .bytes = 5 << 20, .substituted = 2};
    struct item item = {.sample = 9, .path = "a/9.jpg"};
    metrics_fault(&m, "d", &item, FAULT_TRUNCATED, "a/9.jpg: ends early");
    metrics_fault(&m, "d", &item, FAULT_CRASH, "");
    metrics_worker_exit(&m, &(struct metrics_exit){.signal = 27, .end = WORKER_DEADLINE});
    metrics_worker_exit(&m, &(struct metrics_exit){.signal = 9, .end = WORKER_STUCK});
    metrics_worker_exit(&m, &(struct metrics_exit){.signal = 9, .end = WORKER_KILLED});
    metrics_worker_exit(&m, &(struct metrics_exit){.signal = 11});
    metrics_worker_exit(&m, &(struct metrics_exit){.code = 70});
    metrics_quarantine(&m, "d", &item, 2);
    assert_int_equal(m.quarantined, 1);
    metrics_worker_start_failed(&m, "no such program", 50);
    metrics_jam(&m, "ipc:///run/x", 20000);
    assert_int_equal(m.jams, 1);
    metrics_turned_away(&m, 0);
    assert_int_equal(m.turning_away, 0);
    metrics_turned_away(&m, 7);
    assert_int_equal(m.turning_away, 1);
    metrics_turned_away(&m, 7);
    assert_int_equal(m.turning_away, 0);
    metrics_bad_message(&m, "nonsense");
    metrics_lost_edge(&m);
    assert_int_equal(m.faults[FAULT_TRUNCATED], 1);
    assert_int_equal(m.faults[FAULT_CRASH], 1);
    assert_int_equal(m.worker_exits, 5);
    assert_int_equal(m.worker_overdue, 1);
    assert_int_equal(m.worker_stuck, 1);
    assert_int_equal(m.worker_killed, 1);
    assert_int_equal(m.worker_starts_failed, 1);
    metrics_refused_peers(&m, 3, 5, "the key K from 10.0.0.1");
    assert_int_equal(m.auth_failures, 3);
    assert_int_equal(m.handshake_failures, 5);
    assert_int_equal(m.turned_away, 7);
    assert_int_equal(m.bad_messages, 1);
    assert_int_equal(m.lost_edges, 1);
    char line[512];
    int n = metrics_line(&m, line, sizeof line);
    assert_int_equal(n, strlen(line));
    assert_string_equal(line, "3 batches, 12 samples, 5 MiB sent; 2 bad images, 2 substitutions, "
                              "0 requests refused, 5 worker exits, 1 lost edges");
}

/* What fails for ever is told at once and then ever more rarely. */
static void test_internal_is_told(void **state)
{
    (void)state;
    struct metrics m = {.batches = 0};
    char text[4096] = "";
    int fds[2], old = dup(STDERR_FILENO);
    assert_int_equal(pipe(fds), 0);
    log_open("test", LOG_WARN);
    dup2(fds[1], STDERR_FILENO);
    for (int i = 0; i < 1000; i++)
        metrics_internal(&m, "too many open files");
    dup2(old, STDERR_FILENO);
    close(old);
    close(fds[1]);
    assert_true(read(fds[0], text, sizeof text - 1) > 0);
    close(fds[0]);
    assert_int_equal(m.internal, 1000);
    int lines = 0;
    for (const char *at = text; (at = strstr(at, "too many open files")); at++)
        lines++;
    assert_int_equal(lines, 10); /* 1, 2, 4 ... 512 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts),
                                       cmocka_unit_test(test_internal_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
