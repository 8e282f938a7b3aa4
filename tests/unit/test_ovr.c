/* SPDX-License-Identifier: Apache-2.0 */
/* ovr: against scikit-learn's LogisticRegression(solver='liblinear') (tools/gold/
 * fewshot_sklearn.py), and what it refuses. */
#include "tests/gold/gold.h"

#include "tools/evaluate/ovr.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static float *gold_floats(struct gold *gold, size_t n)
{
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    memcpy(x, gold_take(gold, n * sizeof *x), n * sizeof *x);
    return x;
}

/* Of the largest weight. Both are the answer, to 1e-10 and to 1e-8 of the first gradient; that
 * leaves up to 7e-8 in these cases. */
static const double WEIGHT_TOLERANCE = 5e-7;

static void case_check(struct gold *gold)
{
    const uint32_t d = gold_u32(gold), classes = gold_u32(gold), per_class = gold_u32(gold);
    const uint32_t queries = gold_u32(gold), margins = classes > 2 ? classes : 1;
    const double c = gold_f64(gold);
    const uint32_t n = classes * per_class;
    auto_free float *support = gold_floats(gold, (size_t)n * d);
    auto_free float *query = gold_floats(gold, (size_t)queries * d);
    auto_free uint32_t *rows = malloc(n * sizeof *rows);
    for (uint32_t i = 0; i < n; i++)
        rows[i] = i;
    const struct ovr_rows task = {support, d, rows, classes, per_class};
    struct ovr *ovr;
    assert_int_equal(ovr_fit(&task, c, &ovr), 0);
    double largest = 0, apart = 0;
    for (uint32_t k = 0; k < margins; k++)
        for (uint32_t j = 0; j <= d; j++) {
            const double theirs = gold_f64(gold);
            largest = fmax(largest, fabs(theirs));
            apart = fmax(apart, fabs(ovr_weights(ovr, margins > 1 ? k : 1)[j] - theirs));
        }
    printf("d %u, %u classes of %u: weights %.1e of the largest apart\n", d, classes, per_class,
           apart / largest);
    assert_true(apart < WEIGHT_TOLERANCE * largest);
    for (uint32_t q = 0; q < queries; q++)
        assert_int_equal(ovr_tell(ovr, query + (size_t)q * d), gold_u32(gold));
    ovr_free(ovr);
}

static void test_gold(void **state)
{
    (void)state;
    struct gold gold;
    gold_open(&gold, TESTS_DIR "/gold/ovr.gold", "AUGOVR01");
    const uint32_t n = gold_u32(&gold);
    assert_true(n >= 4);
    for (uint32_t i = 0; i < n; i++)
        case_check(&gold);
    assert_int_equal(gold.at, gold.len);
    free(gold.bytes);
}

/* Rows are taken where they are named, in any order, and a class of zeros is told by its bias. */
static void test_rows_named(void **state)
{
    (void)state;
    const float x[] = {9, 9, 0, 0, 3, 0, 9, 9, 0, 3};
    const uint32_t rows[] = {2, 4, 1};
    const struct ovr_rows task = {x, 2, rows, 3, 1};
    struct ovr *ovr;
    assert_int_equal(ovr_fit(&task, 1.0, &ovr), 0);
    assert_int_equal(ovr_tell(ovr, x + 4), 0);
    assert_int_equal(ovr_tell(ovr, x + 8), 1);
    assert_int_equal(ovr_tell(ovr, x + 2), 2);
    ovr_free(ovr);
}

static void test_refused(void **state)
{
    (void)state;
    const float x[] = {1, 2};
    const uint32_t rows[] = {0, 1};
    struct ovr *ovr;
    assert_int_equal(ovr_fit(&(struct ovr_rows){x, 1, rows, 1, 2}, 1.0, &ovr), -EINVAL);
    assert_non_null(strstr(err_text(), "of 1 classes"));
    assert_int_equal(ovr_fit(&(struct ovr_rows){x, 0, rows, 2, 1}, 1.0, &ovr), -EINVAL);
    assert_int_equal(ovr_fit(&(struct ovr_rows){x, 1, rows, 2, 1}, 0.0, &ovr), -EINVAL);
    assert_non_null(strstr(err_text(), "C <= 0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gold),
        cmocka_unit_test(test_rows_named),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
