/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch: takes (session, epoch, index), gives sealed batches. A batch is in one list: making,
 * finished, or handed (over, or kept, or both in turn), or free and in none. A batch that failed or
 * that nobody wants any more stays in making until its last sample has come back, for a worker may
 * still write into its slot. All memory is made at the start. */
#include "loaderd/batch/dispatch.h"

#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TAILQ_HEAD(batches, batch);

struct dispatch {
    struct dispatch_config config;
    struct batches making, finished, handed;
    uint32_t n_kept; /* of handed */
    uint32_t n_free;
    struct batch **free;   /* [slots] the first n_free are free */
    struct batch *batches; /* [slots] */
};

int dispatch_new(const struct dispatch_config *config, struct dispatch **ret)
{
    uint32_t slots = pool_slots(config->pool);
    struct dispatch *dispatch = calloc(1, sizeof *dispatch);
    if (dispatch) {
        TAILQ_INIT(&dispatch->making);
        TAILQ_INIT(&dispatch->finished);
        TAILQ_INIT(&dispatch->handed);
        dispatch->free = calloc(slots, sizeof(struct batch *));
        dispatch->batches = calloc(slots, sizeof(struct batch));
    }
    if (!dispatch || !dispatch->free || !dispatch->batches) {
        dispatch_free(dispatch);
        return err_set(-ENOMEM, "no memory for %u batches", slots);
    }
    dispatch->config = *config;
    for (uint32_t i = 0; i < slots; i++) {
        dispatch->batches[i].number = i;
        dispatch->free[dispatch->n_free++] = &dispatch->batches[i];
    }
    *ret = dispatch;
    return 0;
}

void dispatch_free(struct dispatch *dispatch)
{
    if (!dispatch)
        return;
    dispatch_keep_none(dispatch);
    struct batch *batch;
    TAILQ_FOREACH(batch, &dispatch->making, next) /* left by their users, unfinished */
    pool_unref(dispatch->config.pool, batch->slot);
    free(dispatch->free);
    free(dispatch->batches);
    free(dispatch);
}

static struct batch *find(struct batches *batches, const struct session *session, uint32_t epoch,
                          uint32_t index)
{
    struct batch *batch;
    TAILQ_FOREACH(batch, batches, next)
    if (batch->session == session && batch->generation == session->generation &&
        batch->epoch == epoch && batch->index == index && batch->error == 0)
        return batch;
    return NULL;
}

/* Nothing points to the batch: slot and struct are free again. A kept one has let go of its session
 * already. */
static void retire(struct dispatch *dispatch, struct batch *batch)
{
    assert(batch->users == 0 && batch->flying == 0);
    pool_unref(dispatch->config.pool, batch->slot);
    if (batch->state != BATCH_KEPT)
        session_unref(batch->session);
    batch->session = NULL;
    dispatch->free[dispatch->n_free++] = batch;
}

/* One with stand-ins is not: what could not be read may be readable when it is asked for again. */
static bool may_be_kept(const struct batch *batch)
{
    return batch->error == 0 && batch->header.n_substituted == 0;
}

/* Its last user has left: it stays, the youngest of those that do. */
static void keep(struct dispatch *dispatch, struct batch *batch)
{
    batch->state = BATCH_KEPT;
    session_unref(batch->session);
    TAILQ_INSERT_TAIL(&dispatch->handed, batch, next);
    dispatch->n_kept++;
}

/* Gives up the one that was kept for longest; false when there is none. */
static bool give_up_kept(struct dispatch *dispatch)
{
    struct batch *batch;
    TAILQ_FOREACH(batch, &dispatch->handed, next)
    if (batch->state == BATCH_KEPT)
        break;
    if (!batch)
        return false;
    TAILQ_REMOVE(&dispatch->handed, batch, next);
    dispatch->n_kept--;
    retire(dispatch, batch);
    return true;
}

uint32_t dispatch_kept(const struct dispatch *dispatch)
{
    return dispatch->n_kept;
}

void dispatch_keep_none(struct dispatch *dispatch)
{
    dispatch->config.keep = false;
    while (give_up_kept(dispatch))
        ;
}

/* A slot; kept batches make room. One of these may still be on its way to a peer: then its slot
 * comes back later, and the next one may be free at once. */
static int slot_take(struct dispatch *dispatch, uint32_t *ret)
{
    while (dispatch->n_free == 0 || pool_take(dispatch->config.pool, ret) < 0)
        if (!give_up_kept(dispatch))
            return -EAGAIN;
    return 0;
}

/* Makes a batch that others have, or had, a finished one for one user more. */
static struct batch *take_again(struct dispatch *dispatch, struct batch *batch)
{
    if (batch->state == BATCH_KEPT) {
        dispatch->n_kept--;
        session_ref(batch->session);
    }
    TAILQ_REMOVE(&dispatch->handed, batch, next);
    batch->state = BATCH_FINISHED;
    TAILQ_INSERT_TAIL(&dispatch->finished, batch, next);
    return batch;
}

int dispatch_ask(struct dispatch *dispatch, struct session *session, uint32_t epoch, uint32_t index,
                 struct batch **ret)
{
    struct batch *batch = find(&dispatch->making, session, epoch, index);
    if (!batch)
        batch = find(&dispatch->finished, session, epoch, index);
    struct batch *before = batch ? NULL : find(&dispatch->handed, session, epoch, index);
    if (batch) {
        dispatch->config.metrics->shared++;
    } else if (before) {
        dispatch->config.metrics->kept_hits++;
        batch = take_again(dispatch, before);
    } else {
        uint32_t slot;
        if (slot_take(dispatch, &slot) < 0)
            return -EAGAIN;
        batch = dispatch->free[--dispatch->n_free];
        batch_begin(batch, session, epoch, index, slot);
        session_ref(session);
        TAILQ_INSERT_TAIL(&dispatch->making, batch, next);
    }
    batch->users++;
    *ret = batch;
    return 0;
}

/* No more of its samples are tried. The words are err_text's. */
static void fail(struct batch *batch, int error)
{
    if (batch->error)
        return;
    batch->error = error;
    batch->ring_n = 0;
    snprintf(batch->error_text, sizeof batch->error_text, "%s", err_text());
}

/* Moves a batch on whose last flying sample has come back. */
static void settle(struct dispatch *dispatch, struct batch *batch)
{
    if (batch->flying > 0 || (batch->error == 0 && batch->placed < batch->n))
        return;
    TAILQ_REMOVE(&dispatch->making, batch, next);
    if (batch->users == 0) {
        retire(dispatch, batch);
        return;
    }
    if (batch->error == 0) {
        int r = batch_seal(batch, pool_data(dispatch->config.pool, batch->slot));
        if (r < 0)
            fail(batch, r);
    }
    batch->state = BATCH_FINISHED;
    TAILQ_INSERT_TAIL(&dispatch->finished, batch, next);
}

void dispatch_release(struct dispatch *dispatch, struct batch *batch)
{
    assert(batch->users > 0);
    if (--batch->users > 0)
        return;
    switch (batch->state) {
    case BATCH_MAKING:
        fail(batch, err_set(-ECANCELED, "nobody wants this batch any more"));
        settle(dispatch, batch);
        break;
    case BATCH_FINISHED:
    case BATCH_HANDED:
        TAILQ_REMOVE(batch->state == BATCH_FINISHED ? &dispatch->finished : &dispatch->handed,
                     batch, next);
        if (dispatch->config.keep && may_be_kept(batch))
            keep(dispatch, batch);
        else
            retire(dispatch, batch);
        break;
    case BATCH_KEPT:
        assert(false); /* it has no users */
    }
}

/* Gives one of the batch's samples; false when there is no room for it. */
static bool feed(struct batch *batch, dispatch_submit_fn submit, void *submit_hint)
{
    struct task_render task;
    int r = batch_next(batch, &task);
    if (r < 0) {
        fail(batch, r);
        return true;
    }
    task.ticket = (uint64_t)batch->number << 32 | task.position;
    if (submit(submit_hint, batch->session, &task) == 0)
        return true;
    batch_return(batch, task.position);
    return false;
}

/* Whose sample is due: the oldest of those with the least key. */
static struct batch *first_due(struct dispatch *dispatch)
{
    struct batch *batch, *first = NULL;
    TAILQ_FOREACH(batch, &dispatch->making, next)
    if (batch->ring_n > 0 && (!first || batch_due_key(batch) < batch_due_key(first)))
        first = batch;
    return first;
}

void dispatch_feed(struct dispatch *dispatch, dispatch_submit_fn submit, void *submit_hint)
{
    struct batch *batch;
    while ((batch = first_due(dispatch)) && feed(batch, submit, submit_hint))
        settle(dispatch, batch); /* it may have failed */
}

/* A worker's death, its slowness or its own trouble say little about the image: try once more. */
static bool is_verdict(const struct crew_result *result)
{
    return result->code == -EBADMSG && result->fault != FAULT_CRASH &&
           result->fault != FAULT_DEADLINE;
}

/* The sample is bad: said once, remembered, replaced. */
static int replace(struct dispatch *dispatch, struct batch *batch, uint32_t position,
                   const struct crew_result *result)
{
    struct dataset *dataset = batch->session->dataset;
    uint32_t sample = batch->cells[position].sample;
    if (dataset_mark(dataset, sample, result->fault)) {
        struct item item;
        dataset->source->item(dataset->source, sample, &item);
        metrics_fault(dispatch->config.metrics, dataset->name, &item, result->fault, result->text);
        if (dataset_fault(dataset, sample) != FAULT_NONE && !is_verdict(result))
            metrics_quarantine(dispatch->config.metrics, dataset->name, &item, BATCH_TRIES_MAX);
    }
    return batch_replace(batch, position, result->fault);
}

static int judge(struct dispatch *dispatch, struct batch *batch, uint32_t position,
                 const struct crew_result *result)
{
    struct batch_cell *cell = &batch->cells[position];
    if (result->code == 0) {
        batch_place(batch, position);
        return session_check_rate(dispatch->config.sessions, batch->session);
    }
    if (batch->error || result->code == -ECANCELED ||
        (result->code == -EINTR && ++cell->lost < BATCH_LOST_MAX) ||
        (result->code != -EINTR && !is_verdict(result) && ++cell->tries < BATCH_TRIES_MAX)) {
        batch_return(batch, position);
        return 0;
    }
    if (result->code == -EBADMSG)
        return replace(dispatch, batch, position, result);
    batch_return(batch, position);
    if (result->code == -EINTR)
        return err_set(-EAGAIN, "sample %u: given up for now after %d tries: %s", cell->sample,
                       BATCH_LOST_MAX, result->text);
    return err_set(-EIO, "a worker cannot render sample %u: %s", cell->sample, result->text);
}

void dispatch_result(void *hint, const struct crew_result *result)
{
    struct dispatch *dispatch = hint;
    struct batch *batch = &dispatch->batches[result->ticket >> 32];
    int r = judge(dispatch, batch, (uint32_t)result->ticket, result);
    if (r < 0)
        fail(batch, r);
    if (batch->error)
        batch->ring_n = 0; /* what came back late is not tried again */
    settle(dispatch, batch);
}

bool dispatch_busy(const struct dispatch *dispatch)
{
    return !TAILQ_EMPTY(&dispatch->making) || !TAILQ_EMPTY(&dispatch->finished);
}

struct batch *dispatch_finished(struct dispatch *dispatch)
{
    struct batch *batch = TAILQ_FIRST(&dispatch->finished);
    if (batch) {
        TAILQ_REMOVE(&dispatch->finished, batch, next);
        TAILQ_INSERT_TAIL(&dispatch->handed, batch, next);
        batch->state = BATCH_HANDED;
    }
    return batch;
}
