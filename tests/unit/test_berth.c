/* SPDX-License-Identifier: Apache-2.0 */
/* berth: one worker by itself: it takes tasks and answers in order, leaves when it is told to,
 * gives back what it held when it is killed, is killed when it has been silent for so many turns
 * and not before, and comes again. */
#include "crew_bed.h"

#include "loaderd/crew/berth.h"

#include <signal.h>

enum { TURN_MS = 100, TOLD_MAX = 16 };

static struct berth_kit kit;
static struct berth berth;
static struct {
    uint64_t ticket;
    int code;
} told[TOLD_MAX];
static uint32_t n_told, n_ready, n_closed;

static void note(void *hint, const struct crew_result *r)
{
    assert_ptr_equal(hint, &kit);
    assert_true(n_told < TOLD_MAX);
    told[n_told].ticket = r->ticket;
    told[n_told++].code = r->code;
}

static void note_ready(void *hint)
{
    assert_ptr_equal(hint, &kit);
    n_ready++;
}

static void note_closed(void *hint)
{
    assert_ptr_equal(hint, &kit);
    n_closed++;
}

static void note_fatal(void *hint, int code)
{
    assert_ptr_equal(hint, &kit);
    fatal_code = code;
}

static int setup(void **state)
{
    n_told = n_ready = n_closed = 0;
    fatal_code = 0;
    memset(&berth, 0, sizeof berth);
    memset(&metrics, 0, sizeof metrics);
    if (bed_setup(state))
        return -1;
    kit = (struct berth_kit){.loop = &loop,
                             .program = built_program("loaderd/augstream-loaderd-worker"),
                             .pool = pool,
                             .metrics = &metrics,
                             .deadline_s = 20,
                             .stall_s = 1,
                             .memory_mib = 1024,
                             .turn_ms = TURN_MS,
                             .stood = true,
                             .hint = &kit,
                             .ready = note_ready,
                             .done = note,
                             .fatal = note_fatal,
                             .closed = note_closed};
    berth_kit_words(&kit);
    berth_init(&berth, &kit, 7);
    assert_int_equal(berth.state, BERTH_FREE);
    assert_false(berth_closed(&berth)); /* its timer for restarts is open */
    return 0;
}

static int teardown(void **state)
{
    kit.closing = true;
    berth_close(&berth);
    while (!berth_closed(&berth))
        uv_run(&loop, UV_RUN_ONCE);
    assert_true(n_closed >= 1);
    return bed_teardown(state);
}

static void wait_ready(uint32_t n)
{
    while (n_ready < n)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(berth.state, BERTH_UP);
}

static void start(void)
{
    assert_int_equal(berth_start(&berth), 0);
    assert_int_equal(berth.state, BERTH_STARTING);
    wait_ready(1);
    assert_int_equal(fatal_code, 0);
}

static void give(uint32_t position)
{
    const struct task_render t = task(position);
    assert_int_equal(berth_give(&berth, &session, &t), 0);
}

static void wait_told(uint32_t n)
{
    while (n_told < n)
        uv_run(&loop, UV_RUN_ONCE);
}

static void wait_state(enum berth_state wanted)
{
    while (berth.state != wanted)
        uv_run(&loop, UV_RUN_ONCE);
}

static void test_tasks(void **state)
{
    (void)state;
    start();
    for (uint32_t round = 0; round < 2; round++) {
        assert_false(berth_busy(&berth));
        for (uint32_t i = 0; i < BERTH_DEPTH; i++)
            give(round * BERTH_DEPTH + i);
        assert_true(berth_busy(&berth));
        assert_int_equal(berth.flying, BERTH_DEPTH);
        wait_told((round + 1) * BERTH_DEPTH);
    }
    for (uint32_t i = 0; i < n_told; i++) {
        assert_int_equal(told[i].ticket, i);
        assert_int_equal(told[i].code, 0);
    }
    assert_int_equal(berth.taken, 2 * BERTH_DEPTH);
}

/* What it holds is finished first; the berth is free then, and nobody comes by himself. */
static void test_leaves(void **state)
{
    (void)state;
    start();
    give(0);
    give(1);
    berth_leave(&berth);
    assert_int_equal(berth.state, BERTH_LEAVING);
    wait_state(BERTH_FREE);
    assert_int_equal(n_told, 2);
    assert_int_equal(told[0].code | told[1].code, 0);
    assert_int_equal(metrics.worker_recycled, 1);
    assert_int_equal(uv_is_active((uv_handle_t *)&berth.restart), 0);
    berth_fill(&berth);
    wait_ready(2);
    assert_int_equal(berth.taken, 0);
    berth_leave(&berth); /* one that holds nothing goes at once */
    assert_int_equal(berth.state, BERTH_DYING);
    wait_state(BERTH_FREE);
}

/* The newest come back first and as they were; of the oldest it is said what happened. */
static void test_killed(void **state)
{
    (void)state;
    start();
    kill(berth.process.pid, SIGSTOP); /* so that it answers nothing */
    for (uint32_t i = 0; i < BERTH_DEPTH; i++)
        give(i);
    kill(berth.process.pid, SIGKILL);
    wait_told(BERTH_DEPTH);
    for (uint32_t i = 0; i < BERTH_DEPTH; i++) {
        assert_int_equal(told[i].ticket, BERTH_DEPTH - 1 - i);
        assert_int_equal(told[i].code, i + 1 < BERTH_DEPTH ? -ECANCELED : -EINTR);
    }
    wait_ready(2); /* the next one, by itself */
    give(3);
    wait_told(BERTH_DEPTH + 1);
    assert_int_equal(told[BERTH_DEPTH].code, 0);
    assert_int_equal(fatal_code, 0);
}

/* No clock decides, but the turns. */
static void test_silent(void **state)
{
    (void)state;
    start();
    for (uint32_t i = 0; i < 100; i++)
        berth_turn(&berth); /* one that owes nothing may be silent for ever */
    assert_int_equal(berth.state, BERTH_UP);
    kill(berth.process.pid, SIGSTOP);
    give(0);
    const uint32_t turns = 1000 / TURN_MS; /* stall_s */
    for (uint32_t i = 0; i < turns; i++) {
        berth_turn(&berth);
        assert_int_equal(berth_overdue_ms(&berth), 0);
    }
    assert_int_equal(berth.state, BERTH_UP);
    berth_turn(&berth);
    assert_int_equal(berth.state, BERTH_DYING);
    wait_told(1);
    assert_int_equal(told[0].code, -EINTR);
    wait_ready(2);
}

/* Nobody stood yet: a program that ends at once is no matter of chance. */
static void test_ends_at_once(void **state)
{
    (void)state;
    kit.stood = false;
    kit.program = "/bin/false";
    assert_int_equal(berth_start(&berth), 0);
    wait_state(BERTH_DOWN);
    assert_int_equal(fatal_code, -ECHILD);
    assert_non_null(strstr(err_text(), "/bin/false"));
}

static void test_no_program(void **state)
{
    (void)state;
    kit.program = "/nowhere/worker";
    assert_true(berth_start(&berth) < 0);
    assert_non_null(strstr(err_text(), "/nowhere/worker: cannot be started"));
    wait_state(BERTH_DOWN); /* and it will be tried again */
    assert_int_equal(uv_is_active((uv_handle_t *)&berth.restart), 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_tasks),  TEST(test_leaves),       TEST(test_killed),
        TEST(test_silent), TEST(test_ends_at_once), TEST(test_no_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
