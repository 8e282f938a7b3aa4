/* SPDX-License-Identifier: Apache-2.0 */
/* minimise: a valley that is known to be hard, and each way in which a search ends. */
#include "test.h"

#include "tools/evaluate/minimise.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Rosenbrock's function in pairs and a parabola in what is left: n variables, minimum 0 at ones. */
struct valley {
    size_t n;
    size_t enough_after; /* iterations; 0: never */
    int give_up;         /* what step says after the second */
    bool noisy;          /* the value's digits behind the sixth are wrong */
    size_t last;         /* iteration that step saw */
};

static double valley_value(void *hint, const double *x, double *gradient)
{
    const struct valley *v = hint;
    double value = 0;
    for (size_t i = 0; i + 1 < v->n; i += 2) {
        const double up = x[i + 1] - x[i] * x[i], along = 1 - x[i];
        value += 100 * up * up + along * along;
        gradient[i] = -400 * up * x[i] - 2 * along;
        gradient[i + 1] = 200 * up;
    }
    if (v->n % 2) {
        const double off = x[v->n - 1] - 1;
        value += off * off;
        gradient[v->n - 1] = 2 * off;
    }
    return v->noisy ? 1 + value + 1e-6 * sin(1e9 * x[0]) : value;
}

static int valley_step(void *hint, const struct minimise_step *at)
{
    struct valley *v = hint;
    assert_int_equal(at->iteration, v->last + 1);
    v->last = at->iteration;
    if (v->give_up && at->iteration == 2)
        return v->give_up;
    return (v->enough_after && at->iteration >= v->enough_after) || at->gradient_norm < 1e-10;
}

static struct minimise_problem problem_of(struct valley *v)
{
    return (struct minimise_problem){v->n, 1000, valley_value, valley_step, v};
}

/* Any number of variables, whatever liblbfgs's vectors are rounded up to. */
static void test_minimum(void **state)
{
    (void)state;
    const size_t n[] = {1, 2, 3, 16, 17, 101};
    for (size_t k = 0; k < ARRAY_LEN(n); k++) {
        struct valley v = {.n = n[k]};
        struct minimise_problem p = problem_of(&v);
        double x[101];
        for (size_t i = 0; i < ARRAY_LEN(x); i++)
            x[i] = i % 2 ? 1 : -1.2;
        struct minimised m;
        assert_int_equal(minimise(&p, x, &m), 0);
        assert_int_equal(m.end, MINIMISE_ENOUGH);
        assert_true(m.value < 1e-18);
        assert_true(m.evaluations > m.iterations && m.iterations == v.last);
        for (size_t i = 0; i < n[k]; i++)
            assert_true(fabs(x[i] - 1) < 1e-8);
        if (n[k] < ARRAY_LEN(x)) /* what is behind is not ours */
            assert_true(x[n[k]] == (n[k] % 2 ? 1 : -1.2));
    }
}

static void test_ends(void **state)
{
    (void)state;
    struct valley v = {.n = 2, .enough_after = 3};
    struct minimise_problem p = problem_of(&v);
    double x[] = {-1.2, 1};
    struct minimised m;
    assert_int_equal(minimise(&p, x, &m), 0);
    assert_int_equal(m.end, MINIMISE_ENOUGH);
    assert_int_equal(m.iterations, 3);

    v = (struct valley){.n = 2};
    p.max_iterations = 4;
    memcpy(x, (double[]){-1.2, 1}, sizeof x);
    assert_int_equal(minimise(&p, x, &m), 0);
    assert_int_equal(m.end, MINIMISE_ITERATIONS);
    assert_int_equal(m.iterations, 4);
    double gradient[2];
    assert_true(m.value == valley_value(&v, x, gradient)); /* it is x's */
    assert_true(m.value < 24.2);                           /* where it began */

    v = (struct valley){.n = 2, .give_up = err_set(-ECANCELED, "give up")};
    assert_int_equal(minimise(&p, x, &m), -ECANCELED);
    assert_int_equal(v.last, 2);

    memcpy(x, (double[]){1, 1}, sizeof x); /* begins where it ends */
    v = (struct valley){.n = 2};
    assert_int_equal(minimise(&p, x, &m), 0);
    assert_int_equal(m.end, MINIMISE_ENOUGH);
    assert_int_equal(m.iterations, 0);
}

/* Where the value's last digits are noise, it comes as near as they let it, and ends. */
static void test_stalls(void **state)
{
    (void)state;
    struct valley v = {.n = 2, .noisy = true};
    struct minimise_problem p = problem_of(&v);
    double x[] = {-1.2, 1};
    struct minimised m;
    assert_int_equal(minimise(&p, x, &m), 0);
    assert_int_equal(m.end, MINIMISE_STALLED);
    assert_true(m.value < 1 + 1e-4);
}

static double pit(void *hint, const double *x, double *gradient)
{
    (void)hint;
    gradient[0] = 1 / x[0];
    return log(x[0]); /* NaN below 0, where the first step leads */
}

static int never(void *hint, const struct minimise_step *at)
{
    (void)hint, (void)at;
    return 0;
}

static void test_refused(void **state)
{
    (void)state;
    double x[] = {0.5};
    struct minimised m;
    struct minimise_problem p = {1, 1000, pit, never, NULL};
    assert_int_equal(minimise(&p, x, &m), -EDOM);
    assert_non_null(strstr(err_text(), "not finite"));
    p.n = 0;
    assert_int_equal(minimise(&p, x, &m), -EINVAL);
    p.n = (size_t)INT_MAX + 1;
    assert_int_equal(minimise(&p, x, &m), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimum),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_stalls),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
