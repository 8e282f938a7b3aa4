/* SPDX-License-Identifier: Apache-2.0 */
/* pool: slots come once, go back once, with their last reference, from any thread; and a child
 * process sees the same memory. */
#include "test.h"

#include "common/pool.h"
#include "common/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void count_free(void *hint)
{
    atomic_fetch_add((atomic_int *)hint, 1);
}

static void test_bounds(void **state)
{
    (void)state;
    struct pool *pool = NULL;
    static const struct pool_config refused[] = {
        {.slots = 0, .slot_bytes = 1},
        {.slots = POOL_SLOTS_MAX + 1, .slot_bytes = 1},
        {.slots = 1, .slot_bytes = 0},
        {.slots = 1, .slot_bytes = SIZE_MAX},
        {.slots = POOL_SLOTS_MAX, .slot_bytes = SIZE_MAX / 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_int_equal(pool_new(&refused[i], &pool), -EINVAL);
    assert_null(pool);
    pool_free(NULL);
}

static void test_slots(void **state)
{
    (void)state;
    atomic_int freed = 0;
    struct pool *pool;
    enum { SLOTS = 3 };
    assert_int_equal(pool_new(&(struct pool_config){SLOTS, 5000, count_free, &freed}, &pool), 0);
    assert_int_equal(pool_slots(pool), SLOTS);
    assert_int_equal(pool_slot_bytes(pool) % (size_t)sysconf(_SC_PAGESIZE), 0);
    assert_in_range(pool_slot_bytes(pool), 5000, 5000 + (size_t)sysconf(_SC_PAGESIZE));
    assert_true(fcntl(pool_fd(pool), F_GETFD) & FD_CLOEXEC);
    uint32_t slot[SLOTS], none = 77;
    for (int i = 0; i < SLOTS; i++) {
        assert_int_equal(pool_idle(pool), SLOTS - i);
        assert_int_equal(pool_take(pool, &slot[i]), 0);
        memset(pool_data(pool, slot[i]), 'a' + i, pool_slot_bytes(pool));
    }
    assert_int_equal(pool_take(pool, &none), -EAGAIN);
    assert_int_equal(none, 77);
    for (int i = 0; i < SLOTS; i++) { /* no slot reaches into another */
        const char *bytes = pool_data(pool, slot[i]);
        for (size_t j = 0; j < pool_slot_bytes(pool); j++)
            assert_int_equal(bytes[j], 'a' + i);
    }
    pool_ref(pool, slot[1]);
    pool_unref(pool, slot[1]);
    assert_int_equal(freed, 0);
    assert_int_equal(pool_idle(pool), 0);
    pool_unref(pool, slot[1]);
    assert_int_equal(freed, 1);
    assert_int_equal(pool_idle(pool), 1);
    assert_int_equal(pool_take(pool, &none), 0);
    assert_int_equal(none, slot[1]);
    for (int i = 0; i < SLOTS; i++)
        pool_unref(pool, slot[i]);
    assert_int_equal(freed, 4);
    assert_int_equal(pool_idle(pool), SLOTS);
    pool_free(pool);
}

static void test_child_maps(void **state)
{
    (void)state;
    struct pool *pool;
    assert_int_equal(pool_new(&(struct pool_config){.slots = 2, .slot_bytes = 100}, &pool), 0);
    uint32_t a, b;
    assert_int_equal(pool_take(pool, &a), 0);
    assert_int_equal(pool_take(pool, &b), 0);
    size_t slot_bytes = pool_slot_bytes(pool);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        void *base = NULL;
        if (pool_map(pool_fd(pool), 2, slot_bytes, &base) != 0)
            _exit(1);
        memcpy((char *)base + b * slot_bytes, "from the child", 15);
        pool_unmap(base, 2, slot_bytes);
        _exit(ftruncate(pool_fd(pool), 0) == 0 ? 2 : 0); /* it must not be able to */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_string_equal(pool_data(pool, b), "from the child");
    void *base;
    assert_int_equal(pool_map(pool_fd(pool), 3, slot_bytes, &base), -EINVAL);
    assert_int_equal(pool_map(pool_fd(pool), 0, slot_bytes, &base), -EINVAL);
    assert_int_equal(pool_map(pool_fd(pool), 2, SIZE_MAX / 2 + 1, &base), -EINVAL);
    assert_int_equal(pool_map(-1, 2, slot_bytes, &base), -EBADF);
    pool_unref(pool, a);
    pool_unref(pool, b);
    pool_free(pool);
}

enum { READERS = 3, ROUNDS = 5000, END = 1 << 20 };

struct reader {
    struct pool *pool;
    struct queue *mail; /* slots to read, then END */
    int wrong;
};

/* Each of a slot's words holds the same number, whoever reads it, until the last one lets go. */
static void *read_slots(void *arg)
{
    struct reader *r = arg;
    for (;;) {
        uint64_t slot;
        if (queue_pop(r->mail, &slot) == -EAGAIN) {
            sched_yield();
            continue;
        }
        if (slot == END)
            return NULL;
        const uint32_t *words = pool_data(r->pool, (uint32_t)slot);
        r->wrong += words[0] != words[1] || words[0] != words[100];
        pool_unref(r->pool, (uint32_t)slot);
    }
}

static void mail_all(struct reader *readers, uint64_t slot)
{
    for (int i = 0; i < READERS; i++)
        while (queue_push(readers[i].mail, slot) == -EAGAIN)
            sched_yield();
}

static void test_threads(void **state)
{
    (void)state;
    atomic_int freed = 0;
    struct pool *pool;
    assert_int_equal(pool_new(&(struct pool_config){4, 512, count_free, &freed}, &pool), 0);
    struct reader readers[READERS];
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.pool = pool};
        assert_int_equal(queue_new(8, &readers[i].mail), 0);
        assert_int_equal(pthread_create(&threads[i], NULL, read_slots, &readers[i]), 0);
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t slot;
        while (pool_take(pool, &slot) == -EAGAIN)
            sched_yield();
        uint32_t *words = pool_data(pool, slot);
        words[0] = words[1] = words[100] = round;
        for (int i = 1; i < READERS; i++)
            pool_ref(pool, slot);
        mail_all(readers, slot);
    }
    mail_all(readers, END);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(readers[i].wrong, 0);
        queue_free(readers[i].mail);
    }
    assert_int_equal(freed, ROUNDS);
    assert_int_equal(pool_idle(pool), 4);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_child_maps),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
