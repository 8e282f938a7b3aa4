/* SPDX-License-Identifier: Apache-2.0 */
/* pvalue: takes a distance or counts, gives a probability. */
#include "tools/inspect/figures/pvalue.h"

#include <math.h>

double pvalue_kolmogorov_limit(double x)
{
    const double pi = 3.14159265358979323846;
    if (!(x > 0))
        return 1;
    double sum = 0;
    if (x < 1) { /* the alternating series settles slowly here, this one at once */
        for (int k = 1; k <= 19; k += 2)
            sum += exp(-k * k * pi * pi / (8 * x * x));
        return fmin(1, 1 - sqrt(2 * pi) / x * sum);
    }
    for (int k = 1; k <= 20; k++)
        sum += (k % 2 ? 2 : -2) * exp(-2 * x * x * k * k);
    return sum;
}

double pvalue_kolmogorov(double d, double n)
{
    const double root = sqrt(n);
    return pvalue_kolmogorov_limit((root + 0.12 + 0.11 / root) * d);
}

/* The continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8), from
 * outside in, by Lentz' way: quotients of neighbouring convergents. */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double f = d;
    for (int i = 1; i < 100000; i++) {
        const double even = i * (b - i) * x / ((a + 2 * i - 1) * (a + 2 * i));
        const double odd = -(a + i) * (a + b + i) * x / ((a + 2 * i) * (a + 2 * i + 1));
        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        f *= d * (fabs(c) < tiny ? tiny : c);
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        const double step = d * (fabs(c) < tiny ? tiny : c);
        f *= step;
        if (fabs(step - 1) < 1e-14)
            break;
    }
    return f;
}

/* I_x(a, b), 0 < x < 1. */
static double beta_regularised(double a, double b, double x)
{
    const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                     : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double pvalue_binomial(uint64_t k, uint64_t n, double p)
{
    if (n == 0)
        return 1;
    if (p <= 0 || p >= 1)
        return k == (p <= 0 ? 0 : n) ? 1 : 0;
    const double hits = (double)k, all = (double)n, variance = all * p * (1 - p);
    if (variance > 1e8)
        return erfc(fmax(0, fabs(hits - all * p) - 0.5) / sqrt(2 * variance));
    /* P(X >= k) = I_p(k, n-k+1), P(X <= k) = I_1-p(n-k, k+1) */
    const double above = k == 0 ? 1 : beta_regularised(hits, all - hits + 1, p);
    const double below = k == n ? 1 : beta_regularised(all - hits, hits + 1, 1 - p);
    return fmin(1, 2 * fmin(above, below));
}

/* The upper incomplete gamma function of df/2 at chi/2: its power series below the hump, its
 * continued fraction above (Abramowitz and Stegun 6.5.29, 6.5.31). */
double pvalue_chi(double chi, double df)
{
    const double a = df / 2, x = chi / 2;
    if (!(x > 0))
        return 1;
    const double front = exp(a * log(x) - x - lgamma(a));
    if (x < a + 1) {
        double term = 1 / a, sum = term;
        for (int i = 1; i < 10000 && term > sum * 1e-16; i++) {
            term *= x / (a + i);
            sum += term;
        }
        return fmax(0, 1 - front * sum);
    }
    double fraction = 0; /* the innermost first */
    for (int i = 2000; i > 0; i--)
        fraction = i * (i - a) / (x + 2 * i + 1 - a - fraction);
    return front / (x + 1 - a - fraction);
}

double pvalue_counts(const uint64_t *count, const double *share, size_t n, double least)
{
    double all = 0, chi = 0, df = -1;
    for (size_t i = 0; i < n; i++) {
        if (share[i] <= 0 && count[i] > 0)
            return 0;
        all += (double)count[i];
    }
    for (size_t i = 0; i < n; i++) {
        const double expected = all * share[i], gap = (double)count[i] - expected;
        if (share[i] <= 0)
            continue;
        if (expected < least)
            return NAN;
        chi += gap * gap / expected;
        df++;
    }
    return df >= 1 ? pvalue_chi(chi, df) : NAN;
}
