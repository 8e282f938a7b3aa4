/* SPDX-License-Identifier: Apache-2.0 */
/* pvalue: how likely draws as far from a law as these are, when they do follow it: uniform in [0,1]
 * under the law, near 0 under another one. Where values are discrete it is larger than that, never
 * smaller. Pure functions: any thread. */
#ifndef AUGSTREAM_INSPECT_PVALUE_H
#define AUGSTREAM_INSPECT_PVALUE_H

#include <stddef.h>
#include <stdint.h>

/* P(K >= x) of Kolmogorov's limit law. */
double pvalue_kolmogorov_limit(double x);

/* Of the largest distance d between the law and the share of n draws below: the limit law with
 * Stephens' correction for finite n (J. Royal Statistical Society B 32, 1970). For two samples of n
 * and m draws n is n m / (n + m). */
double pvalue_kolmogorov(double d, double n);

/* Of k in n trials of probability p, on both sides: twice the smaller tail, at most 1. Exact (the
 * incomplete beta function) up to a variance of n p (1 - p) = 1e8, the normal law above. */
double pvalue_binomial(uint64_t k, uint64_t n, double p);

/* P(X >= chi) of chi-square with df >= 1 degrees. */
double pvalue_chi(double chi, double df);

/* Of counts of classes against their shares, which add up to 1: chi-square. A class of share 0 that
 * has a count makes it 0. NaN: fewer than `least` are expected of some class, or only one can be.
 */
double pvalue_counts(const uint64_t *count, const double *share, size_t n, double least);

#endif
