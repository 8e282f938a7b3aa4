/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch: makes batches: takes slots for them, feeds their samples to workers oldest batch first,
 * judges what comes back, hands over what is full. A batch that two requests want is made once,
 * even where the second comes later: what nobody uses any more stays until its slot is needed. The
 * daemon's thread. Knows no peers and starts no process: who renders is the caller's choice. */
#ifndef AUGSTREAM_LOADERD_DISPATCH_H
#define AUGSTREAM_LOADERD_DISPATCH_H

#include "common/pool.h"
#include "loaderd/batch/batch.h"
#include "loaderd/batch/session.h"
#include "loaderd/crew/task.h"
#include "loaderd/monitor/metrics.h"

struct dispatch_config {
    struct pool *pool;
    struct sessions *sessions;
    struct metrics *metrics;
    bool keep; /* batches without users, oldest given up first when a slot is needed */
};

struct dispatch;
int dispatch_new(const struct dispatch_config *config, struct dispatch **ret);
void dispatch_free(struct dispatch *dispatch); /* after the crew has closed; NULL is fine */

/* The batch for one more user: begun, or one that is being made or still there. -EAGAIN when no
 * slot is free. The index must be inside the epoch. */
int dispatch_ask(struct dispatch *dispatch, struct session *session, uint32_t epoch, uint32_t index,
                 struct batch **ret);

/* One user less. The last one's leaving ends the batch, or makes it a kept one if it is whole
 * and no sample of it was replaced. */
void dispatch_release(struct dispatch *dispatch, struct batch *batch);

/* Takes one sample to be rendered into the batch's slot, and has dispatch_result called once for it
 * later, never from within: crew_submit, or a test's own workers. -EAGAIN when it has no room. */
typedef int (*dispatch_submit_fn)(void *hint, const struct session *session,
                                  const struct task_render *task);

/* Submits what there is room for. */
void dispatch_feed(struct dispatch *dispatch, dispatch_submit_fn submit, void *submit_hint);

/* crew_config's done; hint is the dispatch. */
void dispatch_result(void *hint, const struct crew_result *result);

/* Slots of kept batches; and gives them all back: from then on none is kept. */
uint32_t dispatch_kept(const struct dispatch *dispatch);
void dispatch_keep_none(struct dispatch *dispatch);

/* Whether any batch is being made, or sealed and not yet fetched. */
bool dispatch_busy(const struct dispatch *dispatch);

/* The next batch that is sealed, or has failed (batch->error), for users who have not had it; NULL
 * when there is none. It stays until its users have released it. */
struct batch *dispatch_finished(struct dispatch *dispatch);

#endif
