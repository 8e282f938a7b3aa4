/* SPDX-License-Identifier: Apache-2.0 */
/* life: a table of what happens when, and the stage after each: starting, running, draining to its
 * end by itself, by the clock, by a second signal, or by a failure. */
#include "test.h"

#include "loaderd/daemon/life.h"

#include <errno.h>
#include <string.h>

static const struct life_signs incomplete = {0}, busy = {.crew_complete = true},
                               idle = {.crew_complete = true, .idle = true},
                               sent = {.crew_complete = true, .idle = true, .sent = true},
                               sent_only = {.crew_complete = true, .sent = true};

enum what { TURN, SIGNAL };
struct step {
    enum what what;
    const struct life_signs *signs;
    uint64_t now_ms;
    enum life_stage then; /* and whether it is new follows from the step before */
};

static void play(const struct step *steps, size_t n)
{
    struct life life = {0};
    for (size_t i = 0; i < n; i++) {
        enum life_stage before = life.stage;
        bool changed = steps[i].what == SIGNAL ? life_signal(&life, steps[i].now_ms)
                                               : life_turn(&life, steps[i].signs, steps[i].now_ms);
        if (life.stage != steps[i].then || changed != (life.stage != before))
            fail_msg("step %zu: stage %d after %d, changed %d", i, (int)life.stage, (int)before,
                     (int)changed);
    }
    assert_int_equal(life.result, 0);
}
#define PLAY(...)                                                                                  \
    play((const struct step[]){__VA_ARGS__},                                                       \
         sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step))

static void test_by_itself(void **state)
{
    (void)state;
    PLAY({TURN, &incomplete, 0, LIFE_STARTING}, {TURN, &sent, 10, LIFE_RUNNING},
         {TURN, &sent, 20, LIFE_RUNNING}, {TURN, &incomplete, 30, LIFE_RUNNING},
         {SIGNAL, NULL, 40, LIFE_DRAINING}, {TURN, &busy, 50, LIFE_DRAINING},
         {TURN, &sent_only, 60, LIFE_DRAINING}, {TURN, &idle, 70, LIFE_DRAINING},
         {TURN, &sent, 80, LIFE_ENDED}, {TURN, &sent, 90, LIFE_ENDED},
         {SIGNAL, NULL, 100, LIFE_ENDED});
}

/* Peers that want too much, and peers that do not take what they are sent. */
static void test_by_the_clock(void **state)
{
    (void)state;
    PLAY({TURN, &idle, 0, LIFE_RUNNING}, {SIGNAL, NULL, 1000, LIFE_DRAINING},
         {TURN, &busy, 1000 + LIFE_DRAIN_MS - 1, LIFE_DRAINING},
         {TURN, &busy, 1000 + LIFE_DRAIN_MS, LIFE_ENDED});
    PLAY({TURN, &idle, 0, LIFE_RUNNING}, {SIGNAL, NULL, 1000, LIFE_DRAINING},
         {TURN, &idle, 2000, LIFE_DRAINING}, {TURN, &idle, 2000 + LIFE_SENT_MS - 1, LIFE_DRAINING},
         {TURN, &idle, 2000 + LIFE_SENT_MS, LIFE_ENDED});
    /* Idle late: no more than what is left of the whole. */
    PLAY({TURN, &idle, 0, LIFE_RUNNING}, {SIGNAL, NULL, 0, LIFE_DRAINING},
         {TURN, &idle, LIFE_DRAIN_MS - 10, LIFE_DRAINING},
         {TURN, &idle, LIFE_DRAIN_MS, LIFE_ENDED});
}

static void test_signals(void **state)
{
    (void)state;
    PLAY({SIGNAL, NULL, 0, LIFE_ENDED}); /* still starting: nothing to drain */
    PLAY({TURN, &busy, 0, LIFE_RUNNING}, {SIGNAL, NULL, 1, LIFE_DRAINING},
         {SIGNAL, NULL, 2, LIFE_ENDED});
}

static void test_failure(void **state)
{
    (void)state;
    struct life life = {0};
    err_set(-EIO, "the roof is on fire");
    assert_true(life_fail(&life, -EIO));
    assert_int_equal(life.stage, LIFE_ENDED);
    err_set(-EPERM, "and more");
    assert_false(life_fail(&life, -EPERM)); /* the first is the one that is told */
    assert_int_equal(life.result, -EIO);
    assert_string_equal(life.error, "the roof is on fire");
    assert_false(life_turn(&life, &sent, 0));
    assert_false(life_signal(&life, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_itself),
        cmocka_unit_test(test_by_the_clock),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
