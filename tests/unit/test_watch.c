/* SPDX-License-Identifier: Apache-2.0 */
/* watch: a message wakes the loop; peers that hold every slot are cut off after their time, by a
 * clock of the test's, and are back at the same address. */
#include "handwork.h"

#include "common/log.h"
#include "loaderd/daemon/watch.h"

#include <errno.h>
#include <unistd.h>

enum { SLOTS = 2, PATIENCE_MS = 20000 };

static uv_loop_t loop;
static struct port port;   /* large */
static struct watch watch; /* as well */
static struct serve *serve;
static struct link_context *context;
static struct link *dealer;
static struct wire *wire;
static struct link_message got;
static struct wire_message message;
static struct link_frame kept[64]; /* the test is what ZeroMQ would be for peers that do not read */
static uint32_t n_kept;

static int take(void *hint, const struct serve_out *out)
{
    for (uint32_t i = 0; i < out->n_frames; i++)
        kept[n_kept++] = out->frames[i];
    return out->n_frames > 0 ? 0 : port_send(hint, out);
}

static void wake(void *hint)
{
    (void)hint;
}

static int setup(void **state)
{
    (void)state;
    log_open("test", LOG_ERROR);
    struct conf_strs listen_on = {.n = 2};
    for (size_t i = 0; i < listen_on.n; i++)
        snprintf(listen_on.v[i], sizeof listen_on.v[i], "tcp://127.0.0.1:*");
    n_kept = 0;
    memset(&watch, 0, sizeof watch);
    if (uv_loop_init(&loop) < 0 || hand_begin(SLOTS) < 0 || wire_new(64, &wire) < 0 ||
        link_context_new(&context) < 0 || port_open(&port, &listen_on, "") < 0)
        return -1;
    struct serve_config config = {.protocol = hand_protocol(2),
                                  .pool = hand.pool,
                                  .send = take,
                                  .send_hint = &port,
                                  .wake = wake};
    if (serve_new(&config, &serve) < 0)
        return -1;
    watch.loop = &loop;
    watch.port = &port;
    watch.serve = serve;
    watch.metrics = &hand.metrics;
    return watch_open(&watch) || link_dealer_connect(context, port.endpoints[1], &dealer);
}

static void give_back(void)
{
    for (uint32_t i = 0; i < n_kept; i++)
        kept[i].free(kept[i].data, kept[i].hint);
    n_kept = 0;
}

static int teardown(void **state)
{
    (void)state;
    give_back();
    link_message_done(&got);
    link_close(dealer);
    link_context_free(context);
    watch_close(&watch);
    uv_run(&loop, UV_RUN_DEFAULT);
    port_close(&port);
    serve_free(serve);
    hand_end();
    wire_free(wire);
    return uv_loop_close(&loop);
}

static void say(const struct wire_message *m)
{
    const void *bytes;
    size_t len;
    assert_int_equal(wire_pack(wire, m, &bytes, &len), 0);
    assert_int_equal(link_send(dealer, NULL, bytes, len, NULL, 0), 0);
}

/* A message wakes the loop, and is taken. */
static void turn_of_loop(void)
{
    while (!port_ready(&port))
        uv_run(&loop, UV_RUN_ONCE);
    while (port_ready(&port))
        port_receive(&port, serve);
    serve_turn(serve);
}

static void expect(enum wire_type type)
{
    assert_int_equal(link_wait(&dealer, 1, PATIENCE_MS), 1);
    assert_int_equal(link_receive(dealer, &got), 0);
    assert_int_equal(wire_unpack(wire, got.body, got.body_len, &message), 0);
    assert_int_equal(message.type, type);
}

static void await(enum link_event event)
{
    enum link_event e;
    while ((e = link_event(dealer)) == LINK_NOTHING)
        continue;
    assert_int_equal(e, event);
}

static void test_wakes(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 5; i++) {
        say(&(struct wire_message){.type = WIRE_PING, .ping = {.nonce = i}});
        turn_of_loop();
        expect(WIRE_PONG);
        assert_int_equal(message.ping.nonce, i);
        assert_int_equal(watch_turn(&watch, i), 0);
    }
    watch_close(&watch);
    watch_close(&watch); /* twice is fine */
}

/* Every slot is with this peer (for ever, as far as anyone can tell), and a second one waits. */
static void test_cut(void **state)
{
    (void)state;
    await(LINK_CONNECTED);
    for (uint32_t i = 0; i < SLOTS; i++) {
        const struct wire_message m = hand_get(i, i);
        say(&m);
        turn_of_loop();
        hand_make(i);
        serve_turn(serve);
    }
    assert_int_equal(pool_idle(hand.pool), 0);
    assert_int_equal(watch_turn(&watch, 0), 0);
    static struct link_message other = {.peer = {.len = 5, .id = {0, 1, 2, 3, 4}}};
    const struct wire_message wish = hand_get(9, 9);
    assert_int_equal(wire_pack(wire, &wish, &other.body, &other.body_len), 0);
    serve_message(serve, 0, &other);
    serve_turn(serve);
    assert_true(serve_jammed(serve));
    assert_int_equal(watch_turn(&watch, 1000), 0);
    assert_int_equal(watch_turn(&watch, 1000 + JAM_MAX_MS - 1), 0);
    assert_int_equal(hand.metrics.jams, 0);
    assert_non_null(port.links[1]);
    assert_int_equal(watch_turn(&watch, 1000 + JAM_MAX_MS), 0);
    assert_int_equal(hand.metrics.jams, 1); /* one link: nobody holds anything at the other */
    assert_int_equal(serve_peers(serve), 1);
    while (!port.links[1])
        assert_int_equal(watch_turn(&watch, 1001 + JAM_MAX_MS), 0);
    await(LINK_DISCONNECTED);
    await(LINK_CONNECTED);
    give_back(); /* as ZeroMQ does when a connection is cut */
    serve_turn(serve);
    hand_make(9);
    serve_turn(serve);
    assert_int_equal(serve_outstanding(serve), 0);
    say(&(struct wire_message){.type = WIRE_PING}); /* and the new descriptor is watched */
    turn_of_loop();
    expect(WIRE_PONG);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_wakes), TEST(test_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
