/* SPDX-License-Identifier: Apache-2.0 */
/* auto: what leaves its scope is closed, what is taken is not. */
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static char *keep(void)
{
    auto_free char *text = malloc(4);
    assert_non_null(text);
    text[0] = 'k';
    return take_ptr(&text);
}

static void test_scope(void **state)
{
    (void)state;
    auto_free char *kept = keep();
    assert_int_equal(kept[0], 'k');
    int number;
    {
        auto_close int fd = open("/dev/null", O_RDONLY);
        number = fd;
        assert_true(fcntl(number, F_GETFD) >= 0);
    }
    assert_int_equal(fcntl(number, F_GETFD), -1);
    auto_close int fd = open("/dev/null", O_RDONLY);
    int taken = take_fd(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(close(taken), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scope)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
