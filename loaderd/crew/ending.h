/* SPDX-License-Identifier: Apache-2.0 */
/* ending: what the end of a worker process says of the sample that it was working on. Pure. */
#ifndef AUGSTREAM_LOADERD_ENDING_H
#define AUGSTREAM_LOADERD_ENDING_H

#include "loaderd/crew/task.h"
#include "loaderd/monitor/metrics.h"

/* Why the crew ended a worker's process, where it did. */
enum worker_reason {
    REASON_NONE,
    REASON_STUCK,    /* no answer for too long */
    REASON_NONSENSE, /* it said what it cannot know: its memory is no longer what we think */
    REASON_SHARE,    /* it has done its share */
};

/* signal: that ended it, 0 where it exited. */
enum worker_end ending_of(enum worker_reason reason, int signal);

/* That sample's result; the ticket is the caller's to fill in. */
struct crew_result ending_result(enum worker_end end);

#endif
