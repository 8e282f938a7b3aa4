/* SPDX-License-Identifier: Apache-2.0 */
/* stat: takes single values, gives running figures in constant memory. A struct belongs to one
 * thread. Does not print. */
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

uint64_t stat_wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec < 0 ? 0 : (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

double stat_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
