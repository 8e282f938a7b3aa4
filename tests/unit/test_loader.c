/* SPDX-License-Identifier: Apache-2.0 */
/* loader: the handshake step by step against a bare ROUTER in the same thread; the clock is the
 * test's. What is lost is sent again, what comes twice or late changes nothing. */
#include "test.h"

#include "trainer/loader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

static char folder[] = "/tmp/augstream-test-XXXXXX";
static char endpoint[64];
static struct spec spec;
static struct loader_room room;
static struct loader loader;
static struct link_context *context;
static struct link *router, *dealer;
static struct wire *wire;           /* the far end's */
static struct link_message message; /* too large for a stack, as the next one */
static struct wire_message heard;

static int io_send(void *hint, uint32_t number, const void *body, size_t len)
{
    assert_ptr_equal(hint, &loader);
    assert_int_equal(number, 3);
    return link_send(dealer, NULL, body, len, NULL, 0);
}

static enum link_event io_event(void *hint, uint32_t number)
{
    assert_ptr_equal(hint, &loader);
    assert_int_equal(number, 3);
    return link_event(dealer);
}

static const struct loader_io io = {.send = io_send, .event = io_event, .hint = &loader};

static int setup(void **state)
{
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 7);
    if (!mkdtemp(folder))
        return -1;
    snprintf(endpoint, sizeof endpoint, "ipc://%s/s", folder);
    spec = (struct spec){.dataset = "flowers", .seed = 9, .batch = 4, .n_views = 1};
    view_spec_eval(&spec.views[0], 8, 8);
    room = (struct loader_room){
        .io = &io, .spec = &spec, .client = "augstream-trainer/7", .window = 4};
    if (wire_new(64, &room.wire) < 0 || wire_new(64, &wire) < 0 || link_context_new(&context) < 0)
        return -1;
    return link_router_bind(context, endpoint, &router);
}

static int teardown(void **state)
{
    (void)state;
    link_message_done(&message);
    link_close(dealer);
    dealer = NULL;
    link_close(router);
    link_context_free(context);
    wire_free(room.wire);
    wire_free(wire);
    unlink(endpoint + 6);
    return rmdir(folder);
}

/* What the far end hears next. */
static const struct wire_message *hear(void)
{
    while (link_receive(router, &message) == -EAGAIN)
        assert_true(link_wait(&router, 1, PATIENCE_MS) > 0);
    assert_int_equal(wire_unpack(wire, message.body, message.body_len, &heard), 0);
    return &heard;
}

/* Nothing is under way: what is sent now is what is heard next. */
static void expect_silence_until_ping(void)
{
    struct wire_message ping = {.type = WIRE_PING};
    const void *bytes;
    size_t len;
    ping.ping.nonce = 77;
    assert_int_equal(wire_pack(room.wire, &ping, &bytes, &len), 0);
    assert_int_equal(link_send(dealer, NULL, bytes, len, NULL, 0), 0);
    assert_int_equal(hear()->type, WIRE_PING);
}

static int say_welcome(uint64_t server_epoch, uint32_t window, double now_s)
{
    struct wire_message m = {.type = WIRE_WELCOME};
    m.welcome.server_epoch = server_epoch;
    m.welcome.window = window;
    m.welcome.versions = (struct wire_versions){WIRE_VERSION, WIRE_VERSION + 1};
    return loader_message(&loader, &room, &m, now_s);
}

static int say_opened(uint64_t request)
{
    struct wire_message m = {.type = WIRE_SESSION_OPENED};
    m.session_opened.request = request;
    m.session_opened.samples = 40;
    m.session_opened.batches = 10;
    m.session_opened.classes = 2;
    m.session_opened.session[3] = 33;
    m.session_opened.fingerprint[4] = 44;
    return loader_message(&loader, &room, &m, 0);
}

static int say_error(uint64_t request, enum wire_code code, bool retryable)
{
    struct wire_message m = {.type = WIRE_ERROR};
    m.error.request = request;
    m.error.code = code;
    m.error.retryable = retryable;
    snprintf(m.error.text, sizeof m.error.text, "because");
    return loader_message(&loader, &room, &m, 0);
}

/* Connected, and the first Hello heard. */
static void connect_at(double now_s)
{
    assert_int_equal(link_dealer_connect(context, endpoint, &dealer), 0);
    loader_init(&loader, endpoint, 3);
    assert_int_equal(loader.state, LOADER_HELLO);
    while (!loader.connected) {
        link_wait(&dealer, 1, 10); /* looks at what its connection does as well */
        assert_int_equal(loader_tick(&loader, &room, now_s), 0);
    }
    assert_int_equal(hear()->type, WIRE_HELLO);
    assert_string_equal(heard.hello.client, "augstream-trainer/7");
}

static void make_ready(void)
{
    connect_at(0);
    assert_int_equal(say_welcome(5, 2, 0), 0);
    assert_int_equal(hear()->type, WIRE_OPEN_SESSION);
    assert_int_equal(say_opened(heard.open_session.request), 0);
    assert_int_equal(loader.state, LOADER_READY);
}

static void test_handshake(void **state)
{
    (void)state;
    connect_at(100);
    loader_tick(&loader, &room, 100.5);
    expect_silence_until_ping();
    loader_tick(&loader, &room, 101.1); /* no answer for a second */
    assert_int_equal(hear()->type, WIRE_HELLO);

    assert_int_equal(say_welcome(5, 2, 102), 0);
    assert_int_equal(loader.state, LOADER_OPENING);
    assert_int_equal(loader.window, 2); /* the smaller one */
    assert_int_equal(hear()->type, WIRE_OPEN_SESSION);
    assert_string_equal(heard.open_session.spec.dataset, "flowers");
    assert_int_equal(heard.open_session.spec.seed, 9);
    uint64_t first = heard.open_session.request;

    say_welcome(5, 2, 102.1); /* the answer to the second Hello */
    loader_tick(&loader, &room, 102.5);
    expect_silence_until_ping();
    loader_tick(&loader, &room, 103.1);
    assert_int_equal(hear()->type, WIRE_OPEN_SESSION);
    uint64_t second = heard.open_session.request;
    assert_true(second != first);

    say_opened(first);
    assert_int_equal(loader.state, LOADER_OPENING);
    assert_int_equal(say_error(first, WIRE_INTERNAL, false), 0);
    say_opened(second);
    assert_int_equal(loader.state, LOADER_READY);
    assert_int_equal(loader.info.samples, 40);
    assert_int_equal(loader.info.batches, 10);
    assert_int_equal(loader.info.classes, 2);
    assert_int_equal(loader.info.session[3], 33);
    assert_int_equal(loader.info.fingerprint[4], 44);

    loader_tick(&loader, &room, 200);
    say_welcome(5, 2, 200);
    assert_int_equal(loader.state, LOADER_READY);
    expect_silence_until_ping();
}

static void test_asks(void **state)
{
    (void)state;
    make_ready();
    uint64_t one, two;
    assert_int_equal(loader_get(&loader, &room, 3, 7, &one), 0);
    assert_int_equal(hear()->type, WIRE_GET_BATCH);
    assert_int_equal(heard.get_batch.epoch, 3);
    assert_int_equal(heard.get_batch.index, 7);
    assert_int_equal(heard.get_batch.request, one);
    assert_int_equal(heard.get_batch.session[3], 33);
    assert_int_equal(loader_get(&loader, &room, 3, 8, &two), 0);
    assert_int_equal(hear()->get_batch.request, two);
    assert_true(two > one);
    loader_cancel(&loader, &room, one);
    assert_int_equal(hear()->type, WIRE_CANCEL);
    assert_int_equal(heard.cancel.request, one);
}

static void test_comes_back_as_another(void **state)
{
    (void)state;
    make_ready();
    struct wire_message m = {.type = WIRE_DRAINING};
    m.draining.server_epoch = 4; /* an older one's word */
    assert_int_equal(loader_message(&loader, &room, &m, 0), 0);
    assert_int_equal(loader.state, LOADER_READY);
    m.draining.server_epoch = 5;
    assert_int_equal(loader_message(&loader, &room, &m, 0), 1);
    assert_int_equal(loader.state, LOADER_DRAINING);
    assert_int_equal(say_welcome(5, 2, 0), 0); /* it still drains */
    assert_int_equal(loader.state, LOADER_DRAINING);
    loader_tick(&loader, &room, 10);
    assert_int_equal(hear()->type, WIRE_HELLO);
    assert_int_equal(say_welcome(6, 9, 10), 1); /* a new daemon: all that was asked is lost */
    assert_int_equal(loader.state, LOADER_OPENING);
    assert_int_equal(loader.window, 4);
    assert_int_equal(hear()->type, WIRE_OPEN_SESSION);

    loader_again(&loader, &room, 11);
    assert_int_equal(loader.state, LOADER_HELLO);
    assert_int_equal(hear()->type, WIRE_HELLO);
}

static void test_disconnect(void **state)
{
    (void)state;
    make_ready();
    loader.asked = 1;
    link_message_done(&message);
    link_close(router);
    int lost = 0;
    while (loader.connected) {
        link_wait(&dealer, 1, 10);
        lost |= loader_tick(&loader, &room, 1);
    }
    assert_int_equal(lost, 1);
    assert_int_equal(loader.state, LOADER_HELLO);
    assert_int_equal(loader_tick(&loader, &room, 100), 0);
    assert_int_equal(link_router_bind(context, endpoint, &router), 0);
    while (!loader.connected) {
        link_wait(&dealer, 1, 10);
        loader_tick(&loader, &room, 200);
    }
    assert_int_equal(hear()->type, WIRE_HELLO); /* once: none piled up meanwhile */
    expect_silence_until_ping();
}

static void test_refusals(void **state)
{
    (void)state;
    connect_at(0);
    say_welcome(5, 2, 0);
    assert_int_equal(hear()->type, WIRE_OPEN_SESSION);
    uint64_t request = heard.open_session.request;
    assert_int_equal(say_error(request, WIRE_BUSY, true), 0);
    assert_int_equal(say_error(0, WIRE_INTERNAL, false), 0);
    assert_int_equal(say_error(0, WIRE_BAD_VERSION, false), 0); /* it said Welcome before */
    assert_int_equal(say_error(request, WIRE_UNKNOWN_DATASET, false), -ENOENT);
    char says[128];
    snprintf(says, sizeof says, "%s: because", endpoint);
    assert_string_equal(err_text(), says);
    for (int code = WIRE_OK; code < WIRE_CODES; code++) {
        int rc = loader_refusal(&loader, (enum wire_code)code, "x");
        assert_true(rc < 0 && rc != -EAGAIN && rc != -EINTR && rc != -ETIMEDOUT);
    }
}

static void test_versions(void **state)
{
    (void)state;
    connect_at(0);
    assert_int_equal(say_error(0, WIRE_BAD_VERSION, false), -EPROTO);
    assert_non_null(strstr(err_text(), "because"));
    struct wire_message m = {.type = WIRE_WELCOME};
    m.welcome.window = 1;
    m.welcome.versions = (struct wire_versions){4, 6};
    assert_int_equal(loader_message(&loader, &room, &m, 0), -EPROTO);
    assert_non_null(strstr(err_text(), "speaks versions 4 to 6 of the protocol, this trainer "
                                       "version 1"));
    assert_int_equal(loader.state, LOADER_HELLO);
}

/* One that is left out is not greeted again: only another connection can tell of another daemon. */
static void test_left_out(void **state)
{
    (void)state;
    make_ready();
    loader.state = LOADER_LEFT_OUT;
    assert_int_equal(loader_tick(&loader, &room, 100), 0);
    assert_int_equal(say_welcome(5, 2, 100), 0);
    assert_int_equal(loader.state, LOADER_LEFT_OUT);
    expect_silence_until_ping();
    assert_int_equal(loader_choose(&loader, 1, 0), 1);
}

static void test_words(void **state)
{
    (void)state;
    struct loader l[3] = {{.endpoint = "ipc://x"}, {.endpoint = "tcp://y:1"}, {.endpoint = "z"}};
    char text[64];
    loader_names(l, 3, text, sizeof text);
    assert_string_equal(text, "ipc://x, tcp://y:1, z");
    loader_words(l, 3, text, sizeof text);
    assert_string_equal(text, "");
    loader_says(&l[0], "ipc://x: no");
    loader_says(&l[2], "ipc://x: no");
    loader_words(l, 3, text, sizeof text);
    assert_string_equal(text, "; ipc://x said: no; z said: ipc://x: no");
    loader_words(l, 3, text, 9); /* cut, not overrun */
    assert_string_equal(text, "; ipc://");
    loader_names(l, 3, text, 4);
    assert_string_equal(text, "ipc");
}

/* Who should have it soonest: by speed and by what is in front; nobody that is full, not ready or
 * failed on it, but rather one that failed than none. */
static void test_choose(void **state)
{
    (void)state;
    struct loader l[3] = {
        {.state = LOADER_READY, .window = 4, .latency_s = 0.2},
        {.state = LOADER_READY, .window = 4, .latency_s = 0.1},
        {.state = LOADER_READY, .window = 4, .latency_s = 0.5},
    };
    assert_int_equal(loader_choose(l, 3, 0), 1);
    l[1].asked = 1; /* 0.202 against 0.201 */
    assert_int_equal(loader_choose(l, 3, 0), 0);
    l[0].asked = 1;
    assert_int_equal(loader_choose(l, 3, 0), 1);
    assert_int_equal(loader_choose(l, 3, 1u << 1), 0);
    assert_int_equal(loader_choose(l, 3, 1u << 1 | 1u << 0), 2);
    assert_int_equal(loader_choose(l, 3, 7), 1); /* all failed on it */
    l[1].state = LOADER_DRAINING;
    assert_int_equal(loader_choose(l, 3, 1u << 0 | 1u << 2), 0);
    l[0].asked = l[2].asked = 4; /* full */
    assert_int_equal(loader_choose(l, 3, 0), 3);
    l[0].asked = 3;
    assert_int_equal(loader_choose(l, 3, 1u << 2), 0);
    /* A new one is tried at once: nothing is known against it. */
    l[2] = (struct loader){.state = LOADER_READY, .window = 1};
    assert_int_equal(loader_choose(l, 3, 0), 2);
    loader_took(&l[2], 1.0);
    assert_true(l[2].latency_s == 1.0);
    loader_took(&l[2], 2.0);
    assert_true(l[2].latency_s > 1.19 && l[2].latency_s < 1.21);
    assert_int_equal(loader_choose(NULL, 0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_handshake, setup, teardown),
        cmocka_unit_test_setup_teardown(test_asks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_comes_back_as_another, setup, teardown),
        cmocka_unit_test_setup_teardown(test_disconnect, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_versions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_left_out, setup, teardown),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_choose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
