/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint: texts that name an address and texts that do not; who may bind an ipc path; the socket
 * that is removed is the one that was made. */
#include "test.h"

#include "proto/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], path[96], endpoint[128];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_endpoint.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/socket", folder);
    snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

/* A socket at the path; -1 for the caller to close. */
static int bound(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static void test_texts(void **state)
{
    (void)state;
    char longest[128], too_long[128], huge[LINK_ENDPOINT_MAX + 1];
    snprintf(longest, sizeof longest, "ipc:///%0*d", 106, 0);
    snprintf(too_long, sizeof too_long, "ipc:///%0*d", 107, 0);
    memset(huge, 'h', LINK_ENDPOINT_MAX);
    memcpy(huge, "tcp://", 6);
    huge[LINK_ENDPOINT_MAX] = 0;
    const struct {
        const char *endpoint, *wrong; /* NULL: right for both */
        bool binds_only;
    } rows[] = {
        {"tcp://127.0.0.1:5555", NULL, false},
        {"tcp://[::1]:1", NULL, false},
        {"tcp://node-3.cluster:65535", NULL, false},
        {"tcp://127.0.0.1:*", "port", true},
        {"tcp://127.0.0.1:0", "port", true},
        {"ipc:///run/augstream/loaderd", NULL, false},
        {"ipc://relative", NULL, false},
        {longest, NULL, false},
        {too_long, "108 bytes", false},
        {huge, "at most 255 bytes", false},
        {"", "neither", false},
        {"tcp:/127.0.0.1:1", "neither", false},
        {"TCP://127.0.0.1:1", "neither", false},
        {"inproc://x", "neither", false},
        {"127.0.0.1:5555", "neither", false},
        {"tcp://", "host:port", false},
        {"tcp://:5555", "host:port", false},
        {"tcp://127.0.0.1", "host:port", false},
        {"tcp://127.0.0.1:", "port", false},
        {"tcp://127.0.0.1:x", "port", false},
        {"tcp://127.0.0.1:55x", "port", false},
        {"tcp://127.0.0.1:-1", "port", false},
        {"tcp://127.0.0.1: 1", "port", false},
        {"tcp://127.0.0.1:65536", "port", false},
        {"tcp://127.0.0.1:99999999999999999999", "port", false},
        {"ipc://", "path is missing", false},
        {"ipc://*", "path is missing", false},
        {"ipc://@augstream", "abstract", false},
        {"ipc://@", "abstract", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int binds = 0; binds < 2; binds++) {
            bool right = !rows[i].wrong || (binds && rows[i].binds_only);
            int rc = endpoint_check(rows[i].endpoint, binds);
            if (rc != (right ? 0 : -EINVAL))
                fail_msg("%s: %d: %s", rows[i].endpoint, rc, err_text());
            if (right)
                continue;
            assert_non_null(strstr(err_text(), rows[i].wrong));
            assert_memory_equal(err_text(), rows[i].endpoint, strnlen(rows[i].endpoint, 40));
        }
}

static void test_vacant(void **state)
{
    (void)state;
    assert_int_equal(endpoint_vacant("tcp://127.0.0.1:1"), 0);
    assert_int_equal(endpoint_vacant("ipc:///nowhere/at/all"), 0); /* binding tells */
    assert_int_equal(endpoint_vacant(endpoint), 0);
    auto_close int listener = bound();
    assert_int_equal(endpoint_vacant(endpoint), 0); /* nobody listens: left by a dead process */
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(endpoint_vacant(endpoint), -EADDRINUSE);
    assert_non_null(strstr(err_text(), path));
    while (endpoint_vacant(endpoint) == -EADDRINUSE) { /* until its queue is full: in use still */
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        memcpy(at.sun_path, path, strlen(path));
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        bool full = connect(fd, (struct sockaddr *)&at, sizeof at) < 0 && errno == EAGAIN;
        close(fd);
        if (full)
            break;
    }
    assert_int_equal(endpoint_vacant(endpoint), -EADDRINUSE);
    unlink(path);
    auto_close int file = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(file >= 0);
    assert_int_equal(endpoint_vacant(endpoint), -EADDRNOTAVAIL);
    assert_non_null(strstr(err_text(), "not a socket"));
    assert_int_equal(access(path, F_OK), 0);
}

/* A daemon that is killed between the fork and the exec of a worker leaves its listening socket in
 * the worker's hands for a moment: nobody will ever answer there. */
static void test_vacant_after_death(void **state)
{
    (void)state;
    int held[2];
    char word;
    assert_int_equal(pipe(held), 0);
    pid_t daemon = fork();
    if (daemon == 0) {
        if (listen(bound(), 4) < 0)
            _exit(1);
        if (fork() == 0) { /* holds the socket until the test is over */
            close(held[1]);
            _exit((int)read(held[0], &word, 1));
        }
        _exit(endpoint_vacant(endpoint) == -EADDRINUSE ? 0 : 2); /* as long as it lives */
    }
    int status;
    assert_int_equal(waitpid(daemon, &status, 0), daemon);
    assert_int_equal(status, 0);
    int rc = endpoint_vacant(endpoint);
    close(held[0]);
    close(held[1]);
    assert_int_equal(rc, 0);
}

static void test_remove(void **state)
{
    (void)state;
    struct endpoint_file file;
    endpoint_note(endpoint, &file); /* nothing there */
    endpoint_remove(endpoint, &file);
    auto_close int first = bound();
    assert_true(first >= 0);
    endpoint_note(endpoint, &file);
    endpoint_remove("tcp://127.0.0.1:1", &file);
    assert_int_equal(access(path, F_OK), 0);
    endpoint_remove(endpoint, &file);
    assert_int_not_equal(access(path, F_OK), 0);
    endpoint_remove(endpoint, &file);
    /* Another one's socket at the same path stays. */
    auto_close int second = bound();
    assert_true(second >= 0);
    endpoint_note(endpoint, &file);
    char kept[128];
    snprintf(kept, sizeof kept, "%s.kept", path);
    assert_int_equal(rename(path, kept), 0);
    auto_close int third = bound();
    assert_true(third >= 0);
    endpoint_remove(endpoint, &file);
    assert_int_equal(access(path, F_OK), 0);
    unlink(kept);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_texts), TEST(test_vacant),
                                       TEST(test_vacant_after_death), TEST(test_remove)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
