/* SPDX-License-Identifier: Apache-2.0 */
/* pace: takes times, gives rates. Owns nothing; allocates nothing. */
#include "tools/inspect/serve/pace.h"

#include <math.h>
#include <string.h>

void pace_init(struct pace *pace, bool whole)
{
    *pace = (struct pace){.whole = whole, .width = 1};
}

/* Two stretches become one. */
static void halve(struct pace *pace)
{
    for (uint32_t i = 0; i < PACE_STRETCHES / 2; i++) {
        pace->stretches[i].batches =
            pace->stretches[2 * i].batches + pace->stretches[2 * i + 1].batches;
        pace->stretches[i].views = pace->stretches[2 * i].views + pace->stretches[2 * i + 1].views;
    }
    memset(&pace->stretches[PACE_STRETCHES / 2], 0, sizeof pace->stretches / 2);
    pace->width *= 2;
}

/* The oldest stretches go until `place` is the last one. */
static void slide(struct pace *pace, double place)
{
    const double by = place - (PACE_STRETCHES - 1);
    const uint32_t gone = by < PACE_STRETCHES ? (uint32_t)by : PACE_STRETCHES;
    memmove(pace->stretches, &pace->stretches[gone],
            (PACE_STRETCHES - gone) * sizeof pace->stretches[0]);
    memset(&pace->stretches[PACE_STRETCHES - gone], 0, gone * sizeof pace->stretches[0]);
    pace->origin += by * pace->width;
}

void pace_add(struct pace *pace, double at, uint64_t views)
{
    if (!pace->begun) {
        pace->begun = true;
        pace->first = pace->last = at;
        pace->origin = floor(at);
    }
    if (at < pace->last)
        at = pace->last;
    pace->last = at;
    double place = floor((at - pace->origin) / pace->width);
    while (pace->whole && place >= PACE_STRETCHES) {
        halve(pace);
        place = floor((at - pace->origin) / pace->width);
    }
    if (place >= PACE_STRETCHES) {
        slide(pace, place);
        place = PACE_STRETCHES - 1;
    }
    pace->stretches[(uint32_t)place].batches++;
    pace->stretches[(uint32_t)place].views += views;
}

bool pace_rate(const struct pace *pace, double at, struct pace_rate *ret)
{
    if (!pace->begun)
        return false;
    /* the first stretch after the window; what has just begun says nothing yet */
    const double end = floor((at - pace->origin) / pace->width) + (pace->whole ? 1 : 0);
    const double count = fmax(1, floor(PACE_WINDOW / pace->width));
    double to = pace->origin + end * pace->width, from = to - count * pace->width;
    if (pace->whole && to > pace->last)
        to = pace->last;
    if (from < pace->first)
        from = pace->first;
    if (to <= from)
        return false;
    uint64_t batches = 0, views = 0;
    for (double i = fmax(0, end - count); i < end && i < PACE_STRETCHES; i++) {
        batches += pace->stretches[(uint32_t)i].batches;
        views += pace->stretches[(uint32_t)i].views;
    }
    *ret =
        (struct pace_rate){(double)batches / (to - from), (double)views / (to - from), to - from};
    return true;
}
