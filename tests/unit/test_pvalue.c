/* SPDX-License-Identifier: Apache-2.0 */
/* pvalue: against tables and closed forms, and uniform when the law holds. */
#include "test.h"

#include "tools/inspect/figures/law.h"
#include "tools/inspect/figures/pvalue.h"
#include "tools/inspect/figures/sorted.h"

#include <math.h>
#include <stdlib.h>

static void near(double is, double wanted, double tolerance)
{
    if (!(fabs(is - wanted) <= tolerance))
        fail_msg("%.9g, wanted %.9g within %.2g", is, wanted, tolerance);
}

/* Smirnov's table of the limit law (Annals of Mathematical Statistics 19, 1948), six places, and
 * the usual per cent points. */
static void test_kolmogorov_limit(void **state)
{
    (void)state;
    static const double table[][2] = {{0.3, 0.000009}, {0.5, 0.036055}, {0.8, 0.455857},
                                      {1.0, 0.730000}, {1.5, 0.977782}, {2.0, 0.999329}};
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        near(1 - pvalue_kolmogorov_limit(table[i][0]), table[i][1], 6e-7);
    static const double points[][2] = {{1.22385, 0.10}, {1.35810, 0.05}, {1.62762, 0.01}};
    for (size_t i = 0; i < ARRAY_LEN(points); i++)
        near(pvalue_kolmogorov_limit(points[i][0]), points[i][1], 3e-6); /* five places */
    /* both series, where they meet */
    near(pvalue_kolmogorov_limit(nextafter(1, 0)), pvalue_kolmogorov_limit(1), 1e-14);
    assert_true(pvalue_kolmogorov_limit(0) == 1);
    near(pvalue_kolmogorov_limit(0.1), 1, 1e-15);
    near(pvalue_kolmogorov_limit(5) / (2 * exp(-50)), 1, 1e-12); /* small ones keep their digits */
}

/* Exact points for finite n (Miller, J. American Statistical Association 51, 1956): at ten values
 * the correction is off by a twentieth of p at most, which no verdict hangs on. */
static void test_kolmogorov(void **state)
{
    (void)state;
    static const struct {
        double n, d, p;
    } table[] = {
        {10, 0.40925, 0.05}, {10, 0.48893, 0.01}, {20, 0.29408, 0.05},
        {20, 0.35241, 0.01}, {10, 0.36866, 0.10}, {20, 0.26473, 0.10},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        near(pvalue_kolmogorov(table[i].d, table[i].n) / table[i].p, 1, 0.05);
}

/* Both tails by adding up. */
static double binomial_slow(uint64_t k, uint64_t n, double p)
{
    double tail[2] = {0};
    for (uint64_t i = 0; i <= n; i++) {
        const double hits = (double)i, all = (double)n;
        const double one = exp(lgamma(all + 1) - lgamma(hits + 1) - lgamma(all - hits + 1) +
                               hits * log(p) + (all - hits) * log1p(-p));
        tail[0] += i <= k ? one : 0;
        tail[1] += i >= k ? one : 0;
    }
    return fmin(1, 2 * fmin(tail[0], tail[1]));
}

static void test_binomial(void **state)
{
    (void)state;
    near(pvalue_binomial(0, 10, 0.5), 2.0 / 1024, 1e-15);
    near(pvalue_binomial(15, 20, 0.5), 2 * 21700.0 / 1048576, 1e-14);
    near(pvalue_binomial(5, 10, 0.5), 1, 0);
    static const uint64_t sizes[] = {1, 7, 100, 2000};
    static const double ps[] = {0.001, 0.2, 0.5, 0.8, 0.95};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
        for (size_t i = 0; i < ARRAY_LEN(ps); i++)
            for (uint64_t k = 0; k <= sizes[s]; k += 1 + sizes[s] / 50) {
                const double slow = binomial_slow(k, sizes[s], ps[i]);
                near(pvalue_binomial(k, sizes[s], ps[i]), slow, 1e-9 * slow + 1e-280);
            }
    /* a certain one */
    assert_true(pvalue_binomial(0, 9, 0) == 1 && pvalue_binomial(1, 9, 0) == 0);
    assert_true(pvalue_binomial(9, 9, 1) == 1 && pvalue_binomial(8, 9, 1) == 0);
    assert_true(pvalue_binomial(0, 0, 0.5) == 1);
    /* Where the normal law takes over it says the same: 1 and 3 deviations off, n p (1-p) = 1e8. */
    for (int i = 1; i <= 3; i += 2)
        near(pvalue_binomial(200000002 + 10000 * (uint64_t)i, 400000004, 0.5) /
                 pvalue_binomial(199999998 + 10000 * (uint64_t)i, 399999996, 0.5),
             1, 1e-5);
}

/* Closed for two degrees; the usual per cent points for others. */
static void test_chi(void **state)
{
    (void)state;
    for (double chi = 0; chi < 600; chi += 0.7)
        near(pvalue_chi(chi, 2) / exp(-chi / 2), 1, 1e-10);
    for (double chi = 0.1; chi < 60; chi += 0.7)
        near(pvalue_chi(chi, 1) / erfc(sqrt(chi / 2)), 1, 1e-9);
    static const struct {
        double df, chi, p;
    } table[] = {{1, 3.841, 0.05},   {3, 7.815, 0.05},   {3, 11.345, 0.01}, {10, 18.307, 0.05},
                 {23, 35.172, 0.05}, {23, 41.638, 0.01}, {23, 13.091, 0.95}};
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        near(pvalue_chi(table[i].chi, table[i].df) / table[i].p, 1, 1e-3);
}

static void test_counts(void **state)
{
    (void)state;
    /* 10 of 40 expected each: (4 + 1 + 1 + 4) / 10 * ... = 16 + 0 + 4 + 4 over 10 */
    const uint64_t count[] = {14, 10, 8, 8};
    const double quarter[] = {0.25, 0.25, 0.25, 0.25};
    near(pvalue_counts(count, quarter, 4, 5), pvalue_chi(2.4, 3), 1e-15);
    assert_true(isnan(pvalue_counts(count, quarter, 4, 11)));
    const double none[] = {0.5, 0.5, 0, 0};
    assert_true(pvalue_counts(count, none, 4, 5) == 0);
    const uint64_t two[] = {12, 8, 0, 0};
    near(pvalue_counts(two, none, 4, 5), pvalue_chi(0.8, 1), 1e-15);
    const double one[] = {1, 0};
    const uint64_t of_one[] = {7, 0};
    assert_true(isnan(pvalue_counts(of_one, one, 2, 5)));
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The p-value of many p-values that they are uniform. */
static double uniformity(double *p, size_t n)
{
    double gap = 0;
    qsort(p, n, sizeof *p, compare);
    for (size_t i = 0; i < n; i++)
        gap = fmax(gap, fmax(p[i] - (double)i / (double)n, (double)(i + 1) / (double)n - p[i]));
    return pvalue_kolmogorov(gap, (double)n);
}

enum { RUNS = 4000, VALUES = 60, TWO_RUNS = 1000, TWO = 3000 };

/* told: how many values the p-value is told of: the truth, or not. */
static double of_one_sample(double told)
{
    static double p[RUNS], x[VALUES];
    struct law_dice dice = {17};
    for (size_t r = 0; r < RUNS; r++) {
        double gap = 0;
        for (size_t i = 0; i < VALUES; i++)
            x[i] = law_dice_unit(&dice);
        qsort(x, VALUES, sizeof *x, compare);
        for (size_t i = 0; i < VALUES; i++)
            gap = fmax(gap, fmax(x[i] - (double)i / VALUES, (double)(i + 1) / VALUES - x[i]));
        p[r] = pvalue_kolmogorov(gap, told);
    }
    return uniformity(p, RUNS);
}

/* TWO values and twice as many: so many that the steps of the distance do not show. */
static double of_two_samples(double told)
{
    static double p[TWO_RUNS];
    static float x[3 * TWO], spare[2 * TWO];
    struct law_dice dice = {19};
    for (size_t r = 0; r < TWO_RUNS; r++) {
        for (size_t i = 0; i < 3 * TWO; i++)
            x[i] = (float)law_dice_unit(&dice);
        sorted_make(x, TWO, spare);
        sorted_make(x + TWO, 2 * TWO, spare);
        p[r] = pvalue_kolmogorov(sorted_distance(x, TWO, x + TWO, 2 * TWO), told);
    }
    return uniformity(p, TWO_RUNS);
}

static double of_chi(double df)
{
    static double p[RUNS];
    struct law_dice dice = {18};
    for (size_t r = 0; r < RUNS; r++) {
        uint64_t count[8] = {0};
        double chi = 0;
        for (int i = 0; i < 4000; i++)
            count[(int)(law_dice_unit(&dice) * 8)]++;
        for (int i = 0; i < 8; i++)
            chi += ((double)count[i] - 500) * ((double)count[i] - 500) / 500;
        p[r] = pvalue_chi(chi, df);
    }
    return uniformity(p, RUNS);
}

/* Seeds are fixed: these are numbers that stay. Told of a tenth more values, of a third more, or of
 * a degree more, the p-values are not uniform, and that is seen. */
static void test_uniform(void **state)
{
    (void)state;
    const double two = TWO * 2.0 / 3;
    const double one_p = of_one_sample(VALUES), two_p = of_two_samples(two), chi_p = of_chi(7);
    print_message("uniform: one sample %.3f, two %.3f, chi-square %.3f\n", one_p, two_p, chi_p);
    assert_true(one_p > 0.01 && two_p > 0.01 && chi_p > 0.01);
    assert_true(of_one_sample(VALUES * 1.1) < 1e-4);
    assert_true(of_two_samples(two * 4 / 3) < 1e-4);
    assert_true(of_chi(8) < 1e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kolmogorov_limit), cmocka_unit_test(test_kolmogorov),
        cmocka_unit_test(test_binomial),         cmocka_unit_test(test_chi),
        cmocka_unit_test(test_counts),           cmocka_unit_test(test_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
