/* SPDX-License-Identifier: Apache-2.0 */
/* test_histogram: every number is counted once, in the bin whose limits enclose it; sums; numbers
 * that are all the same, none at all, or no numbers. */
#include "test.h"

#include "gradcheck.h"
#include "trainer/watch/histogram.h"

static struct histogram h;

static void test_by_hand(void **state)
{
    (void)state;
    /* 64 bins of 1 from -32 to 32; a number on a limit belongs to the bin below it */
    static const float x[] = {-32, -31.5F, -31, -30.5F, 0, 0.5F, 1, 32, 31.5F};
    histogram_make(x, ARRAY_LEN(x), &h);
    assert_int_equal(h.bins, HISTOGRAM_BINS);
    assert_true(h.min == -32 && h.max == 32 && h.finite == 9 && h.other == 0);
    assert_true(h.limit[0] == -31 && h.limit[31] == 0 && h.limit[63] == 32);
    static const struct {
        size_t bin;
        uint64_t count;
    } want[] = {{0, 3}, {1, 1}, {31, 1}, {32, 2}, {63, 2}};
    uint64_t sum = 0;
    for (size_t i = 0; i < HISTOGRAM_BINS; i++)
        sum += h.count[i];
    assert_int_equal(sum, 9);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(h.count[want[i].bin], want[i].count);
    assert_true(h.sum == -60);
    assert_true(h.sum_squares == 1024 + 992.25 + 961 + 930.25 + 0.25 + 1 + 1024 + 992.25);
}

static void test_random(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static float x[COUNT];
    random_fill(x, COUNT, -0.37, 1.91, 3);
    histogram_make(x, COUNT, &h);
    uint64_t sum = 0;
    for (size_t b = 0; b < h.bins; b++) {
        uint64_t inside = 0;
        double low = b > 0 ? h.limit[b - 1] : -INFINITY;
        for (size_t i = 0; i < COUNT; i++)
            inside += (double)x[i] > low && (double)x[i] <= h.limit[b];
        assert_int_equal(h.count[b], inside);
        assert_true(inside > 200 && inside < 450);
        sum += inside;
    }
    assert_int_equal(sum, COUNT);
}

static void test_odd(void **state)
{
    (void)state;
    static const float same[] = {2.5F, 2.5F, 2.5F};
    histogram_make(same, 3, &h);
    assert_true(h.bins == 1 && h.limit[0] == 2.5 && h.count[0] == 3);
    static const float broken[] = {NAN, 1, INFINITY, -INFINITY, 2};
    histogram_make(broken, 5, &h);
    assert_true(h.finite == 2 && h.other == 3 && h.min == 1 && h.max == 2);
    assert_true(h.count[0] == 1 && h.count[HISTOGRAM_BINS - 1] == 1);
    histogram_make(broken, 1, &h);
    assert_true(h.bins == 0 && h.finite == 0 && h.other == 1);
    histogram_make(NULL, 0, &h);
    assert_int_equal(h.bins, 0);
    /* so far apart that their difference is no float, and so near that bins coincide */
    static const float far[] = {-3e38F, 3e38F}, near[] = {1, 1.0000001F};
    histogram_make(far, 2, &h);
    assert_true(h.count[0] == 1 && h.count[HISTOGRAM_BINS - 1] == 1);
    histogram_make(near, 2, &h);
    assert_true(h.count[0] == 1 && h.count[HISTOGRAM_BINS - 1] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_odd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
