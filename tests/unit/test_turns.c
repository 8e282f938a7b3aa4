/* SPDX-License-Identifier: Apache-2.0 */
/* turns: a turn follows a wake from another thread, a message that no descriptor tells of, and
 * turns_soon; what slips through is found by the safety timer, which says how late it is. Where the
 * safety timer stands still, only what is tested can end the loop's sleep. */
#include "test.h"

#include "common/log.h"
#include "loaderd/daemon/turns.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static uv_loop_t loop;
static struct port port; /* large */
static struct turns turns;
static struct metrics metrics;
static struct link_context *context;
static struct link *dealer;
static uint32_t n_turns, n_beats;
static uint64_t lag;

static void on_turn(void *hint, uint64_t now_ms)
{
    assert_ptr_equal(hint, &n_turns);
    assert_int_equal(now_ms, uv_now(&loop));
    n_turns++;
}

static void on_beat(void *hint, uint64_t now_ms, uint64_t lag_ms)
{
    assert_ptr_equal(hint, &n_turns);
    assert_int_equal(now_ms, uv_now(&loop));
    lag = lag_ms;
    n_beats++;
}

static int setup(void **state)
{
    (void)state;
    log_open("test", LOG_ERROR);
    struct conf_strs listen = {.n = 1};
    snprintf(listen.v[0], sizeof listen.v[0], "tcp://127.0.0.1:*");
    n_turns = n_beats = 0;
    memset(&metrics, 0, sizeof metrics);
    turns = (struct turns){.loop = &loop,
                           .port = &port,
                           .metrics = &metrics,
                           .turn = on_turn,
                           .beat = on_beat,
                           .hint = &n_turns};
    if (uv_loop_init(&loop) < 0 || port_open(&port, &listen, "") < 0 ||
        link_context_new(&context) < 0 ||
        link_dealer_connect(context, port.endpoints[0], &dealer) < 0 || turns_open(&turns) < 0)
        return -1;
    turns_start(&turns);
    uv_run(&loop, UV_RUN_NOWAIT);
    n_turns = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    turns_stop(&turns);
    turns_stop(&turns); /* twice is fine */
    uv_run(&loop, UV_RUN_NOWAIT);
    turns_close(&turns);
    uv_run(&loop, UV_RUN_DEFAULT);
    link_close(dealer);
    link_context_free(context);
    port_close(&port);
    return uv_loop_close(&loop);
}

/* A message has come, and the descriptor has told of it already. */
static void message_comes(void)
{
    assert_int_equal(link_send(dealer, NULL, "x", 1, NULL, 0), 0);
    while (!port_ready(&port))
        continue;
}

static void message_goes(void)
{
    assert_int_equal(link_receive(port.links[0], &port.in), 0);
    link_message_done(&port.in);
    assert_false(port_ready(&port));
}

static void *waker(void *arg)
{
    turns_wake(arg);
    return NULL;
}

static void test_woken(void **state)
{
    (void)state;
    pthread_t thread;
    uv_timer_stop(&turns.safety);
    assert_int_equal(pthread_create(&thread, NULL, waker, &turns), 0);
    uv_run(&loop, UV_RUN_ONCE);
    pthread_join(thread, NULL);
    assert_int_equal(n_turns, 1);
    uv_run(&loop, UV_RUN_NOWAIT); /* there is nothing that keeps it awake */
    assert_false(uv_is_active((uv_handle_t *)&turns.awake));
}

static void test_more_has_come(void **state)
{
    (void)state;
    uv_timer_stop(&turns.safety);
    message_comes();
    for (uint32_t i = 1; i < 4; i++) { /* as long as nobody takes it */
        uv_run(&loop, UV_RUN_ONCE);
        assert_int_equal(n_turns, i);
    }
    message_goes();
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(uv_is_active((uv_handle_t *)&turns.awake), 0);
    assert_int_equal(metrics.lost_edges, 0);
}

static void test_soon(void **state)
{
    (void)state;
    uv_timer_stop(&turns.safety);
    turns_soon(&turns);
    turns_soon(&turns); /* is what was asked for already */
    uv_run(&loop, UV_RUN_ONCE);
    assert_true(n_turns > 0);
    assert_false(uv_is_active((uv_handle_t *)&turns.soon));
    turns_often(&turns);
    for (uint32_t i = 0; i < 3; i++) {
        n_turns = 0;
        uv_run(&loop, UV_RUN_ONCE);
        assert_true(n_turns > 0);
    }
}

/* With the sockets unasked, as if what the descriptor said had been lost. */
static void test_lost_edge(void **state)
{
    (void)state;
    uv_prepare_stop(&turns.prepare);
    uv_check_stop(&turns.check);
    while (n_beats == 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(metrics.lost_edges, 0);
    message_comes();
    n_turns = n_beats = 0;
    while (n_beats == 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(n_turns, 1);
    assert_int_equal(metrics.lost_edges, 1);
    message_goes();
}

static void test_late(void **state)
{
    (void)state;
    turns.last_safety_ms -= 5000; /* as if the loop had stood still for so long */
    while (n_beats == 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_true(lag >= 4900);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_woken),     TEST(test_more_has_come), TEST(test_soon),
        TEST(test_lost_edge), TEST(test_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
