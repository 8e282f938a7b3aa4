/* SPDX-License-Identifier: Apache-2.0 */
/* pace: how many batches and views came in each stretch of time, in so many stretches and no more.
 * Either the last PACE_STRETCHES seconds, or all of the time, whose stretches become twice as long
 * whenever they no longer reach. Times are seconds of any one clock. One thread. */
#ifndef AUGSTREAM_TOOLS_SERVE_PACE_H
#define AUGSTREAM_TOOLS_SERVE_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PACE_STRETCHES = 120,
    PACE_WINDOW = 5, /* seconds that a rate is of, where a stretch is not longer */
};

struct pace {
    bool whole;         /* all of the time; false: the last of it */
    bool begun;         /* something has come */
    double first, last; /* when */
    double origin;      /* where stretch 0 begins */
    double width;       /* of a stretch, seconds */
    struct {
        uint64_t batches, views;
    } stretches[PACE_STRETCHES];
};

struct pace_rate {
    double batches, views; /* a second */
    double seconds;        /* what that is the mean of */
};

void pace_init(struct pace *pace, bool whole);

/* One batch at that time. A time before the last one's (a clock that was set) counts as that. */
void pace_add(struct pace *pace, double at, uint64_t views);

/* The rate of the window that ends at that time: for the last of the time with the last whole
 * second before it, for the whole with the stretch that it is in. False: nothing to be said. */
bool pace_rate(const struct pace *pace, double at, struct pace_rate *ret);

#endif
