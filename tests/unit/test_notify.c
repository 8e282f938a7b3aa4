/* SPDX-License-Identifier: Apache-2.0 */
/* notify: what is sent arrives, by path and by abstract name; no service manager is no error; and
 * the watchdog's time is ours or nobody's. */
#include "test.h"

#include "common/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Not in the build folder: a socket's path has room for 107 bytes. */
static char folder[] = "/tmp/test_notify.XXXXXX", path[64];

static int setup(void **state)
{
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/socket", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    unlink(path);
    return rmdir(folder);
}

static void test_there_and_back(void **state)
{
    (void)state;
    auto_close int fd = -1;
    assert_int_equal(notify_listen(path, &fd), 0);
    setenv("NOTIFY_SOCKET", path, 1);
    assert_int_equal(notify_send("READY=1\nSTATUS=ok"), 0);
    assert_int_equal(notify_send("STOPPING=1"), 0);
    char text[64];
    assert_int_equal(notify_receive(fd, 5000, text, sizeof text), 0);
    assert_string_equal(text, "READY=1\nSTATUS=ok");
    assert_int_equal(notify_receive(fd, 0, text, 5), 0); /* cut, not overrun */
    assert_string_equal(text, "STOP");
    assert_int_equal(notify_receive(fd, 0, text, sizeof text), -ETIMEDOUT);
    assert_int_equal(notify_receive(fd, 2, text, sizeof text), -ETIMEDOUT);
}

/* Nobody reads: the sender is told and does not stand still. */
static void test_full(void **state)
{
    (void)state;
    auto_close int fd = -1;
    char text[64];
    int rc = 0, sent = 0;
    assert_int_equal(notify_listen(path, &fd), 0);
    setenv("NOTIFY_SOCKET", path, 1);
    for (; rc == 0 && sent < 100000; sent++)
        rc = notify_send("STATUS=x");
    assert_int_equal(rc, -EAGAIN);
    assert_non_null(strstr(err_text(), path));
    assert_int_equal(notify_receive(fd, 5000, text, sizeof text), 0);
    assert_int_equal(notify_send("STATUS=y"), 0);
}

static void test_abstract(void **state)
{
    (void)state;
    auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int n = snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "test_notify.%d", (int)getpid());
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    char name[sizeof at.sun_path + 1], text[16];
    snprintf(name, sizeof name, "@%s", at.sun_path + 1);
    setenv("NOTIFY_SOCKET", name, 1);
    assert_int_equal(notify_send("WATCHDOG=1"), 0);
    assert_int_equal(notify_receive(fd, 5000, text, sizeof text), 0);
    assert_string_equal(text, "WATCHDOG=1");
}

static void test_no_socket(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_send("READY=1"), 0);
    setenv("NOTIFY_SOCKET", "", 1);
    assert_int_equal(notify_send("READY=1"), 0);
    setenv("NOTIFY_SOCKET", path, 1);
    assert_int_equal(notify_send("READY=1"), -ENOENT);
    assert_non_null(strstr(err_text(), path));
    setenv("NOTIFY_SOCKET", "vsock:2:1", 1);
    assert_int_equal(notify_send("READY=1"), -EINVAL);
}

static void test_listen_refuses(void **state)
{
    (void)state;
    int fd = -7;
    char longer[120];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    assert_int_equal(notify_listen(longer, &fd), -EINVAL);
    setenv("NOTIFY_SOCKET", longer, 1);
    assert_int_equal(notify_send("READY=1"), -EINVAL);
    assert_int_equal(notify_listen("", &fd), -EINVAL);
    auto_close int first = -1;
    assert_int_equal(notify_listen(path, &first), 0);
    assert_int_equal(notify_listen(path, &fd), -EADDRINUSE);
    assert_int_equal(fd, -7);
}

static void test_watchdog(void **state)
{
    (void)state;
    char pid[24];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    static const struct {
        const char *usec;
        uint64_t expected;
    } rows[] = {{"30000000", 30000000},      {"", 0}, {"x", 0}, {"10s", 0}, {"-5", 0}, {" 5", 0},
                {"99999999999999999999", 0}, {"1", 1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        setenv("WATCHDOG_USEC", rows[i].usec, 1);
        unsetenv("WATCHDOG_PID");
        assert_true(notify_watchdog_us() == rows[i].expected);
        setenv("WATCHDOG_PID", pid, 1);
        assert_true(notify_watchdog_us() == rows[i].expected);
        setenv("WATCHDOG_PID", "1", 1);
        assert_true(notify_watchdog_us() == 0);
    }
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    assert_true(notify_watchdog_us() == 0);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_there_and_back), WITH_FOLDER(test_full),
        WITH_FOLDER(test_abstract),       WITH_FOLDER(test_no_socket),
        WITH_FOLDER(test_listen_refuses), WITH_FOLDER(test_watchdog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
