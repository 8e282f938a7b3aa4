/* SPDX-License-Identifier: Apache-2.0 */
/* recv: against loaders that go on refusing: what would be refused for ever ends with the loader's
 * own words. */
#include "recv_fixture.h"

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
    expect_end(&(struct wanted){.retry_s = 0.5}, -ETIMEDOUT, at_a("no batch within 0.5 s: later"));
    peer_stop(&a);
    setup(NULL);
    a.script = refuse_as_unknown;
    peer_start(&a);
    expect_end(&(struct wanted){.retry_s = 0.5}, -ETIMEDOUT,
               at_a("no batch within 0.5 s: who are you"));
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
    assert_int_equal(open_recv(&(struct wanted){.window = 1, .retry_s = 0.6}, &recv), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_internal_for_ever, setup),
        cmocka_unit_test_setup(test_busy_for_ever, setup),
        cmocka_unit_test_setup(test_busy_in_between, setup),
        cmocka_unit_test_setup(test_refused_elsewhere, setup),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
