/* SPDX-License-Identifier: Apache-2.0 */
/* figure: what a benchmark measured: one value a pass, its median and its spread, and the lines
 * `name value unit` that it prints. */
#ifndef AUGSTREAM_TESTS_BENCH_FIGURE_H
#define AUGSTREAM_TESTS_BENCH_FIGURE_H

#include <stdint.h>

enum { FIGURE_PASSES_MAX = 99 };

/* Zero-initialise; a value beyond FIGURE_PASSES_MAX is not kept. */
struct figure {
    uint32_t n;
    double value[FIGURE_PASSES_MAX];
};
void figure_add(struct figure *figure, double value);
double figure_median(const struct figure *figure); /* 0 of none */

/* The distance of the quartiles over the median: what half of the passes stay within. */
double figure_spread(const struct figure *figure);

/* `PREFIXname value unit`, and `PREFIXname_spread value fraction` below it. */
void figure_print(const struct figure *figure, const char *prefix, const char *name,
                  const char *unit);
void figure_print_value(double value, const char *prefix, const char *name, const char *unit);

#endif
