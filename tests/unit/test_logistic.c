/* SPDX-License-Identifier: Apache-2.0 */
/* logistic: the loss and its gradient against plain loops in double and their finite differences,
 * the minimum against scikit-learn's (tools/gold/linear_sklearn.py), the scores by hand, and what
 * is refused; by each back end. */
#include "gradcheck.h"
#include "tests/gold/gold.h"

#include "tools/evaluate/logistic.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const backends[] = {"ref", "onednn"};

/* NULL: not built in. */
static struct ops *ops_by(size_t backend)
{
    struct ops *ops = NULL;
    const int rc = ops_open(backends[backend], 2, &ops);
    assert_true(rc == 0 || (rc == -ENOTSUP && backend > 0));
    return ops;
}

enum { CLASSES = 4, WIDTH = 6 };

/* The loss as its definition has it. */
static double plain(const struct logistic_rows *r, double w, const double *weights)
{
    double loss = 0;
    for (size_t i = 0; i < r->n; i++) {
        double z[CLASSES], most = -INFINITY, sum = 0;
        for (size_t k = 0; k < CLASSES; k++) {
            z[k] = weights[k * (WIDTH + 1) + WIDTH];
            for (size_t j = 0; j < WIDTH; j++)
                z[k] += weights[k * (WIDTH + 1) + j] * (double)r->x[i * WIDTH + j];
            most = fmax(most, z[k]);
        }
        for (size_t k = 0; k < CLASSES; k++)
            sum += exp(z[k] - most);
        loss += log(sum) + most - z[r->labels[i]];
    }
    for (size_t i = 0; i < logistic_weights(WIDTH, CLASSES); i++)
        loss += w * weights[i] * weights[i];
    return loss;
}

static void gradient_check(const struct ops *ops, size_t n, double w, double scale)
{
    auto_free float *x = malloc(n * WIDTH * sizeof *x);
    auto_free int64_t *labels = malloc(n * sizeof *labels);
    assert_true(x && labels);
    random_fill(x, n * WIDTH, -0.5, 1, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        labels[i] = (int64_t)(i * i % 3 + i % 2); /* each of them */
    float start[CLASSES * (WIDTH + 1)];
    double weights[CLASSES * (WIDTH + 1)], gradient[CLASSES * (WIDTH + 1)], largest = 0, worst = 0;
    random_fill(start, ARRAY_LEN(start), -scale, scale, 3);
    for (size_t i = 0; i < ARRAY_LEN(start); i++)
        weights[i] = (double)start[i];
    /* in two parts, the second one short */
    const struct logistic_rows all = {x, labels, n},
                               parts[] = {{x, labels, n - 5},
                                          {x + (n - 5) * WIDTH, labels + n - 5, 5}};
    struct logistic *l;
    assert_int_equal(logistic_new(ops, WIDTH, CLASSES, parts, 2, &l), 0);
    const double loss = logistic_loss(l, w, weights, gradient), wanted = plain(&all, w, weights);
    for (size_t i = 0; i < ARRAY_LEN(weights); i++) {
        const double here = weights[i], step = 1e-5;
        weights[i] = here + step;
        double slope = plain(&all, w, weights);
        weights[i] = here - step;
        slope = (slope - plain(&all, w, weights)) / (2 * step);
        weights[i] = here;
        largest = fmax(largest, fabs(slope));
        worst = fmax(worst, fabs(slope - gradient[i]));
    }
    printf("%s, %zu rows, w %g: loss %.1e, gradient %.1e apart\n", ops->name, n, w,
           fabs(loss / wanted - 1), worst / largest);
    assert_true(fabs(loss / wanted - 1) < 1e-6); /* fp32 logits */
    assert_true(worst / largest < 1e-5);
    logistic_free(l);
}

/* One block of rows, several, and whole ones; a penalty that counts; logits that saturate. */
static void test_gradient(void **state)
{
    (void)state;
    for (size_t b = 0; b < ARRAY_LEN(backends); b++) {
        struct ops *ops = ops_by(b);
        if (!ops)
            continue;
        gradient_check(ops, 37, 1e-6, 0.7);
        gradient_check(ops, 37, 30, 0.7);
        gradient_check(ops, 2048, 2, 0.7);
        gradient_check(ops, 2100, 2, 0.7);
        gradient_check(ops, 64, 1e-3, 300);
        ops_close(ops);
    }
}

/* A row that is surely right costs exp(-margin), however small; one that is surely wrong, the
 * margin, however large. */
static void test_sure(void **state)
{
    (void)state;
    struct ops *ops = ops_by(0);
    const float x[] = {60, -900};
    const int64_t labels[] = {1, 1};
    const double weights[] = {0, 0, 1, 0}; /* class 1's logit is x, class 0's is 0 */
    double gradient[4];
    struct logistic *l;
    assert_int_equal(logistic_new(ops, 1, 2, &(struct logistic_rows){x, labels, 1}, 1, &l), 0);
    double loss = logistic_loss(l, 0, weights, gradient);
    assert_true(fabs(loss / exp(-60) - 1) < 1e-6);
    assert_true(fabs(gradient[2] / (-60 * exp(-60)) - 1) < 1e-6);
    logistic_free(l);
    assert_int_equal(logistic_new(ops, 1, 2, &(struct logistic_rows){x + 1, labels, 1}, 1, &l), 0);
    loss = logistic_loss(l, 0, weights, gradient);
    assert_true(fabs(loss - 900) < 1e-6 && fabs(gradient[2] - 900) < 1e-3);
    logistic_free(l);
    ops_close(ops);
}

/* --- the minimum --- */

/* Half of the 1e-4 that is promised. A fit ends where its loss is proven to be within 1e-6 of the
 * minimum, or where fp32's rounding lets it fall no further: up to 6.8e-6 here, by the smallest w.
 */
static const double LOSS_TOLERANCE = 5e-5;

static void case_check(const struct ops *ops, struct gold *gold)
{
    const uint32_t n = gold_u32(gold), d = gold_u32(gold), classes = gold_u32(gold);
    auto_free float *x = malloc((size_t)n * d * sizeof *x);
    auto_free int64_t *labels = malloc(n * sizeof *labels), *told = malloc(n * sizeof *told);
    auto_free double *weights = calloc(logistic_weights(d, classes), sizeof *weights);
    assert_true(x && labels && told && weights);
    memcpy(x, gold_take(gold, (size_t)n * d * sizeof *x), (size_t)n * d * sizeof *x);
    for (uint32_t i = 0; i < n; i++)
        labels[i] = gold_u32(gold);
    struct logistic *l;
    const struct logistic_rows rows = {x, labels, n};
    assert_int_equal(logistic_new(ops, d, classes, &rows, 1, &l), 0);
    const uint32_t values = gold_u32(gold);
    for (uint32_t v = 0; v < values; v++) { /* each from where the last ended */
        const struct logistic_fit fit = {.w = gold_f64(gold)};
        const double wanted = gold_f64(gold);
        struct minimised m;
        assert_int_equal(logistic_fit(l, &fit, weights, &m), 0);
        assert_int_not_equal(m.end, MINIMISE_ITERATIONS);
        printf("%s, %u x %u, w %g: %zu iterations, loss %.1e apart\n", ops->name, n, d, fit.w,
               m.iterations, m.value / wanted - 1);
        assert_true(fabs(m.value / wanted - 1) < LOSS_TOLERANCE);
        logistic_classify(l, weights, told);
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(told[i], gold_u32(gold));
    }
    logistic_free(l);
}

static void test_gold(void **state)
{
    (void)state;
    for (size_t b = 0; b < ARRAY_LEN(backends); b++) {
        struct ops *ops = ops_by(b);
        if (!ops)
            continue;
        struct gold gold;
        gold_open(&gold, TESTS_DIR "/gold/logistic.gold", "AUGLOGR1");
        const uint32_t cases = gold_u32(&gold);
        assert_true(cases >= 3);
        for (uint32_t i = 0; i < cases; i++)
            case_check(ops, &gold);
        assert_int_equal(gold.at, gold.len);
        free(gold.bytes);
        ops_close(ops);
    }
}

static int stop_at_two(void *hint, const struct minimise_step *at)
{
    *(size_t *)hint = at->iteration;
    return at->iteration == 2 ? err_set(-ECANCELED, "enough of it") : 0;
}

static void test_watched(void **state)
{
    (void)state;
    struct ops *ops = ops_by(0);
    float x[60];
    int64_t labels[30];
    random_fill(x, 60, -1, 1, 5);
    for (size_t i = 0; i < 30; i++)
        labels[i] = (int64_t)(i % 3);
    struct logistic *l;
    assert_int_equal(logistic_new(ops, 2, 3, &(struct logistic_rows){x, labels, 30}, 1, &l), 0);
    double weights[9] = {0};
    size_t seen = 0;
    struct minimised m;
    const struct logistic_fit fit = {1e-3, stop_at_two, &seen};
    assert_int_equal(logistic_fit(l, &fit, weights, &m), -ECANCELED);
    assert_int_equal(seen, 2);
    logistic_free(l);
    ops_close(ops);
}

/* --- scores --- */

static void test_scores(void **state)
{
    (void)state;
    struct ops *ops = ops_by(0);
    /* four rows of class 0, one of them told wrong; two of class 2, both wrong; none of class 1 */
    const float x[] = {1, 2, 3, -1, 4, 5};
    const int64_t labels[] = {0, 0, 0, 0, 2, 2};
    const double weights[] = {1, 0, -1, 0, 0, -9};
    struct logistic *l;
    assert_int_equal(logistic_new(ops, 1, 3, &(struct logistic_rows){x, labels, 6}, 1, &l), 0);
    for (int again = 0; again < 2; again++) {
        assert_true(fabs(logistic_score(l, LOGISTIC_TOP1, weights) - 3.0 / 6) < 1e-12);
        assert_true(fabs(logistic_score(l, LOGISTIC_MEAN_PER_CLASS, weights) - 0.375) < 1e-12);
    }
    int64_t told[6];
    logistic_classify(l, (double[6]){0}, told);
    assert_int_equal(told[4], 0); /* of equal ones the first */
    logistic_free(l);
    ops_close(ops);
}

/* --- what is refused --- */

static void test_refused(void **state)
{
    (void)state;
    struct ops *ops = ops_by(0);
    float x[] = {1, 2, 3, 4, 5, 6};
    int64_t labels[] = {0, 1, 0};
    const struct logistic_rows rows[] = {{x, labels, 1}, {x + 2, labels + 1, 2}};
    struct logistic *l;
    assert_int_equal(logistic_new(ops, 2, 2, rows, 0, &l), -EBADMSG);
    assert_non_null(strstr(err_text(), "nothing to fit"));
    assert_int_equal(logistic_new(ops, 0, 2, rows, 2, &l), -EBADMSG);
    assert_int_equal(logistic_new(ops, 2, 0, rows, 2, &l), -EBADMSG);
    x[5] = NAN;
    assert_int_equal(logistic_new(ops, 2, 2, rows, 2, &l), -EBADMSG);
    assert_non_null(strstr(err_text(), "row 2, column 1"));
    x[5] = 6;
    labels[1] = 2;
    assert_int_equal(logistic_new(ops, 2, 2, rows, 2, &l), -EBADMSG);
    assert_non_null(strstr(err_text(), "row 1 has label 2"));
    labels[1] = -1;
    assert_int_equal(logistic_new(ops, 2, 2, rows, 2, &l), -EBADMSG);
    labels[1] = 0;
    assert_int_equal(logistic_new(ops, 2, 2, rows, 2, &l), 0);
    double weights[6] = {0};
    struct minimised m;
    assert_int_equal(logistic_fit(l, &(struct logistic_fit){.w = 1}, weights, &m), -EBADMSG);
    assert_non_null(strstr(err_text(), "all 3 rows are of class 0"));
    logistic_free(l);
    logistic_free(NULL);
    ops_close(ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient), cmocka_unit_test(test_sure),
        cmocka_unit_test(test_gold),     cmocka_unit_test(test_watched),
        cmocka_unit_test(test_scores),   cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
