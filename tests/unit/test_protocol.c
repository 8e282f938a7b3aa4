/* SPDX-License-Identifier: Apache-2.0 */
/* protocol: every message of a peer and the one reply that it gets, or none. */
#include "numbered.h"

#include "loaderd/serve/protocol.h"

#include <errno.h>
#include <string.h>

enum { WINDOW = 3 };

static struct dataset datasets[2];
static struct sessions *sessions;
static struct metrics metrics;
static struct protocol protocol; /* large, as are messages */
static struct wire_message in, out;

static int setup(void **state)
{
    (void)state;
    datasets[0] = numbered_dataset("small", 10);
    datasets[1] = numbered_dataset("large", 1000);
    datasets[1].source->fingerprint[5] = 0x55;
    struct session_config session_config = {
        .datasets = datasets, .n_datasets = 2, .slot_pixels = 1 << 20, .bad_rate_max = 0.1};
    if (sessions_new(&session_config, &sessions) < 0)
        return -1;
    memset(&metrics, 0, sizeof metrics);
    memset(&protocol, 0, sizeof protocol);
    struct protocol_config config = {.datasets = datasets,
                                     .n_datasets = 2,
                                     .sessions = sessions,
                                     .metrics = &metrics,
                                     .window = WINDOW,
                                     .window_bytes = UINT64_MAX,
                                     .batch_bytes_max = 1 << 20,
                                     .server_epoch = 77};
    return protocol_init(&protocol, &config);
}

static int teardown(void **state)
{
    (void)state;
    protocol_done(&protocol);
    sessions_free(sessions);
    dataset_done(&datasets[0]);
    dataset_done(&datasets[1]);
    return 0;
}

static struct link_peer name_of(uint32_t who)
{
    struct link_peer name = {.len = 5};
    memcpy(name.id + 1, &who, sizeof who);
    return name;
}

/* Peer `who` on link 0 says `in`; whether there is a reply, in `out`. */
static bool says(uint32_t who)
{
    struct link_peer name = name_of(who);
    const struct protocol_from from = {0, &name};
    return protocol_answer(&protocol, &from, &in, &out);
}

static struct peer *peer_of(uint32_t who)
{
    struct link_peer name = name_of(who);
    return peer_find(&protocol.peers, 0, &name);
}

static void assert_error(uint64_t request, enum wire_code code, bool retryable, const char *words)
{
    assert_int_equal(out.type, WIRE_ERROR);
    assert_int_equal(out.error.request, request);
    assert_int_equal(out.error.code, code);
    assert_int_equal(out.error.retryable, retryable);
    if (!strstr(out.error.text, words))
        fail_msg("'%s' does not say '%s'", out.error.text, words);
}

static struct session *open_session(void)
{
    in = (struct wire_message){.type = WIRE_OPEN_SESSION};
    in.open_session.request = 9;
    in.open_session.spec = numbered_spec("large", 4, 8);
    assert_true(says(1));
    assert_int_equal(out.type, WIRE_SESSION_OPENED);
    return session_find(sessions, out.session_opened.session);
}

static bool asks(uint32_t who, const struct session *session, uint64_t request, uint32_t index)
{
    in = (struct wire_message){.type = WIRE_GET_BATCH};
    memcpy(in.get_batch.session, session->id, DIGEST_BYTES);
    in.get_batch.request = request;
    in.get_batch.epoch = 8;
    in.get_batch.index = index;
    return says(who);
}

static void test_hello(void **state)
{
    (void)state;
    in = (struct wire_message){.type = WIRE_HELLO, .hello = {.versions = {1, 1}}};
    assert_true(says(1));
    assert_int_equal(out.type, WIRE_WELCOME);
    assert_int_equal(out.welcome.server_epoch, 77);
    assert_int_equal(out.welcome.window, WINDOW);
    assert_int_equal(out.welcome.batch_bytes_max, 1 << 20);
    assert_true(strlen(out.welcome.server) > 0);
    assert_int_equal(out.welcome.n_datasets, 2);
    assert_string_equal(out.welcome.datasets[1].name, "large");
    assert_int_equal(out.welcome.datasets[1].samples, 1000);
    assert_int_equal(out.welcome.datasets[1].classes, 10);
    assert_int_equal(out.welcome.datasets[1].fingerprint[5], 0x55);
    assert_non_null(peer_of(1));
    assert_true(says(1)); /* twice is harmless */
    assert_int_equal(peers_count(&protocol.peers), 1);
}

static void test_open_session(void **state)
{
    (void)state;
    struct session *session = open_session();
    assert_int_equal(out.session_opened.request, 9);
    assert_int_equal(out.session_opened.samples, 1000);
    assert_int_equal(out.session_opened.batches, 250);
    assert_int_equal(out.session_opened.classes, 10);
    assert_int_equal(out.session_opened.fingerprint[5], 0x55);
    assert_null(out.session_opened.class_names); /* there are none */
    const char *names[10] = {"cat"};
    session->dataset->class_names = names;
    assert_ptr_equal(open_session(), session);
    assert_ptr_equal(out.session_opened.class_names, names);
    session->dataset->class_names = NULL;
    static const struct {
        const char *dataset;
        uint32_t batch;
        enum wire_code code;
        const char *words;
    } rows[] = {
        {"nowhere", 4, WIRE_UNKNOWN_DATASET, "nowhere"},
        {"small", 11, WIRE_DATASET_TOO_SMALL, "10 samples"},
        {"large", 0, WIRE_BAD_SPEC, "batch"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        in.open_session.request = 20 + i;
        in.open_session.spec = numbered_spec(rows[i].dataset, rows[i].batch, 8);
        assert_true(says(1));
        assert_error(20 + i, rows[i].code, false, rows[i].words);
    }
    assert_int_equal(metrics.refused, ARRAY_LEN(rows));
    assert_int_equal(metrics.bad_messages, 0);
}

static void test_get_batch(void **state)
{
    (void)state;
    struct session *session = open_session();
    assert_false(asks(1, session, 5, 249));
    struct request *request = request_find(&protocol.requests, peer_of(1), 5);
    assert_non_null(request);
    assert_int_equal(request->stage, REQUEST_WAITING);
    assert_int_equal(request->epoch, 8);
    assert_int_equal(request->index, 249);
    assert_ptr_equal(request->session, session);
    assert_true(asks(1, session, 6, 250));
    assert_error(6, WIRE_BAD_RANGE, false, "250");
    assert_true(asks(1, session, 5, 0));
    assert_error(5, WIRE_BAD_MESSAGE, false, "outstanding already");
    struct session unknown = *session;
    unknown.id[0] ^= 1;
    assert_true(asks(1, &unknown, 7, 0));
    assert_error(7, WIRE_UNKNOWN_SESSION, true, "no such session");
    assert_int_equal(protocol.requests.outstanding, 1);

    /* Up to the window, then not; another peer has its own. */
    for (uint32_t i = 1; i < WINDOW; i++)
        assert_false(asks(1, session, 100 + i, i));
    assert_true(asks(1, session, 200, 7));
    assert_error(200, WIRE_BUSY, true, "window");
    assert_false(asks(2, session, 200, 7));
    /* The same words twice ask for nothing new. */
    assert_false(asks(1, session, 5, 249));
    assert_int_equal(protocol.requests.outstanding, WINDOW + 1);

    for (int i = 0; i < SESSION_RATE_MIN; i++)
        session_placed(session, true);
    assert_true(asks(2, session, 201, 8));
    assert_error(201, WIRE_TOO_MANY_BAD, false, "bad_rate_max");
}

static void test_cancel(void **state)
{
    (void)state;
    struct session *session = open_session();
    for (uint32_t i = 0; i < WINDOW; i++)
        assert_false(asks(1, session, i, i));
    in = (struct wire_message){.type = WIRE_CANCEL, .cancel = {.request = 1}};
    assert_false(says(2)); /* not theirs, nor known */
    assert_int_equal(peer_of(1)->outstanding, WINDOW);
    assert_false(says(1));
    assert_false(says(1));
    assert_int_equal(peer_of(1)->outstanding, WINDOW - 1);
    assert_null(request_find(&protocol.requests, peer_of(1), 1));
    assert_false(asks(1, session, 9, 9)); /* there is room again */
    assert_null(peer_of(2));              /* a Cancel makes nobody known */
}

static void test_versions(void **state)
{
    (void)state;
    static const struct {
        struct wire_versions theirs;
        const char *words;
    } rows[] = {
        {{1, 1}, NULL},
        {{1, 9}, NULL},
        {{2, 3}, "the trainer speaks versions 2 to 3 of the protocol, this loader version 1"},
        {{3, 2}, "versions 3 to 2"},
        {{2, UINT32_MAX}, "versions 2 to 4294967295"},
        {{0, 0}, "versions 0 to 0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        in = (struct wire_message){.type = WIRE_HELLO, .hello = {.versions = rows[i].theirs}};
        assert_true(says(1));
        if (rows[i].words)
            assert_error(0, WIRE_BAD_VERSION, false, rows[i].words);
        else
            assert_int_equal(out.type, WIRE_WELCOME);
    }
}

static void test_ping(void **state)
{
    (void)state;
    in = (struct wire_message){.type = WIRE_PING, .ping = {.nonce = 123}};
    assert_true(says(1));
    assert_int_equal(out.type, WIRE_PONG);
    assert_int_equal(out.ping.nonce, 123);
    assert_int_equal(out.ping.server_epoch, 77);
}

static void test_not_for_us(void **state)
{
    (void)state;
    static const enum wire_type types[] = {WIRE_WELCOME, WIRE_SESSION_OPENED, WIRE_PONG, WIRE_BATCH,
                                           WIRE_ERROR,   WIRE_DRAINING,       WIRE_TAP};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        in = (struct wire_message){.type = types[i]};
        assert_true(says(1));
        assert_error(0, WIRE_BAD_MESSAGE, false, "only a loader sends this");
    }
    err_set(-EBADMSG, "gibberish");
    protocol_answer_bad(&protocol, &out);
    assert_error(0, WIRE_BAD_MESSAGE, false, "gibberish");
    assert_int_equal(metrics.bad_messages, ARRAY_LEN(types) + 1);
    assert_int_equal(metrics.refused, ARRAY_LEN(types) + 1);
}

static void test_draining(void **state)
{
    (void)state;
    struct session *session = open_session();
    assert_false(asks(1, session, 1, 1));
    protocol.draining = true;
    assert_true(asks(1, session, 2, 2));
    assert_error(2, WIRE_BUSY, true, "shutting down");
    in = (struct wire_message){.type = WIRE_HELLO, .hello = {.versions = {1, 1}}};
    assert_true(says(2));
    assert_int_equal(out.type, WIRE_WELCOME);
    assert_int_equal(protocol.requests.outstanding, 1);
}

/* 256 peers that wait, or have a batch on its way; the next one is told to come later. */
static void test_full_house(void **state)
{
    (void)state;
    struct session *session = open_session();
    for (uint32_t who = 1; who <= PEERS_MAX; who++) {
        assert_false(asks(who, session, 1, who % 250));
        if (who % 2) {
            in = (struct wire_message){.type = WIRE_CANCEL, .cancel = {.request = 1}};
            assert_false(says(who));
            peer_of(who)->holding = 1;
        }
    }
    in = (struct wire_message){.type = WIRE_HELLO, .hello = {.versions = {1, 1}}};
    assert_true(says(1000));
    assert_error(0, WIRE_BUSY, true, "256 peers");
    assert_true(asks(1000, session, 4, 4));
    assert_error(4, WIRE_BUSY, true, "256 peers");
    peer_of(7)->holding = 0;
    assert_false(asks(1000, session, 4, 4));
    assert_null(peer_of(7));
    for (uint32_t who = 1; who <= PEERS_MAX; who++)
        if (peer_of(who))
            peer_of(who)->holding = 0;
}

static void test_refusals_that_pass(void **state)
{
    (void)state;
    for (int code = WIRE_OK + 1; code < WIRE_CODES; code++) {
        protocol_refuse(&protocol, 3, (enum wire_code)code, "because", &out);
        assert_error(3, (enum wire_code)code,
                     code == WIRE_BUSY || code == WIRE_UNKNOWN_SESSION || code == WIRE_INTERNAL,
                     "because");
    }
    char text[2 * WIRE_TEXT_MAX];
    memset(text, 't', sizeof text - 1);
    text[sizeof text - 1] = 0;
    protocol_refuse(&protocol, 3, WIRE_INTERNAL, text, &out);
    assert_int_equal(strlen(out.error.text), WIRE_TEXT_MAX - 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_hello),      TEST(test_open_session),
        TEST(test_get_batch),  TEST(test_cancel),
        TEST(test_ping),       TEST(test_versions),
        TEST(test_not_for_us), TEST(test_draining),
        TEST(test_full_house), TEST(test_refusals_that_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
