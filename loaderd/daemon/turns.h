/* SPDX-License-Identifier: Apache-2.0 */
/* turns: when the daemon's next turn is due. One follows each poll of the event loop, in the check
 * phase, whatever woke it: a peer's message, a worker's answer, turns_wake. ZeroMQ's file
 * descriptor only tells that something changed, so before the loop sleeps the prepare phase asks
 * the sockets themselves, and an idle handle keeps the loop awake while there is more; what slips
 * through all the same waits for 100 ms at most. The daemon's thread, but for turns_wake. */
#ifndef AUGSTREAM_LOADERD_TURNS_H
#define AUGSTREAM_LOADERD_TURNS_H

#include "loaderd/monitor/metrics.h"
#include "loaderd/serve/port.h"

#include <stdint.h>
#include <uv.h>

enum {
    TURNS_SAFETY_MS = 100,
    TURNS_SOON_MS = 10, /* while a peer's queue is full, and while draining */
};

struct turns { /* zeroed, with these loans set */
    uv_loop_t *loop;
    struct port *port;
    struct metrics *metrics;
    void (*turn)(void *hint, uint64_t now_ms);
    /* Every TURNS_SAFETY_MS or so; how much later than that. */
    void (*beat)(void *hint, uint64_t now_ms, uint64_t lag_ms);
    void *hint;

    uint64_t last_turn_ms, last_safety_ms;
    uv_async_t waker;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t awake;
    uv_timer_t safety, soon, often;
};

/* From here on turns_wake may be called; with turns_start turns come. */
int turns_open(struct turns *turns);
void turns_start(struct turns *turns);

void turns_wake(void *turns);          /* a turn is due now; any thread */
void turns_soon(struct turns *turns);  /* one is, in TURNS_SOON_MS */
void turns_often(struct turns *turns); /* one is each TURNS_SOON_MS from here on */

/* No turns any more; and then nobody wakes. Run the loop after each; both are fine on a zeroed one.
 */
void turns_stop(struct turns *turns);
void turns_close(struct turns *turns);

#endif
