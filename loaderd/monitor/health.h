/* SPDX-License-Identifier: Apache-2.0 */
/* health: the pages /metrics, /livez and /readyz, from what the daemon says of itself at the moment
 * of asking. The daemon's thread. */
#ifndef AUGSTREAM_LOADERD_HEALTH_H
#define AUGSTREAM_LOADERD_HEALTH_H

#include "loaderd/daemon/pulse.h"
#include "loaderd/monitor/exposition.h"
#include "loaderd/monitor/http.h"

struct health_signs {
    char ill[PULSE_TEXT_MAX]; /* why the daemon should be started anew; "" when it is well */
    const char *stage;        /* why it takes no requests: "starting"; NULL when it takes them */
    struct exposition figures;
};

/* The pages' hint. */
struct health {
    void (*look)(void *hint, struct health_signs *ret); /* ret is zeroed */
    void *hint;
};

enum { HEALTH_PAGES = 3 };
extern const struct http_page health_pages[HEALTH_PAGES];

#endif
