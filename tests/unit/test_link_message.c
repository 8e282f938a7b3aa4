/* SPDX-License-Identifier: Apache-2.0 */
/* link_message: messages arrive whole or not at all, over ipc and tcp; every frame is given back
 * once; what has a wrong shape is dropped alone. */
#include "link_pair.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

static atomic_int freed; /* by ZeroMQ's thread */

static void count_free(void *data, void *hint)
{
    (void)data;
    (void)hint;
    atomic_fetch_add(&freed, 1);
}

static void round_trip(const char *where)
{
    static uint8_t large[WIRE_FRAME_MAX], small[3] = {1, 2, 3};
    atomic_store(&freed, 0);
    open_pair(where);
    struct link_peer peer = introduce();
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)(i * 7 + i / 251);
    const struct link_frame frames[] = {
        {large, sizeof large, count_free, NULL},
        {small, sizeof small, NULL, NULL}, /* copied */
        {large, 0, count_free, NULL},
    };
    assert_int_equal(link_send(router, &peer, "batch", 5, frames, 3), 0);
    small[0] = 99;
    receive(dealer, &got);
    assert_body("batch");
    assert_int_equal(got.n_frames, 3);
    assert_int_equal(got.frames[0].len, sizeof large);
    assert_memory_equal(got.frames[0].data, large, sizeof large);
    assert_int_equal(got.frames[1].len, 3);
    assert_memory_equal(got.frames[1].data, ((uint8_t[]){1, 2, 3}), 3);
    assert_int_equal(got.frames[2].len, 0);
    assert_int_equal(link_receive(dealer, &got), -EAGAIN);
    assert_int_equal(got.n_frames, 0);
    link_message_done(&got); /* fine when empty */
    close_all();
    assert_int_equal(atomic_load(&freed), 2);
    small[0] = 1;
}

static void test_ipc(void **state)
{
    (void)state;
    round_trip(endpoint);
}

static void test_tcp(void **state)
{
    (void)state;
    round_trip("tcp://127.0.0.1:*");
}

static void test_unroutable(void **state)
{
    (void)state;
    atomic_store(&freed, 0);
    open_pair(endpoint);
    struct link_peer peer = introduce();
    const struct link_frame frames[] = {{&peer, 1, count_free, NULL}, {&peer, 2, count_free, NULL}};
    const struct link_peer nobody = {.len = 5, .id = {0, 9, 9, 9, 9}};
    assert_int_equal(link_send(router, &nobody, "x", 1, frames, 2), -EHOSTUNREACH);
    assert_int_equal(atomic_load(&freed), 2);
    /* One that was here. Its going is learned by sending: the first may be taken still. */
    link_close(dealer);
    dealer = NULL;
    int rc = 0, sent = 0;
    for (int waited = 0; rc == 0 && waited < PATIENCE_MS; waited += 10) {
        assert_int_equal(link_wait(&router, 1, 10), 0);
        rc = link_send(router, &peer, "x", 1, frames, 2);
        sent++;
    }
    assert_int_equal(rc, -EHOSTUNREACH);
    close_all();
    assert_int_equal(atomic_load(&freed), 2 + 2 * sent);
}

/* The sender fills every queue; then it is refused; then all that was taken arrives, whole. */
static void test_full_queue(void **state)
{
    (void)state;
    enum { MOST = 1000000 };
    static uint8_t pixels[4096];
    atomic_store(&freed, 0);
    open_pair(endpoint);
    struct link_peer peer = introduce();
    const struct link_frame frames[] = {{pixels, sizeof pixels, count_free, NULL},
                                        {pixels, 1, count_free, NULL}};
    int sent = 0, rc = 0;
    for (; sent < MOST; sent++) {
        rc = link_send(router, &peer, &sent, sizeof sent, frames, 2);
        if (rc < 0)
            break;
    }
    assert_int_equal(rc, -EAGAIN);
    assert_true(sent >= 2 * LINK_WINDOW_MAX); /* a window never meets the limit */
    int refused = 1;
    for (int i = 0, n; i < sent; i++) {
        receive(dealer, &got);
        assert_int_equal(got.body_len, sizeof n);
        memcpy(&n, got.body, sizeof n);
        assert_int_equal(n, i);
        assert_int_equal(got.n_frames, 2);
        assert_int_equal(got.frames[0].len, sizeof pixels);
        assert_int_equal(got.frames[1].len, 1);
    }
    /* There is room again, as soon as the other side has said so. */
    for (int waited = 0; rc == -EAGAIN && waited < PATIENCE_MS; waited += 10) {
        assert_int_equal(link_wait(&router, 1, 10), 0);
        rc = link_send(router, &peer, &sent, sizeof sent, frames, 2);
        refused += rc < 0;
    }
    assert_int_equal(rc, 0);
    receive(dealer, &got);
    assert_int_equal(got.n_frames, 2);
    close_all();
    assert_int_equal(atomic_load(&freed), 2 * (sent + 1 + refused));
}

/* The fd tells that something happened, once. Who then reads one message and polls the fd sleeps on
 * the second: link_ready is the one to ask. */
static void test_edge_triggered(void **state)
{
    (void)state;
    open_pair(endpoint);
    introduce();
    say(dealer, NULL, "one");
    say(dealer, NULL, "two");
    receive(router, &got);
    assert_body("one");
    struct pollfd fd = {.fd = link_fd(router), .events = POLLIN};
    while (!link_ready(router)) /* until "two" is in, if it is not yet */
        assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
    while (poll(&fd, 1, 0) == 1)
        assert_int_equal(link_ready(router), 1);
    assert_int_equal(link_ready(router), 1); /* the fd is silent, the message is there */
    assert_int_equal(poll(&fd, 1, 0), 0);
    assert_int_equal(link_receive(router, &got), 0);
    assert_body("two");
    assert_int_equal(link_ready(router), 0);
    assert_int_equal(link_receive(router, &got), -EAGAIN);
}

static void test_limits_of_sending(void **state)
{
    (void)state;
    static uint8_t large[WIRE_FRAME_MAX + 1];
    static struct link_frame frames[WIRE_FRAMES_MAX + 1];
    atomic_store(&freed, 0);
    open_pair(endpoint);
    struct link_peer peer = introduce();
    for (size_t i = 0; i < ARRAY_LEN(frames); i++)
        frames[i] = (struct link_frame){large, 1, count_free, NULL};
    assert_int_equal(link_send(router, &peer, "x", 1, frames, WIRE_FRAMES_MAX + 1), -EMSGSIZE);
    assert_int_equal(atomic_load(&freed), WIRE_FRAMES_MAX + 1);
    assert_int_equal(link_send(router, &peer, large, sizeof large, frames, 1), -EMSGSIZE);
    assert_int_equal(link_send(dealer, NULL, large, WIRE_CONTROL_MAX + 1, NULL, 0), -EMSGSIZE);
    frames[0].len = sizeof large;
    assert_int_equal(link_send(router, &peer, "x", 1, frames, 1), -EMSGSIZE);
    assert_int_equal(atomic_load(&freed), WIRE_FRAMES_MAX + 3);
    frames[0].len = 1;
    assert_int_equal(link_send(router, &peer, large, WIRE_HEADER_MAX, frames, WIRE_FRAMES_MAX), 0);
    receive(dealer, &got);
    assert_int_equal(got.body_len, WIRE_HEADER_MAX);
    assert_int_equal(got.n_frames, WIRE_FRAMES_MAX);
    assert_int_equal(link_send(dealer, NULL, large, WIRE_CONTROL_MAX, NULL, 0), 0);
    receive(router, &got);
    assert_int_equal(got.body_len, WIRE_CONTROL_MAX);
}

static void test_too_many_frames(void **state)
{
    (void)state;
    void *zmq, *raw = raw_peer(&zmq, ZMQ_DEALER, NULL);
    open_pair(endpoint);
    assert_int_equal(zmq_connect(raw, endpoint), 0);
    for (int n = WIRE_FRAMES_MAX; n <= WIRE_FRAMES_MAX + 40; n += 20) {
        for (int i = 0; i <= n; i++) /* a body and n frames */
            assert_int_equal(zmq_send(raw, "f", 1, i < n ? ZMQ_SNDMORE : 0), 1);
        assert_int_equal(link_wait(&router, 1, PATIENCE_MS), 1);
        assert_int_equal(link_receive(router, &got), n == WIRE_FRAMES_MAX ? 0 : -EBADMSG);
        assert_in_range(got.peer.len, 1, LINK_PEER_MAX);
        assert_int_equal(got.n_frames, n == WIRE_FRAMES_MAX ? n : 0);
    }
    introduce(); /* the next message starts where it should */
    zmq_close(raw);
    zmq_ctx_term(zmq);
}

static void test_names_of_own_making(void **state)
{
    (void)state;
    char name[LINK_PEER_MAX + 2];
    memset(name, 'n', sizeof name);
    name[LINK_PEER_MAX + 1] = 0;
    open_pair(endpoint);
    for (int longer = 1; longer >= 0; longer--) {
        void *zmq, *raw = raw_peer(&zmq, ZMQ_DEALER, name + !longer);
        assert_int_equal(zmq_connect(raw, endpoint), 0);
        assert_int_equal(zmq_send(raw, "f", 1, 0), 1);
        assert_int_equal(link_wait(&router, 1, PATIENCE_MS), 1);
        assert_int_equal(link_receive(router, &got), longer ? -EBADMSG : 0);
        assert_int_equal(got.peer.len, longer ? 0 : LINK_PEER_MAX);
        zmq_close(raw);
        zmq_ctx_term(zmq);
    }
    introduce();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(test_ipc),
        LINK_TEST(test_tcp),
        LINK_TEST(test_unroutable),
        LINK_TEST(test_full_queue),
        LINK_TEST(test_edge_triggered),
        LINK_TEST(test_limits_of_sending),
        LINK_TEST(test_too_many_frames),
        LINK_TEST(test_names_of_own_making),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
