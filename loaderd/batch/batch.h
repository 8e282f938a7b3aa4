/* SPDX-License-Identifier: Apache-2.0 */
/* batch: one batch on its way: which sample stands at which position, who stands in for a bad one,
 * how far it is; sealed into frames and a header when it is full. The result is a pure function of
 * (spec, dataset, epoch, index): in what order samples come back changes nothing. The daemon's
 * thread. Sends nothing and starts nothing. */
#ifndef AUGSTREAM_LOADERD_BATCH_H
#define AUGSTREAM_LOADERD_BATCH_H

#include "loaderd/batch/session.h"
#include "loaderd/batch/slot.h"
#include "loaderd/crew/task.h"
#include "loaderd/order.h"
#include "proto/wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum {
    BATCH_ATTEMPTS_MAX = 64, /* stand-ins tried for one position */
    BATCH_TRIES_MAX = 2,     /* of one sample whose worker died or was too slow */
    BATCH_LOST_MAX = 5,      /* tries of one sample whose worker was killed or stuck */
};

enum batch_state {
    BATCH_MAKING,
    BATCH_FINISHED, /* sealed or failed, not yet fetched */
    BATCH_HANDED,   /* its users have it */
    BATCH_KEPT,     /* sealed, and without users: there until its slot is needed */
};

/* One position. */
struct batch_cell {
    uint32_t scheduled; /* the sample that the order puts here */
    uint32_t sample;    /* the one that is tried, or stands, now */
    int32_t label;
    uint8_t attempt; /* 0: the scheduled one; n: order_substitute's n-th */
    uint8_t tries;   /* of `sample` that ended without a verdict, but might be its fault */
    uint8_t lost;    /* of `sample` that said nothing of it */
    uint8_t fault;   /* enum wire_fault of the scheduled one */
};

struct batch {
    TAILQ_ENTRY(batch) next; /* dispatch's list */
    uint32_t number;         /* its place in dispatch's table, fixed */
    enum batch_state state;  /* dispatch's */
    struct session *session;
    uint32_t epoch, index;
    uint32_t n; /* samples */
    uint32_t slot;
    struct slot_layout layout;
    struct order order;

    uint64_t generation;    /* of the session: a kept batch does not hold it */
    uint64_t due, due_step; /* what its users had been served before it; for each sample */
    uint32_t users;         /* requests that want it */
    uint32_t flying;        /* samples at a worker, which writes into the slot */
    uint32_t placed;        /* samples that stand */
    int error;              /* 0, or why it cannot be made; error_text says it */
    char error_text[WIRE_TEXT_MAX];

    uint32_t ring_first, ring_n; /* a ring of positions that wait for a worker */
    uint16_t ring[WIRE_BATCH_MAX];
    struct batch_cell cells[WIRE_BATCH_MAX];

    struct wire_batch header; /* after batch_seal; request and server_epoch are the sender's */
    size_t frame_at[WIRE_FRAMES_MAX]; /* each frame's offset in the slot */
    struct wire_substitution substituted[WIRE_BATCH_MAX];
    int64_t labels[WIRE_BATCH_MAX];
    uint32_t boxes[WIRE_BATCH_MAX][4];
};

/* Every position of the batch goes to the ring. index must be inside the epoch. Keeps `number`. */
void batch_begin(struct batch *batch, struct session *session, uint32_t epoch, uint32_t index,
                 uint32_t slot);

/* One more user wants it, who had been served so many bytes before; it has so many. Samples of the
 * least key are rendered first. 0 without users who said so: then the oldest batch is first. */
void batch_due(struct batch *batch, uint64_t served, uint64_t bytes);
uint64_t batch_due_key(const struct batch *batch); /* of the next sample that waits */

/* The next position that waits, as a task (ticket left 0). -EAGAIN when none waits; -ENODATA when a
 * position ran out of stand-ins. */
int batch_next(struct batch *batch, struct task_render *ret);

/* What came of a position: it stands; its sample is bad (the next stand-in goes to the ring, or
 * -ENODATA); it was not looked at and goes back to the ring's front. */
void batch_place(struct batch *batch, uint32_t position);
int batch_replace(struct batch *batch, uint32_t position, enum wire_fault fault);
void batch_return(struct batch *batch, uint32_t position);

/* All positions stand: fills header from the slot at base: frames of at most WIRE_FRAME_MAX cut at
 * whole images, never across views, with their CRC-32C, which comes from the views' (no pixel is
 * read); omegas, views' checksums, labels, boxes, substitutions by position. omega and checks are
 * loans of the slot.
 * -EIO when a worker left the omega of another sample. */
int batch_seal(struct batch *batch, const void *base);

#endif
