/* SPDX-License-Identifier: Apache-2.0 */
/* port: real sockets between a client and serve: messages go in and replies come out at the link
 * they came by, a flood is taken in portions, observers hear the tap, and what cannot be opened
 * leaves nothing behind. */
#include "handwork.h"

#include "loaderd/serve/port.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

static char folder[64], endpoints[3][128];
static struct conf_strs listen_on;
static struct port port; /* large */
static struct serve *serve;
static struct link_context *context;
static struct wire *wire;
static struct link_message got;
static struct wire_message message;

static void wake(void *hint)
{
    (void)hint;
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_port.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    for (int i = 0; i < 3; i++)
        snprintf(endpoints[i], sizeof endpoints[i], "ipc://%s/%d", folder, i);
    listen_on.n = 2;
    for (int i = 0; i < 2; i++)
        snprintf(listen_on.v[i], sizeof listen_on.v[i], "%s", endpoints[i]);
    if (hand_begin(2) < 0)
        return -1;
    struct serve_config config = {.protocol = hand_protocol(2),
                                  .pool = hand.pool,
                                  .send = port_send,
                                  .send_hint = &port,
                                  .wake = wake};
    return serve_new(&config, &serve) || link_context_new(&context) || wire_new(64, &wire);
}

static int teardown(void **state)
{
    (void)state;
    link_message_done(&got);
    link_context_free(context);
    wire_free(wire);
    port_close(&port);
    serve_free(serve);
    hand_end();
    return rmdir(folder); /* so every socket has been taken away */
}

static struct link *connected(int which)
{
    struct link *dealer;
    assert_int_equal(link_dealer_connect(context, endpoints[which], &dealer), 0);
    return dealer;
}

static void ping(struct link *dealer, uint64_t nonce)
{
    const void *bytes;
    size_t len;
    const struct wire_message m = {.type = WIRE_PING, .ping = {.nonce = nonce}};
    assert_int_equal(wire_pack(wire, &m, &bytes, &len), 0);
    assert_int_equal(link_send(dealer, NULL, bytes, len, NULL, 0), 0);
}

/* Until the port has something to receive. */
static void await(void)
{
    for (int waited = 0; !port_ready(&port) && waited < PATIENCE_MS; waited++)
        link_wait(port.links, port.n_links, 1);
    assert_true(port_ready(&port));
}

static void expect(struct link *dealer, enum wire_type type)
{
    assert_int_equal(link_wait(&dealer, 1, PATIENCE_MS), 1);
    assert_int_equal(link_receive(dealer, &got), 0);
    assert_int_equal(wire_unpack(wire, got.body, got.body_len, &message), 0);
    assert_int_equal(message.type, type);
}

static void test_there_and_back(void **state)
{
    (void)state;
    assert_int_equal(port_open(&port, &listen_on, ""), 0);
    assert_int_equal(port.n_links, 2);
    assert_null(port.tap);
    assert_false(port_ready(&port));
    port_receive(&port, serve); /* nothing is fine */
    for (int which = 0; which < 2; which++) {
        struct link *dealer = connected(which);
        ping(dealer, 40 + (uint64_t)which);
        await();
        port_receive(&port, serve);
        expect(dealer, WIRE_PONG);
        assert_int_equal(message.ping.nonce, 40 + which);
        link_close(dealer);
    }
}

static void test_odd_shapes(void **state)
{
    (void)state;
    static struct link_frame frames[WIRE_FRAMES_MAX];
    static char pixel;
    assert_int_equal(port_open(&port, &listen_on, ""), 0);
    struct link *dealer = connected(1);
    for (size_t i = 0; i < ARRAY_LEN(frames); i++)
        frames[i] = (struct link_frame){.data = &pixel, .len = 1};
    for (uint32_t n = 0; n <= ARRAY_LEN(frames); n += (uint32_t)ARRAY_LEN(frames)) {
        assert_int_equal(link_send(dealer, NULL, "x", 1, frames, n), 0);
        await();
        port_receive(&port, serve);
        expect(dealer, WIRE_ERROR);
        assert_int_equal(message.error.code, WIRE_BAD_MESSAGE);
    }
    assert_int_equal(hand.metrics.bad_messages, 2);
    link_close(dealer);
}

/* More than a turn takes: it is all answered, in portions. */
static void test_flood(void **state)
{
    (void)state;
    enum { PINGS = 100 };
    assert_int_equal(port_open(&port, &listen_on, ""), 0);
    struct link *dealer = connected(0);
    for (uint64_t i = 0; i < PINGS; i++)
        ping(dealer, i);
    uint64_t answered = 0;
    int turns = 0;
    for (; answered < PINGS; turns++) {
        port_receive(&port, serve);
        while (link_wait(&dealer, 1, 1) == 1) {
            expect(dealer, WIRE_PONG);
            assert_int_equal(message.ping.nonce, answered++);
        }
    }
    assert_true(turns >= PINGS / 32);
    link_close(dealer);
}

static void test_tap(void **state)
{
    (void)state;
    assert_int_equal(port_open(&port, &listen_on, endpoints[2]), 0);
    struct link *sub;
    assert_int_equal(link_sub_connect(context, endpoints[2], &sub), 0);
    const struct serve_out out = {.body = "heard", .len = 5};
    int heard = 0;
    for (int waited = 0; heard == 0 && waited < PATIENCE_MS; waited++) {
        assert_int_equal(port_send(&port, &out), 0); /* to nobody, at first */
        heard = link_wait(&sub, 1, 1);
    }
    assert_int_equal(link_receive(sub, &got), 0);
    assert_int_equal(got.body_len, 5);
    assert_memory_equal(got.body, "heard", 5);
    link_close(sub);
}

static void test_lost_edge(void **state)
{
    (void)state;
    assert_int_equal(port_open(&port, &listen_on, ""), 0);
    struct link *dealer = connected(0);
    assert_int_equal(port_lost_edges(&port), 0);
    ping(dealer, 1);
    await();
    /* Its edge is read away, as by a loop that then forgets to ask. */
    struct pollfd fd = {.fd = link_fd(port.links[0]), .events = POLLIN};
    while (poll(&fd, 1, 0) == 1)
        assert_int_equal(link_ready(port.links[0]), 1);
    assert_int_equal(port_lost_edges(&port), 1);
    port_receive(&port, serve);
    assert_int_equal(port_lost_edges(&port), 0);
    expect(dealer, WIRE_PONG);
    link_close(dealer);
}

static void test_cannot_open(void **state)
{
    (void)state;
    snprintf(listen_on.v[1], sizeof listen_on.v[1], "%s/nowhere", endpoints[1]);
    assert_int_equal(port_open(&port, &listen_on, ""), -EADDRNOTAVAIL);
    port_close(&port);
    snprintf(listen_on.v[1], sizeof listen_on.v[1], "%s", endpoints[0]);
    assert_int_equal(port_open(&port, &listen_on, ""), -EADDRINUSE);
    port_close(&port);
    listen_on.n = 1;
    assert_int_equal(port_open(&port, &listen_on, endpoints[0]), -EADDRINUSE);
    port_close(&port);
    assert_int_not_equal(access(endpoints[0] + strlen("ipc://"), F_OK), 0);
    assert_int_equal(port_open(&port, &listen_on, ""), 0);
}

/* Whoever is connected is cut off, and comes back to the same address. */
static void test_cut(void **state)
{
    (void)state;
    listen_on.n = 1;
    for (int tcp = 0; tcp < 2; tcp++) {
        if (tcp) /* the port that was picked is kept */
            snprintf(listen_on.v[0], sizeof listen_on.v[0], "tcp://127.0.0.1:*");
        assert_int_equal(port_open(&port, &listen_on, ""), 0);
        struct link *dealer;
        assert_int_equal(link_dealer_connect(context, port.endpoints[0], &dealer), 0);
        ping(dealer, 1);
        await();
        port_receive(&port, serve);
        expect(dealer, WIRE_PONG);
        while (link_event(dealer) != LINK_NOTHING)
            continue;
        port_cut(&port, 0);
        assert_false(port_ready(&port));
        port_receive(&port, serve);
        assert_int_equal(port_lost_edges(&port), 0);
        assert_int_equal(port_send(&port, &(struct serve_out){.peer = &got.peer}), -EHOSTUNREACH);
        int r;
        while ((r = port_reopen(&port, 0)) == -EADDRINUSE)
            continue;
        assert_int_equal(r, 0);
        static const enum link_event expected[] = {LINK_DISCONNECTED, LINK_CONNECTED};
        for (size_t i = 0; i < ARRAY_LEN(expected);) {
            enum link_event e = link_event(dealer);
            if (e == LINK_NOTHING)
                continue;
            assert_int_equal(e, expected[i++]);
        }
        ping(dealer, 2);
        await();
        port_receive(&port, serve);
        expect(dealer, WIRE_PONG);
        link_close(dealer);
        port_close(&port);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_there_and_back), TEST(test_odd_shapes),  TEST(test_flood), TEST(test_tap),
        TEST(test_lost_edge),      TEST(test_cannot_open), TEST(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
