/* SPDX-License-Identifier: Apache-2.0 */
/* link: messages arrive whole or not at all, over ipc and tcp; each known trap of the transport is
 * closed. Raw ZeroMQ sockets play the peers that do not keep to the rules. */
#include "test.h"

#include "proto/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { PATIENCE_MS = 20000 }; /* then a test has failed */

static char folder[64], path[96], endpoint[128];
static struct link_context *context;
static struct link *router, *dealer;
static struct link_message got; /* large, so not on the stack */

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_link.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/socket", folder);
    snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
    return link_context_new(&context);
}

static int teardown(void **state)
{
    (void)state;
    link_message_done(&got);
    link_close(dealer);
    link_close(router);
    dealer = router = NULL;
    link_context_free(context);
    context = NULL;
    unlink(path);
    return rmdir(folder);
}

static void open_pair(const char *where)
{
    char bound[LINK_ENDPOINT_MAX];
    assert_int_equal(link_router_bind(context, where, &router), 0);
    assert_int_equal(link_endpoint(router, bound, sizeof bound), 0);
    assert_int_equal(link_dealer_connect(context, bound, &dealer), 0);
}

static void receive(struct link *link, struct link_message *message)
{
    assert_int_equal(link_wait(&link, 1, PATIENCE_MS), 1);
    assert_int_equal(link_receive(link, message), 0);
}

static void say(struct link *link, const struct link_peer *peer, const char *text)
{
    assert_int_equal(link_send(link, peer, text, strlen(text), NULL, 0), 0);
}

static void assert_body(const char *text)
{
    assert_int_equal(got.body_len, strlen(text));
    assert_memory_equal(got.body, text, got.body_len);
}

/* Greets the router, so that it knows the dealer's name. */
static struct link_peer introduce(void)
{
    say(dealer, NULL, "hello");
    receive(router, &got);
    assert_body("hello");
    assert_int_equal(got.n_frames, 0);
    assert_in_range(got.peer.len, 1, LINK_PEER_MAX);
    return got.peer;
}

static void await(enum link_event event, struct link *link)
{
    enum link_event e = LINK_NOTHING;
    for (int waited = 0; e == LINK_NOTHING && waited < PATIENCE_MS; waited += 10) {
        assert_int_equal(link_wait(&link, 1, 10), 0);
        e = link_event(link);
    }
    assert_int_equal(e, event);
}

static atomic_int freed; /* by ZeroMQ's thread */

static void count_free(void *data, void *hint)
{
    (void)data;
    (void)hint;
    atomic_fetch_add(&freed, 1);
}

/* ZeroMQ's thread gives frames back when it likes; closing everything makes it. */
static void close_all(void)
{
    link_message_done(&got);
    link_close(dealer);
    link_close(router);
    dealer = router = NULL;
    link_context_free(context);
    context = NULL;
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

static void test_endpoints_refused(void **state)
{
    (void)state;
    char longest[128], too_long[128], huge[LINK_ENDPOINT_MAX + 8];
    snprintf(longest, sizeof longest, "ipc:///%0*d", 106, 0);
    snprintf(too_long, sizeof too_long, "ipc:///%0*d", 107, 0);
    snprintf(huge, sizeof huge, "tcp://%0*d", LINK_ENDPOINT_MAX - 6, 0);
    const struct {
        const char *endpoint, *named;
    } rows[] = {
        {"ipc://@augstream", "abstract"},
        {"ipc://@", "abstract"},
        {"ipc://", "path"},
        {"ipc://*", "path"},
        {too_long, "108 bytes"},
        {huge, "endpoint"},
        {"inproc://x", "neither"},
        {"udp://127.0.0.1:1", "neither"},
        {"127.0.0.1:5555", "neither"},
        {"", "neither"},
        {"tcp://127.0.0.1", "tcp://"},
        {"tcp://127.0.0.1:99999", "tcp://"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct link *link = NULL;
        assert_int_equal(link_router_bind(context, rows[i].endpoint, &link), -EINVAL);
        assert_non_null(strstr(err_text(), rows[i].named));
        assert_int_equal(link_dealer_connect(context, rows[i].endpoint, &link), -EINVAL);
        assert_non_null(strstr(err_text(), rows[i].named));
        assert_null(link);
    }
    assert_int_equal(link_dealer_connect(context, longest, &dealer), 0);
    char small[8];
    assert_int_equal(link_endpoint(dealer, small, sizeof small), -ENAMETOOLONG);
    static const char *const elsewhere[] = {"ipc:///nowhere/at/all", "tcp://localhost:45671",
                                            "tcp://203.0.113.1:45671"};
    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
        assert_int_equal(link_router_bind(context, elsewhere[i], &router), -EADDRNOTAVAIL);
        assert_non_null(strstr(err_text(), elsewhere[i]));
        assert_null(router);
    }
}

static void test_bind_takes_nothing_away(void **state)
{
    (void)state;
    /* A file. */
    auto_close int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(link_router_bind(context, endpoint, &router), -EADDRNOTAVAIL);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(unlink(path), 0);
    /* What a killed process leaves: a socket that nobody listens to. */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof address), 0);
    close(stale);
    open_pair(endpoint);
    introduce();
    /* A living listener: the second is refused, the first goes on. */
    struct link *second = NULL;
    assert_int_equal(link_router_bind(context, endpoint, &second), -EADDRINUSE);
    assert_null(second);
    introduce();
    char bound[LINK_ENDPOINT_MAX];
    link_close(router);
    assert_int_not_equal(access(path, F_OK), 0); /* it takes its own socket away */
    assert_int_equal(link_router_bind(context, "tcp://127.0.0.1:*", &router), 0);
    assert_int_equal(link_endpoint(router, bound, sizeof bound), 0);
    assert_int_equal(link_router_bind(context, bound, &second), -EADDRINUSE);
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

static void test_events(void **state)
{
    (void)state;
    assert_int_equal(link_dealer_connect(context, endpoint, &dealer), 0);
    assert_int_equal(link_event(dealer), LINK_NOTHING);
    assert_int_equal(link_router_bind(context, endpoint, &router), 0);
    assert_int_equal(link_event(router), LINK_NOTHING); /* not asked for at this side */
    await(LINK_CONNECTED, dealer);
    assert_int_equal(link_event(dealer), LINK_NOTHING);
    link_close(router);
    await(LINK_DISCONNECTED, dealer);
    /* What is sent meanwhile waits, and comes by the next connection. */
    say(dealer, NULL, "kept");
    assert_int_equal(link_router_bind(context, endpoint, &router), 0);
    await(LINK_CONNECTED, dealer);
    receive(router, &got);
    assert_body("kept");
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

/* A peer without our rules. */
static void *raw_peer(void **ret_zmq, int type, const char *name)
{
    int linger = 0;
    *ret_zmq = zmq_ctx_new();
    void *raw = zmq_socket(*ret_zmq, type);
    assert_non_null(raw);
    assert_int_equal(zmq_setsockopt(raw, ZMQ_LINGER, &linger, sizeof linger), 0);
    if (name)
        assert_int_equal(zmq_setsockopt(raw, ZMQ_ROUTING_ID, name, strlen(name)), 0);
    return raw;
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

/* Above the limit a peer is cut off, the others stay. */
static void test_too_large_for_the_loader(void **state)
{
    (void)state;
    static uint8_t large[WIRE_CONTROL_MAX + 1];
    void *zmq, *raw = raw_peer(&zmq, ZMQ_DEALER, NULL);
    char name[] = "inproc://raw";
    open_pair("tcp://127.0.0.1:*");
    introduce();
    char bound[LINK_ENDPOINT_MAX];
    assert_int_equal(link_endpoint(router, bound, sizeof bound), 0);
    assert_int_equal(zmq_socket_monitor(raw, name, ZMQ_EVENT_DISCONNECTED), 0);
    void *events = zmq_socket(zmq, ZMQ_PAIR);
    assert_int_equal(zmq_connect(events, name), 0);
    assert_int_equal(zmq_connect(raw, bound), 0);
    assert_int_equal(zmq_send(raw, large, sizeof large, 0), sizeof large);
    zmq_pollitem_t cut = {.socket = events, .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&cut, 1, PATIENCE_MS), 1);
    assert_int_equal(link_receive(router, &got), -EAGAIN);
    introduce();
    zmq_close(events);
    zmq_close(raw);
    zmq_ctx_term(zmq);
}

static void test_too_large_for_the_trainer(void **state)
{
    (void)state;
    static uint8_t large[WIRE_FRAME_MAX + 1];
    void *zmq, *raw = raw_peer(&zmq, ZMQ_ROUTER, NULL);
    assert_int_equal(zmq_bind(raw, endpoint), 0);
    assert_int_equal(link_dealer_connect(context, endpoint, &dealer), 0);
    say(dealer, NULL, "hello");
    unsigned char name[LINK_PEER_MAX];
    int len = zmq_recv(raw, name, sizeof name, 0);
    assert_in_range(len, 1, LINK_PEER_MAX);
    await(LINK_CONNECTED, dealer);
    assert_int_equal(zmq_send(raw, name, (size_t)len, ZMQ_SNDMORE), len);
    assert_int_equal(zmq_send(raw, large, sizeof large, 0), sizeof large);
    await(LINK_DISCONNECTED, dealer);
    assert_int_equal(link_receive(dealer, &got), -EAGAIN);
    zmq_close(raw);
    zmq_ctx_term(zmq);
}

/* A subscriber that does not read loses messages; the publisher does not notice. */
static void test_tap_sheds_load(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    static uint8_t body[2048];
    struct link *pub = NULL, *sub = NULL;
    uint32_t sequence = 0, seen, last = 0, n = 0;
    assert_int_equal(link_pub_bind(context, endpoint, &pub), 0);
    for (int i = 0; i < 10; i++, sequence++) /* to nobody */
        assert_int_equal(link_send(pub, NULL, body, sizeof body, NULL, 0), 0);
    assert_int_equal(link_sub_connect(context, endpoint, &sub), 0);
    await(LINK_CONNECTED, sub);
    int rc = -EAGAIN;
    while (rc == -EAGAIN) { /* until the subscription is known */
        memcpy(body, &sequence, sizeof sequence);
        assert_int_equal(link_send(pub, NULL, body, sizeof body, NULL, 0), 0);
        assert_true(++sequence < 100000);
        rc = link_wait(&sub, 1, 1) == 1 ? link_receive(sub, &got) : -EAGAIN;
    }
    assert_int_equal(rc, 0);
    for (int i = 0; i < MANY; i++, sequence++) {
        memcpy(body, &sequence, sizeof sequence);
        assert_int_equal(link_send(pub, NULL, body, sizeof body, NULL, 0), 0);
    }
    while (link_wait(&sub, 1, 200) == 1) {
        assert_int_equal(link_receive(sub, &got), 0);
        assert_int_equal(got.body_len, sizeof body);
        memcpy(&seen, got.body, sizeof seen);
        assert_true(n == 0 || seen > last);
        last = seen;
        n++;
    }
    assert_in_range(n, 1, MANY - 1);
    link_close(sub);
    link_close(pub);
}

static void nothing(int signal)
{
    (void)signal;
}

static void test_wait(void **state)
{
    (void)state;
    struct link *other = NULL;
    open_pair(endpoint);
    assert_int_equal(link_router_bind(context, "tcp://127.0.0.1:*", &other), 0);
    struct link *both[] = {other, router};
    assert_int_equal(link_wait(both, 2, 0), 0);
    say(dealer, NULL, "one");
    assert_int_equal(link_wait(both, 2, PATIENCE_MS), 1);
    assert_int_equal(link_wait(both, 2, -1), 1); /* level-triggered, unlike the fd */
    assert_int_equal(link_receive(other, &got), -EAGAIN);
    assert_int_equal(link_receive(router, &got), 0);

    struct sigaction old, action = {.sa_handler = nothing};
    assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
    struct itimerval timer = {{0, 20000}, {0, 20000}};
    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
    assert_int_equal(link_wait(both, 2, -1), -EINTR);
    timer = (struct itimerval){0};
    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
    link_close(other);
}

static void test_close_is_bounded(void **state)
{
    (void)state;
    link_close(NULL);
    link_context_free(NULL);
    assert_int_equal(link_dealer_connect(context, endpoint, &dealer), 0);
    say(dealer, NULL, "to nobody");
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    close_all(); /* waits for the message to leave, and gives up */
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_in_range(end.tv_sec - begin.tv_sec, 1, 10);
}

int main(void)
{
#define LINK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        LINK_TEST(test_ipc),
        LINK_TEST(test_tcp),
        LINK_TEST(test_endpoints_refused),
        LINK_TEST(test_bind_takes_nothing_away),
        LINK_TEST(test_unroutable),
        LINK_TEST(test_full_queue),
        LINK_TEST(test_edge_triggered),
        LINK_TEST(test_events),
        LINK_TEST(test_limits_of_sending),
        LINK_TEST(test_too_many_frames),
        LINK_TEST(test_names_of_own_making),
        LINK_TEST(test_too_large_for_the_loader),
        LINK_TEST(test_too_large_for_the_trainer),
        LINK_TEST(test_tap_sheds_load),
        LINK_TEST(test_wait),
        LINK_TEST(test_close_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
