/* SPDX-License-Identifier: Apache-2.0 */
/* node_life: a real loaderd from its start to its end: what it tells the service manager, what it
 * still owes its peers at SIGTERM, what a killed worker costs, and what it does when the world it
 * is started into is short of something. */
#include "node.h"

#include <sys/socket.h>
#include <sys/un.h>

static struct node node;

static int setup(void **state)
{
    (void)state;
    node_new(&node);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    node_done(&node);
    return 0;
}

static void assert_nothing_left(void)
{
    assert_int_not_equal(access(garden_path(&node.garden, "socket"), F_OK), 0);
    assert_int_not_equal(access(garden_path(&node.garden, "tap"), F_OK), 0);
}

/* --- the service manager's view --- */

static void test_ready_status_stopping(void **state)
{
    (void)state;
    char lines[256];
    snprintf(lines, sizeof lines, "workers: 2\ntap: ipc://%s/tap", node.garden.root);
    node.lines = lines;
    node_start(&node);
    node_hear(&node, "STATUS=", "0 peers, 0 sessions, 0 requests outstanding; 0 batches");
    pid_t workers[3];
    assert_int_equal(children_of(node.pid, workers, 3), 2);
    struct client *c = client_ready(&node, 1);
    client_get(c, 0, 0);
    node_hear(&node,
              "STATUS=", "1 peers, 1 sessions, 0 requests outstanding; 1 batches, 8 samples");
    kill(node.pid, SIGTERM);
    node_hear(&node, "STOPPING=1", "");
    client_expect(c, WIRE_DRAINING);
    assert_int_equal(node_wait(&node), 0);
    client_free(c);
    assert_nothing_left();
    for (int i = 0; i < 2; i++)
        wait_process(workers[i], 0);
}

/* SIGINT is the same. */
static void test_interrupt(void **state)
{
    (void)state;
    node_start(&node);
    kill(node.pid, SIGINT);
    node_hear(&node, "STOPPING=1", "");
    assert_int_equal(node_wait(&node), 0);
    assert_nothing_left();
}

/* SIGHUP ends nothing, whenever it comes, and says what it does. */
static void test_hangup(void **state)
{
    (void)state;
    node_start(&node);
    struct client *c = client_ready(&node, 1);
    struct print whole = client_get(c, 0, 0);
    kill(node.pid, SIGHUP);
    assert_same(client_get(c, 0, 0), whole);
    kill(node.pid, SIGTERM); /* heard after the other */
    assert_int_equal(node_wait(&node), 0);
    assert_true(node_logged(&node, "SIGHUP: the list of clients is read again"));
    client_free(c);
    assert_nothing_left();
}

/* How often the log says it. */
static uint32_t times_logged(const char *words)
{
    uint32_t n = 0;
    auto_free char *text = node_log(&node);
    for (const char *at = text; (at = strstr(at, words)); at++)
        n++;
    return n;
}

/* loaderd.yaml anew, with these lines in it, and SIGHUP; until all of it is done. */
static void reload(const char *lines)
{
    char text[1024];
    snprintf(text, sizeof text, "listen: %s\n%s\ndatasets:\n  set: {path: %s/set}\n", node.endpoint,
             lines, node.garden.root);
    garden_write(&node.garden, "loaderd.yaml", text);
    kill(node.pid, SIGHUP);
    node_hear(&node, "RELOADING=1\nMONOTONIC_USEC=", "");
    node_hear(&node, "READY=1", "");
}

/* What SIGHUP changes holds at once, what needs a restart is named, what is wrong changes nothing.
 */
static void test_reload(void **state)
{
    (void)state;
    node_start(&node); /* log: debug, workers: 1 */
    struct client *c = client_ready(&node, 1);
    struct print whole = client_get(c, 0, 0);
    reload("workers: 1\nlog: error");
    assert_int_equal(times_logged("SIGHUP"), 0); /* which is a notice: the level holds already */
    reload("workers: 2\nwindow: 3\nlog: notice");
    assert_int_equal(times_logged("loaderd.yaml is read again; changed: log"), 1);
    assert_true(node_logged(&node, "but kept until a restart: workers, window\n"));
    reload("workers: 2\nwindow: 3\nlog: loud");
    assert_true(node_logged(&node, "loaderd.yaml:4: log: "));
    assert_int_equal(times_logged("is read again; changed"),
                     1); /* the list of clients is another */
    reload("workers: 1\nlog: notice");
    assert_int_equal(times_logged("is read again; changed: nothing"), 1); /* notice held */
    assert_int_equal(times_logged("kept until a restart"), 1);
    pid_t workers[2];
    assert_int_equal(children_of(node.pid, workers, 2), 1);
    client_forget(c);
    assert_same(client_get(c, 0, 0), whole);
    client_free(c);
    node_end(&node);
}

/* --- the drain --- */

/* Three requests are out when SIGTERM comes, and the only worker stands still: they are answered,
 * nothing new is begun. */
static void test_drain(void **state)
{
    (void)state;
    node_start(&node);
    struct client *c = client_ready(&node, 1);
    struct print whole = client_get(c, 0, 0);
    client_forget(c);
    pid_t worker = node_worker(&node);
    stop_process(worker);
    for (uint32_t i = 0; i < 3; i++)
        client_ask(c, 100 + i, 0, i);
    node_hear(&node, "STATUS=", "3 requests outstanding");
    kill(node.pid, SIGTERM);
    node_hear(&node, "STOPPING=1", "");
    client_expect(c, WIRE_DRAINING);
    client_ask(c, 200, 0, 4);
    client_expect_error(c, 200, WIRE_BUSY, true);
    struct client *late = client_new(node.endpoint);
    client_hello(late);
    client_expect(late, WIRE_DRAINING);
    node_hear(&node, "STATUS=", "draining; 2 peers");
    kill(worker, SIGCONT);
    assert_same(client_batch(c, 100), whole);
    client_batch(c, 101);
    client_batch(c, 102);
    assert_int_equal(node_wait(&node), 0);
    client_free(late);
    client_free(c);
    assert_nothing_left();
}

/* A second signal does not wait for the worker that stands still. */
static void test_second_signal(void **state)
{
    (void)state;
    node_start(&node);
    struct client *c = client_ready(&node, 1);
    pid_t worker = node_worker(&node);
    stop_process(worker);
    client_ask(c, 1, 0, 0);
    node_hear(&node, "STATUS=", "1 requests outstanding");
    kill(node.pid, SIGTERM);
    node_hear(&node, "STOPPING=1", "");
    double begin_s = stat_now();
    kill(node.pid, SIGTERM);
    assert_int_equal(node_wait(&node), 0);
    assert_true(stat_now() - begin_s < 15); /* the drain alone takes 25 */
    wait_process(worker, 0);
    client_free(c);
    assert_nothing_left();
}

/* A daemon that is killed takes its workers with it, one that stands still too; the next one on the
 * same socket serves the same client. */
static void test_killed(void **state)
{
    (void)state;
    node.lines = "workers: 2";
    node_start(&node);
    struct client *c = client_ready(&node, 1);
    struct print whole = client_get(c, 0, 0);
    pid_t workers[2] = {0};
    assert_int_equal(children_of(node.pid, workers, 2), 2);
    stop_process(workers[1]);
    while (link_event(c->link) != LINK_NOTHING)
        continue;
    kill(node.pid, SIGKILL);
    assert_true(WIFSIGNALED(node_wait(&node)));
    for (int i = 0; i < 2; i++)
        wait_process(workers[i], 0);
    assert_int_equal(access(garden_path(&node.garden, "socket"), F_OK), 0); /* left, of course */
    node_start(&node);
    double end_s = stat_now() + PATIENCE_MS * 1e-3;
    while (link_event(c->link) != LINK_CONNECTED)
        assert_true(stat_now() < end_s);
    struct spec spec;
    node_spec(&spec, 1);
    client_hello(c);
    client_open(c, &spec);
    assert_same(client_get(c, 0, 0), whole);
    client_free(c);
    node_end(&node);
}

/* --- workers that are killed --- */

static void test_killed_worker(void **state)
{
    (void)state;
    node_start(&node);
    struct client *c = client_ready(&node, 1);
    struct print whole = client_get(c, 3, 2);
    client_forget(c);
    pid_t worker = node_worker(&node);
    stop_process(worker); /* in the middle of its work, as far as anyone can tell */
    client_ask(c, 7, 3, 2);
    node_hear(&node, "STATUS=", "1 requests outstanding");
    kill(worker, SIGKILL);
    assert_same(client_batch(c, 7), whole);
    node_hear(&node, "STATUS=", "1 worker exits");
    assert_int_equal(node_worker(&node) == worker, 0);
    assert_true(node_logged(&node, "was killed by somebody else (signal 9); a new one starts"));
    client_free(c);
    node_end(&node);
}

/* Killed again and again, idle and busy, while batches are asked for: every batch arrives and is
 * the one that an undisturbed loader makes. A killed worker says nothing of its image, so none is
 * substituted. */
static void test_killed_workers(void **state)
{
    (void)state;
    struct print whole[4];
    node.lines = "workers: 2";
    node_start(&node);
    struct client *c = client_ready(&node, 1);
    for (uint32_t i = 0; i < ARRAY_LEN(whole); i++)
        whole[i] = client_get(c, 0, i);
    for (uint32_t round = 0; round < 8; round++) {
        pid_t workers[2];
        client_forget(c);
        client_ask(c, round, 0, round % ARRAY_LEN(whole));
        if (children_of(node.pid, workers, 2) > 0)
            kill(workers[0], SIGKILL);
        assert_same(client_batch(c, round), whole[round % ARRAY_LEN(whole)]);
    }
    client_free(c);
    node_end(&node);
}

/* The worker's program vanishes (a package is being replaced) and comes back: the log says so, and
 * the batch arrives in the end. */
static void test_worker_program_vanishes(void **state)
{
    (void)state;
    char worker[256], away[256];
    node_install(&node, built_program("loaderd/augstream-loaderd-worker"));
    snprintf(worker, sizeof worker, "%s", garden_path(&node.garden, "augstream-loaderd-worker"));
    snprintf(away, sizeof away, "%s", garden_path(&node.garden, "away"));
    node_start(&node);
    struct client *c = client_ready(&node, 1);
    struct print whole = client_get(c, 0, 1);
    client_forget(c);
    assert_int_equal(rename(worker, away), 0);
    kill(node_worker(&node), SIGKILL);
    node_hear(&node, "STATUS=", "1 worker exits");
    client_ask(c, 5, 0, 1);
    node_hear(&node, "STATUS=", "1 requests outstanding");
    double end_s = stat_now() + PATIENCE_MS * 1e-3;
    while (!node_logged(&node, "cannot be started"))
        assert_true(stat_now() < end_s);
    assert_int_equal(rename(away, worker), 0);
    assert_same(client_batch(c, 5), whole);
    client_free(c);
    node_end(&node);
}

/* A worker that is never ready keeps the daemon from READY, not from a signal. */
static void test_signal_while_starting(void **state)
{
    (void)state;
    garden_write(&node.garden, "sleeper", "#!/bin/sh\necho begun >&2\nexec sleep 1000\n");
    chmod(garden_path(&node.garden, "sleeper"), 0755);
    node_install(&node, garden_path(&node.garden, "sleeper"));
    node.lines = "workers: 64"; /* it comes while they are being started */
    node_spawn(&node);
    double end_s = stat_now() + PATIENCE_MS * 1e-3;
    while (access(garden_path(&node.garden, "log"), F_OK) != 0 || !node_logged(&node, "begun"))
        assert_true(stat_now() < end_s);
    kill(node.pid, SIGHUP);
    kill(node.pid, SIGTERM);
    assert_int_equal(node_wait(&node), 0);
    assert_true(node_logged(&node, "SIGHUP"));
    assert_nothing_left();
}

/* A worker that cannot start ends the daemon: the service manager is to know. */
static void test_worker_that_fails(void **state)
{
    (void)state;
    node_install(&node, "/bin/false");
    node_spawn(&node);
    int status = node_wait(&node);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_INTERNAL);
    assert_true(node_logged(&node, "augstream-loaderd-worker: a worker ended before it was ready"));
    assert_nothing_left();
}

/* --- odd worlds --- */

/* The service manager's socket is full, and stays so: the daemon serves all the same. */
static void test_manager_that_does_not_read(void **state)
{
    (void)state;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const char *path = garden_path(&node.garden, "notify");
    assert_true(strlen(path) < sizeof at.sun_path);
    memcpy(at.sun_path, path, strlen(path));
    auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    while (sendto(fd, "x", 1, 0, (struct sockaddr *)&at, sizeof at) == 1)
        continue;
    assert_int_equal(errno, EAGAIN);
    node_spawn(&node);
    struct client *c = client_ready(&node, 1);
    client_get(c, 0, 0);
    node_hear(&node, "READY=1", ""); /* now that there is room: it was not forgotten */
    client_free(c);
    node_end(&node);
}

static void close_streams(struct node *n)
{
    (void)n;
    for (int fd = 0; fd < 3; fd++)
        close(fd);
}

/* Without standard streams their numbers must not go to sockets, into which log lines would then
 * be written. */
static void test_no_streams(void **state)
{
    (void)state;
    node.before_exec = close_streams;
    node_start(&node);
    struct client *c = client_ready(&node, 1);
    struct print whole = client_get(c, 0, 0);
    client_forget(c);
    kill(node_worker(&node), SIGKILL); /* something to log */
    assert_same(client_get(c, 0, 0), whole);
    for (int fd = 0; fd < 3; fd++) {
        char path[64], target[64];
        snprintf(path, sizeof path, "/proc/%d/fd/%d", node.pid, fd);
        ssize_t n = readlink(path, target, sizeof target - 1);
        assert_true(n > 0);
        target[n] = 0;
        assert_string_equal(target, "/dev/null");
    }
    client_free(c);
    node_end(&node);
}

static void block_signals(struct node *n)
{
    (void)n;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    signal(SIGCHLD, SIG_IGN);
}

/* Whoever starts the daemon may have blocked signals: it must hear of SIGTERM and of dead workers.
 */
static void test_blocked_signals(void **state)
{
    (void)state;
    node.before_exec = block_signals;
    node_start(&node);
    struct client *c = client_ready(&node, 1);
    struct print whole = client_get(c, 0, 0);
    client_forget(c);
    kill(node_worker(&node), SIGKILL);
    node_hear(&node, "STATUS=", "1 worker exits");
    assert_same(client_get(c, 0, 0), whole);
    client_free(c);
    node_end(&node);
}

static void limit_files(struct node *n)
{
    (void)n;
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, 1 << 20});
}

/* Shared memory counts as a file: `ulimit -f` ends the daemon with a line, not with a
 * signal: there is no room, as on a full disk. */
static void test_file_size_limit(void **state)
{
    (void)state;
    node.before_exec = limit_files;
    node_spawn(&node);
    int status = node_wait(&node);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_UNAVAILABLE);
    assert_true(node_logged(&node, "error: pool: no shared memory"));
    assert_nothing_left();
}

static void limit_descriptors(struct node *n)
{
    (void)n;
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){36, 36});
}

/* Descriptors for itself and a worker, and none for peers: refused at the start. */
static void test_few_descriptors(void **state)
{
    (void)state;
    node.before_exec = limit_descriptors;
    node_spawn(&node);
    int status = node_wait(&node);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_INTERNAL);
    assert_true(node_logged(&node, "error: 36 open files are allowed"));
    assert_nothing_left();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_ready_status_stopping),
        TEST(test_interrupt),
        TEST(test_hangup),
        TEST(test_reload),
        TEST(test_drain),
        TEST(test_second_signal),
        TEST(test_killed),
        TEST(test_killed_worker),
        TEST(test_killed_workers),
        TEST(test_worker_program_vanishes),
        TEST(test_signal_while_starting),
        TEST(test_worker_that_fails),
        TEST(test_manager_that_does_not_read),
        TEST(test_no_streams),
        TEST(test_blocked_signals),
        TEST(test_file_size_limit),
        TEST(test_few_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
