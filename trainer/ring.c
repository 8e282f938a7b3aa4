/* SPDX-License-Identifier: Apache-2.0 */
/* ring: takes positions, gives slots. Owns their memory, made once. Asks nobody. */
#include "trainer/ring.h"

#include "common/err.h"

#include <errno.h>
#include <stdlib.h>

int ring_init(struct ring *ring, uint32_t n_slots)
{
    ring->slots = calloc(n_slots, sizeof *ring->slots);
    if (!ring->slots)
        return err_set(-ENOMEM, "recv: out of memory");
    ring->n_slots = n_slots;
    return 0;
}

void ring_done(struct ring *ring)
{
    free(ring->slots);
    ring->slots = NULL;
}

void ring_start(struct ring *ring, uint64_t batches, uint32_t epoch, uint32_t index,
                uint32_t epochs)
{
    ring->batches = batches;
    ring->next = epoch * batches + index;
    ring->end = epochs * batches;
}

uint64_t ring_end(const struct ring *ring)
{
    uint64_t end = ring->next + ring->n_slots;
    return end < ring->end ? end : ring->end;
}

struct slot *ring_slot(const struct ring *ring, uint64_t position)
{
    return &ring->slots[position % ring->n_slots];
}

uint64_t ring_position(const struct ring *ring, const struct slot *slot)
{
    uint64_t ahead = (uint64_t)(slot - ring->slots) + ring->n_slots - ring->next % ring->n_slots;
    return ring->next + ahead % ring->n_slots;
}

uint32_t ring_epoch(const struct ring *ring, uint64_t position)
{
    return (uint32_t)(position / ring->batches);
}

uint32_t ring_index(const struct ring *ring, uint64_t position)
{
    return (uint32_t)(position % ring->batches);
}

bool ring_misses(const struct ring *ring, uint32_t epoch, uint32_t index, uint64_t *ret_position)
{
    uint64_t position = epoch * ring->batches + index;
    if (index >= ring->batches || position < ring->next || position >= ring_end(ring) ||
        ring_slot(ring, position)->state >= SLOT_HELD)
        return false;
    *ret_position = position;
    return true;
}

struct slot *ring_asked(const struct ring *ring, uint32_t loader, uint64_t request)
{
    for (uint32_t i = 0; i < ring->n_slots; i++) {
        struct slot *slot = &ring->slots[i];
        if (slot->state == SLOT_ASKED && slot->loader == loader && slot->request == request)
            return slot;
    }
    return NULL;
}

double slot_deadline(const struct slot *slot, double deadline_s)
{
    uint32_t patience = 1u << (slot->misses < 2 ? slot->misses : 2);
    return slot->asked_s +
           deadline_s * (patience < RING_PATIENCE_MAX ? patience : RING_PATIENCE_MAX);
}

struct slot *ring_lend(struct ring *ring)
{
    struct slot *slot = ring_slot(ring, ring->next);
    if (slot->state != SLOT_HELD)
        return NULL;
    slot->state = SLOT_LENT;
    ring->next++;
    return slot;
}

void slot_free(struct slot *slot)
{
    *slot = (struct slot){.state = SLOT_WANTED};
}
