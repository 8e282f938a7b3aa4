/* SPDX-License-Identifier: Apache-2.0 */
/* queue: a bounded multi-producer multi-consumer ring of 64-bit values without locks (Vyukov's
 * sequence-numbered cells). */
#ifndef AUGSTREAM_COMMON_QUEUE_H
#define AUGSTREAM_COMMON_QUEUE_H

#include <stdint.h>

struct queue;

int queue_new(uint32_t capacity, struct queue **ret); /* a power of two, 2..1<<20 */
void queue_free(struct queue *queue);
int queue_push(struct queue *queue, uint64_t value); /* 0 or -EAGAIN when full; any thread */
int queue_pop(struct queue *queue, uint64_t *ret);   /* 0 or -EAGAIN when empty; any thread */

#endif
