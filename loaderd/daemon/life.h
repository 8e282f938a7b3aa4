/* SPDX-License-Identifier: Apache-2.0 */
/* life: the stages of a running loader, and when one passes into the next, by a clock that the
 * caller reads. Plain data; knows no loop, no socket and no process. */
#ifndef AUGSTREAM_LOADERD_LIFE_H
#define AUGSTREAM_LOADERD_LIFE_H

#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    LIFE_DRAIN_MS = 25000, /* for what peers have asked for */
    LIFE_SENT_MS = 5000,   /* of these, for ZeroMQ to pass on the last frames */
};

enum life_stage {
    LIFE_STARTING, /* until every worker is ready */
    LIFE_RUNNING,
    LIFE_DRAINING, /* a signal came: what was asked for is finished and sent */
    LIFE_ENDED,
};

struct life { /* zeroed: STARTING */
    enum life_stage stage;
    uint64_t end_ms; /* DRAINING: when patience ends */
    int result;      /* ENDED: 0, or -errno; error says it */
    char error[ERR_TEXT_MAX];
};

/* What the rest of the loader has come to. */
struct life_signs {
    bool crew_complete;
    bool idle; /* every request is answered */
    bool sent; /* every slot is back */
};

/* Each is true when a new stage has begun, which the caller then acts on. A signal while draining,
 * or before there was anything to drain, ends at once. A failure keeps err_text(). */
bool life_turn(struct life *life, const struct life_signs *signs, uint64_t now_ms);
bool life_signal(struct life *life, uint64_t now_ms);
bool life_fail(struct life *life, int result);

#endif
