/* SPDX-License-Identifier: Apache-2.0 */
/* request: what peers have asked for and not yet been given. A request is in one stage: waiting
 * (for a slot), working (its batch is being made), ready (to be sent). All are made at the start,
 * as many as all peers' windows together. The daemon's thread. */
#ifndef AUGSTREAM_LOADERD_REQUEST_H
#define AUGSTREAM_LOADERD_REQUEST_H

#include "loaderd/batch/dispatch.h"
#include "loaderd/batch/session.h"
#include "loaderd/serve/peer.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum request_stage {
    REQUEST_WAITING,
    REQUEST_WORKING,
    REQUEST_READY,
    REQUEST_STAGES,
    REQUEST_IDLE = REQUEST_STAGES, /* not in use */
};

struct request {
    TAILQ_ENTRY(request) next;
    enum request_stage stage;
    bool delayed; /* its peer's queue was full: counted once */
    struct peer *peer;
    uint64_t id; /* the peer's */
    struct session *session;
    uint32_t epoch, index;
    struct batch *batch; /* NULL while waiting */
    uint64_t bytes;      /* of its pixels, for the accounts of its peer; 0 while waiting */
};
TAILQ_HEAD(request_list, request);

struct requests {
    struct dispatch *dispatch; /* a loan: where batches are released */
    struct request_list stages[REQUEST_STAGES + 1];
    uint32_t outstanding;
    struct request *all;
};

int requests_init(struct requests *requests, uint32_t n, struct dispatch *dispatch);
void requests_done(struct requests *requests); /* ends those there are; fine on a zeroed struct */

/* Begins one, waiting, counted with its peer and session. NULL when all n are in use. */
struct request *request_begin(struct requests *requests, struct peer *peer, uint64_t id,
                              struct session *session);
/* On to a later stage. From WORKING to its end its peer holds a batch. */
void request_move(struct requests *requests, struct request *request, enum request_stage stage);

/* Answered, cancelled, or its peer gone. Its batch, if it has one, has one user less. */
void request_end(struct requests *requests, struct request *request);

struct request *request_find(const struct requests *requests, const struct peer *peer, uint64_t id);

#endif
