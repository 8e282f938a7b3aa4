/* SPDX-License-Identifier: Apache-2.0 */
/* ridge: against scikit-learn's Ridge by its singular values (tools/gold/localize_sklearn.py); two
 * sets' moments merged are those of both; the same bits for any number of threads. */
#include "tests/gold/gold.h"

#include "common/rng.h"
#include "tools/evaluate/ridge.h"

#include <errno.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { D = 300, T = 3, N = 700 };

static void case_check(struct gold *gold)
{
    const uint32_t n = gold_u32(gold), d = gold_u32(gold), t = gold_u32(gold);
    const double alpha = gold_f64(gold);
    auto_free float *x = malloc((size_t)n * d * sizeof *x);
    auto_free double *y = malloc((size_t)n * t * sizeof *y);
    auto_free uint32_t *rows = malloc(n * sizeof *rows);
    memcpy(x, gold_take(gold, (size_t)n * d * sizeof *x), (size_t)n * d * sizeof *x);
    memcpy(y, gold_take(gold, (size_t)n * t * sizeof *y), (size_t)n * t * sizeof *y);
    for (uint32_t i = 0; i < n; i++)
        rows[i] = i;
    const struct ridge_rows set = {x, y, rows, n, d, t};
    struct moments m;
    struct ridge r;
    assert_int_equal(moments_of(&set, &m), 0);
    assert_int_equal(ridge_fit(&m, alpha, &r), 0);
    double largest = 0, apart = 0;
    for (size_t i = 0; i < (size_t)t * d + t; i++) {
        const double theirs = gold_f64(gold), ours = i < t * d ? r.w[i] : r.b[i - t * d];
        largest = fmax(largest, fabs(theirs));
        apart = fmax(apart, fabs(ours - theirs));
    }
    printf("n %u, d %u: weights %.1e of the largest apart\n", n, d, apart / largest);
    assert_true(apart < 1e-9 * largest);
    const double error = gold_f64(gold);
    assert_true(fabs(ridge_error(&r, &set) - error) < 1e-9 * error);
    ridge_done(&r);
    moments_done(&m);
}

static void test_gold(void **state)
{
    (void)state;
    struct gold gold;
    gold_open(&gold, TESTS_DIR "/gold/ridge.gold", "AUGRIDGE");
    const uint32_t n = gold_u32(&gold);
    assert_true(n >= 4);
    for (uint32_t i = 0; i < n; i++)
        case_check(&gold);
    assert_int_equal(gold.at, gold.len);
    free(gold.bytes);
}

static float x[N * D];
static double y[N * T];
static uint32_t rows[N];

static int setup(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = 4, .purpose = RNG_TEST});
    for (size_t i = 0; i < N; i++) {
        rows[i] = (uint32_t)(N - 1 - i);
        for (size_t j = 0; j < D; j++)
            x[i * D + j] = (float)rng_range(&rng, 0, 1 + (double)j / D);
        for (size_t k = 0; k < T; k++)
            y[i * T + k] = 3.0 + x[i * D + k] - 2 * x[i * D + 299 - k] + rng_range(&rng, -1, 1);
    }
    return 0;
}

/* The largest relative distance of two fits. */
static double apart(const struct ridge *a, const struct ridge *b)
{
    double largest = 0, most = 0;
    for (size_t i = 0; i < T * D; i++) {
        largest = fmax(largest, fabs(a->w[i]));
        most = fmax(most, fabs(a->w[i] - b->w[i]));
    }
    for (size_t k = 0; k < T; k++)
        most = fmax(most, fabs(a->b[k] - b->b[k]));
    return most / largest;
}

static void test_merge(void **state)
{
    (void)state;
    struct moments whole, head, tail;
    struct ridge a, b;
    assert_int_equal(moments_of(&(struct ridge_rows){x, y, rows, N, D, T}, &whole), 0);
    assert_int_equal(moments_of(&(struct ridge_rows){x, y, rows, 130, D, T}, &head), 0);
    assert_int_equal(moments_of(&(struct ridge_rows){x, y, rows + 130, N - 130, D, T}, &tail), 0);
    assert_int_equal(ridge_fit(&head, 0.1, &b), 0);
    assert_int_equal(ridge_fit(&whole, 0.1, &a), 0);
    assert_true(apart(&a, &b) > 1e-2); /* else the next would show nothing */
    ridge_done(&b);
    moments_merge(&head, &tail);
    assert_int_equal(head.n, N);
    assert_int_equal(ridge_fit(&head, 0.1, &b), 0);
    assert_true(apart(&a, &b) < 1e-10);
    ridge_done(&a);
    ridge_done(&b);
    moments_done(&whole);
    moments_done(&head);
    moments_done(&tail);
}

static void test_threads(void **state)
{
    (void)state;
    struct ridge one = {0};
    for (int threads = 1; threads <= 8; threads *= 2) {
        struct moments m;
        struct ridge r;
        omp_set_num_threads(threads);
        assert_int_equal(moments_of(&(struct ridge_rows){x, y, rows, N, D, T}, &m), 0);
        assert_int_equal(ridge_fit(&m, 1.0, &r), 0);
        moments_done(&m);
        if (threads == 1) {
            one = r;
            continue;
        }
        assert_memory_equal(one.w, r.w, T * D * sizeof *r.w);
        assert_memory_equal(one.b, r.b, T * sizeof *r.b);
        ridge_done(&r);
    }
    ridge_done(&one);
}

/* What is the same for all rows is the intercept's; a target without cause has its mean. */
static void test_intercept(void **state)
{
    (void)state;
    const float flat[] = {7, 7, 7};
    const double target[] = {1, 2, 6};
    const uint32_t three[] = {0, 1, 2};
    const struct ridge_rows set = {flat, target, three, 3, 1, 1};
    struct moments m;
    struct ridge r;
    assert_int_equal(moments_of(&set, &m), 0);
    assert_int_equal(ridge_fit(&m, 1e-3, &r), 0);
    assert_true(r.w[0] == 0.0 && fabs(r.b[0] - 3.0) < 1e-12);
    assert_true(fabs(ridge_error(&r, &set) - 14.0 / 3) < 1e-12);
    ridge_done(&r);
    assert_int_equal(ridge_fit(&m, 0.0, &r), -EDOM);
    assert_non_null(strstr(err_text(), "a ridge of 0 is too small"));
    moments_done(&m);
}

static void count(void *hint, size_t done)
{
    *(size_t *)hint = done;
}

/* The place of the smallest error on val, found by trying each by hand; what is too small is passed
 * over: a feature twice has no one answer without a ridge. */
static void test_choose(void **state)
{
    (void)state;
    const double list[] = {0.0, 1e-3, 10.0, 1e3, 1e5};
    struct moments m;
    const struct ridge_rows val = {x, y, rows + 310, N - 310, D, T};
    size_t which = 99, told = 0, best = 0;
    double errors[5];
    assert_int_equal(moments_of(&(struct ridge_rows){x, y, rows, 310, D, T}, &m), 0);
    for (size_t i = 0; i < 5; i++) {
        struct ridge r;
        assert_int_equal(ridge_fit(&m, list[i], &r), 0);
        errors[i] = ridge_error(&r, &val);
        best = errors[i] < errors[best] ? i : best;
        ridge_done(&r);
    }
    assert_true(best > 0 && best < 4);
    const struct ridge_choice choice = {list, 5, count, &told};
    assert_int_equal(ridge_choose(&m, &val, &choice, &which), 0);
    assert_true(which == best && told == 5);
    moments_done(&m);

    const float twice[] = {1, 1, 2, 2, 4, 4};
    const double target[] = {1, 2, 3};
    const uint32_t three[] = {0, 1, 2};
    const struct ridge_rows set = {twice, target, three, 3, 2, 1};
    assert_int_equal(moments_of(&set, &m), 0);
    assert_int_equal(ridge_choose(&m, &set, &choice, &which), 0);
    assert_int_equal(which, 1);
    const struct ridge_choice zero = {list, 1, NULL, NULL};
    assert_int_equal(ridge_choose(&m, &set, &zero, &which), -EDOM);
    assert_non_null(strstr(err_text(), "every ridge is too small"));
    moments_done(&m);
}

static void test_refused(void **state)
{
    (void)state;
    struct moments m;
    assert_int_equal(moments_of(&(struct ridge_rows){x, y, rows, 0, D, T}, &m), -ENODATA);
    assert_int_equal(moments_of(&(struct ridge_rows){x, y, rows, N, RIDGE_D_MAX + 1, T}, &m),
                     -EINVAL);
    assert_int_equal(moments_of(&(struct ridge_rows){x, y, rows, N, D, RIDGE_T_MAX + 1}, &m),
                     -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gold),    cmocka_unit_test(test_merge),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_intercept),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_choose),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
