/* SPDX-License-Identifier: Apache-2.0 */
/* recv: against loaders that are damaged, silent, refusing, gone and back, or of another mind: the
 * caller still sees every batch once, in order, whole; or one clear error. */
#include "recv_fixture.h"

/* --- damage --- */

static bool damage_first(struct script_peer *p, const struct wire_message *get)
{
    static const struct peer_fault crc = {.crc = true}, cut = {.short_frame = true},
                                   bare = {.no_frames = true};
    static const struct peer_fault *const faults[] = {&crc, &cut, &bare};
    if (p->n_kept == ARRAY_LEN(faults))
        return false;
    peer_answer(p, get, faults[p->n_kept++]);
    return true;
}

static void test_damage_is_asked_again(void **state)
{
    (void)state;
    struct recv *recv;
    a.script = damage_first;
    peer_start(&a);
    assert_int_equal(open_recv(&(struct wanted){.window = 1}, &recv), 0);
    expect_rest(recv, 0, 0, 2);
    assert_int_equal(recv_counts(recv)->crc_errors, 3);
    assert_int_equal(recv_counts(recv)->rerequests, 3);
    recv_close(recv);
    peer_stop(&a);
    assert_int_equal(a.gets, 13);
}

static bool damage_all(struct script_peer *p, const struct wire_message *get)
{
    static const struct peer_fault crc = {.crc = true};
    peer_answer(p, get, &crc);
    return true;
}

/* One loader has bad memory: every batch comes from the other one. */
static void test_damage_elsewhere(void **state)
{
    (void)state;
    a.script = damage_all;
    peer_start(&a);
    peer_start(&b);
    run_all(2, 20);
    peer_stop(&a);
    peer_stop(&b);
    assert_true(a.gets > 0);
    assert_int_equal(b.gets, 10);
}

static void test_damage_for_ever(void **state)
{
    (void)state;
    struct recv *recv;
    struct recv_batch batch;
    a.script = damage_all;
    peer_start(&a);
    assert_int_equal(open_recv(&(struct wanted){.epoch = 1, .index = 2, .window = 1}, &recv), 0);
    assert_int_equal(recv_next(recv, NULL, &batch), -EBADMSG);
    char says[256];
    snprintf(says, sizeof says, "%s: batch 2 of epoch 1 has a wrong CRC (5 damaged answers)",
             endpoint_a);
    assert_string_equal(err_text(), says);
    recv_close(recv);
    peer_stop(&a);
    assert_int_equal(a.gets, 5);
}

/* --- silence --- */

static bool ignore_two(struct script_peer *p, const struct wire_message *get)
{
    return get->get_batch.index == 2 && p->n_kept++ < 2;
}

static void test_silence_is_asked_again(void **state)
{
    (void)state;
    struct recv *recv;
    a.script = ignore_two;
    peer_start(&a);
    assert_int_equal(open_recv(&(struct wanted){.deadline_s = 0.1}, &recv), 0);
    expect_rest(recv, 0, 0, 2);
    assert_true(recv_counts(recv)->rerequests >= 2);
    recv_close(recv);
    peer_stop(&a);
    assert_true(a.hellos >= 2); /* a loader that is late has to show that it is alive */
}

static void test_silence_elsewhere(void **state)
{
    (void)state;
    a.script = ignore_all;
    peer_start(&a);
    peer_start(&b);
    run_all(2, 0.1);
    peer_stop(&a);
    peer_stop(&b);
    assert_true(a.gets > 0 && a.cancels > 0);
    assert_true(b.gets >= 10);
}

static void test_silence_for_ever(void **state)
{
    (void)state;
    struct recv *recv;
    struct recv_batch batch;
    a.script = ignore_all;
    peer_start(&a);
    assert_int_equal(open_recv(&(struct wanted){.deadline_s = 0.02, .window = 1}, &recv), 0);
    assert_int_equal(recv_next(recv, NULL, &batch), -ETIMEDOUT);
    char says[256];
    snprintf(says, sizeof says, "%s: batch 0 of epoch 0 was asked for 5 times and never came",
             endpoint_a);
    assert_string_equal(err_text(), says);
    recv_close(recv);
    peer_stop(&a);
}

/* An answer that comes after its deadline is as good as any. */
static bool answer_late(struct script_peer *p, const struct wire_message *get)
{
    static const struct peer_fault none;
    if (get->get_batch.index != 1 || get->get_batch.epoch != 0)
        return false;
    p->kept[0] = p->n_kept ? p->kept[0] : *get;
    if (++p->n_kept == 2) /* asked again: now comes the answer to the first request */
        peer_answer(p, &p->kept[0], &none);
    return true;
}

static void test_late_answer_counts(void **state)
{
    (void)state;
    a.script = answer_late;
    peer_start(&a);
    run_all(1, 0.1);
    peer_stop(&a);
    assert_int_equal(a.n_kept, 2);
}

/* --- refusals --- */

static void test_refused_session(void **state)
{
    (void)state;
    static const struct {
        enum wire_code code;
        int error;
    } rows[] = {{WIRE_UNKNOWN_DATASET, -ENOENT},
                {WIRE_DATASET_TOO_SMALL, -ENODATA},
                {WIRE_BAD_SPEC, -EINVAL},
                {WIRE_TOO_MANY_BAD, -EBADMSG},
                {WIRE_INTERNAL, -EIO}};
    char says[256];
    snprintf(says, sizeof says, "%s: no such thing here", endpoint_a);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct recv *recv = NULL;
        a.open_code = rows[i].code;
        peer_start(&a);
        assert_int_equal(open_recv(&(struct wanted){.loaders = 1}, &recv), rows[i].error);
        assert_string_equal(err_text(), says);
        assert_null(recv);
        peer_stop(&a);
    }
}

static void test_retryable_session(void **state)
{
    (void)state;
    a.open_code = WIRE_BUSY;
    a.open_retryable = true;
    peer_start(&a);
    run_all(1, 20);
    peer_stop(&a);
    assert_int_equal(a.opens, 2);
}

static bool busy_first(struct script_peer *p, const struct wire_message *get)
{
    if (p->n_kept++ >= 3)
        return false;
    peer_error(p, get->get_batch.request, WIRE_BUSY, "later", true);
    return true;
}

static bool lose_session(struct script_peer *p, const struct wire_message *get)
{
    if (p->n_kept++ != 3)
        return false;
    peer_error(p, get->get_batch.request, WIRE_UNKNOWN_SESSION, "who are you", false);
    return true;
}

static bool refuse_third(struct script_peer *p, const struct wire_message *get)
{
    if (get->get_batch.index != 3)
        return false;
    peer_error(p, get->get_batch.request, WIRE_TOO_MANY_BAD, "half of flowers is rubbish", false);
    return true;
}

static void test_refused_batches(void **state)
{
    (void)state;
    a.script = busy_first;
    peer_start(&a);
    run_all(1, 20);
    peer_stop(&a);
    assert_int_equal(a.gets, 13);

    setup(NULL);
    a.script = lose_session;
    peer_start(&a);
    run_all(1, 20);
    peer_stop(&a);
    assert_int_equal(a.opens, 2);

    setup(NULL);
    a.script = refuse_third;
    peer_start(&a);
    struct recv *recv;
    struct recv_batch batch;
    assert_int_equal(open_recv(&(struct wanted){.window = 1}, &recv), 0);
    for (uint32_t i = 0; i < 3; i++)
        expect_batch(recv, 0, i);
    assert_int_equal(recv_next(recv, NULL, &batch), -EBADMSG);
    char says[256];
    snprintf(says, sizeof says, "%s: half of flowers is rubbish", endpoint_a);
    assert_string_equal(err_text(), says);
    recv_close(recv);
    peer_stop(&a);
}

/* --- loaders that come and go --- */

static void test_nobody(void **state)
{
    (void)state;
    struct recv *recv = NULL;
    assert_int_equal(open_recv(&(struct wanted){.loaders = 2, .retry_s = 0.2}, &recv), -ETIMEDOUT);
    char says[256];
    snprintf(says, sizeof says, "%s, %s: no loader answered within 0.2 s", endpoint_a, endpoint_b);
    assert_string_equal(err_text(), says);
    assert_null(recv);
}

static void test_one_of_two(void **state)
{
    (void)state;
    peer_start(&b);
    run_all(2, 20);
    peer_stop(&b);
    assert_int_equal(b.gets, 10);
}

static void test_other_dataset(void **state)
{
    (void)state;
    struct recv *recv = NULL;
    b.fingerprint = 8;
    peer_start(&a);
    peer_start(&b);
    assert_int_equal(open_recv(&(struct wanted){.loaders = 2}, &recv), -EBADMSG);
    assert_non_null(strstr(err_text(), "its flowers (22 samples, 0"));
    assert_non_null(strstr(err_text(), "is not the one of this run"));
    peer_stop(&a);
    peer_stop(&b);
}

/* One goes for good in the middle: what it had is asked of the other. */
static void test_one_vanishes(void **state)
{
    (void)state;
    struct recv *recv;
    a.script = ignore_all; /* so that it surely has requests when it goes */
    peer_start(&a);
    peer_start(&b);
    assert_int_equal(open_recv(&(struct wanted){.loaders = 2}, &recv), 0);
    peer_stop(&a);
    expect_rest(recv, 0, 0, 2); /* the deadline is far away: it was the disconnect */
    assert_int_equal(recv_counts(recv)->disconnects, 1);
    assert_true(recv_counts(recv)->rerequests > 0);
    recv_close(recv);
    peer_stop(&b);
}

/* The only one goes and comes back as a new daemon. */
static void test_one_returns(void **state)
{
    (void)state;
    struct recv *recv;
    peer_start(&a);
    assert_int_equal(open_recv(&(struct wanted){.loaders = 1}, &recv), 0);
    expect_batch(recv, 0, 0);
    peer_stop(&a);
    a.server_epoch++;
    peer_start(&a);
    expect_rest(recv, 0, 1, 2);
    assert_true(recv_counts(recv)->disconnects >= 1);
    recv_close(recv);
    peer_stop(&a);
}

/* ... or stays away: the run ends after retry_s. */
static void test_one_stays_away(void **state)
{
    (void)state;
    struct recv *recv;
    struct recv_batch batch;
    a.script = ignore_all;
    peer_start(&a);
    assert_int_equal(open_recv(&(struct wanted){.retry_s = 2}, &recv), 0);
    peer_stop(&a);
    assert_int_equal(recv_next(recv, NULL, &batch), -ETIMEDOUT);
    assert_non_null(strstr(err_text(), "no loader answered within 2 s"));
    recv_close(recv);
}

static bool drain(struct script_peer *p, const struct wire_message *get)
{
    (void)get;
    struct wire_message m = {.type = WIRE_DRAINING};
    m.draining.server_epoch = p->server_epoch;
    peer_send(p, &m, NULL, 0);
    return true;
}

static void test_draining(void **state)
{
    (void)state;
    a.script = drain;
    peer_start(&a);
    peer_start(&b);
    run_all(2, 20);
    peer_stop(&a);
    peer_stop(&b);
    assert_true(a.gets >= 1 && a.gets <= 2);
    assert_int_equal(b.gets, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_damage_is_asked_again, setup),
        cmocka_unit_test_setup(test_damage_elsewhere, setup),
        cmocka_unit_test_setup(test_damage_for_ever, setup),
        cmocka_unit_test_setup(test_silence_is_asked_again, setup),
        cmocka_unit_test_setup(test_silence_elsewhere, setup),
        cmocka_unit_test_setup(test_silence_for_ever, setup),
        cmocka_unit_test_setup(test_late_answer_counts, setup),
        cmocka_unit_test_setup(test_refused_session, setup),
        cmocka_unit_test_setup(test_retryable_session, setup),
        cmocka_unit_test_setup(test_refused_batches, setup),
        cmocka_unit_test_setup(test_nobody, setup),
        cmocka_unit_test_setup(test_one_of_two, setup),
        cmocka_unit_test_setup(test_other_dataset, setup),
        cmocka_unit_test_setup(test_one_vanishes, setup),
        cmocka_unit_test_setup(test_one_returns, setup),
        cmocka_unit_test_setup(test_one_stays_away, setup),
        cmocka_unit_test_setup(test_draining, setup),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
