/* SPDX-License-Identifier: Apache-2.0 */
/* chance: how likely draws as far from a law as these are, when they do follow it. All give a
 * p-value: uniform in [0,1] under the law, near 0 for another one. */
#ifndef AUGSTREAM_TESTS_CHANCE_H
#define AUGSTREAM_TESTS_CHANCE_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* P(X >= chi) of chi-square with df degrees: the upper incomplete gamma function of df/2 at chi/2,
 * by its power series below the hump and by its continued fraction above (Abramowitz and Stegun
 * 6.5.29 and 6.5.31). */
static inline double chance_chi(double chi, double df)
{
    const double a = df / 2, x = chi / 2;
    if (!(x > 0))
        return 1;
    const double front = exp(a * log(x) - x - lgamma(a));
    if (x < a + 1) {
        double term = 1 / a, sum = term;
        for (int n = 1; n < 10000 && term > sum * 1e-16; n++)
            sum += (term *= x / (a + n));
        return 1 - front * sum;
    }
    double fraction = 0; /* from the inside out: convergents settle long before 2000 */
    for (int n = 2000; n > 0; n--)
        fraction = n * (n - a) / (x + 2 * n + 1 - a - fraction);
    return front / (x + 1 - a - fraction);
}

/* Counts of cells against the law's probabilities. A cell that cannot be and is makes it 0; one
 * that cannot be and is not has no part. */
static inline double chance_counts(const uint32_t *count, const double *p, size_t cells, double n)
{
    double chi = 0, df = -1;
    for (size_t i = 0; i < cells; i++) {
        if (p[i] <= 0 && count[i] > 0)
            return 0;
        if (p[i] <= 0)
            continue;
        chi += (count[i] - n * p[i]) * (count[i] - n * p[i]) / (n * p[i]);
        df++;
    }
    return df > 0 ? chance_chi(chi, df) : 1;
}

/* Two samples of counts over the same cells: whether one law made both. Cells that hold fewer than
 * `least` of both together are taken as one. */
static inline double chance_two(const uint32_t *a, const uint32_t *b, size_t cells, double least)
{
    double n[2] = {0}, rest[2] = {0}, chi = 0, df = -1;
    for (size_t i = 0; i < cells; i++) {
        n[0] += a[i];
        n[1] += b[i];
    }
    for (size_t i = 0; i <= cells; i++) {
        double is[2] = {i < cells ? a[i] : rest[0], i < cells ? b[i] : rest[1]};
        if (i < cells && is[0] + is[1] < least) {
            rest[0] += is[0];
            rest[1] += is[1];
            continue;
        }
        if (is[0] + is[1] <= 0)
            continue;
        const double gap = is[0] * sqrt(n[1] / n[0]) - is[1] * sqrt(n[0] / n[1]);
        chi += gap * gap / (is[0] + is[1]);
        df++;
    }
    return df > 0 ? chance_chi(chi, df) : 1;
}

/* Kolmogorov-Smirnov, one sample, of n values whose law has made uniform ones of them: counts of
 * CHANCE_CELLS equal cells of [0,1). The distance is looked at between cells only: of a million
 * values, 15 to a cell, it may miss 4e-6 where 1.6e-3 is the 1 % point. p is the limit law with
 * Stephens' correction for finite n. */
enum { CHANCE_CELLS = 1 << 16 };
static inline double chance_uniform(const uint32_t count[CHANCE_CELLS])
{
    double n = 0, below = 0, worst = 0, p = 0;
    for (int i = 0; i < CHANCE_CELLS; i++)
        n += count[i];
    for (int i = 0; i < CHANCE_CELLS; i++) {
        below += count[i];
        worst = fmax(worst, fabs(below / n - (i + 1.0) / CHANCE_CELLS));
    }
    const double x = (sqrt(n) + 0.12 + 0.11 / sqrt(n)) * worst;
    if (x < 0.3)
        return 1;
    for (int k = 1; k < 100; k++)
        p += (k % 2 ? 2 : -2) * exp(-2 * x * x * k * k);
    return fmin(1, fmax(0, p));
}

/* The largest of m correlations of n independent pairs: each is normal with variance 1/n. */
static inline double chance_correlation(double largest, double m, double n)
{
    const double one = erfc(fabs(largest) * sqrt(n / 2));
    return -expm1(m * log1p(-one));
}

#endif
