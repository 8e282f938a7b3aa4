/* SPDX-License-Identifier: Apache-2.0 */
/* knn: cosine, not distance, decides; sets that cannot be compared are refused. */
#include "test.h"

#include "common/err.h"
#include "trainer/knn.h"

#include <errno.h>
#include <string.h>

static void test_cosine_decides(void **state)
{
    (void)state;
    /* The long row 0 is nearer by angle, row 1 by distance. */
    float bank_x[] = {100, 1, 1, 1, 0, 5}, query_x[] = {2, 0, 0.1f, 3, 1, 0.9f};
    int64_t bank_labels[] = {7, 8, 9}, query_labels[] = {7, 9, 7}, samples[] = {0, 1, 2};
    struct features bank = {3, 2, bank_x, bank_labels, samples};
    struct features query = {3, 2, query_x, query_labels, samples};
    double accuracy;
    assert_int_equal(knn_accuracy(&bank, &query, &accuracy), 0);
    assert_true(accuracy > 0.666 && accuracy < 0.667); /* the third is nearest to label 8 */
}

/* More features than lanes, with a tail. */
static void test_wide(void **state)
{
    (void)state;
    float bank_x[2 * 35] = {0}, query_x[35] = {0};
    bank_x[33] = 1;     /* row 0: one of the tail */
    bank_x[35 + 3] = 1; /* row 1: one of the lanes */
    query_x[33] = 0.5f;
    query_x[3] = 0.6f;
    int64_t labels[] = {0, 1}, samples[] = {0, 1};
    struct features bank = {2, 35, bank_x, labels, samples},
                    query = {1, 35, query_x, labels + 1, samples};
    double accuracy;
    assert_int_equal(knn_accuracy(&bank, &query, &accuracy), 0);
    assert_true(accuracy == 1.0);
}

static void test_refused(void **state)
{
    (void)state;
    float x[4] = {1, 2, 3, 4};
    int64_t labels[] = {0, -1}, samples[] = {0, 1};
    struct features good = {1, 2, x, labels, samples}, empty = {0, 2, x, labels, samples},
                    unlabelled = {2, 2, x, labels, samples}, wide = {1, 4, x, labels, samples};
    double accuracy;
    assert_int_equal(knn_accuracy(&empty, &good, &accuracy), -EINVAL);
    assert_int_equal(knn_accuracy(&good, &unlabelled, &accuracy), -EINVAL);
    assert_int_equal(knn_accuracy(&good, &wide, &accuracy), -EINVAL);
    struct features other = good;
    good.classes = 12;
    other.classes = 2;
    assert_int_equal(knn_accuracy(&good, &other, &accuracy), -EINVAL);
    assert_non_null(strstr(err_text(), "12 classes"));
    other.classes = 12;
    assert_int_equal(knn_accuracy(&good, &other, &accuracy), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cosine_decides),
        cmocka_unit_test(test_wide),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
