/* SPDX-License-Identifier: Apache-2.0 */
/* test_rank: matrices whose singular values are known: units, one direction, a diagonal worked out
 * by hand, the same one turned, tall and wide; and what is no matrix to speak of. */
#include "test.h"

#include "gradcheck.h"
#include "trainer/watch/rank.h"

#include <math.h>
#include <string.h>

enum { MOST = 64 };
static float x[MOST * MOST], turned[MOST * MOST];

static double rank_of(const float *rows, int32_t n, int32_t d)
{
    struct rank *rank;
    assert_int_equal(rank_new(n, d, &rank), 0);
    double first = rank_effective(rank, rows), again = rank_effective(rank, rows);
    assert_memory_equal(&first, &again, sizeof first); /* nothing is left of the first time */
    rank_free(rank);
    return first;
}

static void test_units(void **state)
{
    (void)state;
    for (int n = 1; n <= MOST; n = 2 * n + (n == 3)) {
        memset(x, 0, sizeof x);
        for (int i = 0; i < n; i++)
            x[i * n + i] = 5;
        assert_true(fabs(rank_of(x, n, n) - n) < 1e-3 * n);
    }
}

static void test_one_direction(void **state)
{
    (void)state;
    for (int i = 0; i < 12; i++)
        for (int j = 0; j < 20; j++)
            x[i * 20 + j] = (float)(i + 1) * (float)(j - 3) * 0.25F;
    double rank = rank_of(x, 12, 20);
    /* 11 shares of nothing are 1e-7 each, by the paper's epsilon */
    assert_true(rank > 1 && rank < 1.0001);
}

/* Singular values 4, 2, 1, 1: shares 1/2, 1/4, 1/8, 1/8, entropy 1.75 log 2. */
static const double by_hand = 3.363585661014858;

/* Rows and columns, turned by a product of plane rotations each: the singular values stay. */
static void turn(float *m, int n, int d, uint32_t stream)
{
    float angle[8];
    random_fill(angle, 8, 0.2, 3, stream);
    for (int k = 0; k < 8; k++) {
        float c = cosf(angle[k]), s = sinf(angle[k]);
        int a = k % n, b = (k + 1) % n;
        for (int j = 0; j < d; j++) {
            float p = m[a * d + j], q = m[b * d + j];
            m[a * d + j] = c * p - s * q;
            m[b * d + j] = s * p + c * q;
        }
        a = k % d;
        b = (k + 2) % d;
        for (int i = 0; i < n; i++) {
            float p = m[i * d + a], q = m[i * d + b];
            m[i * d + a] = c * p + s * q;
            m[i * d + b] = c * q - s * p;
        }
    }
}

static void test_by_hand(void **state)
{
    (void)state;
    static const float sigma[] = {1, 4, 1, 2};
    static const int shape[][2] = {{4, 4}, {4, 9}, {9, 4}, {4, 64}, {64, 4}};
    for (size_t s = 0; s < ARRAY_LEN(shape); s++) {
        int n = shape[s][0], d = shape[s][1];
        memset(x, 0, sizeof x);
        for (int i = 0; i < 4; i++)
            x[i * d + i] = sigma[i];
        assert_true(fabs(rank_of(x, n, d) - by_hand) < 1e-4);
        memcpy(turned, x, sizeof x);
        turn(turned, n, d, (uint32_t)s);
        assert_true(fabs((double)(turned[1] - x[1])) > 1e-3); /* it did turn */
        assert_true(fabs(rank_of(turned, n, d) - by_hand) < 1e-4);
        for (int i = 0; i < n * d; i++)
            turned[i] *= 1e10F; /* no unit of length */
        assert_true(fabs(rank_of(turned, n, d) - by_hand) < 1e-4);
    }
}

/* Random features fill most of the room there is; the same ones twice fill no more of it. */
static void test_random(void **state)
{
    (void)state;
    random_fill(x, 32 * MOST, -1, 1, 1);
    double once = rank_of(x, 32, MOST);
    assert_true(once > 28 && once <= 32.01);
    memcpy(x + 32 * MOST, x, 32 * MOST * sizeof(float));
    assert_true(fabs(rank_of(x, 64, MOST) - once) < 0.01);
    for (int i = 0; i < 32 * MOST; i++)
        x[i] += 100; /* far from 0 all rows point much the same way: the mean is not taken out */
    assert_true(rank_of(x, 32, MOST) < 3);
}

static void test_odd(void **state)
{
    (void)state;
    memset(x, 0, sizeof x);
    assert_true(rank_of(x, 8, 16) == 0);
    assert_true(fabs(rank_of((const float[]){3, 4}, 1, 2) - 1) < 1e-6);
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        random_fill(x, 8 * 16, -1, 1, 2);
        x[37] = bad[i];
        assert_true(isnan(rank_of(x, 8, 16)));
        assert_true(isnan(rank_of(x, 16, 8)));
    }
    rank_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),   cmocka_unit_test(test_one_direction),
        cmocka_unit_test(test_by_hand), cmocka_unit_test(test_random),
        cmocka_unit_test(test_odd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
