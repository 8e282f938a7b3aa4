/* SPDX-License-Identifier: Apache-2.0 */
/* ring: which batches are covered and missed at every point of a run, across epochs and at its end;
 * what a slot forgets when it is freed; and how its patience grows. */
#include "test.h"

#include "trainer/ring.h"

enum { SLOTS = 4, BATCHES = 5 };

static struct ring ring;

static int setup(void **state)
{
    (void)state;
    ring = (struct ring){0};
    return ring_init(&ring, SLOTS);
}

static int teardown(void **state)
{
    (void)state;
    ring_done(&ring);
    ring_done(&ring); /* twice is fine */
    return 0;
}

static bool misses(uint32_t epoch, uint32_t index)
{
    uint64_t position = UINT64_MAX;
    bool missed = ring_misses(&ring, epoch, index, &position);
    assert_true(missed == (position != UINT64_MAX)); /* written only then */
    if (missed) {
        assert_int_equal(ring_epoch(&ring, position), epoch);
        assert_int_equal(ring_index(&ring, position), index);
    }
    return missed;
}

static void test_whole_run(void **state)
{
    (void)state;
    ring_start(&ring, BATCHES, 1, 3, 3);
    assert_null(ring_lend(&ring)); /* nothing is held yet */
    for (uint64_t p = 8; p < 15; p++) {
        assert_int_equal(ring.next, p);
        assert_int_equal(ring_end(&ring), p + SLOTS < 15 ? p + SLOTS : 15);
        for (uint32_t epoch = 0; epoch < 5; epoch++)
            for (uint32_t index = 0; index < BATCHES + 2; index++) {
                uint64_t q = epoch * BATCHES + index;
                bool covered = index < BATCHES && q >= p && q < p + SLOTS && q < 15;
                assert_int_equal(misses(epoch, index), covered);
            }
        struct slot *slot = ring_slot(&ring, p);
        for (uint64_t q = p; q < p + SLOTS; q++)
            assert_int_equal(ring_position(&ring, ring_slot(&ring, q)), q);
        slot->state = SLOT_HELD;
        slot->cell = (uint32_t)p;
        assert_false(misses((uint32_t)(p / BATCHES), p % BATCHES));
        assert_ptr_equal(ring_lend(&ring), slot);
        assert_int_equal(slot->state, SLOT_LENT);
        assert_false(misses((uint32_t)(p / BATCHES), p % BATCHES));
        slot_free(slot);
    }
    assert_int_equal(ring.next, ring.end);
    assert_int_equal(ring_end(&ring), ring.end);
}

/* What came out of order is lent in order; a lent slot is not missed for its next position either
 * until it is free. */
static void test_order(void **state)
{
    (void)state;
    ring_start(&ring, BATCHES, 0, 0, 2);
    ring_slot(&ring, 1)->state = SLOT_HELD;
    ring_slot(&ring, 2)->state = SLOT_HELD;
    assert_null(ring_lend(&ring));
    ring_slot(&ring, 0)->state = SLOT_HELD;
    struct slot *lent = ring_lend(&ring);
    assert_ptr_equal(lent, ring_slot(&ring, 0));
    assert_false(misses(0, 4)); /* in the slot that is lent */
    slot_free(lent);
    assert_true(misses(0, 4));
    assert_ptr_equal(ring_lend(&ring), ring_slot(&ring, 1));
    assert_ptr_equal(ring_lend(&ring), ring_slot(&ring, 2));
    assert_null(ring_lend(&ring));
}

static void test_far_away(void **state)
{
    (void)state;
    /* No product of 32 bits: epoch 4 billion of an epoch of 4 billion. */
    ring_start(&ring, UINT32_MAX, UINT32_MAX - 1, UINT32_MAX - 2, UINT32_MAX);
    assert_true(misses(UINT32_MAX - 1, UINT32_MAX - 2));
    assert_true(misses(UINT32_MAX - 1, UINT32_MAX - 1));
    assert_false(misses(UINT32_MAX, 0)); /* after the end */
    assert_false(misses(0, 0));
}

static void test_asked(void **state)
{
    (void)state;
    ring_start(&ring, BATCHES, 0, 0, 2);
    struct slot *slot = ring_slot(&ring, 2);
    *slot = (struct slot){.state = SLOT_ASKED, .loader = 1, .request = 77, .misses = 2, .avoid = 5};
    assert_ptr_equal(ring_asked(&ring, 1, 77), slot);
    assert_null(ring_asked(&ring, 0, 77));
    assert_null(ring_asked(&ring, 1, 78));
    slot->state = SLOT_HELD;
    assert_null(ring_asked(&ring, 1, 77));
    slot_free(slot); /* for another batch: the failures of this one are not its own */
    assert_int_equal(slot->state, SLOT_WANTED);
    assert_int_equal(slot->misses + slot->damaged + slot->avoid, 0);
}

static void test_deadline(void **state)
{
    (void)state;
    static const double times[] = {1, 2, 4, 4, 4};
    for (uint32_t misses_n = 0; misses_n < RING_FAILURES_MAX; misses_n++) {
        const struct slot slot = {.asked_s = 100, .misses = misses_n};
        assert_true(slot_deadline(&slot, 20) == 100 + 20 * times[misses_n]);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_whole_run), TEST(test_order), TEST(test_far_away),
                                       TEST(test_asked), TEST(test_deadline)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
