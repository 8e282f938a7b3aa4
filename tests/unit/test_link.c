/* SPDX-License-Identifier: Apache-2.0 */
/* link: endpoints, events, limits and ends; each known trap of the transport is closed. */
#include "link_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

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

/* Where it is bound is said as people write it. */
static void test_where(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"tcp://127.0.0.1:*", "tcp://127.0.0.1:"},
        {"tcp://0.0.0.0:*", "tcp://0.0.0.0:"},
        {"tcp://[::1]:*", "tcp://[::1]:"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char bound[LINK_ENDPOINT_MAX];
        int r = link_router_bind(context, rows[i][0], &router);
        if (r == -EADDRNOTAVAIL && i == 2)
            continue; /* a machine without IPv6 */
        assert_int_equal(r, 0);
        assert_int_equal(link_endpoint(router, bound, sizeof bound), 0);
        const size_t len = strlen(rows[i][1]);
        assert_memory_equal(bound, rows[i][1], len);
        assert_in_range(strtoul(bound + len, NULL, 10), 1, 65535);
        link_close(router);
        router = NULL;
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
    const struct CMUnitTest tests[] = {
        LINK_TEST(test_endpoints_refused),
        LINK_TEST(test_where),
        LINK_TEST(test_bind_takes_nothing_away),
        LINK_TEST(test_events),
        LINK_TEST(test_too_large_for_the_loader),
        LINK_TEST(test_too_large_for_the_trainer),
        LINK_TEST(test_tap_sheds_load),
        LINK_TEST(test_wait),
        LINK_TEST(test_close_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
