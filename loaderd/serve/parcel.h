/* SPDX-License-Identifier: Apache-2.0 */
/* parcel: a batch on its way out. ZeroMQ was lent its frames and gives each back, from its own
 * thread, when it has left (or never will). Until the last one is back the parcel keeps the slot
 * and its peer holds it, so that a peer that reads slowly, or never, ties up few slots. All are
 * made at the start. The daemon's thread, but for parcel_frame_back. */
#ifndef AUGSTREAM_LOADERD_PARCEL_H
#define AUGSTREAM_LOADERD_PARCEL_H

#include "common/pool.h"
#include "loaderd/batch/batch.h"
#include "loaderd/serve/peer.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct parcels;

struct parcel {
    TAILQ_ENTRY(parcel) next;
    struct parcels *parcels;
    uint32_t slot;
    uint64_t bytes;
    struct peer *peer;  /* NULL once it is forgotten */
    atomic_uint frames; /* that are not back */
    atomic_bool trying; /* link_send has them: what comes back meanwhile wakes nobody */
};
TAILQ_HEAD(parcel_list, parcel);

struct parcels {
    struct pool *pool;        /* a loan */
    void (*wake)(void *hint); /* a parcel has arrived; any thread */
    void *hint;
    uint64_t arrived; /* or gone with their peer */
    struct parcel_list out, idle;
    struct parcel *all;
};

/* pool, wake and hint are set already. */
int parcels_init(struct parcels *parcels, uint32_t n);

/* Every frame must be back, for the pool's sake as well. Fine on a zeroed struct. */
void parcels_done(struct parcels *parcels);

/* A parcel of the batch in its slot, with the frames to lend to link_send, which gives them back
 * whatever comes of it. The peer holds one more batch. -EAGAIN when all n are on their way. */
int parcel_begin(struct parcels *parcels, struct peer *peer, const struct batch *batch,
                 struct link_frame ret_frames[WIRE_FRAMES_MAX]);

/* Around the send of its frames. A send that finds no room gives them back at once; were that to
 * wake the caller, it would try again and again without a pause. */
void parcel_try(struct parcel *parcel);
void parcel_tried(struct parcel *parcel, bool sent);

/* link_frame's free; hint is the parcel. Any thread. */
void parcel_frame_back(void *data, void *hint);

/* What has arrived no longer counts. */
void parcels_collect(struct parcels *parcels);

/* The peer has gone: what ZeroMQ still has of its parcels is nobody's. */
void parcels_forget(struct parcels *parcels, struct peer *peer);

#endif
