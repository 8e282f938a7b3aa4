/* SPDX-License-Identifier: Apache-2.0 */
/* queue: first in first out, bounded, and between threads nothing is lost, doubled or overtaken. */
#include "test.h"

#include "common/queue.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

static void test_bounds(void **state)
{
    (void)state;
    struct queue *q = NULL;
    static const uint32_t refused[] = {0, 1, 3, 6, (1u << 20) + 1, 1u << 21, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_int_equal(queue_new(refused[i], &q), -EINVAL);
    assert_null(q);
    assert_int_equal(queue_new(1u << 20, &q), 0);
    queue_free(q);
    queue_free(NULL);
}

static void test_order_and_limits(void **state)
{
    (void)state;
    struct queue *q;
    assert_int_equal(queue_new(4, &q), 0);
    uint64_t value = 99;
    assert_int_equal(queue_pop(q, &value), -EAGAIN);
    assert_int_equal(value, 99);
    for (uint64_t round = 0; round < 10; round++) { /* round after round through the ring */
        for (uint64_t i = 0; i < 4; i++)
            assert_int_equal(queue_push(q, UINT64_MAX - round * 4 - i), 0);
        assert_int_equal(queue_push(q, 0), -EAGAIN);
        for (uint64_t i = 0; i < 4; i++) {
            assert_int_equal(queue_pop(q, &value), 0);
            assert_true(value == UINT64_MAX - round * 4 - i);
        }
        assert_int_equal(queue_pop(q, &value), -EAGAIN);
    }
    queue_free(q);
}

enum { SIDES = 2, EACH = 20000 };

struct party {
    struct queue *queue;
    uint64_t id;
    atomic_uint *popped;
    unsigned char *seen; /* [SIDES * EACH], each byte written by the one thread that popped it */
    int overtaken;
};

static void *push_all(void *arg)
{
    struct party *p = arg;
    for (uint64_t i = 0; i < EACH; i++)
        while (queue_push(p->queue, p->id * EACH + i) == -EAGAIN)
            sched_yield();
    return NULL;
}

static void *pop_all(void *arg)
{
    struct party *p = arg;
    int64_t last[SIDES] = {-1, -1};
    while (atomic_load(p->popped) < SIDES * EACH) {
        uint64_t value;
        if (queue_pop(p->queue, &value) == -EAGAIN) {
            sched_yield();
            continue;
        }
        atomic_fetch_add(p->popped, 1);
        p->seen[value]++;
        p->overtaken += (int64_t)value <= last[value / EACH];
        last[value / EACH] = (int64_t)value;
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct queue *q;
    assert_int_equal(queue_new(8, &q), 0);
    static unsigned char seen[SIDES * EACH];
    atomic_uint popped = 0;
    struct party parties[2 * SIDES];
    pthread_t threads[2 * SIDES];
    for (uint64_t i = 0; i < 2 * SIDES; i++) {
        parties[i] = (struct party){q, i % SIDES, &popped, seen, 0};
        assert_int_equal(
            pthread_create(&threads[i], NULL, i < SIDES ? push_all : pop_all, &parties[i]), 0);
    }
    for (int i = 0; i < 2 * SIDES; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < SIDES * EACH; i++)
        assert_int_equal(seen[i], 1);
    for (int i = SIDES; i < 2 * SIDES; i++)
        assert_int_equal(parties[i].overtaken, 0);
    queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_order_and_limits),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
