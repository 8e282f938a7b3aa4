/* SPDX-License-Identifier: Apache-2.0 */
/* reel: a walk through a record, forwards, backwards, to its ends, over what is missing and what a
 * filter does not let by; to a sample, wherever in its batch it is; and a record that grows, is
 * cut, or is empty. */
#include "test.h"
#include "wire_samples.h"

#include "tools/inspect/serve/reel.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { LAST = 40, HOLE = 11, EACH = 30, EPOCH = 3 };

static char folder[] = "/tmp/augstream-test-XXXXXX";
static char path[64];

/* Step `step` has samples 100 * step ... + EACH - 1, in one view, which is flipped in odd ones. */
static void add(struct record_writer *writer, uint64_t step)
{
    static struct samples samples;
    static struct omega omega[EACH];
    static int64_t labels[EACH];
    struct wire_message *tap = sample_message(&samples, WIRE_TAP);
    sample_tap_old(&samples);
    struct wire_batch *b = &tap->tap.batch;
    for (uint32_t i = 0; i < EACH; i++)
        sample_omega(&omega[i], (uint32_t)(100 * step + i), 0);
    tap->tap.sequence = step;
    b->epoch = EPOCH;
    b->index = (uint32_t)step;
    b->n_samples = EACH;
    b->n_views = 1;
    b->omega = omega;
    b->labels = labels;
    b->boxes = NULL;
    b->n_substituted = 0;
    if (record_add(writer, tap))
        fail_msg("%s", err_text());
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/run.omega", folder);
    struct record_writer *writer;
    if (record_create(path, &writer))
        return -1;
    for (uint64_t step = 1; step <= LAST; step++) {
        if (step != HOLE)
            add(writer, step);
        if (step % 7 == 0 && record_flush(writer)) /* several blocks */
            return -1;
    }
    return record_close(writer);
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static struct reel *opened(const char *from, const struct filter *filter)
{
    struct reel *reel;
    if (reel_open(from, filter, &reel))
        fail_msg("%s", err_text());
    return reel;
}

/* The number of the batch, or 0 where there is none. */
static uint64_t at(struct reel *reel, enum state_which which, uint64_t number)
{
    const struct state_wish wish = {.which = which, .number = number};
    const struct shown *shown = NULL;
    int rc = reel_show(reel, &wish, 0, &shown);
    assert_true(rc == 0 || rc == -ENOENT);
    if (!rc)
        assert_int_equal(shown->samples[0].omega[0].sample / 100, shown->number);
    return rc ? 0 : shown->number;
}

static void test_walk(void **state)
{
    (void)state;
    struct reel *reel = opened(path, NULL);
    assert_int_equal(reel_info(reel)->batches, LAST - 1);
    assert_int_equal(at(reel, STATE_AFTER, 0), 1);
    assert_int_equal(at(reel, STATE_LAST, 0), LAST);
    uint64_t step = 0;
    for (uint64_t want = 1; want <= LAST; want++) {
        if (want == HOLE)
            continue;
        step = at(reel, STATE_AFTER, step);
        assert_int_equal(step, want);
    }
    assert_int_equal(at(reel, STATE_AFTER, LAST), 0);
    assert_int_equal(at(reel, STATE_AFTER, UINT64_MAX), 0);
    for (uint64_t want = LAST; want >= 1; want--) {
        if (want == HOLE)
            continue;
        assert_int_equal(step, want);
        step = at(reel, STATE_BEFORE, step);
    }
    assert_int_equal(step, 0);
    assert_int_equal(at(reel, STATE_BEFORE, 0), 0);
    assert_int_equal(at(reel, STATE_BEFORE, UINT64_MAX), LAST);
    assert_int_equal(at(reel, STATE_THIS, 30), 30);
    assert_int_equal(at(reel, STATE_THIS, HOLE), 0);
    assert_int_equal(at(reel, STATE_THIS, LAST + 1), 0);
    assert_int_equal(at(reel, STATE_AFTER, HOLE), HOLE + 1);
    reel_close(reel);
    reel_close(NULL);
}

/* Every part of a batch; what was looked at lately is not read again, and not moved. */
static void test_parts(void **state)
{
    (void)state;
    struct reel *reel = opened(path, NULL);
    const struct state_wish wish = {.which = STATE_THIS, .number = 5};
    const struct shown *first, *shown;
    assert_int_equal(reel_show(reel, &wish, 0, &first), 0);
    uint32_t seen = 0;
    for (uint32_t from = 0; from < EACH; from += SHOWN_SAMPLES) {
        assert_int_equal(reel_show(reel, &wish, from, &shown), 0);
        assert_int_equal(shown->matched, EACH);
        for (uint32_t i = 0; i < shown->n; i++, seen++)
            assert_int_equal(shown->samples[i].omega[0].sample, 500 + seen);
    }
    assert_int_equal(seen, EACH);
    assert_int_equal(reel_show(reel, &wish, 0, &shown), 0);
    assert_ptr_equal(shown, first);
    assert_int_equal(reel_show(reel, &wish, 1000, &shown), 0);
    assert_int_equal(shown->n, 0);
    reel_close(reel);
}

static void test_sample(void **state)
{
    (void)state;
    struct reel *reel = opened(path, NULL);
    const struct shown *shown;
    for (uint64_t step = 1; step <= LAST; step += 3)
        for (uint32_t i = 0; i < EACH; i += 7) {
            const uint32_t sample = (uint32_t)(100 * step + i);
            int rc = reel_sample(reel, EPOCH, sample, &shown);
            if (step == HOLE) {
                assert_int_equal(rc, -ENOENT);
                continue;
            }
            assert_int_equal(rc, 0);
            assert_int_equal(shown->number, step);
            const struct shown_sample *found = shown_at(shown, i);
            assert_non_null(found);
            assert_int_equal(found->omega[0].sample, sample);
        }
    assert_int_equal(reel_sample(reel, EPOCH + 1, 500, &shown), -ENOENT);
    assert_int_equal(reel_sample(reel, EPOCH, 599, &shown), -ENOENT);
    reel_close(reel);
}

/* Batches of which nothing passes are passed over, in both directions. */
static void test_filter(void **state)
{
    (void)state;
    struct filter filter = {0};
    assert_int_equal(filter_option(&filter, 'I', "700-729"), 1);
    assert_int_equal(filter_option(&filter, 'I', "2005"), 1);
    struct reel *reel = opened(path, &filter);
    const struct shown *shown;
    assert_int_equal(at(reel, STATE_AFTER, 0), 7);
    assert_int_equal(at(reel, STATE_AFTER, 7), 20);
    assert_int_equal(at(reel, STATE_AFTER, 20), 0);
    assert_int_equal(at(reel, STATE_LAST, 0), 20);
    assert_int_equal(at(reel, STATE_BEFORE, 20), 7);
    assert_int_equal(at(reel, STATE_BEFORE, 7), 0);
    assert_int_equal(reel_sample(reel, EPOCH, 2005, &shown), 0);
    assert_int_equal(shown->n, 1);
    assert_int_equal(reel_sample(reel, EPOCH, 2006, &shown), -ENOENT);
    reel_close(reel);
}

static void test_growing(void **state)
{
    (void)state;
    char other[64];
    snprintf(other, sizeof other, "%s/growing.omega", folder);
    struct record_writer *writer;
    assert_int_equal(record_create(other, &writer), 0);
    struct reel *reel = opened(other, NULL);
    assert_int_equal(at(reel, STATE_LAST, 0), 0);
    assert_int_equal(at(reel, STATE_AFTER, 0), 0);
    for (uint64_t step = 1; step <= 3; step++) {
        add(writer, step);
        assert_int_equal(record_flush(writer), 0);
        assert_int_equal(at(reel, STATE_AFTER, step - 1), 0);
        reel_refresh(reel);
        assert_int_equal(at(reel, STATE_AFTER, step - 1), step);
        assert_int_equal(at(reel, STATE_LAST, 0), step);
    }
    assert_int_equal(record_close(writer), 0);
    reel_refresh(reel);
    assert_int_equal(at(reel, STATE_LAST, 0), 3);
    reel_close(reel);
}

/* Cut in the middle: what is whole can be walked through. */
static void test_cut(void **state)
{
    (void)state;
    char other[64], command[256];
    snprintf(other, sizeof other, "%s/cut.omega", folder);
    snprintf(command, sizeof command, "head -c $(($(wc -c <%s) / 2)) %s >%s", path, path, other);
    assert_int_equal(system(command), 0);
    struct reel *reel = opened(other, NULL);
    assert_true(reel_info(reel)->cut);
    const uint64_t last = reel_info(reel)->last;
    assert_true(last >= 7 && last < LAST && last % 7 == 0);
    assert_int_equal(at(reel, STATE_LAST, 0), last);
    assert_int_equal(at(reel, STATE_AFTER, last - 1), last);
    assert_int_equal(at(reel, STATE_AFTER, last), 0);
    reel_close(reel);
    assert_true(reel_open("/nowhere/at/all.omega", NULL, &reel) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk),    cmocka_unit_test(test_parts),
        cmocka_unit_test(test_sample),  cmocka_unit_test(test_filter),
        cmocka_unit_test(test_growing), cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
