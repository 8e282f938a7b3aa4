/* SPDX-License-Identifier: Apache-2.0 */
/* ending: a decoder's own death is a verdict on its image; a death from outside is none. */
#include "test.h"

#include "loaderd/crew/ending.h"

#include <errno.h>

static void test_ends(void **state)
{
    (void)state;
    static const struct {
        enum worker_reason reason;
        int signal, code;
        enum wire_fault fault;
    } rows[] = {
        {REASON_NONE, SIGSEGV, -EBADMSG, FAULT_CRASH},
        {REASON_NONE, SIGABRT, -EBADMSG, FAULT_CRASH},
        {REASON_NONE, SIGBUS, -EBADMSG, FAULT_CRASH},
        {REASON_NONE, SIGILL, -EBADMSG, FAULT_CRASH},
        {REASON_NONE, SIGFPE, -EBADMSG, FAULT_CRASH},
        {REASON_NONE, SIGSYS, -EBADMSG, FAULT_CRASH},
        {REASON_NONE, 0, -EBADMSG, FAULT_CRASH}, /* it exited */
        {REASON_NONSENSE, SIGKILL, -EBADMSG, FAULT_CRASH},
        {REASON_NONE, TASK_DEADLINE_SIGNAL, -EBADMSG, FAULT_DEADLINE},
        {REASON_NONE, SIGKILL, -EINTR, FAULT_NONE},
        {REASON_NONE, SIGTERM, -EINTR, FAULT_NONE},
        {REASON_STUCK, SIGKILL, -EINTR, FAULT_NONE},
        {REASON_STUCK, SIGSEGV, -EINTR, FAULT_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct crew_result r = ending_result(ending_of(rows[i].reason, rows[i].signal));
        assert_int_equal(r.code, rows[i].code);
        assert_int_equal(r.fault, rows[i].fault);
        assert_int_equal(r.text[0] != 0, r.code == -EINTR); /* which a trainer may be told */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
