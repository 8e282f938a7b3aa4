/* SPDX-License-Identifier: Apache-2.0 */
/* neighbours: the same rows, cosines and order as every pair by hand, across blocks, with each back
 * end; equal cosines go to the lower row; a set searched in itself; what is refused. */
#include "test.h"

#include "tools/evaluate/neighbours.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

enum { BANK = 4600, QUERIES = 600, D = 19, K = 8 }; /* beyond a block of each */

static struct ops *ops[2];

static int open_ops(void **state)
{
    (void)state;
    return ops_open("ref", 1, &ops[0]) || ops_open("auto", 2, &ops[1]);
}

static int close_ops(void **state)
{
    (void)state;
    ops_close(ops[0]);
    ops_close(ops[1]);
    return 0;
}

/* What came, query after query. */
struct found {
    size_t n, k, stop_at;
    struct neighbour *all; /* [n][k] */
};

static int take(void *hint, size_t query, const struct neighbour *nearest)
{
    struct found *f = hint;
    assert_int_equal(query, f->n);
    if (query == f->stop_at)
        return -ECANCELED;
    memcpy(f->all + f->n++ * f->k, nearest, f->k * sizeof *nearest);
    return 0;
}

static struct features features_of(size_t n, size_t d, float *x)
{
    return (struct features){.n = n, .d = d, .x = x};
}

/* Small whole numbers, so that many rows are equal or at the same angle. */
static void fill(float *x, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        x[i] = (float)(int)(seed >> 60 & 3) - 1;
    }
}

static int nearer(const void *a, const void *b)
{
    const struct neighbour *x = a, *y = b;
    if (x->cosine != y->cosine)
        return x->cosine > y->cosine ? -1 : 1;
    return x->row < y->row ? -1 : 1;
}

static double product(const float *a, const float *b)
{
    double sum = 0;
    for (size_t i = 0; i < D; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

/* One query against all rows, sorted. Sums of whole numbers are exact in any order. */
static void by_hand(const float *bank, size_t n, const float *query, ssize_t self,
                    struct neighbour *ret)
{
    size_t m = 0;
    const double of_query = 1 / fmax(sqrt(product(query, query)), 1e-12);
    for (size_t b = 0; b < n; b++) {
        if ((ssize_t)b == self)
            continue;
        const float *row = bank + b * D;
        const double of_row = 1 / fmax(sqrt(product(row, row)), 1e-12);
        ret[m++] =
            (struct neighbour){(uint32_t)b, (float)(product(query, row) * of_query * of_row)};
    }
    qsort(ret, m, sizeof *ret, nearer);
}

static void expect_by_hand(const struct features *bank, const struct features *queries, bool same,
                           size_t k)
{
    struct neighbour *want = malloc(bank->n * sizeof *want);
    struct found found = {.k = k, .stop_at = SIZE_MAX};
    found.all = malloc(queries->n * k * sizeof *found.all);
    for (size_t o = 0; o < 2; o++) {
        found.n = 0;
        const struct neighbours_config config = {bank, queries, same, k};
        assert_int_equal(neighbours_find(ops[o], &config, take, &found), 0);
        assert_int_equal(found.n, queries->n);
        for (size_t q = 0; q < queries->n; q++) {
            by_hand(bank->x, bank->n, queries->x + q * D, same ? (ssize_t)q : -1, want);
            for (size_t i = 0; i < k; i++) {
                assert_int_equal(found.all[q * k + i].row, want[i].row);
                assert_true(found.all[q * k + i].cosine == want[i].cosine);
            }
        }
    }
    free(found.all);
    free(want);
}

static void test_blocks(void **state)
{
    (void)state;
    float *x = malloc((BANK + QUERIES) * D * sizeof *x);
    fill(x, (BANK + QUERIES) * D, 1);
    memset(x + 3 * D, 0, D * sizeof *x);            /* a row of zeros */
    memcpy(x + 4400 * D, x + 7 * D, D * sizeof *x); /* equals in two blocks */
    memcpy(x + BANK * D, x + 7 * D, D * sizeof *x); /* and the query that asks for them */
    memset(x + (BANK + 1) * D, 0, D * sizeof *x);   /* a query of zeros: rows 0, 1, 2 ... */
    const struct features bank = features_of(BANK, D, x),
                          queries = features_of(QUERIES, D, x + BANK * D);
    expect_by_hand(&bank, &queries, false, K);
    free(x);
}

static void test_same(void **state)
{
    (void)state;
    float *x = malloc(QUERIES * D * sizeof *x);
    fill(x, QUERIES * D, 2);
    const struct features set = features_of(QUERIES, D, x), few = features_of(9, D, x);
    expect_by_hand(&set, &set, true, K);
    expect_by_hand(&few, &few, true, K); /* all that there are */
    expect_by_hand(&few, &set, false, 9);
    free(x);
}

/* Direction, not length; of equals the lower row, though a longer one stands behind it. */
static void test_ties(void **state)
{
    (void)state;
    float bank_x[] = {0, 3, 2, 0, 5, 0, 1, 1, -7, 0}, query_x[] = {4, 0};
    const struct features bank = features_of(5, 2, bank_x), query = features_of(1, 2, query_x);
    struct neighbour n[5];
    struct found found = {.k = 5, .stop_at = SIZE_MAX, .all = n};
    const struct neighbours_config config = {&bank, &query, false, 5};
    assert_int_equal(neighbours_find(ops[1], &config, take, &found), 0);
    const uint32_t rows[] = {1, 2, 3, 0, 4};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(n[i].row, rows[i]);
    assert_true(n[0].cosine == 1 && n[1].cosine == 1 && n[3].cosine == 0 && n[4].cosine == -1);
    assert_true(fabsf(n[2].cosine - 0.70710678f) < 1e-7f);
}

static void test_refused(void **state)
{
    (void)state;
    float x[12] = {1};
    const struct features three = features_of(3, 2, x), wide = features_of(3, 4, x),
                          none = features_of(0, 2, x);
    struct neighbour n[9];
    struct found found = {.k = 1, .stop_at = 1, .all = n};
    struct neighbours_config c = {&three, &three, false, 4};
    assert_int_equal(neighbours_find(ops[0], &c, take, &found), -EINVAL);
    assert_non_null(strstr(err_text(), "4 of them, but the bank has 3 rows"));
    c = (struct neighbours_config){&three, &three, true, 3};
    assert_int_equal(neighbours_find(ops[0], &c, take, &found), -EINVAL);
    assert_non_null(strstr(err_text(), "the query itself"));
    c = (struct neighbours_config){&three, &three, false, 0};
    assert_int_equal(neighbours_find(ops[0], &c, take, &found), -EINVAL);
    c = (struct neighbours_config){&three, &wide, false, 1};
    assert_int_equal(neighbours_find(ops[0], &c, take, &found), -EINVAL);
    c = (struct neighbours_config){&three, &none, false, 1};
    assert_int_equal(neighbours_find(ops[0], &c, take, &found), -EINVAL);
    c = (struct neighbours_config){&three, &three, false, 1};
    assert_int_equal(neighbours_find(ops[0], &c, take, &found), -ECANCELED);
    assert_int_equal(found.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, open_ops, close_ops);
}
