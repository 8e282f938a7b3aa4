/* SPDX-License-Identifier: Apache-2.0 */
/* stat: takes single values and counts, gives running figures in constant memory. A struct belongs
 * to one thread. Does not print. */
#include "common/stat.h"

#include <math.h>
#include <time.h>

void stat_add(struct stat_mean *s, double value)
{
    s->min = s->count == 0 ? value : fmin(s->min, value);
    s->max = s->count == 0 ? value : fmax(s->max, value);
    s->count++;
    double from_old = value - s->mean;
    s->mean += from_old / (double)s->count;
    s->m2 += from_old * (value - s->mean);
}

double stat_deviation(const struct stat_mean *s)
{
    return s->count < 2 ? 0 : sqrt(s->m2 / (double)(s->count - 1));
}

void stat_rate_add(struct stat_rate *r, double now_s, uint64_t events)
{
    if (r->begin == 0)
        r->begin = now_s;
    int64_t second = (int64_t)floor(now_s);
    int64_t bin = second % STAT_RATE_BINS;
    if (r->bin_second[bin] != second) { /* a turn of the ring ago */
        r->bin_second[bin] = second;
        r->bin[bin] = 0;
    }
    r->bin[bin] += events;
}

double stat_rate_get(const struct stat_rate *r, double now_s)
{
    int64_t second = (int64_t)floor(now_s), oldest = second - STAT_RATE_BINS + 1;
    uint64_t events = 0;
    for (int i = 0; i < STAT_RATE_BINS; i++)
        if (r->bin_second[i] >= oldest && r->bin_second[i] <= second)
            events += r->bin[i];
    double span = fmin(now_s - (double)oldest, now_s - r->begin);
    /* A first event just now says nothing about a rate: count as if over a second. */
    return (double)events / fmax(span, 1);
}

double stat_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
