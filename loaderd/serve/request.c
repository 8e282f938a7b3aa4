/* SPDX-License-Identifier: Apache-2.0 */
/* request: takes a peer's wish, keeps it in the list of its stage. Sends nothing. */
#include "loaderd/serve/request.h"

#include "common/err.h"

#include <errno.h>
#include <stdlib.h>

int requests_init(struct requests *requests, uint32_t n, struct dispatch *dispatch)
{
    requests->all = calloc(n, sizeof *requests->all);
    if (!requests->all)
        return err_set(-ENOMEM, "no memory for %u requests", n);
    for (int i = 0; i <= REQUEST_STAGES; i++)
        TAILQ_INIT(&requests->stages[i]);
    for (uint32_t i = 0; i < n; i++) {
        requests->all[i].stage = REQUEST_IDLE;
        TAILQ_INSERT_TAIL(&requests->stages[REQUEST_IDLE], &requests->all[i], next);
    }
    requests->dispatch = dispatch;
    requests->outstanding = 0;
    return 0;
}

void requests_done(struct requests *requests)
{
    for (int i = 0; requests->all && i < REQUEST_STAGES; i++) {
        struct request *request;
        while ((request = TAILQ_FIRST(&requests->stages[i])))
            request_end(requests, request);
    }
    free(requests->all);
    requests->all = NULL;
}

static bool holds_batch(enum request_stage stage)
{
    return stage == REQUEST_WORKING || stage == REQUEST_READY;
}

static void move(struct requests *requests, struct request *request, enum request_stage stage)
{
    TAILQ_REMOVE(&requests->stages[request->stage], request, next);
    TAILQ_INSERT_TAIL(&requests->stages[stage], request, next);
    request->stage = stage;
}

void request_move(struct requests *requests, struct request *request, enum request_stage stage)
{
    if (request->stage == REQUEST_WORKING)
        request->peer->served += request->bytes;
    const bool held = holds_batch(request->stage), holds = holds_batch(stage);
    request->peer->holding += holds;
    request->peer->holding -= held;
    request->peer->held_bytes += holds ? request->bytes : 0;
    request->peer->held_bytes -= held ? request->bytes : 0;
    move(requests, request, stage);
}

struct request *request_begin(struct requests *requests, struct peer *peer, uint64_t id,
                              struct session *session)
{
    struct request *request = TAILQ_FIRST(&requests->stages[REQUEST_IDLE]);
    if (!request)
        return NULL;
    move(requests, request, REQUEST_WAITING);
    request->delayed = false;
    request->peer = peer;
    request->id = id;
    request->session = session;
    request->batch = NULL;
    request->bytes = 0;
    session_ref(session);
    peer->outstanding++;
    requests->outstanding++;
    return request;
}

void request_end(struct requests *requests, struct request *request)
{
    if (request->batch)
        dispatch_release(requests->dispatch, request->batch);
    session_unref(request->session);
    request->peer->outstanding--;
    requests->outstanding--;
    request->batch = NULL;
    request_move(requests, request, REQUEST_IDLE);
    request->peer = NULL;
}

struct request *request_find(const struct requests *requests, const struct peer *peer, uint64_t id)
{
    for (int i = 0; i < REQUEST_STAGES; i++) {
        struct request *request;
        TAILQ_FOREACH(request, &requests->stages[i], next)
        if (request->peer == peer && request->id == id)
            return request;
    }
    return NULL;
}
