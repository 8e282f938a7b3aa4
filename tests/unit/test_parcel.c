/* SPDX-License-Identifier: Apache-2.0 */
/* parcel: a slot comes back with its last frame, from whatever thread, and the peer holds the
 * parcel until then; a peer that has gone holds nothing. */
#include "test.h"

#include "loaderd/serve/parcel.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

enum { SLOTS = 2, PARCELS = 3, FRAMES = 4, SLOT_BYTES = 4096 };

static struct pool *pool;
static struct parcels parcels;
static struct peer peer;
static struct batch batch; /* large */
static struct link_frame frames[WIRE_FRAMES_MAX];
static atomic_int wakes;

static void wake(void *hint)
{
    assert_ptr_equal(hint, &wakes);
    atomic_fetch_add(&wakes, 1);
}

static int setup(void **state)
{
    (void)state;
    peer = (struct peer){.used = true};
    atomic_store(&wakes, 0);
    memset(&batch, 0, sizeof batch);
    batch.header.n_frames = FRAMES;
    for (uint32_t i = 0; i < FRAMES; i++) {
        batch.frame_at[i] = 100 * i;
        batch.header.frames[i].bytes = 50 + i;
    }
    if (pool_new(&(struct pool_config){.slots = SLOTS, .slot_bytes = SLOT_BYTES}, &pool) < 0 ||
        pool_take(pool, &batch.slot) < 0)
        return -1;
    parcels = (struct parcels){.pool = pool, .wake = wake, .hint = &wakes};
    return parcels_init(&parcels, PARCELS);
}

static int teardown(void **state)
{
    (void)state;
    parcels_done(&parcels);
    pool_free(pool);
    return 0;
}

static void give_back(struct link_frame *frame)
{
    frame->free(frame->data, frame->hint);
}

static void test_life(void **state)
{
    (void)state;
    assert_int_equal(parcel_begin(&parcels, &peer, &batch, frames), 0);
    assert_int_equal(peer.holding, 1);
    for (uint32_t i = 0; i < FRAMES; i++) {
        assert_ptr_equal(frames[i].data, (char *)pool_data(pool, batch.slot) + 100 * i);
        assert_int_equal(frames[i].len, 50 + i);
    }
    pool_unref(pool, batch.slot); /* the batch's own user has gone */
    for (uint32_t i = FRAMES; i-- > 1;)
        give_back(&frames[i]);
    parcels_collect(&parcels);
    assert_int_equal(peer.holding, 1);
    assert_int_equal(pool_idle(pool), SLOTS - 1);
    assert_int_equal(atomic_load(&wakes), 0);
    give_back(&frames[0]);
    assert_int_equal(pool_idle(pool), SLOTS);
    assert_int_equal(atomic_load(&wakes), 1);
    assert_int_equal(peer.holding, 1); /* until it is looked for */
    parcels_collect(&parcels);
    assert_int_equal(peer.holding, 0);
}

/* One batch to two peers: the slot stays for both. */
static void test_shared(void **state)
{
    (void)state;
    struct peer other = {.used = true};
    struct link_frame theirs[WIRE_FRAMES_MAX];
    assert_int_equal(parcel_begin(&parcels, &peer, &batch, frames), 0);
    assert_int_equal(parcel_begin(&parcels, &other, &batch, theirs), 0);
    pool_unref(pool, batch.slot);
    for (uint32_t i = 0; i < FRAMES; i++)
        give_back(&theirs[i]);
    parcels_collect(&parcels);
    assert_int_equal(other.holding, 0);
    assert_int_equal(peer.holding, 1);
    assert_int_equal(atomic_load(&wakes), 1); /* though the slot is not back */
    assert_int_equal(pool_idle(pool), SLOTS - 1);
    for (uint32_t i = 0; i < FRAMES; i++)
        give_back(&frames[i]);
    assert_int_equal(pool_idle(pool), SLOTS);
}

static void test_all_out(void **state)
{
    (void)state;
    struct link_frame lent[PARCELS][WIRE_FRAMES_MAX];
    for (uint32_t p = 0; p < PARCELS; p++)
        assert_int_equal(parcel_begin(&parcels, &peer, &batch, lent[p]), 0);
    assert_int_equal(parcel_begin(&parcels, &peer, &batch, frames), -EAGAIN);
    assert_int_equal(peer.holding, PARCELS);
    for (uint32_t i = 0; i < FRAMES; i++)
        give_back(&lent[1][i]);
    parcels_collect(&parcels);
    assert_int_equal(parcel_begin(&parcels, &peer, &batch, lent[1]), 0);
    for (uint32_t p = 0; p < PARCELS; p++)
        for (uint32_t i = 0; i < FRAMES; i++)
            give_back(&lent[p][i]);
    pool_unref(pool, batch.slot);
    parcels_collect(&parcels);
    assert_int_equal(peer.holding, 0);
}

static void test_forgotten(void **state)
{
    (void)state;
    assert_int_equal(parcel_begin(&parcels, &peer, &batch, frames), 0);
    parcels_forget(&parcels, &peer);
    assert_int_equal(peer.holding, 0);
    peer = (struct peer){.used = true, .holding = 5}; /* another one in its place */
    pool_unref(pool, batch.slot);
    for (uint32_t i = 0; i < FRAMES; i++)
        give_back(&frames[i]);
    parcels_collect(&parcels);
    assert_int_equal(peer.holding, 5);
    assert_int_equal(pool_idle(pool), SLOTS);
}

/* --- another thread gives back, as ZeroMQ's does --- */

enum { ROUNDS = 5000 };
static struct link_frame passed[WIRE_FRAMES_MAX];
static pthread_barrier_t barrier;

static void *their_thread(void *arg)
{
    (void)arg;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&barrier);
        for (uint32_t i = 0; i < FRAMES; i++)
            give_back(&passed[i]);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t thread;
    pthread_barrier_init(&barrier, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, their_thread, NULL), 0);
    for (int round = 0; round < ROUNDS; round++) {
        if (round > 0)
            while (pool_take(pool, &batch.slot) < 0) /* both may be on their way back */
                continue;
        while (parcel_begin(&parcels, &peer, &batch, frames) < 0)
            parcels_collect(&parcels);
        pool_unref(pool, batch.slot);
        /* The last round's frames may still be being given back from `passed`. */
        while (round > 0 && atomic_load(&wakes) < round)
            parcels_collect(&parcels);
        memcpy(passed, frames, sizeof passed);
        pthread_barrier_wait(&barrier);
        parcels_collect(&parcels);
    }
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&barrier);
    parcels_collect(&parcels);
    assert_int_equal(peer.holding, 0);
    assert_int_equal(atomic_load(&wakes), ROUNDS);
    assert_int_equal(pool_idle(pool), SLOTS);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_life), TEST(test_shared), TEST(test_all_out),
                                       TEST(test_forgotten), TEST(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
