/* SPDX-License-Identifier: Apache-2.0 */
/* reload: what can change changes, what cannot is named, and a file that is wrong changes nothing.
 */
#include "loader_bed.h"

#include "loaderd/daemon/reload.h"

#include <errno.h>

static struct reload_said said;

static int reload(const char *lines)
{
    const struct reload r = {.running = &config, .sessions = stock.sessions};
    bed_write(lines);
    return reload_config(&r, &said);
}

static void test_live(void **state)
{
    (void)state;
    assert_int_equal(reload(""), 0);
    assert_string_equal(said.taken, "");
    assert_string_equal(said.restart, "");
    assert_int_equal(reload("log: error\nbad_rate_max: 0\n"), 0);
    assert_string_equal(said.taken, "bad_rate_max, log");
    assert_string_equal(said.restart, "");
    assert_int_equal(config_log_level(&config), LOG_ERROR);
    assert_true(config.bad_rate_max == 0);

    /* The rate holds for sessions that are open already. */
    struct session *session;
    enum wire_code code;
    struct spec spec = {.dataset = "set", .batch = 2, .n_views = 1};
    view_spec_eval(&spec.views[0], 8, 8);
    assert_int_equal(session_open(stock.sessions, &spec, &session, &code), 0);
    for (int i = 0; i < SESSION_RATE_MIN; i++)
        session_placed(session, i == 0);
    assert_int_equal(session_check_rate(stock.sessions, session), -ENODATA);
    assert_int_equal(reload("log: error\nbad_rate_max: 0.5\n"), 0);
    assert_string_equal(said.taken, "bad_rate_max");
    assert_int_equal(session_check_rate(stock.sessions, session), 0);
}

static void test_restart(void **state)
{
    (void)state;
    assert_int_equal(reload("log: error\nworkers: 7\nwindow: 3\n  other: {path: /x}\n"), -EINVAL);
    assert_int_equal(reload("workers: 7\nwindow: 3\ntap: ipc:///run/tap\nlog: error\n"), 0);
    assert_string_equal(said.taken, "log");
    assert_string_equal(said.restart, "tap, workers, window");
    assert_int_equal(config.workers, 0);
    assert_int_equal(reload("workers: 7\nlog: error\n"), 0); /* said each time until it is so */
    assert_string_equal(said.taken, "");
    assert_string_equal(said.restart, "workers");
}

static void test_refused(void **state)
{
    (void)state;
    assert_int_equal(reload("bad_rate_max: 0.9\nlog: loud\n"), -EINVAL);
    char place[256];
    snprintf(place, sizeof place, "%s:7: log: ", garden_path(&garden, "loaderd.yaml"));
    assert_memory_equal(err_text(), place, strlen(place));
    assert_true(config.bad_rate_max == 0.1);
    const struct reload r = {.running = &config, .sessions = stock.sessions};
    unlink(garden_path(&garden, "loaderd.yaml"));
    assert_int_equal(reload_config(&r, &said), -EINVAL);
}

/* One SIGHUP is one, whatever it reads; and one part that is wrong does not keep the other back. */
static void test_all(void **state)
{
    (void)state;
    struct gate gate = {0};
    struct tell tell = {0};
    metrics = (struct metrics){.batches = 0};
    const struct reload r = {&config, stock.sessions, &gate, &tell, &metrics};
    bed_write("bad_rate_max: 0.3\nlog: error\n");
    assert_int_equal(reload_all(&r), 0);
    assert_int_equal(metrics.reloads, 1);
    assert_int_equal(metrics.reloads_failed, 0);
    assert_true(config.bad_rate_max == 0.3);
    bed_write("bad_rate_max: 0.4\nlog: loud\n");
    assert_int_equal(reload_all(&r), 0);
    assert_int_equal(metrics.reloads, 1);
    assert_int_equal(metrics.reloads_failed, 1);
    assert_true(config.bad_rate_max == 0.3);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, bed_setup, bed_teardown)
    const struct CMUnitTest tests[] = {TEST(test_live), TEST(test_restart), TEST(test_refused),
                                       TEST(test_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
