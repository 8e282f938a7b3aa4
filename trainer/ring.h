/* SPDX-License-Identifier: Apache-2.0 */
/* ring: the batches that are wanted next and how each of them stands. Position p of a run is batch
 * p % batches of epoch p / batches; the ring covers [next, next + n_slots), position p in slot
 * p % n_slots. A slot is wanted, asked of one loader, held, or lent to the caller. Plain data and a
 * clock that the caller reads; loaders are numbers here. */
#ifndef AUGSTREAM_TRAINER_RING_H
#define AUGSTREAM_TRAINER_RING_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RING_FAILURES_MAX = 5, /* damaged answers, missed deadlines or failures of one batch */
    RING_PATIENCE_MAX = 4, /* a batch's deadline grows to so many times the recipe's */
};

enum slot_state { SLOT_WANTED, SLOT_ASKED, SLOT_HELD, SLOT_LENT };

struct slot {
    enum slot_state state;
    uint32_t loader;  /* ASKED: index */
    uint64_t request; /* ASKED */
    double asked_s;
    double not_before_s;      /* WANTED */
    uint32_t damaged, misses; /* answers that were damaged; deadlines passed */
    uint32_t refused;         /* times a loader failed to make it */
    uint32_t avoid;           /* bit i: loader i failed on this batch */
    uint32_t cell;            /* HELD, LENT: the caller's */
};

struct ring {
    uint64_t batches;   /* of an epoch; 0 until ring_start */
    uint64_t next, end; /* positions: to be lent next; after the last */
    uint32_t n_slots;
    struct slot *slots;
};

int ring_init(struct ring *ring, uint32_t n_slots);
void ring_done(struct ring *ring); /* fine on a zeroed struct */

/* Begins at batch `index` of `epoch`; ends after `epochs` epochs from epoch 0. */
void ring_start(struct ring *ring, uint64_t batches, uint32_t epoch, uint32_t index,
                uint32_t epochs);

uint64_t ring_end(const struct ring *ring); /* of what it covers, cut at the run's last batch */
struct slot *ring_slot(const struct ring *ring, uint64_t position);
uint64_t ring_position(const struct ring *ring, const struct slot *slot); /* of one not lent */
uint32_t ring_epoch(const struct ring *ring, uint64_t position);
uint32_t ring_index(const struct ring *ring, uint64_t position);

/* Whether that batch is covered and not yet held, and then its position. */
bool ring_misses(const struct ring *ring, uint32_t epoch, uint32_t index, uint64_t *ret_position);

/* The slot that is asked of this loader under this number, or NULL. */
struct slot *ring_asked(const struct ring *ring, uint32_t loader, uint64_t request);

/* When an asked slot is overdue. Each miss gives the same batch more time, so that a slow loader
 * alone is still fast enough in the end. */
double slot_deadline(const struct slot *slot, double deadline_s);

/* The next batch when it is held, now lent; else NULL. And back: its slot is for the position
 * n_slots further on. */
struct slot *ring_lend(struct ring *ring);
void slot_free(struct slot *slot);

#endif
