/* SPDX-License-Identifier: Apache-2.0 */
/* recv: against loaders that go on refusing, are of another mind than before, or speak another
 * language: what would be refused for ever ends with the loader's own words, what another loader
 * can do is asked of that one, and the user hears of it. */
#include "recv_fixture.h"

#include <time.h>

static void expect_end(const struct wanted *w, int error, const char *says)
{
    struct recv *recv;
    struct recv_batch batch;
    assert_int_equal(open_recv(w, &recv), 0);
    assert_int_equal(recv_next(recv, NULL, &batch), error);
    assert_string_equal(err_text(), says);
    recv_close(recv);
}

static const char *at_a(const char *text)
{
    static char line[256];
    snprintf(line, sizeof line, "%s: %s", endpoint_a, text);
    return line;
}

/* --- refused for ever --- */

static bool refuse_internally(struct script_peer *p, const struct wire_message *get)
{
    p->n_kept += get->get_batch.index == 0;
    peer_error(p, get->get_batch.request, WIRE_INTERNAL, "too many open files", true);
    return true;
}

static void test_internal_for_ever(void **state)
{
    (void)state;
    a.script = refuse_internally;
    peer_start(&a);
    expect_end(&(struct wanted){.window = 1}, -EIO,
               at_a("batch 0 of epoch 0 was refused 5 times: too many open files"));
    peer_stop(&a);
    assert_int_equal(a.n_kept, 5);
}

static bool refuse_as_busy(struct script_peer *p, const struct wire_message *get)
{
    peer_error(p, get->get_batch.request, WIRE_BUSY, "later", true);
    return true;
}

static bool refuse_as_unknown(struct script_peer *p, const struct wire_message *get)
{
    peer_error(p, get->get_batch.request, WIRE_UNKNOWN_SESSION, "who are you", true);
    return true;
}

static void test_busy_for_ever(void **state)
{
    (void)state;
    a.script = refuse_as_busy;
    peer_start(&a);
    expect_end(&(struct wanted){.retry_s = 2}, -ETIMEDOUT, at_a("no batch within 2 s: later"));
    peer_stop(&a);
    setup(NULL);
    a.script = refuse_as_unknown;
    peer_start(&a);
    expect_end(&(struct wanted){.retry_s = 2}, -ETIMEDOUT,
               at_a("no batch within 2 s: who are you"));
    peer_stop(&a);
}

/* Busy now and then for longer than retry_s in all, but never that long without a batch. */
static bool refuse_every_other(struct script_peer *p, const struct wire_message *get)
{
    return p->n_kept++ % 2 == 0 && refuse_as_busy(p, get);
}

static void test_busy_in_between(void **state)
{
    (void)state;
    struct recv *recv;
    a.script = refuse_every_other;
    peer_start(&a);
    assert_int_equal(open_recv(&(struct wanted){.window = 1, .retry_s = 0.9}, &recv), 0);
    expect_rest(recv, 0, 0, 2);
    recv_close(recv);
    peer_stop(&a);
    assert_int_equal(a.gets, 20);
}

/* One loader of two cannot, or will not: every batch comes from the other one. */
static void test_refused_elsewhere(void **state)
{
    (void)state;
    static const peer_script_fn scripts[] = {refuse_internally, refuse_as_busy, refuse_as_unknown};
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        setup(NULL);
        a.script = scripts[i];
        peer_start(&a);
        peer_start(&b);
        run_all(2, 20);
        peer_stop(&a);
        peer_stop(&b);
        assert_true(a.gets > 0);
        assert_int_equal(b.gets, 10);
    }
}

/* --- left out --- */

/* Takes batches until the user has been told `lines` lines; gives the place it came to. */
static uint32_t take_until_told(struct recv *recv, uint32_t at, int lines)
{
    time_t limit = time(NULL) + 20;
    for (; n_told < lines && time(NULL) < limit; at++)
        expect_batch(recv, at / 5, at % 5);
    assert_int_equal(n_told, lines);
    return at;
}

/* b is started anew with another dataset, then where there is none of that name, and at last as it
 * was: the run goes on with a all the while, and with b again in the end. */
static void test_restarted_as_another(void **state)
{
    (void)state;
    struct recv *recv;
    char says[512];
    peer_start(&a);
    peer_start(&b);
    assert_int_equal(open_recv(&(struct wanted){.loaders = 2, .epochs = 1000000}, &recv), 0);
    expect_batch(recv, 0, 0);
    peer_stop(&b);
    b.server_epoch++;
    b.fingerprint = 8;
    peer_start(&b);
    uint32_t at = take_until_told(recv, 1, 1);
    snprintf(says, sizeof says, "%s: its flowers (22 samples, 08000000) is not the one",
             endpoint_b);
    assert_memory_equal(told[0], says, strlen(says));
    assert_non_null(strstr(told[0], "; the run goes on without it until it is started anew"));
    peer_stop(&b);
    b.server_epoch++;
    b.open_code = WIRE_UNKNOWN_DATASET;
    peer_start(&b);
    at = take_until_told(recv, at, 2);
    snprintf(says, sizeof says, "%s: no such thing here; the run goes on", endpoint_b);
    assert_memory_equal(told[1], says, strlen(says));
    peer_stop(&b);
    b.server_epoch++;
    b.open_code = WIRE_OK;
    b.fingerprint = 7;
    unsigned before = atomic_load(&b.gets);
    time_t limit = time(NULL) + 20;
    for (peer_start(&b); atomic_load(&b.gets) == before && time(NULL) < limit; at++)
        expect_batch(recv, at / 5, at % 5);
    assert_true(b.gets > before);
    assert_int_equal(n_told, 2);
    recv_close(recv);
    peer_stop(&a);
    peer_stop(&b);
}

/* Too many bad images at one loader. When the other says so as well, nobody is left. */
static bool refuse_for_good(struct script_peer *p, const struct wire_message *get)
{
    if (get->get_batch.epoch == 0)
        return false;
    peer_error(p, get->get_batch.request, WIRE_TOO_MANY_BAD, "half of flowers is rubbish", false);
    return true;
}

static void test_refused_for_good(void **state)
{
    (void)state;
    b.script = refuse_for_good;
    peer_start(&a);
    peer_start(&b);
    struct recv *recv;
    assert_int_equal(open_recv(&(struct wanted){.loaders = 2, .epochs = 1000000}, &recv), 0);
    for (uint32_t at = take_until_told(recv, 0, 1), end = at + 20; at < end; at++)
        expect_batch(recv, at / 5, at % 5);
    assert_int_equal(n_told, 1);
    recv_close(recv);
    peer_stop(&a);
    peer_stop(&b);

    setup(NULL);
    a.script = b.script = refuse_for_good;
    peer_start(&a);
    peer_start(&b);
    struct recv_batch batch;
    assert_int_equal(open_recv(&(struct wanted){.loaders = 2}, &recv), 0);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < 6; i++) /* the last ones of epoch 0 may come too late */
        if ((rc = recv_next(recv, NULL, &batch)) == 0)
            recv_release(recv, &batch);
    assert_int_equal(rc, -EBADMSG);
    assert_non_null(strstr(err_text(), ": half of flowers is rubbish"));
    assert_int_equal(n_told, 1);
    recv_close(recv);
    peer_stop(&a);
    peer_stop(&b);
}

/* --- words that were lost --- */

static void test_other_version(void **state)
{
    (void)state;
    struct recv *recv;
    char says[512];
    a.other_version = true;
    peer_start(&a);
    assert_int_equal(open_recv(&(struct wanted){.retry_s = 2}, &recv), -ETIMEDOUT);
    snprintf(says, sizeof says,
             "%s: no loader answered within 2 s; %s said: message: protocol version 2 instead of 1",
             endpoint_a, endpoint_a);
    assert_string_equal(err_text(), says);
    peer_stop(&a);
}

static bool answer_junk(struct script_peer *p, const struct wire_message *get)
{
    (void)get;
    peer_send_raw(p, "\x08\x01\x52\x03junk", 8);
    return true;
}

static void test_junk_for_ever(void **state)
{
    (void)state;
    char says[512];
    a.script = answer_junk;
    peer_start(&a);
    snprintf(says, sizeof says,
             "%s: batch 0 of epoch 0 was asked for 5 times and never came; it said: %s", endpoint_a,
             "message: 13 bytes are not an Envelope");
    expect_end(&(struct wanted){.deadline_s = 0.2, .window = 1}, -ETIMEDOUT, says);
    peer_stop(&a);
}

/* Nobody is there: the user need not wonder for the whole of data.retry. */
static void test_waiting_is_told(void **state)
{
    (void)state;
    struct recv *recv;
    char says[512];
    assert_int_equal(open_recv(&(struct wanted){.loaders = 2, .retry_s = 2.5}, &recv), -ETIMEDOUT);
    snprintf(says, sizeof says, "waiting for %s, %s", endpoint_a, endpoint_b);
    assert_int_equal(n_told, 1);
    assert_string_equal(told[0], says);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_internal_for_ever, setup),
        cmocka_unit_test_setup(test_busy_for_ever, setup),
        cmocka_unit_test_setup(test_busy_in_between, setup),
        cmocka_unit_test_setup(test_refused_elsewhere, setup),
        cmocka_unit_test_setup(test_restarted_as_another, setup),
        cmocka_unit_test_setup(test_refused_for_good, setup),
        cmocka_unit_test_setup(test_other_version, setup),
        cmocka_unit_test_setup(test_junk_for_ever, setup),
        cmocka_unit_test_setup(test_waiting_is_told, setup),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
