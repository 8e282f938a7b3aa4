/* SPDX-License-Identifier: Apache-2.0 */
/* gallery: what was put is found again, by dataset, sample and reduction; what a worker did not
 * finish is not there; nothing moves while a task may look at it; pictures make room only for a
 * dataset that is in use in place of one that is not. */
#include "test.h"

#include "loaderd/crew/gallery.h"

#include <string.h>

enum { BYTES = 4 << 20, CHUNK = BYTES / GALLERY_CHUNKS, SIDE = 100, PICTURE = 3 * SIDE * SIDE };

static struct gallery *gallery;
static struct metrics metrics;
static const uint8_t red[DIGEST_BYTES] = {1}, blue[DIGEST_BYTES] = {2};

static int setup(void **state)
{
    (void)state;
    memset(&metrics, 0, sizeof metrics);
    return gallery_new(BYTES, &metrics, &gallery);
}

static int teardown(void **state)
{
    (void)state;
    gallery_free(gallery);
    gallery_free(NULL);
    return 0;
}

struct offer {
    struct gallery_ticket ticket;
    struct task_cache task;
};

static struct offer offered(const uint8_t *fingerprint, uint32_t sample, uint64_t now_ms)
{
    struct offer o;
    gallery_offer(gallery, fingerprint, sample, now_ms, &o.ticket, &o.task);
    return o;
}

static struct task_cached put(uint32_t reduce)
{
    const uint64_t side = (SIDE + reduce - 1) / reduce;
    return (struct task_cached){
        .w = SIDE, .h = SIDE, .reduce = reduce, .reduce_max = 8, .filled = 3 * side * side};
}

static bool settle(const struct offer *offer, struct task_cached answer)
{
    return gallery_settle(gallery, &offer->ticket, &answer);
}

/* Puts one picture; false when there is no room for it. */
static bool fill(const uint8_t *fingerprint, uint32_t sample, uint64_t now_ms)
{
    const struct offer o = offered(fingerprint, sample, now_ms);
    const bool room = o.task.fill_bytes >= PICTURE;
    assert_true(settle(&o, room ? put(1) : (struct task_cached){.wanted = PICTURE}));
    return room;
}

static void test_found(void **state)
{
    (void)state;
    struct offer first = offered(red, 7, 0);
    assert_int_equal(first.task.have, 0);
    assert_int_equal(first.task.fill_bytes, CHUNK);
    assert_true(settle(&first, put(1)));
    struct offer second = offered(red, 7, 0);
    assert_int_equal(second.task.have, 1);
    assert_int_equal(second.task.at[0], first.task.fill);
    assert_int_equal(second.task.w, SIDE);
    assert_int_equal(second.task.reduce_max, 8);
    assert_true(second.task.fill >= first.task.fill + PICTURE); /* not over it */
    assert_true(settle(&second, put(4)));                       /* it needed another reduction */
    struct offer third = offered(red, 7, 0);
    assert_int_equal(third.task.have, 1 | 4);
    assert_int_equal(third.task.at[2], second.task.fill);
    assert_true(settle(&third, (struct task_cached){.used = 1}));
    struct offer other = offered(red, 8, 0), elsewhere = offered(blue, 7, 0);
    assert_int_equal(other.task.have, 0);
    assert_int_equal(elsewhere.task.have, 0);
    assert_true(settle(&other, (struct task_cached){.used = 0}));
    assert_true(settle(&elsewhere, (struct task_cached){.used = 0}));
    assert_int_equal(metrics.cache_hits, 1);
    assert_int_equal(metrics.cache_misses, 4);
    assert_int_equal(metrics.cache_bytes, PICTURE + 3 * 25 * 25);
}

/* Tasks in flight never share room, and what was not finished is not there. */
static void test_unfinished(void **state)
{
    (void)state;
    struct offer one = offered(red, 1, 0), two = offered(red, 2, 0);
    assert_true(one.task.fill + one.task.fill_bytes <= two.task.fill ||
                two.task.fill + two.task.fill_bytes <= one.task.fill);
    assert_true(gallery_settle(gallery, &one.ticket, NULL)); /* its worker died */
    assert_true(settle(&two, put(1)));
    struct offer again = offered(red, 1, 0);
    assert_int_equal(again.task.have, 0);
    assert_int_equal(again.task.fill, one.task.fill);
    assert_true(settle(&again, put(1)));
    struct offer here = offered(red, 2, 0);
    assert_int_equal(here.task.at[0], two.task.fill);
    assert_true(gallery_settle(gallery, &here.ticket, NULL));
}

/* Two tasks decoded the same picture at once: it is there once. */
static void test_twice(void **state)
{
    (void)state;
    struct offer one = offered(red, 1, 0), two = offered(red, 1, 0);
    assert_true(settle(&one, put(1)));
    assert_true(settle(&two, put(1)));
    assert_int_equal(metrics.cache_bytes, PICTURE);
    struct offer again = offered(red, 1, 0);
    assert_int_equal(again.task.at[0], one.task.fill);
    assert_true(settle(&again, (struct task_cached){.used = 1}));
}

static void test_nonsense(void **state)
{
    (void)state;
    struct task_cached wrong[] = {put(1), put(1), put(2), put(1), put(1)};
    wrong[0].w = 0;
    wrong[1].filled++;
    wrong[2].reduce = 3;
    wrong[3].reduce_max = 5;
    wrong[4].w = wrong[4].h = 16384;
    wrong[4].filled = UINT64_C(3) * 16384 * 16384;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        const struct offer o = offered(red, 1, 0);
        assert_false(settle(&o, wrong[i]));
    }
    struct gallery_ticket none = {.offered = false};
    struct task_cached filled = put(1);
    assert_false(gallery_settle(gallery, &none, &filled));
    assert_true(gallery_settle(gallery, &none, NULL));
    struct offer again = offered(red, 1, 0);
    assert_int_equal(again.task.have, 0);
    assert_true(gallery_settle(gallery, &again.ticket, NULL));
}

/* More pictures than there is room for: those that came first stay, most of the room is used. */
static uint32_t fill_up(const uint8_t *fingerprint, uint64_t now_ms)
{
    uint32_t n = 0;
    for (uint32_t sample = 0; sample < 2 * BYTES / PICTURE; sample++)
        n += fill(fingerprint, sample, now_ms);
    return n;
}

static void test_full(void **state)
{
    (void)state;
    const uint32_t n = fill_up(red, 0);
    assert_true(n * (uint64_t)PICTURE > BYTES / 4 * 3);
    assert_int_equal(metrics.cache_bytes, n * (uint64_t)PICTURE);
    for (uint32_t sample = 0; sample < 2 * BYTES / PICTURE; sample++) {
        const struct offer o = offered(red, sample, 0);
        assert_int_equal(o.task.have, sample < n);
        assert_true(settle(&o, (struct task_cached){.used = o.task.have}));
    }
    assert_int_equal(metrics.cache_evictions, 0);
    assert_false(fill(blue, 0, GALLERY_IDLE_MS)); /* red is in use still */
    assert_int_equal(metrics.cache_evictions, 0);
}

static void test_evicted(void **state)
{
    (void)state;
    fill_up(red, 0);
    const uint64_t then = GALLERY_IDLE_MS + 1;
    struct offer held = offered(red, 0, 0);
    assert_true(held.task.have);
    const uint32_t n = fill_up(blue, then);
    assert_true(n > 0);
    assert_true(metrics.cache_evictions > 0);
    assert_true(metrics.cache_bytes <= BYTES);
    struct offer again = offered(red, 0, then); /* a task was looking at it */
    assert_int_equal(again.task.have, 1);
    assert_int_equal(again.task.at[0], held.task.at[0]);
    assert_true(settle(&held, (struct task_cached){.used = 1}));
    assert_true(settle(&again, (struct task_cached){.used = 1}));
    for (uint32_t sample = 0; sample < n; sample++) {
        const struct offer o = offered(blue, sample, then);
        assert_int_equal(o.task.have, 1);
        for (uint32_t other = 0; other < sample; other++) { /* none lies in another */
            const struct offer p = offered(blue, other, then);
            assert_true(p.task.at[0] + PICTURE <= o.task.at[0] ||
                        o.task.at[0] + PICTURE <= p.task.at[0]);
            assert_true(gallery_settle(gallery, &p.ticket, NULL));
        }
        assert_true(gallery_settle(gallery, &o.ticket, NULL));
    }
}

/* Datasets come and go for ever. */
static void test_many_datasets(void **state)
{
    (void)state;
    uint8_t fingerprint[DIGEST_BYTES] = {3};
    for (uint32_t i = 0; i < 10 * WIRE_DATASETS_MAX; i++) {
        memcpy(fingerprint + 4, &i, sizeof i);
        const uint64_t now = (uint64_t)i * 2 * GALLERY_IDLE_MS;
        assert_true(fill(fingerprint, 5, now));
        const struct offer o = offered(fingerprint, 5, now);
        assert_int_equal(o.task.have, 1);
        assert_true(settle(&o, (struct task_cached){.used = 1}));
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_found), TEST(test_unfinished), TEST(test_twice),         TEST(test_nonsense),
        TEST(test_full),  TEST(test_evicted),    TEST(test_many_datasets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
