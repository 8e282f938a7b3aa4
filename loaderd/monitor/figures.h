/* SPDX-License-Identifier: Apache-2.0 */
/* figures: how a loader stands at this moment, gathered from its rooms: for /metrics, and in words
 * for the log. The daemon's thread. */
#ifndef AUGSTREAM_LOADERD_FIGURES_H
#define AUGSTREAM_LOADERD_FIGURES_H

#include "loaderd/crew/crew.h"
#include "loaderd/daemon/stock.h"
#include "loaderd/monitor/exposition.h"
#include "loaderd/serve/serve.h"

#include <stdbool.h>

struct figures_of { /* loans */
    const struct metrics *metrics;
    const struct stock *stock;
    const struct serve *serve;
    const struct crew *crew;
    double start_s; /* since 1970 */
    bool serving;   /* requests are taken */
};

void figures_read(const struct figures_of *of, struct exposition *ret);

/* Two lines at level notice; ill: "" or what is wrong. */
void figures_log(const struct figures_of *of, const char *ill);

#endif
