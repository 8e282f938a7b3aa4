/* SPDX-License-Identifier: Apache-2.0 */
/* figure: takes one value a pass, gives median, spread and lines on standard output. */
#include "tests/bench/figure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void figure_add(struct figure *figure, double value)
{
    if (figure->n < FIGURE_PASSES_MAX)
        figure->value[figure->n++] = value;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The value below which a fraction of the passes lies, between two passes on the line. */
static double quantile(const struct figure *figure, double fraction)
{
    if (figure->n == 0)
        return 0;
    double sorted[FIGURE_PASSES_MAX];
    memcpy(sorted, figure->value, figure->n * sizeof sorted[0]);
    qsort(sorted, figure->n, sizeof sorted[0], by_value);
    const double at = fraction * (figure->n - 1);
    const uint32_t low = (uint32_t)at, high = low + 1 < figure->n ? low + 1 : low;
    return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

double figure_median(const struct figure *figure)
{
    return quantile(figure, 0.5);
}

double figure_spread(const struct figure *figure)
{
    const double median = figure_median(figure);
    return median == 0 ? 0 : (quantile(figure, 0.75) - quantile(figure, 0.25)) / median;
}

void figure_print_value(double value, const char *prefix, const char *name, const char *unit)
{
    printf("%s%s %.5g %s\n", prefix, name, value, unit);
    fflush(stdout);
}

void figure_print(const struct figure *figure, const char *prefix, const char *name,
                  const char *unit)
{
    figure_print_value(figure_median(figure), prefix, name, unit);
    printf("%s%s_spread %.3f fraction\n", prefix, name, figure_spread(figure));
    fflush(stdout);
}
