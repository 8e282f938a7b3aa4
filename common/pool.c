/* SPDX-License-Identifier: Apache-2.0 */
/* pool: gives equal slots of one shared mapping and takes them back when their last reference goes.
 * One owner thread takes; any thread refs and unrefs. The pool owns the mapping and the memfd; a
 * child process maps the same memory but counts nothing. Does not clear slots, grow, or wait. */
#include "common/pool.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/queue.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct pool {
    struct pool_config config; /* slot_bytes rounded up to pages */
    int fd;
    unsigned char *base;
    struct queue *idle; /* slot numbers; as large as the pool, so a push always fits */
    /* Two counts that only grow, so that neither thread waits for the other's: the difference is
     * the slots in use. `back` is the last thing an unref touches in here. */
    atomic_uint_fast64_t taken, back;
    atomic_uint refs[POOL_SLOTS_MAX];
};

static size_t pool_bytes(const struct pool *pool)
{
    return pool->config.slots * pool->config.slot_bytes;
}

/* Memory that no process can shrink under another's feet (that would be a SIGBUS there). Pages come
 * at their first use: a pool is as large as its largest batches, not as its limits. */
static int shared_memory(size_t bytes)
{
    auto_close int fd = memfd_create("augstream-pool", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return err_set(-errno, "pool: no shared memory of %zu bytes: %s", bytes, strerror(errno));
    return take_fd(&fd);
}

static int map_shared(int fd, size_t bytes, void **ret)
{
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return err_set(-errno, "pool: cannot map %zu bytes: %s", bytes, strerror(errno));
    *ret = base;
    return 0;
}

/* The bytes of slots slots, 0 when that is no sensible size. */
static size_t checked_bytes(uint32_t slots, size_t slot_bytes)
{
    size_t bytes;
    if (slots < 1 || slots > POOL_SLOTS_MAX ||
        __builtin_mul_overflow((size_t)slots, slot_bytes, &bytes) || bytes > INT64_MAX)
        return 0;
    return bytes;
}

static int idle_queue(uint32_t slots, struct queue **ret)
{
    uint32_t capacity = 2;
    while (capacity < slots)
        capacity *= 2;
    int rc = queue_new(capacity, ret);
    for (uint32_t i = 0; rc == 0 && i < slots; i++)
        rc = queue_push(*ret, i);
    return rc;
}

int pool_new(const struct pool_config *config, struct pool **ret)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t slot_bytes = config->slot_bytes + page - 1;
    slot_bytes -= slot_bytes % page;
    size_t bytes = slot_bytes < config->slot_bytes ? 0 : checked_bytes(config->slots, slot_bytes);
    if (bytes == 0)
        return err_set(-EINVAL, "pool: %u slots of %zu bytes", config->slots, config->slot_bytes);
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return err_set(-ENOMEM, "pool: no memory");
    pool->config = *config;
    pool->config.slot_bytes = slot_bytes;
    void *base = NULL;
    int rc = pool->fd = shared_memory(bytes);
    if (rc >= 0)
        rc = map_shared(pool->fd, bytes, &base);
    pool->base = base;
    if (rc >= 0)
        rc = idle_queue(config->slots, &pool->idle);
    if (rc < 0) {
        pool_free(pool);
        return rc;
    }
    *ret = pool;
    return 0;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    assert(atomic_load(&pool->taken) == atomic_load(&pool->back));
    queue_free(pool->idle);
    if (pool->base)
        munmap(pool->base, pool_bytes(pool));
    if (pool->fd >= 0)
        close(pool->fd);
    free(pool);
}

int pool_take(struct pool *pool, uint32_t *ret_slot)
{
    uint64_t slot;
    int rc = queue_pop(pool->idle, &slot);
    if (rc < 0)
        return rc;
    atomic_fetch_add_explicit(&pool->taken, 1, memory_order_relaxed);
    atomic_store_explicit(&pool->refs[slot], 1, memory_order_relaxed);
    *ret_slot = (uint32_t)slot;
    return 0;
}

void pool_ref(struct pool *pool, uint32_t slot)
{
    assert(slot < pool->config.slots);
    unsigned before = atomic_fetch_add_explicit(&pool->refs[slot], 1, memory_order_relaxed);
    assert(before > 0);
    (void)before;
}

void pool_unref(struct pool *pool, uint32_t slot)
{
    assert(slot < pool->config.slots);
    /* Release what this thread did with the slot; acquire what the others did, for the next owner.
     */
    unsigned before = atomic_fetch_sub_explicit(&pool->refs[slot], 1, memory_order_acq_rel);
    assert(before > 0);
    if (before != 1)
        return;
    struct pool_config config = pool->config; /* the pool may be freed from `back` on */
    int rc = queue_push(pool->idle, slot);
    assert(rc == 0); /* there are no more slots than cells, and one thread pops */
    (void)rc;
    atomic_fetch_add_explicit(&pool->back, 1, memory_order_release);
    if (config.on_free)
        config.on_free(config.hint);
}

void *pool_data(const struct pool *pool, uint32_t slot)
{
    assert(slot < pool->config.slots);
    return pool->base + slot * pool->config.slot_bytes;
}

size_t pool_slot_bytes(const struct pool *pool)
{
    return pool->config.slot_bytes;
}

uint32_t pool_slots(const struct pool *pool)
{
    return pool->config.slots;
}

uint32_t pool_idle(const struct pool *pool)
{
    /* A slot may be taken again before its unref has counted it: then more than all seem in use. */
    uint64_t back = atomic_load(&pool->back);
    uint64_t used = atomic_load(&pool->taken) - back;
    return used < pool->config.slots ? (uint32_t)(pool->config.slots - used) : 0;
}

int pool_fd(const struct pool *pool)
{
    return pool->fd;
}

int pool_map(int fd, uint32_t slots, size_t slot_bytes, void **ret_base)
{
    size_t bytes = checked_bytes(slots, slot_bytes);
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_set(-errno, "pool: descriptor %d: %s", fd, strerror(errno));
    if (bytes == 0 || (uint64_t)st.st_size < bytes)
        return err_set(-EINVAL, "pool: descriptor %d has %lld bytes, not %u slots of %zu", fd,
                       (long long)st.st_size, slots, slot_bytes);
    return map_shared(fd, bytes, ret_base);
}

void pool_unmap(void *base, uint32_t slots, size_t slot_bytes)
{
    if (base)
        munmap(base, slots * slot_bytes);
}
