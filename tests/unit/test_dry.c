/* SPDX-License-Identifier: Apache-2.0 */
/* dry: every slot is there, memory is reserved and never touched, products count themselves by the
 * textbook's formula. */
#include "test.h"

#include "trainer/ops/dry.h"

#include <errno.h>
#include <string.h>

static struct ops *ops;

static int setup(void **state)
{
    (void)state;
    return dry_open(&ops);
}

static int teardown(void **state)
{
    (void)state;
    ops_close(ops);
    return 0;
}

static uint64_t macs(void)
{
    struct dry_counts counts;
    dry_counts(ops, &counts);
    return counts.macs;
}

/* From mem_new to the end struct ops is function pointers: a slot added and forgotten here would be
 * a jump to 0. */
static void test_every_slot(void **state)
{
    (void)state;
    for (size_t at = offsetof(struct ops, close); at < sizeof *ops; at += sizeof(void (*)(void))) {
        void *slot;
        memcpy(&slot, (const char *)ops + at, sizeof slot);
        if (!slot)
            fail_msg("the slot at byte %zu is empty", at);
    }
}

/* More than any machine has: 64 TiB in all would not be given by malloc. */
static void test_memory_is_only_reserved(void **state)
{
    (void)state;
    void *p[4];
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        p[i] = ops->mem_new(ops, (size_t)1 << 40);
        assert_non_null(p[i]);
        for (size_t k = 0; k < i; k++)
            assert_ptr_not_equal(p[i], p[k]);
    }
    ops->mem_free(ops, p[1]);
    ops->mem_free(ops, p[3]); /* the rest goes with the table */
    ops->mem_free(ops, NULL);
    assert_non_null(ops->mem_new(ops, 0));
    float host[2] = {1, 2};
    assert_int_equal(ops->upload(ops, p[0], host, sizeof host), 0);
    assert_int_equal(ops->download(ops, host, p[0], sizeof host), 0);
    assert_true(host[0] == 0 && host[1] == 0);
}

/* 5 images of 3 x 9x7 to 4 channels, kernel 3, stride 2, pad 1: 5x4 pixels leave. */
static void test_convolution(void **state)
{
    (void)state;
    const struct conv_shape shape = {5, 9, 7, 3, 4, 3, 2, 1, true, NULL};
    const uint64_t one = 5 * 5 * 4 * 4 * 3 * 9;
    struct conv *conv;
    struct dry_counts counts;
    uint64_t before = macs();
    assert_int_equal(ops->conv_new(ops, &shape, &conv), 0);
    assert_int_equal(macs(), before);
    assert_int_equal(ops->conv_forward(conv, NULL, NULL, NULL), 0);
    assert_int_equal(macs(), before + one);
    assert_int_equal(ops->conv_backward_data(conv, NULL, NULL, NULL, false), 0);
    assert_int_equal(ops->conv_backward_weight(conv, NULL, NULL, NULL), 0);
    assert_int_equal(macs(), before + 3 * one);
    dry_counts(ops, &counts);
    assert_int_equal(counts.plan_bytes, 5 * 9 * 7 * 3 * sizeof(float));
    ops->conv_free(conv);
    const struct conv_shape none = {1, 2, 2, 3, 4, 7, 1, 1, true, NULL};
    assert_int_equal(ops->conv_new(ops, &none, &conv), -ENOTSUP);
}

static void test_linear(void **state)
{
    (void)state;
    struct tensor x = {6, 1, 1, 10, NULL}, y = {6, 1, 1, 7, NULL};
    uint64_t before = macs();
    assert_int_equal(ops->linear_forward(ops, &x, NULL, NULL, &y), 0);
    assert_int_equal(macs(), before + 6 * 10 * 7);
    assert_int_equal(ops->linear_backward_data(ops, &y, NULL, &x, true), 0);
    assert_int_equal(ops->linear_backward_weight(ops, &x, &y, NULL, NULL), 0);
    assert_int_equal(macs(), before + 3 * 6 * 10 * 7);
    assert_int_equal(ops->add(ops, NULL, NULL, 5), 0);
    assert_int_equal(macs(), before + 3 * 6 * 10 * 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_slot),
        cmocka_unit_test(test_memory_is_only_reserved),
        cmocka_unit_test(test_convolution),
        cmocka_unit_test(test_linear),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
