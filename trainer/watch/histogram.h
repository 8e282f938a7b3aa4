/* SPDX-License-Identifier: Apache-2.0 */
/* histogram: the distribution of a tensor's numbers: equal bins from the smallest to the largest.
 * What is no finite number is counted apart. Pure. */
#ifndef AUGSTREAM_TRAINER_WATCH_HISTOGRAM_H
#define AUGSTREAM_TRAINER_WATCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_BINS = 64 };

struct histogram {
    uint64_t finite, other;         /* how many numbers, how many that are none */
    double min, max;                /* 0 where there is no number */
    double sum, sum_squares;        /* of the finite ones */
    size_t bins;                    /* HISTOGRAM_BINS; 1 where all are equal, 0 without any */
    double limit[HISTOGRAM_BINS];   /* a bin's upper end, rising; the last is max */
    uint64_t count[HISTOGRAM_BINS]; /* of numbers above the limit before, up to limit */
};

void histogram_make(const float *x, size_t count, struct histogram *ret);

#endif
