/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: every event moves its counter, and the summary tells them. */
#include "test.h"

#include "common/err.h"
#include "common/log.h"
#include "loaderd/monitor/metrics.h"

#include <errno.h>
#include <stdio.h>
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
    metrics_reload(&m, true);
    metrics_reload(&m, false);
    metrics_reload(&m, false);
    assert_int_equal(m.reloads, 1);
    assert_int_equal(m.reloads_failed, 2);
    metrics_stall(&m, "asleep");
    assert_int_equal(m.stalls, 1);
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

/* Each dataset counts for itself, and all of them for the whole. */
static void test_datasets(void **state)
{
    (void)state;
    static struct metrics m;
    struct item item = {.sample = 9, .path = "a/9.jpg"};
    metrics_sent(&m, &(struct metrics_sent){"a", 8, 2, 100});
    metrics_sent(&m, &(struct metrics_sent){"b", 16, 0, 200});
    metrics_sent(&m, &(struct metrics_sent){"a", 8, 1, 100});
    metrics_fault(&m, "b", &item, FAULT_CRASH, "");
    assert_int_equal(m.batches, 3);
    assert_int_equal(m.samples, 32);
    assert_int_equal(m.substituted, 3);
    assert_int_equal(m.bytes, 400);
    assert_int_equal(m.n_datasets, 2);
    const struct metrics_dataset *a = metrics_dataset(&m, "a"), *b = metrics_dataset(&m, "b");
    assert_int_equal(a->samples, 16);
    assert_int_equal(a->substituted, 3);
    assert_int_equal(a->faults[FAULT_CRASH], 0);
    assert_int_equal(b->samples, 16);
    assert_int_equal(b->faults[FAULT_CRASH], 1);
    /* More names than there is room for: the whole goes on counting. */
    for (int i = 0; i < METRICS_DATASETS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "d%d", i);
        metrics_sent(&m, &(struct metrics_sent){name, 1, 0, 0});
        metrics_fault(&m, name, &item, FAULT_CRASH, "");
    }
    assert_int_equal(m.samples, 32 + METRICS_DATASETS_MAX);
    assert_int_equal(m.n_datasets, METRICS_DATASETS_MAX);
    assert_int_equal(m.faults[FAULT_CRASH], 1 + METRICS_DATASETS_MAX);
}

static void test_times(void **state)
{
    (void)state;
    struct metrics_times times = {0};
    for (size_t i = 0; i < METRICS_BOUNDS; i++) {
        assert_true(i == 0 || metrics_bounds[i] > metrics_bounds[i - 1]);
        metrics_time(&times, metrics_bounds[i]);        /* the last of its own */
        metrics_time(&times, metrics_bounds[i] * 1.01); /* the first of the next */
    }
    for (size_t i = 0; i <= METRICS_BOUNDS; i++)
        assert_int_equal(times.buckets[i], i == 0 || i == METRICS_BOUNDS ? 1 : 2);
    assert_int_equal(times.count, 2 * METRICS_BOUNDS);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts), cmocka_unit_test(test_datasets),
        cmocka_unit_test(test_times), cmocka_unit_test(test_internal_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
