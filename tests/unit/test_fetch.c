/* SPDX-License-Identifier: Apache-2.0 */
/* fetch: the clock is the test's and so are both loaders: what is asked when, of whom, and what a
 * word, a silence or a disconnect changes. No socket, no thread; tests/sim does the rest. */
#include "test.h"

#include "common/crc32c.h"
#include "trainer/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOADERS = 2,
    BATCH = 2,
    SIDE = 8,
    SAMPLES = 10,
    BATCHES = 5,
    PIXELS = BATCH * SIDE * SIDE * 3
};

/* One message for the trainer, and where its bytes are. */
struct post {
    unsigned char body[4096], pixels[PIXELS];
    size_t len;
    bool has_pixels;
};

/* One loader: what it was told, what it has to say. */
static struct {
    struct wire_message told[64];
    uint32_t n_told;
    struct post post[16];
    uint32_t n_post, taken;
    enum link_event event[4];
    uint32_t n_events, heard;
} far[LOADERS];

static struct wire *wire;
static struct wire_message message;
static struct fetch *fetch;
static struct spec spec;
static uint32_t lent; /* messages that the trainer has */
static char told[512];

static int io_send(void *hint, uint32_t loader, const void *body, size_t len)
{
    (void)hint;
    assert_true(far[loader].n_told < 64);
    return wire_unpack(wire, body, len, &far[loader].told[far[loader].n_told++]);
}

static int io_receive(void *hint, uint32_t loader, struct link_message *ret)
{
    (void)hint;
    if (far[loader].taken == far[loader].n_post)
        return -EAGAIN;
    const struct post *post = &far[loader].post[far[loader].taken++ % 16];
    memset(ret, 0, sizeof *ret);
    ret->body = post->body;
    ret->body_len = post->len;
    ret->n_frames = post->has_pixels;
    ret->frames[0].data = post->pixels;
    ret->frames[0].len = PIXELS;
    lent++;
    return 0;
}

static void io_release(void *hint, struct link_message *m)
{
    (void)hint;
    lent -= m->body != NULL;
    m->body = NULL;
}

static enum link_event io_event(void *hint, uint32_t loader)
{
    (void)hint;
    return far[loader].heard < far[loader].n_events ? far[loader].event[far[loader].heard++ % 4]
                                                    : LINK_NOTHING;
}

static const struct loader_io io = {io_send, io_receive, io_release, io_event, NULL};

static void on_tell(void *hint, const char *text)
{
    (void)hint;
    snprintf(told, sizeof told, "%s", text);
}

/* From batch `index` of epoch 0 to the end of epoch 1. */
static void begin_at(uint32_t loaders, uint32_t window, uint32_t index)
{
    spec = (struct spec){.dataset = "flowers", .seed = 3, .batch = BATCH, .n_views = 1};
    view_spec_eval(&spec.views[0], SIDE, SIDE);
    static struct conf_strs endpoints;
    endpoints.n = loaders;
    snprintf(endpoints.v[0], sizeof endpoints.v[0], "one");
    snprintf(endpoints.v[1], sizeof endpoints.v[1], "two");
    const struct recv_config wanted = {.spec = &spec,
                                       .endpoints = &endpoints,
                                       .window = window,
                                       .deadline_s = 10,
                                       .retry_s = 30,
                                       .index = index,
                                       .epochs = 2,
                                       .tell = on_tell};
    const struct fetch_config config = {.wanted = &wanted, .io = &io, .client = "test"};
    assert_int_equal(fetch_new(&config, &fetch), 0);
}

static void begin(uint32_t loaders, uint32_t window)
{
    begin_at(loaders, window, 0);
}

static int setup(void **state)
{
    (void)state;
    memset(far, 0, sizeof far);
    lent = 0;
    told[0] = 0;
    return wire_new(64, &wire);
}

static int teardown(void **state)
{
    (void)state;
    fetch_free(fetch);
    wire_free(wire);
    return lent != 0;
}

static void turn(double now_s)
{
    if (fetch_turn(fetch, now_s) < 0)
        fail_msg("%s", err_text());
}

static void happens(uint32_t loader, enum link_event event)
{
    far[loader].event[far[loader].n_events++ % 4] = event;
}

/* The trainer will hear `message`, and these pixels if any. */
static void says(uint32_t loader, const unsigned char *pixels)
{
    const void *body;
    struct post *post = &far[loader].post[far[loader].n_post++ % 16];
    assert_int_equal(wire_pack(wire, &message, &body, &post->len), 0);
    assert_true(post->len <= sizeof post->body);
    memcpy(post->body, body, post->len);
    post->has_pixels = pixels != NULL;
    if (pixels)
        memcpy(post->pixels, pixels, PIXELS);
}

static const struct wire_message *last(uint32_t loader)
{
    assert_true(far[loader].n_told > 0);
    return &far[loader].told[far[loader].n_told - 1];
}

static uint32_t asked(uint32_t loader)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < far[loader].n_told; i++)
        n += far[loader].told[i].type == WIRE_GET_BATCH;
    return n;
}

static void welcomes(uint32_t loader, uint64_t server_epoch)
{
    message = (struct wire_message){.type = WIRE_WELCOME};
    message.welcome.server_epoch = server_epoch;
    message.welcome.window = 4;
    message.welcome.batch_bytes_max = 1 << 20;
    says(loader, NULL);
}

static const char *names_of[2]; /* what each calls its only class; NULL: it does not tell */

static void opens(uint32_t loader)
{
    assert_int_equal(last(loader)->type, WIRE_OPEN_SESSION);
    message = (struct wire_message){.type = WIRE_SESSION_OPENED};
    message.session_opened.request = last(loader)->open_session.request;
    spec_digest(&spec, message.session_opened.fingerprint, message.session_opened.session);
    message.session_opened.samples = SAMPLES;
    message.session_opened.batches = BATCHES;
    message.session_opened.classes = 1;
    if (names_of[loader])
        message.session_opened.class_names = &names_of[loader];
    says(loader, NULL);
}

static void ready(uint32_t loader, double now_s)
{
    happens(loader, LINK_CONNECTED);
    turn(now_s);
    assert_int_equal(last(loader)->type, WIRE_HELLO);
    welcomes(loader, 100 + loader);
    turn(now_s);
    opens(loader);
    turn(now_s);
}

static void refuses(uint32_t loader, uint64_t request, enum wire_code code)
{
    message = (struct wire_message){.type = WIRE_ERROR};
    message.error.request = request;
    message.error.code = code;
    message.error.retryable = true;
    snprintf(message.error.text, sizeof message.error.text, "not now");
    says(loader, NULL);
}

/* The answer to a GetBatch. */
static void answers(uint32_t loader, const struct wire_message *get)
{
    unsigned char pixels[PIXELS];
    struct omega omegas[BATCH];
    int64_t labels[BATCH];
    memset(pixels, (int)get->get_batch.index, sizeof pixels);
    for (uint32_t i = 0; i < BATCH; i++) {
        const struct omega_key key = {.sample = get->get_batch.index * BATCH + i};
        omega_draw(&spec.views[0], &key, 40, 30, &omegas[i]);
        labels[i] = i;
    }
    message = (struct wire_message){.type = WIRE_BATCH};
    struct wire_batch *b = &message.batch;
    memcpy(b->session, get->get_batch.session, DIGEST_BYTES);
    b->request = get->get_batch.request;
    b->server_epoch = 100 + loader;
    b->epoch = get->get_batch.epoch;
    b->index = get->get_batch.index;
    b->n_samples = BATCH;
    b->n_views = 1;
    b->sizes[0] = SIDE;
    b->omega = omegas;
    b->labels = labels;
    b->n_frames = 1;
    b->frames[0] = (struct wire_frame){.bytes = PIXELS, .crc32c = crc32c(0, pixels, PIXELS)};
    says(loader, pixels);
}

static void expect(uint32_t index)
{
    struct recv_batch batch;
    assert_int_equal(fetch_lend(fetch, &batch), 0);
    assert_int_equal(batch.header->index, index);
    assert_int_equal(batch.model.run[0].pixels[PIXELS - 1], index);
    fetch_release(fetch, &batch);
}

/* Names are no part of what loaders must agree on; the first one's are kept, whatever comes. */
static void test_names_of_the_first(void **state)
{
    static const struct {
        const char *first, *second;
    } rows[] = {{"cat", "Katze"}, {"cat", NULL}, {NULL, "Katze"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        begin(2, 2);
        names_of[0] = rows[i].first;
        names_of[1] = rows[i].second;
        ready(0, 101);
        ready(1, 101.1);
        assert_true(fetch_settled(fetch));
        const struct wire_message get = *last(0);
        assert_int_equal(get.type, WIRE_GET_BATCH);
        answers(0, &get); /* other messages have had the memory of that one since */
        turn(101.2);
        const char *const *names = fetch_info(fetch)->class_names;
        if (rows[i].first)
            assert_string_equal(names[0], "cat");
        else
            assert_null(names);
        teardown(state);
        setup(state);
    }
    names_of[0] = names_of[1] = NULL;
    begin(1, 1);
}

/* The first loader waits a second for the second, then begins alone. */
static void test_settles(void **state)
{
    (void)state;
    begin(2, 2);
    turn(100);
    assert_int_equal(far[0].n_told, 0); /* nobody is there */
    ready(0, 101);
    assert_int_equal(fetch_info(fetch)->samples, SAMPLES);
    turn(101.99);
    assert_false(fetch_settled(fetch));
    assert_int_equal(asked(0), 0);
    turn(102);
    assert_true(fetch_settled(fetch));
    assert_int_equal(asked(0), 2);
    ready(1, 103);
    assert_int_equal(asked(1), 2);
}

/* A loader that opens something else than was asked for: a recipe that lost a bit, or another
 * version's. The dataset is right, so it is not the dataset that is blamed. */
static void test_another_session(void **state)
{
    (void)state;
    begin(1, 2);
    happens(0, LINK_CONNECTED);
    turn(100);
    welcomes(0, 100);
    turn(100);
    const uint64_t seed = spec.seed++;
    opens(0);
    spec.seed = seed;
    assert_int_equal(fetch_turn(fetch, 100), -EPROTO);
    assert_string_equal(err_text(), "one: the session it opened is not the one of this run: it "
                                    "read the recipe otherwise (is it of another version?)");
}

static void test_order(void **state)
{
    (void)state;
    struct recv_batch batch;
    begin(1, 2);
    ready(0, 0.5);
    assert_int_equal(asked(0), 2);
    const struct wire_message first = *(last(0) - 1), second = *last(0);
    answers(0, &second);
    turn(1);
    assert_int_equal(fetch_lend(fetch, &batch), -EAGAIN);
    assert_int_equal(asked(0), 3); /* as far as the ring reaches */
    answers(0, &first);
    answers(0, &first); /* twice */
    turn(2);
    expect(0);
    expect(1);
    assert_int_equal(fetch_counts(fetch)->late, 1);
    assert_int_equal(fetch_counts(fetch)->batches, 2);
    assert_int_equal(fetch_counts(fetch)->bytes, 2 * PIXELS);
}

/* To the moment, and elsewhere; the silent one has to greet again. */
static void test_deadline(void **state)
{
    (void)state;
    begin(2, 1);
    ready(0, 0);
    ready(1, 0);
    assert_int_equal(asked(0) + asked(1), 2);
    const struct wire_message lost = *last(0);
    answers(1, last(1));
    turn(5);
    assert_int_equal(asked(1), 2);
    answers(1, last(1));
    turn(9.9);
    assert_int_equal(asked(1), 2); /* the ring is full but for what is lost */
    turn(10);
    assert_int_equal(asked(1), 3);
    assert_int_equal(last(1)->get_batch.index, lost.get_batch.index);
    assert_int_equal(last(0)->type, WIRE_HELLO);
    assert_int_equal((last(0) - 1)->type, WIRE_CANCEL);
    assert_int_equal((last(0) - 1)->cancel.request, lost.get_batch.request);
    assert_int_equal(fetch_counts(fetch)->rerequests, 1);
}

/* 0.2 s, 0.4 s, ... and the fifth refusal is an error. */
static void test_back_off(void **state)
{
    (void)state;
    begin_at(1, 1, 2 * BATCHES - 1); /* the last one */
    ready(0, 0);
    double now_s = 1;
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(asked(0), i + 1);
        refuses(0, last(0)->get_batch.request, WIRE_INTERNAL);
        turn(now_s);
        turn(now_s + .2 * (1 << i) - .01);
        assert_int_equal(asked(0), i + 1);
        now_s += .2 * (1 << i) + .001;
        turn(now_s);
    }
    assert_int_equal(asked(0), 5);
    refuses(0, last(0)->get_batch.request, WIRE_INTERNAL);
    assert_int_equal(fetch_turn(fetch, now_s), -EIO);
    assert_non_null(strstr(err_text(), "not now"));
}

static void test_disconnect(void **state)
{
    (void)state;
    begin(1, 2);
    ready(0, 0);
    const struct wire_message lost = *(last(0) - 1);
    assert_int_equal(asked(0), 2);
    happens(0, LINK_DISCONNECTED);
    turn(1);
    assert_int_equal(fetch_counts(fetch)->disconnects, 1);
    assert_int_equal(fetch_counts(fetch)->rerequests, 2);
    for (double now_s = 1; now_s < 3.05; now_s += .1)
        turn(now_s);
    assert_non_null(strstr(told, "waiting for one"));
    ready(0, 4);
    assert_int_equal(asked(0), 4);
    assert_int_equal((last(0) - 1)->get_batch.index, lost.get_batch.index);
    answers(0, &lost); /* it was not lost after all */
    turn(5);
    expect(0);
    assert_int_equal(fetch_turn(fetch, 6), 0);
    happens(0, LINK_DISCONNECTED);
    for (double now_s = 10; now_s < 39.95; now_s += .1)
        turn(now_s);
    assert_int_equal(fetch_turn(fetch, 40.05), -ETIMEDOUT);
}

/* A caller that was away for longer than data.retry, in a checkpoint or stopped, while its loader
 * restarted: nobody was asked in that time, so nobody failed to answer. */
static void test_away(void **state)
{
    (void)state;
    begin(1, 2);
    ready(0, 0);
    happens(0, LINK_DISCONNECTED);
    turn(1);
    happens(0, LINK_CONNECTED);
    turn(100);
    welcomes(0, 200);
    turn(100.1);
    opens(0);
    turn(100.2);
    assert_int_equal(asked(0), 4);
    happens(0, LINK_DISCONNECTED);
    for (double now_s = 101; now_s < 130.9; now_s += .1)
        turn(now_s);
    assert_int_equal(fetch_turn(fetch, 131.1), -ETIMEDOUT); /* but this was 30 s of looking */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_settles),         TEST(test_names_of_the_first),
                                       TEST(test_another_session), TEST(test_order),
                                       TEST(test_deadline),        TEST(test_back_off),
                                       TEST(test_disconnect),      TEST(test_away)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
