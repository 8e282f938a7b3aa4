/* SPDX-License-Identifier: Apache-2.0 */
/* order: a bijection whatever the size, another one each epoch and seed, even odds, and substitutes
 * that never are what they replace. */
#include "test.h"

#include "loaderd/order.h"

#include <stdlib.h>
#include <string.h>

static void test_bijection(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1,    2,    3,    4,    5,     7,     8,     15,    16,   17,
                                     63,   64,   65,   100,  255,   256,   257,   1000,  1023, 1024,
                                     1025, 4095, 4096, 4097, 65535, 65536, 65537, 105000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct order order;
        order_init(&order, sizes[i], 42 + i, (uint32_t)i, true);
        auto_free bool *seen = calloc(sizes[i], sizeof *seen);
        assert_non_null(seen);
        for (uint32_t p = 0; p < sizes[i]; p++) {
            const uint32_t sample = order_sample(&order, p);
            assert_true(sample < sizes[i]);
            assert_false(seen[sample]);
            seen[sample] = true;
        }
    }
}

static void test_largest(void **state)
{
    (void)state;
    struct order order;
    order_init(&order, UINT64_C(1) << 32, 7, 3, true);
    assert_int_equal(order.half_bits, 16);
    assert_int_not_equal(order_sample(&order, UINT32_MAX), order_sample(&order, 0));
}

static uint32_t same_places(const struct order *a, const struct order *b)
{
    uint32_t same = 0;
    for (uint64_t p = 0; p < a->samples; p++)
        same += order_sample(a, p) == order_sample(b, p);
    return same;
}

/* Two independent permutations agree in one place on average, whatever their size. */
static void test_epochs_and_seeds_differ(void **state)
{
    (void)state;
    struct order a, again, epoch, seed, high;
    order_init(&a, 5000, 1, 0, true);
    order_init(&again, 5000, 1, 0, true);
    order_init(&epoch, 5000, 1, 1, true);
    order_init(&seed, 5000, 2, 0, true);
    order_init(&high, 5000, 1 | UINT64_C(1) << 40, 0, true);
    assert_int_equal(same_places(&a, &again), 5000);
    assert_true(same_places(&a, &epoch) < 10);
    assert_true(same_places(&a, &seed) < 10);
    assert_true(same_places(&a, &high) < 10);
}

static void test_identity(void **state)
{
    (void)state;
    struct order order;
    order_init(&order, 1000, 9, 4, false);
    for (uint32_t p = 0; p < 1000; p++)
        assert_int_equal(order_sample(&order, p), p);
}

/* Over epochs, every sample visits every place equally often: chi-squared with 5 * 5 degrees of
 * freedom (6 x 6 with fixed margins); 60 is beyond one in ten thousand. */
static void test_even_odds(void **state)
{
    (void)state;
    enum { N = 6, EPOCHS = 6000 };
    uint32_t count[N][N] = {{0}};
    for (uint32_t e = 0; e < EPOCHS; e++) {
        struct order order;
        order_init(&order, N, 11, e, true);
        for (uint32_t p = 0; p < N; p++)
            count[p][order_sample(&order, p)]++;
    }
    double chi = 0;
    const double expected = (double)EPOCHS / N;
    for (uint32_t i = 0; i < N * N; i++) {
        const double off = count[i / N][i % N] - expected;
        chi += off * off / expected;
    }
    assert_true(chi < 60);
}

static void test_substitute(void **state)
{
    (void)state;
    struct order order;
    for (uint64_t samples = 2; samples < 40; samples++) {
        order_init(&order, samples, 5, 2, true);
        for (uint32_t s = 0; s < samples; s++)
            for (uint32_t attempt = 1; attempt < 20; attempt++) {
                const uint32_t other = order_substitute(&order, s, attempt);
                assert_true(other < samples && other != s);
                assert_int_equal(other, order_substitute(&order, s, attempt));
            }
    }
    order_init(&order, 1, 5, 2, true);
    assert_int_equal(order_substitute(&order, 0, 1), 0);
}

/* All others come up, and a second try is another draw. */
static void test_substitute_spreads(void **state)
{
    (void)state;
    struct order order;
    order_init(&order, 5, 5, 2, true);
    bool seen[5] = {false};
    for (uint32_t attempt = 1; attempt <= 60; attempt++)
        seen[order_substitute(&order, 3, attempt)] = true;
    assert_true(seen[0] && seen[1] && seen[2] && seen[4] && !seen[3]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bijection),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_epochs_and_seeds_differ),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_even_odds),
        cmocka_unit_test(test_substitute),
        cmocka_unit_test(test_substitute_spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
