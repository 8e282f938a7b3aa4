/* SPDX-License-Identifier: Apache-2.0 */
/* crew: the worker processes. Each decodes and augments one sample at a time into the shared slots.
 * A worker that dies is replaced after a pause that doubles with each failure in a row; what it was
 * working on is told apart from what it had not looked at, and a death that says something of the
 * image (a crash, too much processor time) from one that says nothing (killed from outside, stuck
 * on a disk). A worker that has done its share is replaced before it goes. The daemon's thread.
 * Knows nothing of batches. */
#ifndef AUGSTREAM_LOADERD_CREW_H
#define AUGSTREAM_LOADERD_CREW_H

#include "common/pool.h"
#include "loaderd/batch/session.h"
#include "loaderd/crew/gallery.h"
#include "loaderd/crew/task.h"
#include "loaderd/monitor/metrics.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum {
    CREW_MAX = 256, /* workers */
    CREW_DEPTH = 3, /* tasks that one worker holds: one in work, the others hide the way there */
};

struct crew_config {
    uv_loop_t *loop;
    const char *program; /* the worker's path; a loan */
    uint32_t workers;    /* 1..CREW_MAX */
    struct pool *pool;
    struct gallery *gallery; /* of decoded pictures, a loan; NULL: none */
    struct metrics *metrics;
    double deadline_s;   /* for one image: processor time, so that a busy machine is no verdict */
    double stall_s;      /* without an answer, by the clock: the worker is killed */
    uint64_t recycle;    /* a worker's share of images; 0: no end */
    uint64_t memory_mib; /* address space of a worker beside the pool */
    void (*done)(void *hint, const struct crew_result *result); /* may not submit */
    void *done_hint;
    void (*fatal)(void *hint, int code); /* a worker cannot start: it exited before the whole crew
                                            ever stood, or was killed again and again */
    void *fatal_hint;
};

struct crew;
/* Starts them all. On failure *ret may be set all the same: close and free it in any case. */
int crew_new(const struct crew_config *config, struct crew **ret);

bool crew_complete(const struct crew *crew); /* every worker is ready for tasks */

/* How the workers are, each in one state. While one is replaced both count. */
struct crew_signs {
    uint32_t idle, busy, starting, down;
    /* Of the most silent one, beyond the time after which the crew kills it. */
    uint64_t overdue_ms;
};
void crew_signs(const struct crew *crew, struct crew_signs *ret);

/* Gives a task to the worker with the fewest. -EAGAIN when all hold CREW_DEPTH; done is called once
 * for each task taken. dispatch_submit_fn: hint is the crew. */
int crew_submit(void *hint, const struct session *session, const struct task_render *task);

/* Ends the workers; run the loop until crew_closed, then free. No done is called from here on. */
void crew_close(struct crew *crew);
bool crew_closed(const struct crew *crew);
void crew_free(struct crew *crew); /* NULL is fine */

#endif
