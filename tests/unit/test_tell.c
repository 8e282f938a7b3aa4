/* SPDX-License-Identifier: Apache-2.0 */
/* tell: states arrive once and in order, however long the manager does not read; a status arrives
 * when it is new, and never before a state that is owed. */
#include "test.h"

#include "common/notify.h"
#include "loaderd/daemon/tell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/test_tell.XXXXXX", path[64];
static int fd;

static int setup(void **state)
{
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/socket", folder);
    setenv("NOTIFY_SOCKET", path, 1);
    return notify_listen(path, &fd);
}

static int teardown(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    close(fd);
    unlink(path);
    return rmdir(folder);
}

static void expect(const char *line)
{
    char text[TELL_STATUS_MAX];
    assert_int_equal(notify_receive(fd, 0, text, sizeof text), 0);
    assert_string_equal(text, line);
}

static void expect_nothing(void)
{
    char text[TELL_STATUS_MAX];
    assert_int_equal(notify_receive(fd, 0, text, sizeof text), -ETIMEDOUT);
}

static void test_in_order(void **state)
{
    (void)state;
    struct tell tell = {0};
    assert_int_equal(tell_state(&tell, "READY=1"), 0);
    assert_int_equal(tell_status(&tell, "well"), 0);
    assert_int_equal(tell_status(&tell, "well"), 0); /* no news */
    assert_int_equal(tell_status(&tell, "better"), 0);
    assert_int_equal(tell_status(&tell, "well"), 0);
    assert_int_equal(tell_state(&tell, "STOPPING=1"), 0);
    expect("READY=1");
    expect("STATUS=well");
    expect("STATUS=better");
    expect("STATUS=well");
    expect("STOPPING=1");
    expect_nothing();
}

static void test_owed(void **state)
{
    (void)state;
    struct tell tell = {0};
    int filled = 0, rc;
    while ((rc = notify_send("noise")) == 0)
        filled++;
    assert_int_equal(rc, -EAGAIN);
    assert_int_equal(tell_state(&tell, "READY=1"), 0);
    assert_int_equal(tell_status(&tell, "one"), 0);
    assert_int_equal(tell_state(&tell, "STOPPING=1"), 0);
    assert_int_equal(tell_status(&tell, "two"), 0);
    expect("noise"); /* room for one */
    assert_int_equal(tell_status(&tell, "three"), 0);
    for (int i = 1; i < filled; i++)
        expect("noise");
    expect("READY=1");
    expect_nothing();
    assert_int_equal(tell_status(&tell, "four"), 0);
    expect("STOPPING=1");
    expect("STATUS=four");
    expect_nothing();
}

/* A manager that has gone is told of once, and owed nothing. */
static void test_gone(void **state)
{
    (void)state;
    struct tell tell = {0};
    unlink(path);
    assert_int_equal(tell_state(&tell, "READY=1"), -ENOENT);
    assert_int_equal(tell.n_owed, 0);
    assert_int_equal(tell_status(&tell, "well"), -ENOENT);
    unsetenv("NOTIFY_SOCKET"); /* no manager at all */
    assert_int_equal(tell_state(&tell, "READY=1"), 0);
    assert_int_equal(tell_status(&tell, "well"), 0);
}

static void test_long(void **state)
{
    (void)state;
    struct tell tell = {0};
    char text[2 * TELL_STATUS_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_int_equal(tell_status(&tell, text), 0);
    assert_int_equal(tell_status(&tell, text), 0);
    char line[TELL_STATUS_MAX];
    assert_int_equal(notify_receive(fd, 0, line, sizeof line), 0);
    assert_int_equal(strlen(line), TELL_STATUS_MAX - 1);
    expect_nothing();
}

/* Both lines of a reload or neither. */
static void test_reloading(void **state)
{
    (void)state;
    struct tell tell = {0};
    assert_true(tell_reloading(&tell, 12));
    expect("RELOADING=1\nMONOTONIC_USEC=12");
    expect_nothing();
    /* A manager that never reads: the queue fills up, and however often it is asked nothing breaks.
     */
    int heard = 0;
    for (int i = 0; i < 5000; i++)
        if (tell_reloading(&tell, 13)) {
            heard++;
            assert_int_equal(tell_state(&tell, "READY=1"), 0);
        }
    assert_true(heard > 0 && heard < 5000);
    char text[TELL_STATUS_MAX];
    bool reloading = false;
    int told = 0;
    do {
        while (notify_receive(fd, 0, text, sizeof text) == 0) {
            if (strcmp(text, "STATUS=x") == 0)
                continue;
            const bool ready = strcmp(text, "READY=1") == 0;
            assert_true(ready == reloading);
            reloading = !ready;
            told += ready;
        }
        assert_int_equal(tell_status(&tell, "x"), 0); /* pays what is owed */
    } while (reloading);
    assert_int_equal(told, heard);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_in_order), TEST(test_owed), TEST(test_gone),
                                       TEST(test_long), TEST(test_reloading)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
