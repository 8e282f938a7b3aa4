/* SPDX-License-Identifier: Apache-2.0 */
/* sorted: floats in order, and what is read off them. Pure: any thread. */
#ifndef AUGSTREAM_INSPECT_SORTED_H
#define AUGSTREAM_INSPECT_SORTED_H

#include <stddef.h>

/* Sorts n finite values upwards, in three passes over them; spare has room for n. -0 stands before
 * 0. */
void sorted_make(float *value, size_t n, float *spare);

/* The value below which the share `at` of them is, 0..1, linear between neighbours; n >= 1. */
double sorted_quantile(const float *value, size_t n, double at);

/* The largest distance between the shares of two samples below any value; n, m >= 1. */
double sorted_distance(const float *a, size_t n, const float *b, size_t m);

#endif
