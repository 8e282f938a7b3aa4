/* SPDX-License-Identifier: Apache-2.0 */
/* node_messages: a real loaderd and messages that it should never get: malformed, cut, too large,
 * out of range, too many, mutated. Each gets an Error or is dropped; a client that keeps to the
 * rules is served before, meanwhile and after, and gets the same bytes. */
#include "node.h"

#include <math.h>

static struct node node;

static int setup(void **state)
{
    (void)state;
    node_new(&node);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    end_with_good();
    node_done(&node);
    return 0;
}

static void start(void)
{
    start_with_good(&node);
}

/* --- protobuf by hand: what wire_pack would refuse to pack --- */

enum { BYTES_MAX = WIRE_CONTROL_MAX + 4096 };

struct bytes {
    size_t n;
    uint8_t at[BYTES_MAX];
};

static void put_varint(struct bytes *b, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        b->at[b->n++] = (uint8_t)(value | 0x80);
    b->at[b->n++] = (uint8_t)value;
}

static void put_number(struct bytes *b, uint32_t field, uint64_t value)
{
    put_varint(b, field << 3);
    put_varint(b, value);
}

static void put_bytes(struct bytes *b, uint32_t field, const void *data, size_t len)
{
    put_varint(b, field << 3 | 2);
    put_varint(b, len);
    assert_true(b->n + len <= sizeof b->at);
    memcpy(b->at + b->n, data, len);
    b->n += len;
}

/* An Envelope around the body of a type. */
static void put_envelope(struct bytes *ret, uint32_t version, uint32_t type,
                         const struct bytes *body)
{
    ret->n = 0;
    put_number(ret, 1, version);
    put_bytes(ret, type, body->at, body->n);
    assert_true(ret->n + WIRE_SEAL <= sizeof ret->at);
    wire_seal(ret->at, ret->n);
    ret->n += WIRE_SEAL;
}

static void send_bytes(struct client *c, const void *bytes, size_t len)
{
    assert_int_equal(link_send(c->link, NULL, bytes, len, NULL, 0), 0);
}

static void expect_bad(const void *bytes, size_t len)
{
    send_bytes(good, bytes, len);
    client_expect_error(good, 0, WIRE_BAD_MESSAGE, false);
}

static void test_malformed(void **state)
{
    (void)state;
    static struct bytes body, e;
    start();
    expect_bad("", 0);
    expect_bad("GET / HTTP/1.1\r\n\r\n", 18);
    static uint8_t noise[WIRE_CONTROL_MAX];
    memset(noise, 0xff, sizeof noise);
    expect_bad(noise, sizeof noise);
    memset(noise, 0, sizeof noise);
    expect_bad(noise, sizeof noise);

    body.n = 0;
    put_bytes(&body, 1, "me", 2);
    static const uint32_t versions[] = {0, 2, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        put_envelope(&e, versions[i], WIRE_PING, &(struct bytes){0});
        expect_bad(e.at, e.n);
        put_envelope(&e, versions[i], WIRE_HELLO, &body); /* which anybody may read */
        send_bytes(good, e.at, e.n);
        client_expect_error(good, 0, WIRE_BAD_VERSION, false);
    }
    e.n = 0;
    put_number(&e, 1, WIRE_VERSION); /* and no body */
    expect_bad(e.at, e.n);
    put_envelope(&e, WIRE_VERSION, 99, &body);
    expect_bad(e.at, e.n);
    put_envelope(&e, WIRE_VERSION, WIRE_PONG, &(struct bytes){0}); /* only a loader sends it */
    expect_bad(e.at, e.n);
    put_envelope(&e, WIRE_VERSION, WIRE_BATCH, &(struct bytes){0});
    expect_bad(e.at, e.n);

    /* Names: at the limit, above it, with a byte that could forge a line of the log. */
    char name[2000];
    memset(name, 'n', sizeof name);
    static const size_t lengths[] = {WIRE_NAME_MAX, WIRE_NAME_MAX + 1, sizeof name};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        body.n = 0;
        put_bytes(&body, 1, name, lengths[i]);
        put_envelope(&e, WIRE_VERSION, WIRE_HELLO, &body);
        expect_bad(e.at, e.n);
    }
    body.n = 0;
    put_bytes(&body, 1, "a\nb", 3);
    put_envelope(&e, WIRE_VERSION, WIRE_HELLO, &body);
    expect_bad(e.at, e.n);
    body.n = 0;
    put_bytes(&body, 1, name, WIRE_NAME_MAX - 1);
    put_envelope(&e, WIRE_VERSION, WIRE_HELLO, &body);
    send_bytes(good, e.at, e.n);
    client_expect(good, WIRE_WELCOME);

    /* Session names of another length. */
    for (size_t len = 0; len < 2 * DIGEST_BYTES; len += DIGEST_BYTES - 1) {
        body.n = 0;
        put_bytes(&body, 1, name, len);
        put_envelope(&e, WIRE_VERSION, WIRE_GET_BATCH, &body);
        expect_bad(e.at, e.n);
    }
    /* An OpenSession without a spec; one of more views than there may be. */
    put_envelope(&e, WIRE_VERSION, WIRE_OPEN_SESSION, &(struct bytes){0});
    expect_bad(e.at, e.n);
    static struct bytes spec;
    spec.n = body.n = 0;
    put_bytes(&spec, 1, "set", 3);
    for (int i = 0; i <= OMEGA_VIEWS_MAX; i++)
        put_bytes(&spec, 6, "", 0);
    put_bytes(&body, 2, spec.at, spec.n);
    put_envelope(&e, WIRE_VERSION, WIRE_OPEN_SESSION, &body);
    expect_bad(e.at, e.n);
    /* A million views in a message of the largest size. */
    spec.n = body.n = 0;
    while (spec.n + 64 < WIRE_CONTROL_MAX)
        put_bytes(&spec, 6, "", 0);
    put_bytes(&body, 2, spec.at, spec.n);
    put_envelope(&e, WIRE_VERSION, WIRE_OPEN_SESSION, &body);
    expect_bad(e.at, e.n);

    /* A request with pixels. */
    body.n = 0;
    put_envelope(&e, WIRE_VERSION, WIRE_PING, &body);
    struct link_frame frame = {.data = noise, .len = sizeof noise};
    assert_int_equal(link_send(good->link, NULL, e.at, e.n, &frame, 1), 0);
    client_expect_error(good, 0, WIRE_BAD_MESSAGE, false);
    assert_serving(&node);
    node_end(&node);
}

/* Every prefix of a good message. */
static void test_truncated(void **state)
{
    (void)state;
    start();
    const void *bytes;
    size_t len;
    good->out = (struct wire_message){.type = WIRE_OPEN_SESSION};
    node_spec(&good->out.open_session.spec, 1);
    assert_int_equal(wire_pack(good->wire, &good->out, &bytes, &len), 0);
    static uint8_t copy[WIRE_CONTROL_MAX];
    memcpy(copy, bytes, len);
    for (size_t n = 0; n < len; n++)
        expect_bad(copy, n);
    send_bytes(good, copy, len);
    client_expect(good, WIRE_SESSION_OPENED);
    assert_serving(&node);
    node_end(&node);
}

/* A message above the limit costs its sender the connection, and nobody else anything. */
static void test_too_large(void **state)
{
    (void)state;
    static uint8_t noise[WIRE_CONTROL_MAX + 1];
    start();
    struct client *bad = client_ready(&node, 1);
    while (link_event(bad->link) != LINK_NOTHING)
        continue;
    struct link_frame frame = {.data = noise, .len = sizeof noise};
    assert_int_equal(link_send(bad->link, NULL, "x", 1, &frame, 1), 0);
    double end_s = stat_now() + PATIENCE_MS * 1e-3;
    while (link_event(bad->link) != LINK_DISCONNECTED)
        assert_true(stat_now() < end_s);
    client_free(bad);
    assert_serving(&node);
    node_end(&node);
}

/* --- good form, bad contents --- */

static void expect_refused(const struct spec *spec, uint64_t request, enum wire_code code)
{
    client_ask_open(good, request, spec);
    client_expect_error(good, request, code, false);
}

static void test_bad_specs(void **state)
{
    (void)state;
    start();
    struct spec spec, bad;
    node_spec(&spec, 1);
    static const uint32_t batches[] = {0, WIRE_BATCH_MAX + 1, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(batches); i++) {
        bad = spec;
        bad.batch = batches[i];
        expect_refused(&bad, 10 + i, WIRE_BAD_SPEC);
    }
    static const uint32_t sizes[] = {0, OMEGA_VIEW_MAX + 1, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        bad = spec;
        bad.views[1].size = sizes[i];
        expect_refused(&bad, 20 + i, WIRE_BAD_SPEC);
    }
    bad = spec;
    bad.n_views = 0;
    expect_refused(&bad, 30, WIRE_BAD_SPEC);
    bad = spec;
    bad.views[0].scale[0] = (float)NAN;
    expect_refused(&bad, 31, WIRE_BAD_SPEC);
    bad = spec;
    bad.views[0].blur.kernel = UINT32_MAX;
    expect_refused(&bad, 32, WIRE_BAD_SPEC);
    bad = spec;
    bad.dataset[0] = 0;
    expect_refused(&bad, 33, WIRE_BAD_SPEC);
    bad = spec;
    bad.dataset[0] = 'S';
    expect_refused(&bad, 34, WIRE_UNKNOWN_DATASET);
    bad = spec;
    bad.batch = NODE_SAMPLES + 1;
    expect_refused(&bad, 35, WIRE_DATASET_TOO_SMALL);
    bad.batch = 1024;
    bad.views[0].size = bad.views[1].size = 224; /* 294 MiB */
    expect_refused(&bad, 36, WIRE_BAD_SPEC);
    assert_serving(&node);
    node_end(&node);
}

static void test_bad_requests(void **state)
{
    (void)state;
    start();
    static const uint32_t indices[] = {NODE_SAMPLES / NODE_BATCH, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(indices); i++) {
        client_ask(good, 10 + i, 0, indices[i]);
        client_expect_error(good, 10 + i, WIRE_BAD_RANGE, false);
    }
    good->session[3] ^= 1;
    client_ask(good, 20, 0, 0);
    client_expect_error(good, 20, WIRE_UNKNOWN_SESSION, true);
    good->session[3] ^= 1;
    client_ask(good, UINT64_MAX, UINT32_MAX, 5); /* there is no last epoch */
    client_batch(good, UINT64_MAX);
    /* What is not there cannot be cancelled; nothing is said. */
    good->out = (struct wire_message){.type = WIRE_CANCEL, .cancel = {.request = 77}};
    client_send(good);
    good->out = (struct wire_message){.type = WIRE_PING, .ping = {.nonce = 5}};
    client_send(good);
    client_expect(good, WIRE_PONG);
    assert_true(good->message.ping.nonce == 5);
    assert_serving(&node);
    node_end(&node);
}

/* More requests than the window, and one number twice, while the worker stands still. */
static void test_window(void **state)
{
    (void)state;
    node.lines = "workers: 1\nwindow: 3";
    start();
    client_forget(good);
    pid_t worker = node_worker(&node);
    stop_process(worker);
    for (uint32_t i = 0; i < 2; i++)
        client_ask(good, 10 + i, 0, i);
    client_ask(good, 11, 0, 2);
    client_expect_error(good, 11, WIRE_BAD_MESSAGE, false);
    client_ask(good, 12, 0, 2);
    for (uint32_t i = 3; i < 6; i++) {
        client_ask(good, 10 + i, 0, i);
        client_expect_error(good, 10 + i, WIRE_BUSY, true);
    }
    /* A cancelled one makes room, and is not answered. */
    good->out = (struct wire_message){.type = WIRE_CANCEL, .cancel = {.request = 11}};
    client_send(good);
    client_ask(good, 20, 0, 5);
    /* The answer to one too many says that the daemon has read so far. */
    client_ask(good, 21, 0, 4);
    client_expect_error(good, 21, WIRE_BUSY, true);
    kill(worker, SIGCONT);
    assert_same(client_batch(good, 10), first);
    client_batch(good, 12);
    client_batch(good, 20);
    assert_serving(&node);
    node_end(&node);
}

/* More sessions than the table holds: the oldest are forgotten, and opened again when asked. */
static void test_many_sessions(void **state)
{
    (void)state;
    start();
    struct client *greedy = client_new(node.endpoint);
    client_hello(greedy);
    for (uint64_t seed = 100; seed < 300; seed++) {
        struct spec spec;
        node_spec(&spec, seed);
        client_open(greedy, &spec);
    }
    client_get(greedy, 0, 0);
    client_ask(good, 9, 0, 0);
    client_expect_error(good, 9, WIRE_UNKNOWN_SESSION, true);
    struct spec spec;
    node_spec(&spec, 1);
    client_open(good, &spec);
    client_free(greedy);
    assert_serving(&node);
    node_end(&node);
}

/* --- noise --- */

static uint64_t dice_state;

static uint32_t dice(uint32_t sides)
{
    dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dice_state >> 33) % sides;
}

/* Good messages with some bytes changed, cut or doubled: whatever they mean now, the answers are
 * well-formed and the daemon stays. */
static void test_mutated(void **state)
{
    (void)state;
    enum { ROUNDS = 4000, TYPES = 5 };
    static uint8_t bytes[TYPES][4096], now[8192];
    size_t lens[TYPES];
    start();
    dice_state = 2026;
    for (int i = 0; i < TYPES; i++) {
        static const enum wire_type types[TYPES] = {WIRE_HELLO, WIRE_OPEN_SESSION, WIRE_GET_BATCH,
                                                    WIRE_CANCEL, WIRE_PING};
        const void *packed;
        good->out = (struct wire_message){.type = types[i]};
        if (types[i] == WIRE_OPEN_SESSION)
            node_spec(&good->out.open_session.spec, 1);
        if (types[i] == WIRE_GET_BATCH)
            memcpy(good->out.get_batch.session, good->session, DIGEST_BYTES);
        assert_int_equal(wire_pack(good->wire, &good->out, &packed, &lens[i]), 0);
        assert_true(lens[i] <= sizeof bytes[i]);
        memcpy(bytes[i], packed, lens[i]);
    }
    struct client *bad = client_new(node.endpoint);
    uint32_t answers = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t which = dice(TYPES);
        size_t n = lens[which];
        memcpy(now, bytes[which], n);
        for (uint32_t changes = 1 + dice(4); n > 0 && changes > 0; changes--)
            now[dice((uint32_t)n)] = (uint8_t)dice(256);
        if (dice(8) == 0)
            n = dice((uint32_t)n + 1);
        if (dice(8) == 0) {
            memcpy(now + n, bytes[which], lens[which]);
            n += lens[which];
        }
        send_bytes(bad, now, n);
        if (round % 64 == 63) { /* take what has come, so that no queue fills */
            bad->out = (struct wire_message){.type = WIRE_PING, .ping = {.nonce = 1u << 31}};
            client_send(bad);
            while (client_receive(bad) != WIRE_PONG || bad->message.ping.nonce != 1u << 31)
                answers++;
        }
    }
    assert_true(answers > ROUNDS / 4);
    client_free(bad);
    assert_serving(&node);
    node_end(&node);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_malformed),     TEST(test_truncated),    TEST(test_too_large),
        TEST(test_bad_specs),     TEST(test_bad_requests), TEST(test_window),
        TEST(test_many_sessions), TEST(test_mutated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
