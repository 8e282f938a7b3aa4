/* SPDX-License-Identifier: Apache-2.0 */
/* stat: running figures: mean and deviation (Welford), a monotonic clock and the wall's. Not
 * thread-safe. */
#ifndef AUGSTREAM_COMMON_STAT_H
#define AUGSTREAM_COMMON_STAT_H

#include <stdint.h>

struct stat_mean {
    uint64_t count;
    double mean, m2, min, max;
};
void stat_add(struct stat_mean *s, double value); /* zero-initialise the struct first */
double stat_deviation(const struct stat_mean *s); /* sample deviation; 0 below two values */

double stat_now(void);       /* seconds, CLOCK_MONOTONIC */
uint64_t stat_wall_us(void); /* microseconds since 1970, which may go back; 0 before that */

#endif
