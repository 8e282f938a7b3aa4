/* SPDX-License-Identifier: Apache-2.0 */
/* recv: every batch once, in order, whole, from one loader or two, however they answer; what nobody
 * asked for changes nothing. */
#include "recv_fixture.h"

/* --- all is well --- */

static void test_in_order(void **state)
{
    (void)state;
    struct recv *recv;
    peer_start(&a);
    assert_int_equal(open_recv(&(struct wanted){.loaders = 1}, &recv), 0);
    const struct recv_info *info = recv_info(recv);
    assert_int_equal(info->samples, 22);
    assert_int_equal(info->batches, 5);
    assert_int_equal(info->classes, 3);
    assert_int_equal(info->fingerprint[0], 7);
    expect_rest(recv, 0, 0, 2);
    const struct recv_counts *c = recv_counts(recv);
    assert_int_equal(c->batches, 10);
    assert_int_equal(c->bytes, 10 * PEER_VIEWS * PEER_BATCH * PEER_IMAGE);
    assert_true(c->rerequests + c->crc_errors + c->late + c->disconnects + c->substituted == 0);
    assert_int_equal(c->unreadable, 0);
    assert_int_equal(n_told, 0);
    assert_true(c->wait_s > 0);
    recv_close(recv);
    peer_stop(&a);
    assert_int_equal(a.gets, 10);
    recv_close(NULL);
}

static void test_from_the_middle(void **state)
{
    (void)state;
    struct recv *recv;
    peer_start(&a);
    assert_int_equal(open_recv(&(struct wanted){.epoch = 1, .index = 3, .epochs = 3}, &recv), 0);
    expect_rest(recv, 1, 3, 3);
    recv_close(recv);
    assert_int_equal(open_recv(&(struct wanted){.epoch = 2, .epochs = 2}, &recv), 0);
    expect_rest(recv, 2, 0, 2); /* nothing is left */
    recv_close(recv);
    peer_stop(&a);
}

static void test_two_loaders_share(void **state)
{
    (void)state;
    peer_start(&a);
    peer_start(&b);
    run_all(2, 20);
    peer_stop(&a);
    peer_stop(&b);
    assert_int_equal(a.gets + b.gets, 10);
    assert_true(a.gets >= 2 && b.gets >= 2);
}

/* Several batches may be with the caller at a time. */
static void test_two_lent(void **state)
{
    (void)state;
    struct recv *recv;
    struct recv_batch first, second;
    peer_start(&a);
    assert_int_equal(open_recv(&(struct wanted){.window = 4}, &recv), 0);
    assert_int_equal(recv_next(recv, NULL, &first), 0);
    assert_int_equal(recv_next(recv, NULL, &second), 0);
    assert_int_equal(first.header->index, 0);
    assert_int_equal(second.header->index, 1);
    recv_release(recv, &second);
    expect_batch(recv, 0, 2);
    recv_release(recv, &first);
    expect_rest(recv, 0, 3, 2);
    recv_close(recv);
    peer_stop(&a);
}

/* The loader's window is smaller than ours: it is never asked for more. */
static uint32_t most_kept;
static bool keep_two(struct script_peer *p, const struct wire_message *get)
{
    static const struct peer_fault none;
    p->kept[p->n_kept++] = *get;
    most_kept = p->n_kept > most_kept ? p->n_kept : most_kept;
    if (p->n_kept == p->window || p->gets >= 9)
        while (p->n_kept > 0) /* the newest first: the wrong order */
            peer_answer(p, &p->kept[--p->n_kept], &none);
    return true;
}

static void test_window_and_wrong_order(void **state)
{
    (void)state;
    a.window = 3;
    a.script = keep_two;
    most_kept = 0;
    peer_start(&a);
    struct recv *recv;
    assert_int_equal(open_recv(&(struct wanted){.window = 16}, &recv), 0);
    expect_rest(recv, 0, 0, 2);
    recv_close(recv);
    peer_stop(&a);
    assert_int_equal(most_kept, 3);
}

/* --- answers that nobody needs --- */

static bool answer_too_much(struct script_peer *p, const struct wire_message *get)
{
    static const struct peer_fault foreign = {.session = true}, restarted = {.server_epoch = true},
                                   far = {.index_plus = 100}, none;
    peer_answer(p, get, &foreign);
    peer_answer(p, get, &restarted);
    peer_answer(p, get, &far);
    peer_answer(p, get, &none);
    peer_answer(p, get, &none);
    peer_error(p, 0, WIRE_BAD_MESSAGE, "about nothing", false);
    peer_error(p, get->get_batch.request, WIRE_INTERNAL, "about what is answered", false);
    link_send(p->link, &p->from, "garbage", 7, NULL, 0);
    struct wire_message pong = {.type = WIRE_PONG};
    peer_send(p, &pong, NULL, 0);
    return true;
}

static void test_useless_answers(void **state)
{
    (void)state;
    struct recv *recv;
    a.script = answer_too_much;
    peer_start(&a);
    assert_int_equal(open_recv(&(struct wanted){.window = 1}, &recv), 0);
    expect_rest(recv, 0, 0, 2);
    /* of each batch: foreign, restarted, far, double; and garbage; the last may not be read */
    assert_true(recv_counts(recv)->late >= 9 * 4 && recv_counts(recv)->late <= 10 * 4);
    assert_true(recv_counts(recv)->unreadable >= 9 && recv_counts(recv)->unreadable <= 10);
    recv_close(recv);
    peer_stop(&a);
    assert_int_equal(a.gets, 10);
}

/* --- and a signal --- */

static void test_stop(void **state)
{
    (void)state;
    struct recv *recv = NULL;
    struct recv_batch batch;
    volatile int stop = 1;
    a.script = ignore_all;
    peer_start(&a);
    assert_int_equal(open_recv(&(struct wanted){.loaders = 1}, &recv), 0);
    assert_int_equal(recv_next(recv, &stop, &batch), -EINTR);
    recv_close(recv);
    peer_stop(&a);

    struct spec spec;
    struct conf_strs endpoints = {.n = 1};
    peer_spec(&spec);
    snprintf(endpoints.v[0], sizeof endpoints.v[0], "%s", endpoint_a);
    const struct recv_config config = {.spec = &spec,
                                       .endpoints = &endpoints,
                                       .window = 1,
                                       .deadline_s = 1,
                                       .retry_s = 60,
                                       .epochs = 1,
                                       .stop = &stop};
    assert_int_equal(recv_open(&config, &recv), -EINTR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_in_order, setup),
        cmocka_unit_test_setup(test_from_the_middle, setup),
        cmocka_unit_test_setup(test_two_loaders_share, setup),
        cmocka_unit_test_setup(test_two_lent, setup),
        cmocka_unit_test_setup(test_window_and_wrong_order, setup),
        cmocka_unit_test_setup(test_useless_answers, setup),
        cmocka_unit_test_setup(test_stop, setup),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
