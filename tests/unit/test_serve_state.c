/* SPDX-License-Identifier: Apache-2.0 */
/* state: what stays of what came: which samples of a batch, the last batches of each session, the
 * sessions that are remembered, what was odd; and which batch answers which wish. */
#include "test.h"
#include "wire_samples.h"

#include "tools/inspect/serve/state.h"

#include <math.h>

static struct samples samples;

static struct wire_message *tap_of(uint8_t session, const char *dataset, uint64_t sequence)
{
    struct wire_message *tap = sample_message(&samples, WIRE_TAP);
    tap->tap.sequence = sequence;
    snprintf(tap->tap.dataset, sizeof tap->tap.dataset, "%s", dataset);
    memset(tap->tap.batch.session, session, DIGEST_BYTES);
    return tap;
}

static void filter_set(struct filter *filter, int key, const char *arg)
{
    assert_int_equal(filter_option(filter, key, arg), 1);
}

static void test_shown(void **state)
{
    (void)state;
    struct shown shown;
    struct wire_message *tap = tap_of(7, "flowers", 12);
    shown_take(tap, NULL, 0, &shown);
    assert_int_equal(shown.n, SAMPLE_BATCH);
    assert_int_equal(shown.matched, SAMPLE_BATCH);
    assert_int_equal(shown.of, SAMPLE_BATCH);
    assert_string_equal(shown.spec.dataset, "flowers");
    assert_int_equal(shown.session[15], 7);
    for (uint32_t i = 0; i < SAMPLE_BATCH; i++) {
        const struct shown_sample *s = &shown.samples[i];
        assert_int_equal(s->position, i);
        for (uint32_t v = 0; v < SAMPLE_VIEWS; v++) {
            assert_memory_equal(&s->omega[v], &samples.omega[v * SAMPLE_BATCH + i],
                                sizeof(struct omega));
            assert_int_equal(s->checks[v], samples.checks[v * SAMPLE_BATCH + i]);
        }
        assert_int_equal(s->label, samples.labels[i]);
        assert_memory_equal(s->box, samples.boxes[i], sizeof s->box);
    }
    assert_int_equal(shown.samples[0].bad, FAULT_NONE);
    assert_int_equal(shown.samples[1].bad, FAULT_TRUNCATED);
    assert_int_equal(shown.samples[1].instead_of, 70);
    assert_ptr_equal(shown_at(&shown, 4), &shown.samples[4]);
    assert_null(shown_at(&shown, 5));
    assert_non_null(shown_law(&shown, 1));
    /* what the filter lets by, and the rest of it */
    struct filter filter = {0};
    filter_set(&filter, 'I', "101-103");
    shown_take(tap, &filter, 1, &shown);
    assert_int_equal(shown.matched, 3);
    assert_int_equal(shown.n, 2);
    assert_int_equal(shown.samples[0].position, 2);
    assert_null(shown_at(&shown, 1));
    /* an older loader's */
    sample_tap_old(&samples);
    shown_take(&samples.message, NULL, 0, &shown);
    assert_false(shown.told_checks);
    assert_int_equal(shown.spec.n_views, SAMPLE_VIEWS);
    assert_null(shown_law(&shown, 0));
}

/* A batch of more samples than are shown. */
static void test_many(void **state)
{
    (void)state;
    enum { MANY = 3 * SHOWN_SAMPLES };
    static struct omega omega[MANY];
    static int64_t labels[MANY];
    struct wire_message *tap = tap_of(7, "flowers", 1);
    struct wire_batch *b = &tap->tap.batch;
    for (uint32_t i = 0; i < MANY; i++)
        sample_omega(&omega[i], i, 0);
    b->n_samples = MANY;
    b->n_views = 1;
    b->omega = omega;
    b->labels = labels;
    b->boxes = b->checks = NULL;
    struct shown shown;
    for (uint32_t from = 0; from <= MANY; from += SHOWN_SAMPLES - 1) {
        shown_take(tap, NULL, from, &shown);
        assert_int_equal(shown.matched, MANY);
        assert_int_equal(shown.n, from + SHOWN_SAMPLES <= MANY ? SHOWN_SAMPLES : MANY - from);
        for (uint32_t i = 0; i < shown.n; i++)
            assert_int_equal(shown.samples[i].omega[0].sample, from + i);
    }
    shown_take(tap, NULL, UINT32_MAX, &shown);
    assert_int_equal(shown.n, 0);
}

static const struct shown *found(const struct state *s, enum state_which which, uint64_t number,
                                 const char *session)
{
    const struct state_wish wish = {.session = session, .which = which, .number = number};
    return state_shown(s, &wish);
}

static void test_ring(void **state)
{
    (void)state;
    struct state *s;
    assert_int_equal(state_new(false, NULL, &s), 0);
    assert_null(found(s, STATE_LAST, 0, NULL));
    /* two sessions by turns, the loader's numbers beginning again in the middle */
    const uint32_t n = 2 * STATE_RING + 7;
    for (uint32_t i = 1; i <= n; i++)
        assert_int_equal(
            state_batch(s, tap_of(i % 2 ? 0xab : 0xcd, i % 2 ? "one" : "two", i % 20 + 1), 100 + i),
            0);
    assert_int_equal(s->batches, n);
    assert_int_equal(s->views, n * SAMPLE_BATCH * SAMPLE_VIEWS);
    assert_int_equal(s->n_sessions, 2);
    assert_int_equal(found(s, STATE_LAST, 0, NULL)->number, n);
    assert_int_equal(found(s, STATE_LAST, 0, "cd")->number, n - 1);
    assert_int_equal(found(s, STATE_LAST, 0, "CDCD")->number, n - 1);
    assert_null(found(s, STATE_LAST, 0, "ce"));
    assert_int_equal(found(s, STATE_AFTER, n - 5, NULL)->number, n - 4);
    assert_int_equal(found(s, STATE_AFTER, n - 5, "ab")->number, n - 4);
    assert_int_equal(found(s, STATE_AFTER, n - 5, "cd")->number, n - 3);
    assert_int_equal(found(s, STATE_BEFORE, n, NULL)->number, n - 1);
    assert_int_equal(found(s, STATE_BEFORE, n, "ab")->number, n - 2);
    assert_int_equal(found(s, STATE_THIS, n - 3, NULL)->number, n - 3);
    assert_null(found(s, STATE_THIS, n - 3, "ab"));
    assert_null(found(s, STATE_AFTER, n, NULL));
    /* no more is kept of a session than the ring */
    assert_null(found(s, STATE_THIS, 1, NULL));
    assert_int_equal(found(s, STATE_AFTER, 0, NULL)->number, n - 2 * STATE_RING + 1);
    assert_null(found(s, STATE_BEFORE, n - 2 * STATE_RING + 1, NULL));
    const struct state_wish two = {.dataset = "two", .which = STATE_LAST};
    assert_int_equal(state_shown(s, &two)->number, n - 1);
    assert_string_equal(state_session(s, &two)->spec.dataset, "two");
    const struct state_wish any = {0}, none = {.dataset = "three"};
    assert_string_equal(state_session(s, &any)->spec.dataset, "one");
    assert_null(state_session(s, &none));
    state_free(s);
    state_free(NULL);
}

static void test_sessions(void **state)
{
    (void)state;
    struct state *s;
    assert_int_equal(state_new(false, NULL, &s), 0);
    for (uint8_t i = 0; i < STATE_SESSIONS; i++)
        assert_int_equal(state_batch(s, tap_of(i, "d", i), 100 + i), 0);
    assert_int_equal(state_batch(s, tap_of(0, "d", 50), 200), 0); /* now 1 is the quiet one */
    assert_int_equal(state_batch(s, tap_of(99, "d", 51), 201), 0);
    assert_int_equal(s->n_sessions, STATE_SESSIONS);
    assert_int_equal(s->forgotten, 1);
    for (uint32_t i = 0; i < s->n_sessions; i++)
        assert_int_not_equal(s->sessions[i]->name[0], 1);
    assert_int_equal(s->sessions[0]->name[0], 0);
    assert_int_equal(s->sessions[STATE_SESSIONS - 1]->name[0], 99);
    state_free(s);
}

static void test_filtered(void **state)
{
    (void)state;
    struct filter filter = {0};
    filter_set(&filter, 'D', "one");
    struct state *s;
    assert_int_equal(state_new(false, &filter, &s), 0);
    assert_int_equal(state_batch(s, tap_of(1, "two", 1), 100), 0);
    assert_int_equal(s->batches, 1); /* a rate is of all */
    assert_int_equal(s->n_sessions, 0);
    assert_int_equal(state_batch(s, tap_of(2, "one", 2), 101), 0);
    assert_int_equal(s->n_sessions, 1);
    assert_int_equal(found(s, STATE_LAST, 0, NULL)->number, 2);
    /* figures are of all of a session, whatever of it is shown */
    filter_set(&filter, 'I', "100");
    assert_int_equal(state_batch(s, tap_of(2, "one", 3), 102), 0);
    filter_set(&filter, 'W', "flip=1");
    assert_int_equal(found(s, STATE_LAST, 0, NULL)->n, 1);
    struct wire_message *tap = tap_of(2, "one", 4);
    tap->tap.batch.index = 5; /* else it is the same batch again */
    assert_int_equal(state_batch(s, tap, 103), 0);
    assert_int_equal(s->sessions[0]->batches, 2);
    assert_int_equal(tally_info(s->sessions[0]->tally).batches, 2);
    state_free(s);
}

static void test_events(void **state)
{
    (void)state;
    struct state *s;
    assert_int_equal(state_new(false, NULL, &s), 0);
    state_gap(s, 5, 100);
    state_gap(s, 6, 101);
    state_restart(s, 102);
    assert_int_equal(state_batch(s, tap_of(1, "d", 1), 103), 0);
    assert_int_equal(s->gaps, 2);
    assert_int_equal(s->gap_batches, 11);
    assert_int_equal(s->restarts, 1);
    assert_int_equal(s->substituted, 2);
    assert_int_equal(s->n_events, 5);
    assert_int_equal(s->events[1].batches, 6);
    assert_int_equal(s->events[2].kind, STATE_RESTART);
    assert_int_equal(s->events[3].kind, STATE_SUBSTITUTED);
    assert_int_equal(s->events[3].bad, 70);
    assert_int_equal(s->events[3].sample, 101);
    assert_int_equal(s->events[3].fault, FAULT_TRUNCATED);
    for (uint32_t i = 0; i < 3 * STATE_EVENTS; i++)
        state_gap(s, 1, 200 + i);
    assert_int_equal(s->n_events, 5 + 3 * STATE_EVENTS);
    assert_int_equal(s->events[(s->n_events - 1) % STATE_EVENTS].at, 200 + 3 * STATE_EVENTS - 1);
    state_free(s);
}

/* A record's: batches are not kept, their numbers are the record's, and nobody may know when. */
static void test_record(void **state)
{
    (void)state;
    struct state *s;
    struct pace_rate rate;
    assert_int_equal(state_new(true, NULL, &s), 0);
    assert_int_equal(state_batch(s, tap_of(1, "d", 77), 0), 0);
    assert_false(pace_rate(&s->pace, 0, &rate));
    assert_false(s->pace.begun);
    assert_int_equal(s->sessions[0]->batches, 1);
    assert_null(found(s, STATE_LAST, 0, NULL));
    state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shown),    cmocka_unit_test(test_many),
        cmocka_unit_test(test_ring),     cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_filtered), cmocka_unit_test(test_events),
        cmocka_unit_test(test_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
