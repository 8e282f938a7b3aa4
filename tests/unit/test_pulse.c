/* SPDX-License-Identifier: Apache-2.0 */
/* pulse: what is well and what is not, by a clock of the test's. */
#include "test.h"

#include "loaderd/daemon/pulse.h"

#include <string.h>

enum { DEADLINE_MS = 1000, STILL_MS = DEADLINE_MS + PULSE_GRACE_MS };

static char why[PULSE_TEXT_MAX];

static void test_still(void **state)
{
    (void)state;
    struct pulse pulse = {0};
    struct pulse_signs signs = {.owed = true, .deadline_ms = DEADLINE_MS};
    assert_true(pulse_beats(&pulse, &signs, 5, why));
    assert_true(pulse_beats(&pulse, &signs, 5 + STILL_MS, why));
    assert_string_equal(why, "");
    assert_false(pulse_beats(&pulse, &signs, 6 + STILL_MS, why));
    assert_non_null(strstr(why, "nothing has moved for 31001 ms"));
    signs.moved = 1; /* it goes on after all */
    assert_true(pulse_beats(&pulse, &signs, 7 + STILL_MS, why));
    assert_string_equal(why, "");
    assert_true(pulse_beats(&pulse, &signs, 7 + 2 * STILL_MS, why));
    assert_false(pulse_beats(&pulse, &signs, 8 + 2 * STILL_MS, why));
}

/* Nothing need move while nothing is being made, be it for days; the time counts from the asking.
 */
static void test_idle(void **state)
{
    (void)state;
    struct pulse pulse = {0};
    struct pulse_signs signs = {.deadline_ms = DEADLINE_MS};
    assert_true(pulse_beats(&pulse, &signs, 1, why));
    assert_true(pulse_beats(&pulse, &signs, 100 * STILL_MS, why));
    signs.owed = true;
    assert_true(pulse_beats(&pulse, &signs, 100 * STILL_MS + 100, why));
    assert_true(pulse_beats(&pulse, &signs, 101 * STILL_MS, why));
    assert_false(pulse_beats(&pulse, &signs, 101 * STILL_MS + 101, why));
}

static void test_late(void **state)
{
    (void)state;
    struct pulse pulse = {0};
    struct pulse_signs signs = {.lag_ms = PULSE_LAG_MAX_MS, .overdue_ms = PULSE_GRACE_MS};
    assert_true(pulse_beats(&pulse, &signs, 1, why));
    signs.lag_ms++;
    assert_false(pulse_beats(&pulse, &signs, 2, why));
    assert_string_equal(why, "the event loop was 5001 ms late");
    signs = (struct pulse_signs){.overdue_ms = PULSE_GRACE_MS + 1};
    assert_false(pulse_beats(&pulse, &signs, 3, why));
    assert_string_equal(why, "a worker is 30001 ms beyond its deadline");
    signs.overdue_ms = 0;
    assert_true(pulse_beats(&pulse, &signs, 4, why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_still), cmocka_unit_test(test_idle),
                                       cmocka_unit_test(test_late)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
