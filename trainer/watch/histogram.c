/* SPDX-License-Identifier: Apache-2.0 */
/* histogram: see histogram.h. Takes numbers, gives counts. */
#include "trainer/watch/histogram.h"

#include <math.h>

static void find_ends(const float *x, size_t count, struct histogram *h)
{
    for (size_t i = 0; i < count; i++) {
        double value = (double)x[i];
        if (!isfinite(value)) {
            h->other++;
            continue;
        }
        h->min = h->finite == 0 || value < h->min ? value : h->min;
        h->max = h->finite == 0 || value > h->max ? value : h->max;
        h->sum += value;
        h->sum_squares += value * value;
        h->finite++;
    }
}

/* The bin whose limits enclose value; rounding may have put it next door. */
static size_t bin_of(const struct histogram *h, double value)
{
    double place = (value - h->min) / (h->max - h->min) * (double)h->bins;
    size_t bin = place >= (double)h->bins ? h->bins - 1 : (size_t)place;
    while (bin > 0 && value <= h->limit[bin - 1])
        bin--;
    while (value > h->limit[bin])
        bin++;
    return bin;
}

void histogram_make(const float *x, size_t count, struct histogram *ret)
{
    *ret = (struct histogram){0};
    find_ends(x, count, ret);
    if (ret->finite == 0)
        return;
    ret->bins = ret->max > ret->min ? HISTOGRAM_BINS : 1;
    for (size_t i = 0; i < ret->bins; i++)
        ret->limit[i] = ret->min + (ret->max - ret->min) * (double)(i + 1) / (double)ret->bins;
    ret->limit[ret->bins - 1] = ret->max;
    if (ret->bins == 1) {
        ret->count[0] = ret->finite;
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (isfinite(x[i]))
            ret->count[bin_of(ret, (double)x[i])]++;
}
