/* SPDX-License-Identifier: Apache-2.0 */
/* link_accept: with few descriptors left an ipc listener of ZeroMQ turns peers away, and the
 * process lives; those who are in are served, and new ones again when there is room. */
#include "test.h"

#include "proto/link.h"
#include "proto/link_accept.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, LIMIT = 80, SPARE = 20, MANY = 200 };

static char folder[64], path[96], endpoint[128];
static struct link_message got;

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_accept.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/socket", folder);
    snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void hello(struct link *router, struct link *dealer)
{
    assert_int_equal(link_send(dealer, NULL, "hello", 5, NULL, 0), 0);
    assert_int_equal(link_wait(&router, 1, PATIENCE_MS), 1);
    assert_int_equal(link_receive(router, &got), 0);
    link_message_done(&got);
}

/* The peers live in a child, whose descriptors are its own: MANY raw connections, held until the
 * pipe is closed. */
static pid_t many_peers(int *ret_hold)
{
    int hold[2], ready[2];
    char word;
    assert_int_equal(pipe(hold), 0);
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) {
        close(hold[0]);
        close(ready[1]);
        assert_int_equal(read(ready[0], &word, 1), 1);
        close(ready[0]);
        *ret_hold = hold[1];
        return pid;
    }
    close(hold[1]);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){1000, 1000});
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, path, strlen(path));
    for (int i = 0; i < MANY; i++)
        if (connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&at, sizeof at) < 0)
            _exit(1);
    if (write(ready[1], "x", 1) != 1 || read(hold[0], &word, 1) != 0)
        _exit(1);
    _exit(0);
}

static void test_turned_away(void **state)
{
    (void)state;
    struct rlimit old;
    struct link_context *context;
    struct link *router, *first, *second;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    struct rlimit low = {LIMIT, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(link_context_new(&context), 0);
    assert_int_equal(link_router_bind(context, endpoint, &router), 0);
    assert_int_equal(link_dealer_connect(context, endpoint, &first), 0);
    assert_int_equal(link_accept_spare(SPARE), 0);
    hello(router, first);
    assert_int_equal(link_accept_refused(), 0);

    int hold, status;
    pid_t peers = many_peers(&hold);
    while (link_accept_refused() == 0) /* they are connected, and soon accepted or not */
        continue;
    hello(router, first);
    int free_now[SPARE / 2]; /* what the spare ones are for */
    for (int i = 0; i < SPARE / 2; i++)
        assert_true((free_now[i] = dup(0)) >= 0);
    for (int i = 0; i < SPARE / 2; i++)
        close(free_now[i]);
    close(hold);
    assert_int_equal(waitpid(peers, &status, 0), peers);
    assert_int_equal(status, 0);

    assert_int_equal(link_dealer_connect(context, endpoint, &second), 0);
    hello(router, second);
    link_close(second);
    link_close(first);
    link_close(router);
    link_context_free(context);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void test_no_room(void **state)
{
    (void)state;
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(link_accept_spare((uint32_t)old.rlim_cur), -EMFILE);
    assert_non_null(strstr(err_text(), "ulimit -n"));
    assert_int_equal(link_accept_spare(0), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_turned_away), TEST(test_no_room)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
