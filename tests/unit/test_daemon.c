/* SPDX-License-Identifier: Apache-2.0 */
/* daemon: started and ended inside this process, with real workers: it is READY, serves, and ends
 * at SIGTERM with nothing open and nobody running; and whatever keeps it from starting is one
 * error. Everything that needs a process of its own is in tests/flow. */
#include "garden.h"

#include "common/log.h"
#include "common/notify.h"
#include "loaderd/daemon/daemon.h"
#include "proto/link.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

enum { PATIENCE_MS = 60000 };

static struct garden garden;
static struct config config; /* large */
static char endpoint[128];
static int notify_fd;

static int setup(void **state)
{
    (void)state;
    log_open("test", LOG_ERROR);
    garden_new(&garden);
    garden_plant(&garden, "set", 8);
    snprintf(endpoint, sizeof endpoint, "ipc://%s/socket", garden.root);
    memset(&config, 0, sizeof config);
    if (conf_defaults(&config_table, &config) < 0)
        return -1;
    config.listen.n = 1;
    snprintf(config.listen.v[0], sizeof config.listen.v[0], "%s", endpoint);
    config.n_datasets = 1;
    snprintf(config.datasets[0].name, sizeof config.datasets[0].name, "set");
    snprintf(config.datasets[0].path, sizeof config.datasets[0].path, "%s",
             garden_path(&garden, "set"));
    snprintf(config.datasets[0].format, sizeof config.datasets[0].format, "folder");
    config.workers = 2;
    setenv("NOTIFY_SOCKET", garden_path(&garden, "notify"), 1);
    return notify_listen(garden_path(&garden, "notify"), &notify_fd);
}

static uint32_t descriptors(void)
{
    uint32_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static int teardown(void **state)
{
    (void)state;
    pid_t child[1];
    unsetenv("NOTIFY_SOCKET");
    close(notify_fd);
    int left = access(garden_path(&garden, "socket"), F_OK) == 0;
    garden_done(&garden);
    return left || children_of(getpid(), child, 1) > 0;
}

static const char *worker(void)
{
    return built_program("loaderd/augstream-loaderd-worker");
}

/* Waits until the service manager hears a line, cut. A loader that is slow to start tells how it
 * stands before it is ready. */
static void hear(const char *line)
{
    char text[1024];
    do
        assert_int_equal(notify_receive(notify_fd, PATIENCE_MS, text, sizeof text), 0);
    while (strncmp(text, "STATUS=", 7) == 0);
    assert_memory_equal(text, line, strlen(line));
}

/* In a second thread: a client that greets, and a manager that then wants the end. */
static void *greet_and_end(void *arg)
{
    (void)arg;
    struct link_context *context;
    struct link *dealer;
    struct wire *wire;
    static struct link_message got;
    static struct wire_message message;
    const void *bytes;
    size_t len;
    sigset_t all;
    sigfillset(&all); /* the signal is for the loop */
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    hear("READY=1");
    assert_int_equal(wire_new(64, &wire), 0);
    assert_int_equal(link_context_new(&context), 0);
    assert_int_equal(link_dealer_connect(context, endpoint, &dealer), 0);
    message = (struct wire_message){.type = WIRE_HELLO};
    assert_int_equal(wire_pack(wire, &message, &bytes, &len), 0);
    assert_int_equal(link_send(dealer, NULL, bytes, len, NULL, 0), 0);
    static const enum wire_type expected[] = {WIRE_WELCOME, WIRE_DRAINING};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_int_equal(link_wait(&dealer, 1, PATIENCE_MS), 1);
        assert_int_equal(link_receive(dealer, &got), 0);
        assert_int_equal(wire_unpack(wire, got.body, got.body_len, &message), 0);
        assert_int_equal(message.type, expected[i]);
        if (i == 0)
            kill(getpid(), SIGTERM);
    }
    link_message_done(&got);
    link_close(dealer);
    link_context_free(context);
    wire_free(wire);
    return NULL;
}

static void test_whole_life(void **state)
{
    (void)state;
    pthread_t client;
    uint32_t before = descriptors();
    for (int life = 0; life < 2; life++) { /* nothing of the first is in the second's way */
        assert_int_equal(pthread_create(&client, NULL, greet_and_end, NULL), 0);
        assert_int_equal(daemon_run(&config, worker()), 0);
        pthread_join(client, NULL);
        char text[1024];
        bool stopping = false;
        while (notify_receive(notify_fd, 0, text, sizeof text) == 0)
            stopping = stopping || strcmp(text, "STOPPING=1") == 0;
        assert_true(stopping);
        if (life == 0)
            before = descriptors(); /* libuv keeps a few for ever */
        assert_int_equal(descriptors(), before);
    }
}

static void refused(int error, const char *words, const char *program)
{
    assert_int_equal(daemon_run(&config, program), error);
    if (!strstr(err_text(), words))
        fail_msg("'%s' does not say '%s'", err_text(), words);
    char text[64];
    assert_int_equal(notify_receive(notify_fd, 0, text, sizeof text), -ETIMEDOUT);
    assert_int_not_equal(access(garden_path(&garden, "socket"), F_OK), 0);
}

static void test_refused(void **state)
{
    (void)state;
    refused(-ENOENT, "/nowhere/worker", "/nowhere/worker");
    refused(-ECHILD, "before it was ready", "/bin/false");

    snprintf(config.tap, sizeof config.tap, "%s", endpoint);
    refused(-EADDRINUSE, endpoint, worker());
    snprintf(config.tap, sizeof config.tap, "ipc:///nowhere/at/all");
    refused(-EADDRNOTAVAIL, "/nowhere/at/all", worker());
    config.tap[0] = 0;

    snprintf(config.datasets[0].path, sizeof config.datasets[0].path, "/nowhere/set");
    refused(-ENOENT, "/nowhere/set", worker());
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_whole_life), TEST(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
