/* SPDX-License-Identifier: Apache-2.0 */
/* link_monitor: what is said about failed handshakes. That events come at all is
 * tests/unit/test_link.c and test_link_auth.c. */
#include "test.h"

#include "common/auto.h"
#include "proto/link.h"
#include "proto/link_monitor.h"

#include <string.h>

/* zmq.h's numbers, which only proto/ sees; zmq_socket_monitor(3) */
enum { FAILED = 0x0800, FAILED_PROTOCOL = 0x2000, FAILED_AUTH = 0x4000, SUCCEEDED = 0x1000 };
enum { MISMATCH = 0x11000002, CRYPTOGRAPHIC = 0x11000001 };

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        struct link_happening happening;
        int curve;
        const char *says; /* NULL: no matter of keys */
    } rows[] = {
        {{FAILED_AUTH, 400}, 1, "our key is refused"},
        {{FAILED_AUTH, 400}, 0, "lets us not in"},
        {{FAILED_PROTOCOL, MISMATCH}, 1, "without CURVE"},
        {{FAILED_PROTOCOL, MISMATCH}, 0, "wants a key, and we have none"},
        {{FAILED_PROTOCOL, CRYPTOGRAPHIC}, 1, "its key is another"},
        {{FAILED, 0}, 1, "its key is another"},
        {{FAILED, 0}, 0, NULL},
        {{SUCCEEDED, 0}, 1, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *said = link_monitor_refusal(rows[i].happening, rows[i].curve);
        if (rows[i].says)
            assert_true(said && strstr(said, rows[i].says));
        else
            assert_null(said);
    }
}

static void test_not_open(void **state)
{
    (void)state;
    struct link_monitor monitor = {0};
    assert_int_equal(link_monitor_next(&monitor).event, 0);
    link_monitor_close(&monitor, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_not_open)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
