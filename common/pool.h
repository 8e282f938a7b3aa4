/* SPDX-License-Identifier: Apache-2.0 */
/* pool: a fixed number of equal slots of shared memory, reference-counted. The only counted memory
 * in augstream: ZeroMQ gives a slot back from its own thread. Made once, before READY. */
#ifndef AUGSTREAM_COMMON_POOL_H
#define AUGSTREAM_COMMON_POOL_H

#include <stddef.h>
#include <stdint.h>

enum { POOL_SLOTS_MAX = 1024 };

struct pool;

/* slots slots of slot_bytes (rounded up to pages), on a memfd that a child process can map.
 * on_free (may be NULL) is called, from whatever thread dropped the last reference, after the slot
 * is back; it must be thread-safe (uv_async_send is). */
struct pool_config {
    uint32_t slots;
    size_t slot_bytes;
    void (*on_free)(void *hint);
    void *hint;
};
int pool_new(const struct pool_config *config, struct pool **ret);
void pool_free(struct pool *pool); /* every slot must be back; NULL is fine */

/* A free slot with one reference, or -EAGAIN. Owner thread only. Does not clear it. */
int pool_take(struct pool *pool, uint32_t *ret_slot);
void pool_ref(struct pool *pool, uint32_t slot);   /* any thread */
void pool_unref(struct pool *pool, uint32_t slot); /* any thread */

void *pool_data(const struct pool *pool, uint32_t slot);
size_t pool_slot_bytes(const struct pool *pool);
uint32_t pool_slots(const struct pool *pool);
uint32_t pool_idle(const struct pool *pool); /* free slots, a snapshot */
int pool_fd(const struct pool *pool);        /* the memfd, close-on-exec, owned by the pool */

/* The child's side: maps another process's pool memory. Slot i starts at i * slot_bytes. */
int pool_map(int fd, uint32_t slots, size_t slot_bytes, void **ret_base);
void pool_unmap(void *base, uint32_t slots, size_t slot_bytes);

#endif
