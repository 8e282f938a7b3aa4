/* SPDX-License-Identifier: Apache-2.0 */
/* node_patience: what a real loaderd waits for, and for how long. Its signs of life for the service
 * manager go on while a worker or a peer stands still, and stop when nothing moves that should; a
 * drain has its end, whoever does not read. These tests last as long as the waiting does. */
#include "node.h"

#include "loaderd/daemon/life.h"
#include "loaderd/daemon/pulse.h"

enum { WATCHDOG_MS = 2000 };

static struct node node;

static void with_watchdog(struct node *n)
{
    (void)n;
    char us[32];
    snprintf(us, sizeof us, "%d", WATCHDOG_MS * 1000);
    setenv("WATCHDOG_USEC", us, 1);
    unsetenv("WATCHDOG_PID");
}

static int setup(void **state)
{
    (void)state;
    node_new(&node);
    node.before_exec = with_watchdog;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    node_done(&node);
    return 0;
}

/* --- what the service manager hears --- */

struct ear {
    uint32_t signs; /* of life */
    double last_s;  /* of the last sign, or since when we listen */
};

static struct ear ear_new(void)
{
    return (struct ear){.last_s = stat_now()};
}

/* One word, or the wait for it. Nobody has reason to end the daemon meanwhile if `alive`. */
static void ear_listen(struct ear *ear, int wait_ms, bool alive)
{
    char text[1024] = "";
    const double begin_s = stat_now();
    notify_receive(node.notify_fd, wait_ms, text, sizeof text);
    const double now_s = stat_now();
    if (now_s - begin_s > wait_ms * 1e-3 + 1) /* we stood still ourselves, so the daemon may have */
        ear->last_s = now_s;
    const double gap_s = now_s - ear->last_s;
    if (alive && gap_s * 1e3 > WATCHDOG_MS) {
        auto_free char *log = node_log(&node);
        fail_msg("no sign of life for %.3f s:\n%s", gap_s, log);
    }
    if (strcmp(text, "WATCHDOG=1") == 0) {
        ear->signs++;
        ear->last_s = now_s;
    }
}

static void hear_until_logged(struct ear *ear, const char *words)
{
    double end_s = stat_now() + PATIENCE_MS * 1e-3;
    while (!node_logged(&node, words)) {
        ear_listen(ear, 100, true);
        if (stat_now() > end_s)
            fail_msg("never logged: %s", words);
    }
}

/* Alive for so long. */
static void hear_for(struct ear *ear, double s)
{
    for (double end_s = stat_now() + s; stat_now() < end_s;)
        ear_listen(ear, 100, true);
}

/* --- the watchdog --- */

/* Four signs in each period, with nothing to do and with something. */
static void test_alive(void **state)
{
    (void)state;
    node_start(&node);
    struct ear ear = ear_new();
    while (ear.signs < 4)
        ear_listen(&ear, 100, true);
    struct client *c = client_ready(&node, 1);
    client_get(c, 0, 0);
    for (ear = ear_new(); ear.signs < 4;)
        ear_listen(&ear, 100, true);
    client_free(c);
    node_end(&node);
}

/* Whoever is not asked for signs of life gives none. */
static void test_not_asked(void **state)
{
    (void)state;
    node.before_exec = NULL;
    node_start(&node);
    struct client *c = client_ready(&node, 1);
    struct ear ear = ear_new();
    while (stat_now() - ear.last_s < 1) {
        client_get(c, 0, ear.signs); /* no sign: always the same */
        ear_listen(&ear, 100, false);
    }
    assert_int_equal(ear.signs, 0);
    client_free(c);
    node_end(&node);
}

/* A worker that stands still is replaced: no reason to end the daemon. */
static void test_worker_stands_still(void **state)
{
    (void)state;
    node.lines = "workers: 1\nstall: 3";
    node_start(&node);
    struct client *c = client_ready(&node, 1);
    struct print whole = client_get(c, 0, 1);
    client_forget(c);
    struct ear ear = ear_new();
    stop_process(node_worker(&node));
    client_ask(c, 7, 0, 1);
    hear_until_logged(&ear, "gave no answer for too long and was killed");
    assert_true(ear.signs >= 2);
    assert_same(client_batch(c, 7), whole);
    client_free(c);
    node_end(&node);
}

/* A worker that stands still, and then a program that never becomes one: the batch that is owed
 * does not come, and nobody but the service manager can help. When it moves again, so do the signs.
 */
static void test_nothing_moves(void **state)
{
    (void)state;
    char program[256], away[256];
    node_install(&node, built_program("loaderd/augstream-loaderd-worker"));
    snprintf(program, sizeof program, "%s", garden_path(&node.garden, "augstream-loaderd-worker"));
    snprintf(away, sizeof away, "%s", garden_path(&node.garden, "away"));
    node.lines = "workers: 1\nstall: 1";
    node_start(&node);
    struct client *c = client_ready(&node, 1);
    struct print whole = client_get(c, 0, 1);
    client_forget(c);
    stop_process(node_worker(&node));
    assert_int_equal(rename(program, away), 0);
    garden_write(&node.garden, "augstream-loaderd-worker", "#!/bin/sh\nexec sleep 1000\n");
    chmod(program, 0755);
    struct ear ear = ear_new();
    client_ask(c, 7, 0, 1);
    double begin_s = stat_now();
    hear_until_logged(&ear,
                      "no sign of life (1. time): batches are being made, and nothing has moved");
    assert_true((stat_now() - begin_s) * 1e3 > PULSE_GRACE_MS);
    assert_true(ear.signs > 10);
    while (notify_receive(node.notify_fd, 0, (char[64]){0}, 64) == 0)
        continue; /* what was said before */
    for (ear = ear_new(); (stat_now() - ear.last_s) * 1e3 < WATCHDOG_MS;)
        ear_listen(&ear, 100, false);
    assert_int_equal(ear.signs, 0);
    assert_int_equal(rename(away, program), 0);
    kill(node_worker(&node), SIGKILL);
    assert_same(client_batch(c, 7), whole);
    node_hear(&node, "WATCHDOG=1", "");
    client_free(c);
    node_end(&node);
}

/* A trainer stopped with ^Z while batches for it are in the slots and on the way: its own affair,
 * for longer than anything that should move may stand. */
static void test_peer_stands_still(void **state)
{
    (void)state;
    node.lines = "workers: 1\nstall: 1\nwindow: 6";
    node_start(&node);
    pid_t worker = node_worker(&node);
    stop_process(worker);
    pid_t trainer = node_trainer(&node, 6);
    stop_process(trainer);
    struct ear ear = ear_new();
    kill(worker, SIGCONT);
    hear_for(&ear, 1 + PULSE_GRACE_MS * 1e-3 + 3);
    assert_false(node_logged(&node, "no sign of life"));
    kill(trainer, SIGKILL);
    waitpid(trainer, NULL, 0);
    node_end(&node);
}

/* --- the drain --- */

/* A trainer stopped with ^Z takes nothing more; the others get what they asked for, and the daemon
 * its end. */
static void test_drain_past_a_stopped_trainer(void **state)
{
    (void)state;
    node.lines = "workers: 1\nwindow: 6";
    node_start(&node);
    struct client *c = client_ready(&node, 1);
    struct print whole = client_get(c, 0, 0);
    client_forget(c);
    pid_t worker = node_worker(&node);
    stop_process(worker);
    pid_t trainer = node_trainer(&node, 6);
    stop_process(trainer);
    client_ask(c, 7, 0, 0);
    node_hear(&node, "STATUS=", "7 requests outstanding");
    double begin_s = stat_now();
    kill(node.pid, SIGTERM);
    node_hear(&node, "STOPPING=1", "");
    kill(worker, SIGCONT);
    client_expect(c, WIRE_DRAINING);
    assert_same(client_batch(c, 7), whole);
    assert_int_equal(node_wait(&node), 0);
    assert_true(stat_now() - begin_s < 30);
    kill(trainer, SIGKILL);
    waitpid(trainer, NULL, 0);
    client_free(c);
}

/* A worker that stands still makes nothing of what was asked for: it is given up, in time for a
 * service manager that waits 30 s. */
static void test_drain_has_an_end(void **state)
{
    (void)state;
    node_start(&node); /* its stall is 120 s */
    struct client *c = client_ready(&node, 1);
    stop_process(node_worker(&node));
    client_ask(c, 7, 0, 0);
    node_hear(&node, "STATUS=", "1 requests outstanding");
    double begin_s = stat_now();
    kill(node.pid, SIGTERM);
    node_hear(&node, "STOPPING=1", "");
    struct ear ear = ear_new();
    hear_until_logged(&ear, "ending with 1 requests unanswered"); /* alive all the while */
    assert_int_equal(node_wait(&node), 0);
    assert_true((stat_now() - begin_s) * 1e3 > LIFE_DRAIN_MS - 1000);
    assert_true(stat_now() - begin_s < 30);
    client_free(c);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_alive),
        TEST(test_not_asked),
        TEST(test_worker_stands_still),
        TEST(test_nothing_moves),
        TEST(test_peer_stands_still),
        TEST(test_drain_past_a_stopped_trainer),
        TEST(test_drain_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
