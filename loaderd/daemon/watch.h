/* SPDX-License-Identifier: Apache-2.0 */
/* watch: the event loop's eye on the port. A message ends the loop's sleep; peers that hold every
 * slot and do not read are cut off, by their link, for ZeroMQ has no other way, and the link is
 * opened again. The daemon's thread. */
#ifndef AUGSTREAM_LOADERD_WATCH_H
#define AUGSTREAM_LOADERD_WATCH_H

#include "loaderd/daemon/jam.h"
#include "loaderd/monitor/metrics.h"
#include "loaderd/serve/port.h"

#include <stdint.h>
#include <uv.h>

enum { WATCH_REOPEN_MS = 10000 /* for ZeroMQ to let go of an address */ };

struct watch { /* zeroed, with these loans set */
    uv_loop_t *loop;
    struct port *port;
    struct serve *serve;
    struct metrics *metrics;
    struct jam jam;
    struct {
        uv_poll_t polls[2];  /* a handle takes a while to close: the next one is the other */
        unsigned now;        /* the one in use */
        uint64_t reopens_ms; /* the link is cut, and to be open again by then; 0: it is not cut */
    } links[PORT_LINKS_MAX];
};

int watch_open(struct watch *watch);

/* After each turn of serve. -errno when a link that was cut cannot be opened again. */
int watch_turn(struct watch *watch, uint64_t now_ms);

/* Before the port is closed; run the loop after it. Fine on a zeroed struct. */
void watch_close(struct watch *watch);

#endif
