/* SPDX-License-Identifier: Apache-2.0 */
/* serve: turn by turn, without sockets and without workers: the test is the network, which takes,
 * delays or refuses what is sent, and it is the workers, which make a batch when it says so. */
#include "handwork.h"

#include "common/log.h"

#include <errno.h>

enum { SLOTS = 6, WINDOW = 3, PEERS = 4, SENT_MAX = 64 };

static struct serve *serve;
static struct wire *wire;
static int wakes;

/* --- the network --- */

struct sent {
    uint32_t link, who; /* TAP: to the tap */
    enum wire_type type;
    uint64_t request;
    enum wire_code code;
    char text[WIRE_TEXT_MAX];
    uint32_t index, n_frames;
    uint64_t sequence;
};
enum { TAP = UINT32_MAX };
static const uint64_t WALL_US = 1764081000123456;

static struct sent sent[SENT_MAX];
static uint32_t n_sent;
static int answer_of[PEERS]; /* what sending to a peer returns */
static bool keeps[PEERS];    /* its frames are not given back at once ... */
static struct link_frame kept[PEERS][SENT_MAX];
static uint32_t n_kept[PEERS]; /* ... but by release() */

static struct link_peer name_of(uint32_t who)
{
    return (struct link_peer){.len = 5, .id = {0, 0, 0, 0, (unsigned char)who}};
}

static void note(const struct serve_out *out, uint32_t who)
{
    static struct wire_message m;
    assert_int_equal(wire_unpack(wire, out->body, out->len, &m), 0);
    assert_true(n_sent < SENT_MAX);
    struct sent *s = &sent[n_sent++];
    *s = (struct sent){.link = out->link, .who = who, .type = m.type, .n_frames = out->n_frames};
    const struct wire_batch *b = m.type == WIRE_TAP ? &m.tap.batch : &m.batch;
    if (m.type == WIRE_ERROR) {
        s->request = m.error.request;
        s->code = m.error.code;
        memcpy(s->text, m.error.text, sizeof s->text);
    }
    if (m.type == WIRE_TAP) {
        s->sequence = m.tap.sequence;
        assert_int_equal(m.tap.at_us, WALL_US + n_sent - 1);
        assert_string_equal(m.tap.dataset, "set");
        assert_true(m.tap.told_spec); /* and then wire has held the batch against it */
        assert_memory_equal(&m.tap.spec, &hand.session->spec, sizeof m.tap.spec);
        assert_memory_equal(m.tap.fingerprint, hand.dataset.source->fingerprint, DIGEST_BYTES);
    }
    if (m.type == WIRE_BATCH || m.type == WIRE_TAP) {
        s->request = b->request;
        s->index = b->index;
        assert_int_equal(b->server_epoch, 77);
        assert_int_equal(b->n_frames, out->n_frames);
    }
}

static int take(void *hint, const struct serve_out *out)
{
    assert_ptr_equal(hint, sent);
    uint32_t who = out->peer ? out->peer->id[4] : TAP;
    int r = who == TAP ? 0 : answer_of[who];
    if (r == 0)
        note(out, who);
    else
        err_set(r, "the network says %d", r);
    for (uint32_t i = 0; i < out->n_frames; i++)
        if (r == 0 && keeps[who])
            kept[who][n_kept[who]++] = out->frames[i];
        else
            out->frames[i].free(out->frames[i].data, out->frames[i].hint);
    return r;
}

static void release(uint32_t who)
{
    for (uint32_t i = 0; i < n_kept[who]; i++)
        kept[who][i].free(kept[who][i].data, kept[who][i].hint);
    n_kept[who] = 0;
}

static void wake(void *hint)
{
    assert_ptr_equal(hint, &wakes);
    wakes++;
}

static void say(uint32_t who, const struct wire_message *m)
{
    static struct link_message message;
    message.peer = name_of(who);
    assert_int_equal(wire_pack(wire, m, &message.body, &message.body_len), 0);
    serve_message(serve, 2, &message);
}

static void hello(uint32_t who)
{
    say(who, &(struct wire_message){.type = WIRE_HELLO});
}

static void ask(uint32_t who, uint64_t request, uint32_t index)
{
    const struct wire_message m = hand_get(request, index);
    say(who, &m);
    serve_turn(serve);
}

static struct sent *last(void)
{
    assert_true(n_sent > 0);
    return &sent[n_sent - 1];
}

static void make(uint32_t index)
{
    hand_make(index);
    serve_turn(serve);
}

static void spoil(uint32_t index, int code)
{
    hand_spoil(index, code);
    serve_turn(serve);
}

static uint64_t wall_us(void)
{
    return WALL_US + n_sent;
}

static struct serve_config serve_config(void)
{
    return (struct serve_config){.protocol = hand_protocol(WINDOW),
                                 .pool = hand.pool,
                                 .tap = true,
                                 .wall_us = wall_us,
                                 .send = take,
                                 .send_hint = sent,
                                 .wake = wake,
                                 .wake_hint = &wakes};
}

static int setup(void **state)
{
    (void)state;
    log_open("test", LOG_ERROR);
    n_sent = 0;
    wakes = 0;
    memset(answer_of, 0, sizeof answer_of);
    memset(keeps, 0, sizeof keeps);
    if (hand_begin(SLOTS) < 0 || wire_new(WIRE_OMEGAS_MAX, &wire) < 0)
        return -1;
    struct serve_config config = serve_config();
    return serve_new(&config, &serve);
}

static int teardown(void **state)
{
    (void)state;
    for (uint32_t who = 0; who < PEERS; who++)
        release(who);
    serve_free(serve);
    hand_end();
    wire_free(wire);
    return 0;
}

/* --- */

static void test_a_batch(void **state)
{
    (void)state;
    hello(1);
    assert_int_equal(last()->type, WIRE_WELCOME);
    assert_int_equal(last()->link, 2);
    assert_int_equal(last()->who, 1);
    assert_int_equal(serve_peers(serve), 1);
    keeps[1] = true;
    ask(1, 41, 9);
    assert_int_equal(n_sent, 1);
    assert_int_equal(serve_outstanding(serve), 1);
    assert_int_equal(pool_idle(hand.pool), SLOTS - 1);
    make(9);
    assert_int_equal(n_sent, 3); /* observers hear of it, and then it goes out */
    assert_int_equal(sent[1].type, WIRE_TAP);
    assert_int_equal(sent[1].sequence, 1);
    assert_int_equal(sent[1].n_frames, 0);
    assert_int_equal(last()->type, WIRE_BATCH);
    assert_int_equal(last()->link, 2);
    assert_int_equal(last()->who, 1);
    assert_int_equal(last()->request, 41);
    assert_int_equal(last()->index, 9);
    assert_int_equal(last()->n_frames, 2);
    assert_int_equal(serve_outstanding(serve), 0);
    assert_int_equal(hand.metrics.batches, 1);
    assert_int_equal(hand.metrics.samples, HAND_BATCH);
    assert_int_equal(hand.metrics.bytes, 2 * HAND_BATCH * HAND_SIZE * HAND_SIZE * 3);
    assert_int_equal(pool_idle(hand.pool), SLOTS - 1); /* the network still reads from it */
    assert_int_equal(wakes, 0);
    release(1);
    assert_int_equal(pool_idle(hand.pool), SLOTS);
    assert_int_equal(wakes, 1);
}

/* Two who want the same get one rendering, each under its own number. */
static void test_shared(void **state)
{
    (void)state;
    ask(1, 10, 5);
    ask(2, 20, 5);
    assert_int_equal(hand.metrics.shared, 1);
    assert_int_equal(pool_idle(hand.pool), SLOTS - 1);
    make(5);
    assert_int_equal(n_sent, 3);
    assert_int_equal(sent[1].request + sent[2].request, 30);
    assert_int_not_equal(sent[1].who, sent[2].who);
    assert_int_equal(pool_idle(hand.pool), SLOTS);
}

/* Rendered by one pair of hands, sample after sample: a peer that asked for much does not keep
 * another one waiting. */
static struct {
    uint32_t room, n, of[POOL_SLOTS_MAX];
    uint64_t tickets[64];
} hands;

static int render_one(void *hint, const struct session *session, const struct task_render *task)
{
    (void)hint;
    (void)session;
    if (hands.n == hands.room)
        return -EAGAIN;
    hands.tickets[hands.n++] = task->ticket;
    hands.of[task->slot]++;
    return 0;
}

static void test_fair_workers(void **state)
{
    (void)state;
    memset(&hands, 0, sizeof hands);
    for (uint32_t i = 0; i < WINDOW; i++)
        ask(1, 10 + i, i);
    ask(2, 20, 9); /* which comes last, and is the first of its peer */
    hands.room = 2 * HAND_BATCH;
    dispatch_feed(hand.dispatch, render_one, NULL);
    const struct batch *first = hand_batch(0), *theirs = hand_batch(9);
    assert_int_equal(hands.of[first->slot], HAND_BATCH); /* half for each */
    assert_int_equal(hands.of[theirs->slot], HAND_BATCH);
    dispatch_release(hand.dispatch, (struct batch *)first);
    dispatch_release(hand.dispatch, (struct batch *)theirs);
    for (uint32_t i = 0; i < hands.n; i++)
        dispatch_result(
            hand.dispatch,
            &(struct crew_result){.ticket = hands.tickets[i], .code = -ECANCELED, .text = ""});
}

/* A full queue keeps its own batches, in order, and nobody else's. */
static void test_full_queue(void **state)
{
    (void)state;
    answer_of[1] = -EAGAIN;
    ask(1, 10, 0);
    ask(1, 11, 1);
    ask(2, 20, 2);
    make(0);
    make(1);
    make(2);
    assert_int_equal(n_sent, 4); /* three taps, one batch */
    assert_int_equal(last()->request, 20);
    assert_true(serve_stalled(serve));
    int woken = wakes;
    serve_turn(serve);
    assert_int_equal(wakes, woken); /* or the loop would spin until there is room */
    assert_int_equal(hand.metrics.sends_delayed, 1); /* the second was not even tried */
    assert_int_equal(serve_outstanding(serve), 2);
    answer_of[1] = 0;
    serve_turn(serve);
    assert_int_equal(sent[4].request, 10);
    assert_int_equal(sent[5].request, 11);
    assert_false(serve_stalled(serve));
    assert_int_equal(hand.metrics.sends_delayed, 1);
    assert_int_equal(hand.metrics.batches, 3);
}

/* Found gone at its first batch: its other requests go with it, in whatever stage. */
static void test_gone(void **state)
{
    (void)state;
    answer_of[1] = -EHOSTUNREACH;
    ask(1, 10, 0); /* ready first */
    ask(1, 11, 1); /* working */
    ask(1, 12, 2); /* ready as well */
    ask(2, 20, 3);
    make(2);
    assert_int_equal(serve_peers(serve), 1);
    assert_int_equal(serve_outstanding(serve), 1);
    assert_int_equal(hand.metrics.peers_gone, 1);
    assert_int_equal(pool_idle(hand.pool), SLOTS - 1);
    make(3);
    assert_int_equal(last()->request, 20);
}

/* ... and at a small reply. What the network still has of its batches is nobody's. */
static void test_gone_at_a_reply(void **state)
{
    (void)state;
    hello(1);
    keeps[1] = true;
    ask(1, 10, 0);
    make(0);
    ask(1, 11, 1);
    answer_of[1] = -EHOSTUNREACH;
    say(1, &(struct wire_message){.type = WIRE_PING});
    assert_int_equal(serve_peers(serve), 0);
    assert_int_equal(serve_outstanding(serve), 0);
    assert_int_equal(pool_idle(hand.pool), SLOTS - 1);
    release(1);
    assert_int_equal(pool_idle(hand.pool), SLOTS);
    answer_of[1] = 0; /* it comes back under the same name, and owes nothing */
    for (uint32_t i = 0; i < WINDOW; i++)
        ask(1, 20 + i, i);
    assert_int_equal(pool_idle(hand.pool), SLOTS - WINDOW);
    /* A stranger that is gone is no peer lost. */
    answer_of[3] = -EHOSTUNREACH;
    say(3, &(struct wire_message){.type = WIRE_PING});
    assert_int_equal(hand.metrics.replies_lost, 1);
    answer_of[2] = -EAGAIN;
    hello(2);
    assert_int_equal(hand.metrics.replies_lost, 2);
    assert_int_equal(serve_peers(serve), 2);
}

/* A peer that never takes its batches holds a window of slots and not one more, however often it
 * asks; who asks after it is served. */
static void test_deaf(void **state)
{
    (void)state;
    uint64_t request = 0;
    keeps[1] = true;
    for (uint32_t i = 0; i < WINDOW; i++) {
        ask(1, request++, i);
        make(i);
    }
    assert_int_equal(serve_outstanding(serve), 0); /* all answered, as far as anyone can tell */
    for (uint32_t i = 0; i < WINDOW; i++)
        ask(1, request++, 10 + i); /* taken, and left to wait */
    ask(1, request++, 20);
    assert_int_equal(last()->code, WIRE_BUSY);
    assert_int_equal(pool_idle(hand.pool), SLOTS - WINDOW);
    for (uint32_t round = 0; round < 10; round++) {
        ask(2, round, 30);
        make(30);
        assert_int_equal(last()->who, 2);
    }
    assert_int_equal(serve_outstanding(serve), WINDOW);
    wakes = 0;
    release(1);
    assert_int_equal(wakes, WINDOW);
    serve_turn(serve);
    assert_int_equal(pool_idle(hand.pool), SLOTS - WINDOW); /* now they are being made */
    for (uint32_t i = 0; i < WINDOW; i++)
        make(10 + i);
    assert_int_equal(serve_outstanding(serve), 0);
}

/* A window of bytes: what is being made, ready and on its way, and a batch that is larger than it
 * goes alone. */
static void test_bytes(void **state)
{
    (void)state;
    const uint64_t one = spec_batch_bytes(&hand.session->spec);
    serve_free(serve);
    struct serve_config config = serve_config();
    config.protocol.window_bytes = 2 * one - 1; /* room for one, and not quite for two */
    assert_int_equal(serve_new(&config, &serve), 0);
    keeps[1] = true;
    ask(1, 0, 0);
    ask(1, 1, 1);
    assert_int_equal(pool_idle(hand.pool), SLOTS - 1); /* the second waits: one is being made */
    make(0);
    assert_int_equal(last()->type, WIRE_BATCH);
    serve_turn(serve);
    assert_int_equal(pool_idle(hand.pool), SLOTS - 1); /* ... and while it is on its way */
    ask(2, 0, 5);                                      /* the other's bytes are its own */
    assert_int_equal(pool_idle(hand.pool), SLOTS - 2);
    release(1);
    serve_turn(serve);
    make(1);
    assert_int_equal(last()->index, 1);
    release(1);
    serve_free(serve);
    config.protocol.window_bytes = 1;
    assert_int_equal(serve_new(&config, &serve), 0);
    ask(1, 0, 0);
    ask(1, 1, 1);
    make(0);
    assert_int_equal(last()->index, 0);
    release(1);
    serve_turn(serve);
    make(1);
    assert_int_equal(last()->index, 1);
    assert_int_equal(serve_outstanding(serve), 0);
}

/* All slots are with peers that do not take them, and somebody waits: seen, until one moves. */
static void test_jam(void **state)
{
    (void)state;
    for (uint32_t who = 1; who <= 2; who++) {
        keeps[who] = true;
        for (uint32_t i = 0; i < WINDOW; i++) {
            ask(who, i, 10 * who + i);
            assert_false(serve_jammed(serve));
        }
    }
    ask(3, 0, 5);
    assert_false(serve_jammed(serve)); /* no slot is left, but all are being worked on */
    for (uint32_t who = 1; who <= 2; who++)
        for (uint32_t i = 0; i < WINDOW; i++)
            make(10 * who + i);
    assert_true(serve_jammed(serve));
    assert_true(serve_link_holds(serve, 2));
    assert_false(serve_link_holds(serve, 0));
    uint64_t arrived = serve_arrived(serve);
    release(1);
    serve_turn(serve);
    assert_false(serve_jammed(serve));
    assert_int_equal(serve_arrived(serve), arrived + WINDOW);
    make(5);
    assert_int_equal(last()->who, 3);
    /* Its link is cut: nobody of it is known any more, and what they held is nobody's. */
    serve_link_cut(serve, 1);
    assert_int_equal(serve_peers(serve), 3);
    serve_link_cut(serve, 2);
    assert_int_equal(serve_peers(serve), 0);
    assert_false(serve_link_holds(serve, 2));
    assert_int_equal(pool_idle(hand.pool), SLOTS - WINDOW);
}

/* More wishes than slots: first come, first served, as slots come back. */
static void test_few_slots(void **state)
{
    (void)state;
    for (uint32_t who = 1; who <= 3; who++)
        for (uint32_t i = 0; i < WINDOW; i++)
            ask(who, i, 10 * who + i);
    assert_int_equal(pool_idle(hand.pool), 0);
    assert_int_equal(serve_outstanding(serve), 3 * WINDOW);
    for (uint32_t who = 1; who <= 3; who++)
        for (uint32_t i = 0; i < WINDOW; i++) {
            make(10 * who + i);
            assert_int_equal(last()->who, who);
            assert_int_equal(last()->request, i);
        }
}

static void test_failed(void **state)
{
    (void)state;
    ask(1, 10, 0);
    spoil(0, -EBADMSG);          /* every sample, and every stand-in */
    assert_int_equal(n_sent, 1); /* observers hear of batches only */
    assert_int_equal(last()->type, WIRE_ERROR);
    assert_int_equal(last()->request, 10);
    assert_int_equal(last()->code, WIRE_TOO_MANY_BAD);
    assert_non_null(strstr(last()->text, "no good sample"));
    ask(1, 11, 3);
    spoil(3, -EIO); /* the workers' own trouble */
    assert_int_equal(last()->code, WIRE_INTERNAL);
    assert_non_null(strstr(last()->text, "spoilt"));
    assert_int_equal(hand.metrics.internal, 1); /* and so it is in the log */
    assert_int_equal(serve_outstanding(serve), 0);
    assert_int_equal(pool_idle(hand.pool), SLOTS);
}

/* A batch that cannot be sent for a reason of our own. */
static void test_unsendable(void **state)
{
    (void)state;
    log_open("test", (enum log_level)(LOG_ERROR - 1)); /* it is logged as an error */
    answer_of[1] = -EMSGSIZE;
    ask(1, 10, 0);
    make(0);
    assert_int_equal(serve_outstanding(serve), 0);
    assert_int_equal(hand.metrics.replies_lost, 1); /* the Error met the same wall */
    assert_int_equal(hand.metrics.batches, 0);
}

static void test_cancelled(void **state)
{
    (void)state;
    answer_of[1] = -EAGAIN;
    ask(1, 10, 0);
    ask(1, 11, 1);
    make(0);
    for (uint64_t request = 10; request < 12; request++)
        say(1, &(struct wire_message){.type = WIRE_CANCEL, .cancel = {.request = request}});
    assert_int_equal(serve_outstanding(serve), 0);
    assert_int_equal(pool_idle(hand.pool), SLOTS);
    answer_of[1] = 0;
    serve_turn(serve);
    assert_int_equal(hand.metrics.batches, 0);
}

static void test_bad_messages(void **state)
{
    (void)state;
    static struct link_message message;
    message.peer = name_of(1);
    message.body = "nonsense";
    message.body_len = 8;
    serve_message(serve, 0, &message);
    assert_int_equal(last()->type, WIRE_ERROR);
    assert_int_equal(last()->code, WIRE_BAD_MESSAGE);
    assert_int_equal(last()->who, 1);
    const struct wire_message ping = {.type = WIRE_PING};
    assert_int_equal(wire_pack(wire, &ping, &message.body, &message.body_len), 0);
    message.n_frames = 1;
    serve_message(serve, 0, &message);
    assert_int_equal(last()->code, WIRE_BAD_MESSAGE);
    assert_non_null(strstr(last()->text, "frames"));
    err_set(-EBADMSG, "too many frames");
    serve_bad_message(serve, 0, &message);
    assert_non_null(strstr(last()->text, "too many frames"));
    assert_int_equal(hand.metrics.bad_messages, 3);
    assert_int_equal(serve_peers(serve), 0); /* nonsense makes nobody known */
}

static void test_drain(void **state)
{
    (void)state;
    hello(1);
    hello(2);
    ask(1, 10, 0);
    answer_of[2] = -EHOSTUNREACH;
    n_sent = 0;
    serve_drain(serve);
    assert_int_equal(n_sent, 1);
    assert_int_equal(last()->type, WIRE_DRAINING);
    assert_int_equal(last()->who, 1);
    assert_int_equal(serve_peers(serve), 1);
    ask(1, 11, 1);
    assert_int_equal(last()->code, WIRE_BUSY);
    hello(3);
    assert_int_equal(sent[n_sent - 2].type, WIRE_WELCOME);
    assert_int_equal(last()->type, WIRE_DRAINING);
    assert_int_equal(last()->who, 3);
    make(0);
    assert_int_equal(last()->request, 10);
    assert_int_equal(serve_outstanding(serve), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_batch),      TEST(test_shared),       TEST(test_full_queue),
        TEST(test_fair_workers), TEST(test_gone),         TEST(test_gone_at_a_reply),
        TEST(test_deaf),         TEST(test_bytes),        TEST(test_jam),
        TEST(test_few_slots),    TEST(test_failed),       TEST(test_unsendable),
        TEST(test_cancelled),    TEST(test_bad_messages), TEST(test_drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
