/* SPDX-License-Identifier: Apache-2.0 */
/* queue: takes and gives 64-bit values between any threads, first in first out, without waiting.
 * Each cell carries a sequence number that says whose turn it is: cell i of round r is free for the
 * push at position p = r * capacity + i when it reads p, and holds its value when it reads p + 1.
 * Does not block, grow, or own what the values stand for. (D. Vyukov, "Bounded MPMC queue".) */
#include "common/queue.h"
#include "common/err.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { CACHE_LINE = 64, CAPACITY_MAX = 1 << 20 };

struct cell {
    atomic_uint_fast64_t turn;
    uint64_t value; /* guarded by turn */
};

/* Pushers and poppers each have a line to themselves. */
struct queue {
    _Alignas(CACHE_LINE) atomic_uint_fast64_t pushed; /* the next position to push at */
    _Alignas(CACHE_LINE) atomic_uint_fast64_t popped; /* the next position to pop from */
    _Alignas(CACHE_LINE) uint64_t mask;               /* capacity - 1 */
    struct cell cells[];
};

int queue_new(uint32_t capacity, struct queue **ret)
{
    if (capacity < 2 || capacity > CAPACITY_MAX || (capacity & (capacity - 1)) != 0)
        return err_set(-EINVAL, "queue: capacity %u is not a power of two in 2..%d", capacity,
                       CAPACITY_MAX);
    size_t bytes = sizeof(struct queue) + capacity * sizeof(struct cell);
    bytes = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE; /* aligned_alloc wants multiples */
    struct queue *q = aligned_alloc(CACHE_LINE, bytes);
    if (!q)
        return err_set(-ENOMEM, "queue: no memory for %u cells", capacity);
    atomic_init(&q->pushed, 0);
    atomic_init(&q->popped, 0);
    q->mask = capacity - 1;
    for (uint32_t i = 0; i < capacity; i++) {
        atomic_init(&q->cells[i].turn, i);
        q->cells[i].value = 0;
    }
    *ret = q;
    return 0;
}

void queue_free(struct queue *queue)
{
    free(queue);
}

int queue_push(struct queue *queue, uint64_t value)
{
    uint64_t at = atomic_load_explicit(&queue->pushed, memory_order_relaxed);
    for (;;) {
        struct cell *cell = &queue->cells[at & queue->mask];
        uint64_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
        if (turn == at) {
            if (atomic_compare_exchange_weak_explicit(&queue->pushed, &at, at + 1,
                                                      memory_order_relaxed, memory_order_relaxed)) {
                cell->value = value;
                atomic_store_explicit(&cell->turn, at + 1, memory_order_release);
                return 0;
            }
        } else if ((int64_t)(turn - at) < 0) {
            return -EAGAIN; /* last round's value is still in there */
        } else {
            at = atomic_load_explicit(&queue->pushed, memory_order_relaxed);
        }
    }
}

int queue_pop(struct queue *queue, uint64_t *ret)
{
    uint64_t at = atomic_load_explicit(&queue->popped, memory_order_relaxed);
    for (;;) {
        struct cell *cell = &queue->cells[at & queue->mask];
        uint64_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
        if (turn == at + 1) {
            if (atomic_compare_exchange_weak_explicit(&queue->popped, &at, at + 1,
                                                      memory_order_relaxed, memory_order_relaxed)) {
                *ret = cell->value;
                atomic_store_explicit(&cell->turn, at + queue->mask + 1, memory_order_release);
                return 0;
            }
        } else if ((int64_t)(turn - (at + 1)) < 0) {
            return -EAGAIN; /* not pushed yet, or its pusher is half way */
        } else {
            at = atomic_load_explicit(&queue->popped, memory_order_relaxed);
        }
    }
}
