/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bn: the plan (refusals, failure, how it cuts the work) and the walk over it. */
#include "../ops/cpu_bed.h"

#include "alloc_fault.h"
#include "trainer/ops/cpu_bn.h"

#include <errno.h>
#include <string.h>

static void test_refusals(void **state)
{
    (void)state;
    static const struct bn_shape shapes[] = {
        {0, 4, 4, 16, 1, false, false}, {4, 0, 4, 16, 1, false, false},
        {4, 4, 0, 16, 1, false, false}, {4, 4, 4, 0, 1, false, false},
        {4, 4, 4, 16, 0, false, false}, {4, 4, 4, 16, -2, false, false},
        {4, 4, 4, 16, 3, false, false}, {-4, 4, 4, 16, 1, false, false},
        {4, 1, 1, 16, 4, false, false}, /* one value has no variance */
        {4, 1, 1, 17, 4, false, false},
    };
    struct ops *o = cpu_table_new(cpu_isa_best(), 2);
    long held = alloc_held();
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct bn *bn = NULL;
        (void)err_set(-EINVAL, "unset");
        if (o->bn_new(o, &shapes[i], &bn) != -ENOTSUP)
            fail_msg("shape %zu is not refused", i);
        assert_null(bn);
        assert_string_not_equal(err_text(), "unset");
        assert_int_equal(alloc_held(), held);
    }
    ops_close(o);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const int32_t channels[] = {16, 48, 17};
    struct ops *o = cpu_table_new(cpu_isa_best(), 2);
    long held = alloc_held();
    for (size_t i = 0; i < ARRAY_LEN(channels); i++)
        for (unsigned long n = 1;; n++) {
            struct bn *bn = NULL;
            alloc_fail(n);
            int r = o->bn_new(o, &(struct bn_shape){4, 2, 2, channels[i], .groups = 2}, &bn);
            if (!alloc_failed()) {
                alloc_fail(0);
                assert_int_equal(r, 0);
                assert_true(n > 3);
                o->bn_free(bn);
                break;
            }
            assert_int_equal(r, -ENOMEM);
            assert_null(bn);
            assert_int_equal(alloc_held(), held);
        }
    o->bn_free(NULL);
    assert_int_equal(alloc_held(), held);
    ops_close(o);
}

/* The spans of all parts of all items are the whole tensor, each row of each block once. */
static void test_cut(void **state)
{
    (void)state;
    enum { ROWS = 12, BLOCKS = 3 };
    static const struct {
        int32_t groups;
        int threads;
    } cuts[] = {{1, 1}, {1, 2}, {2, 3}, {3, 8}, {4, 100}, {12, 5}};
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        struct ops *o = cpu_table_new(CPU_PLAIN, cuts[i].threads);
        struct bn *bn;
        struct bn_shape shape = {ROWS, 1, 2, 16 * BLOCKS, .groups = cuts[i].groups};
        assert_int_equal(o->bn_new(o, &shape, &bn), 0);
        assert_null(bn->other);
        assert_int_equal(bn->items, BLOCKS * cuts[i].groups);
        assert_true(bn->parts >= 1 && bn->parts <= bn->rows);
        int seen[BLOCKS][ROWS] = {0};
        for (size_t item = 0; item < bn->items; item++)
            for (size_t part = 0; part < bn->parts; part++) {
                struct bn_span s = bn_span_of(bn, item, part);
                assert_true(s.rows > 0 && s.block < BLOCKS && s.first + s.rows <= ROWS);
                assert_int_equal(s.at, (s.first / bn->rows * BLOCKS + s.block) * 16);
                for (size_t row = 0; row < s.rows; row++) {
                    seen[s.block][s.first + row]++;
                    assert_int_equal(bn_place(bn, &s, row),
                                     ((s.first + row) * BLOCKS + s.block) * 2 * 16);
                }
            }
        for (size_t k = 0; k < BLOCKS * ROWS; k++)
            assert_int_equal(seen[k / ROWS][k % ROWS], 1);
        o->bn_free(bn);
        ops_close(o);
    }
}

/* What each walk saw, by item and part; written by many threads, each its own place. */
enum { ITEMS = 5, PARTS = 4 };
static int first_seen[ITEMS][PARTS], second_seen[ITEMS][PARTS];
static bool too_early;

static void first_walk(const struct bn_job *job, size_t item, size_t part)
{
    (void)job;
    first_seen[item][part]++;
}

/* All parts of the item must have been seen by the first walk. */
static void second_walk(const struct bn_job *job, size_t item, size_t part)
{
    for (size_t i = 0; i < job->bn->parts; i++)
        if (!first_seen[item][i])
            too_early = true;
    second_seen[item][part]++;
}

static void test_walk(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 9; threads += 4)
        for (size_t parts = 1; parts <= PARTS; parts++)
            for (int walks = 1; walks <= 2; walks++) {
                struct bn bn = {.threads = threads, .items = ITEMS, .parts = parts};
                struct bn_job job = {.bn = &bn};
                memset(first_seen, 0, sizeof first_seen);
                memset(second_seen, 0, sizeof second_seen);
                SIMD(cpu_bn_walk)(&job, first_walk, walks == 2 ? second_walk : NULL);
                for (size_t i = 0; i < ITEMS; i++)
                    for (size_t k = 0; k < PARTS; k++) {
                        assert_int_equal(first_seen[i][k], k < parts);
                        assert_int_equal(second_seen[i][k], walks == 2 && k < parts);
                    }
                assert_false(too_early);
            }
}

/* Channels that fill no block: ref's plan does it, with ref's bits on any number of threads. */
static void test_ref_does_the_rest(void **state)
{
    (void)state;
    static const struct op_case odd = {"bn 3x5x15", case_bn,     4,           3,           5,
                                       15,          .groups = 2, .add = true, .relu = true};
    struct bed ref, got;
    bed_init(&ref, "ref", NULL);
    bed_init_ops(&got, cpu_table_new(cpu_isa_best(), 3));
    odd.run(&ref, &odd);
    odd.run(&got, &odd);
    bed_compare(&ref, &got, true);
    bed_done(&ref);
    bed_done(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_ref_does_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
