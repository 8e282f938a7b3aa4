/* SPDX-License-Identifier: Apache-2.0 */
/* stat: running figures: mean and deviation (Welford), rate over a sliding window, and a monotonic
 * clock. Not thread-safe. */
#ifndef AUGSTREAM_COMMON_STAT_H
#define AUGSTREAM_COMMON_STAT_H

#include <stdint.h>

struct stat_mean {
    uint64_t count;
    double mean, m2, min, max;
};
void stat_add(struct stat_mean *s, double value); /* zero-initialise the struct first */
double stat_deviation(const struct stat_mean *s); /* sample deviation; 0 below two values */

enum { STAT_RATE_BINS = 16 };
/* Events a second over the last STAT_RATE_BINS seconds of the caller's clock, which is above 0 and
 * never goes back; in the first second, events so far. Zero-initialise the struct first. */
struct stat_rate {
    uint64_t bin[STAT_RATE_BINS];
    int64_t bin_second[STAT_RATE_BINS];
    double begin;
};
void stat_rate_add(struct stat_rate *r, double now_s, uint64_t events);
double stat_rate_get(const struct stat_rate *r, double now_s);

double stat_now(void); /* seconds, CLOCK_MONOTONIC */

#endif
