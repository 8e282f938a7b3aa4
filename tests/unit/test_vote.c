/* SPDX-License-Identifier: Apache-2.0 */
/* vote: against scikit-learn's KNeighborsClassifier (tools/gold/knn_sklearn.py); ties; a
 * temperature so low that weights would overflow; both accuracies by hand. */
#include "tests/gold/gold.h"

#include "tools/evaluate/vote.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct ops *ops;

static int setup(void **state)
{
    (void)state;
    return ops_open("auto", 1, &ops);
}

static int teardown(void **state)
{
    (void)state;
    ops_close(ops);
    return 0;
}

static float *take_floats(struct gold *gold, size_t n)
{
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    memcpy(x, gold_take(gold, n * sizeof *x), n * sizeof *x);
    return x;
}

static void case_check(struct gold *gold)
{
    struct vote_config c = {.n_k = 0};
    const size_t d = gold_u32(gold);
    const uint32_t classes = gold_u32(gold);
    const size_t n = gold_u32(gold), queries = gold_u32(gold);
    c.n_k = gold_u32(gold);
    assert_true(c.n_k <= VOTE_KS_MAX);
    for (size_t i = 0; i < c.n_k; i++)
        c.k[i] = gold_u32(gold);
    c.temperature = gold_f64(gold);
    auto_free float *bank_x = take_floats(gold, n * d);
    auto_free int64_t *labels = calloc(n, sizeof *labels);
    for (size_t i = 0; i < n; i++)
        labels[i] = gold_u32(gold);
    auto_free float *query_x = take_floats(gold, queries * d);
    const struct features bank = {.n = n,
                                  .d = d,
                                  .x = bank_x,
                                  .labels = labels,
                                  .classes = classes},
                          asked = {.n = queries, .d = d, .x = query_x, .classes = classes};
    auto_free int64_t *told = calloc(c.n_k * queries, sizeof *told);
    c.bank = &bank;
    c.queries = &asked;
    assert_int_equal(vote_tell(ops, &c, told), 0);
    size_t by_others = 0; /* told otherwise by more neighbours than by one */
    for (size_t i = 0; i < c.n_k; i++)
        for (size_t q = 0; q < queries; q++) {
            assert_int_equal(told[i * queries + q], gold_u32(gold));
            by_others += told[i * queries + q] != told[q];
        }
    assert_true(by_others > 0);
}

static void test_gold(void **state)
{
    (void)state;
    struct gold gold;
    gold_open(&gold, TESTS_DIR "/gold/vote.gold", "AUGVOTE1");
    const uint32_t n = gold_u32(&gold);
    assert_true(n >= 3);
    for (uint32_t i = 0; i < n; i++)
        case_check(&gold);
    assert_int_equal(gold.at, gold.len);
    free(gold.bytes);
}

/* Four rows that are as near as each other: the lower rows come in, of equal votes the lower class
 * wins, and the nearest alone decides where the temperature is next to nothing. */
static void test_ties(void **state)
{
    (void)state;
    float bank_x[] = {1, 0, 2, 0, 3, 0, 4, 0, 0, 1}, query_x[] = {1, 0, 0, 9};
    int64_t labels[] = {3, 1, 2, 0, 4}, told[4][2];
    const struct features bank = {.n = 5, .d = 2, .x = bank_x, .labels = labels, .classes = 5},
                          asked = {.n = 2, .d = 2, .x = query_x, .classes = 5};
    struct vote_config c = {
        .bank = &bank, .queries = &asked, .k = {1, 2, 3, 5}, .n_k = 4, .temperature = 1e-9};
    assert_int_equal(vote_tell(ops, &c, told[0]), 0);
    assert_int_equal(told[0][0], 3); /* row 0 */
    assert_int_equal(told[1][0], 1); /* rows 0 and 1: classes 3 and 1 */
    assert_int_equal(told[2][0], 1);
    assert_int_equal(told[3][0], 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(told[i][1], 4);
    c.k[3] = 6;
    assert_int_equal(vote_tell(ops, &c, told[0]), -EINVAL);
    assert_non_null(strstr(err_text(), "6 of them, but the bank has 5 rows"));
}

/* Three far ones outvote a near one where the temperature is high, and do not where it is low. */
static void test_temperature(void **state)
{
    (void)state;
    float bank_x[] = {1, 0.1f, 1, 1, 1, 1, 1, 1}, query_x[] = {1, 0};
    int64_t labels[] = {1, 0, 0, 0}, told;
    const struct features bank = {.n = 4, .d = 2, .x = bank_x, .labels = labels, .classes = 2},
                          asked = {.n = 1, .d = 2, .x = query_x, .classes = 2};
    struct vote_config c = {.bank = &bank, .queries = &asked, .k = {4}, .n_k = 1, .temperature = 1};
    assert_int_equal(vote_tell(ops, &c, &told), 0);
    assert_int_equal(told, 0); /* 3 exp(.71) against exp(1) */
    c.temperature = 0.07;
    assert_int_equal(vote_tell(ops, &c, &told), 0);
    assert_int_equal(told, 1);
}

static void test_accuracy(void **state)
{
    (void)state;
    int64_t labels[] = {0, 0, 0, 0, 2, 2}, told[] = {0, 0, 0, 2, 2, 1};
    const struct features f = {.n = 6, .labels = labels, .classes = 4}; /* 1 and 3 have no rows */
    double accuracy = 0;
    assert_int_equal(vote_accuracy(told, &f, false, &accuracy), 0);
    assert_true(fabs(accuracy - 4.0 / 6) < 1e-12);
    assert_int_equal(vote_accuracy(told, &f, true, &accuracy), 0);
    assert_true(fabs(accuracy - (0.75 + 0.5) / 2) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gold),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_temperature),
        cmocka_unit_test(test_accuracy),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
