/* SPDX-License-Identifier: Apache-2.0 */
/* keep: batches of several sizes in a row become one tensor of each size of view, without the
 * samples that are no good; other views are refused. */
#include "test.h"

#include "tools/inspect/replay/keep.h"
#include "trainer/safetensors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 5 };

static struct omega omegas[3 * BATCH];
static int64_t labels[BATCH];
static struct wire_message tap;

static void batch_of(uint32_t n, uint32_t first)
{
    tap = (struct wire_message){.type = WIRE_TAP};
    tap.tap.batch = (struct wire_batch){
        .n_samples = n, .n_views = 3, .sizes = {4, 4, 2}, .omega = omegas, .labels = labels};
    for (uint32_t i = 0; i < n; i++) {
        omegas[i].sample = first + i;
        labels[i] = (int64_t)(first + i) * 2;
    }
}

/* A view's pixels tell which one it is. */
static uint8_t ink(uint32_t view, uint32_t sample)
{
    return (uint8_t)(1 + view * 64 + sample);
}

static void add(struct keep *keep, uint32_t n, uint32_t first, const bool *good)
{
    static const uint32_t bytes[] = {48, 48, 12};
    uint8_t *pixels[OMEGA_VIEWS_MAX];
    batch_of(n, first);
    assert_int_equal(keep_room(keep, &tap, pixels), 0);
    for (uint32_t v = 0; v < 3; v++)
        for (uint32_t i = 0; i < n; i++)
            memset(pixels[v] + i * bytes[v], ink(v, first + i), bytes[v]);
    keep_batch(keep, &tap, good);
}

static void test_write(void **state)
{
    (void)state;
    static const uint32_t left[] = {0, 1, 3, 4, 5, 7, 9};
    char path[] = "/tmp/augstream-test-XXXXXX";
    struct keep keep = {0};
    add(&keep, 5, 0, (const bool[]){true, true, false, true, true});
    add(&keep, 1, 5, (const bool[]){true});
    add(&keep, 4, 6, (const bool[]){false, true, false, true});
    assert_int_equal(keep.n, ARRAY_LEN(left));
    close(mkstemp(path));
    assert_int_equal(keep_draw(&keep, path), 0);
    assert_int_equal(keep_write(&keep, path), 0);
    keep_done(&keep);

    struct safetensors *st;
    const void *views, *small, *samples, *found;
    const int64_t n = ARRAY_LEN(left);
    assert_int_equal(safetensors_open(path, &st), 0);
    assert_int_equal(safetensors_expect(st, "views", ST_U8, 5, (int64_t[]){2, n, 4, 4, 3}, &views),
                     0);
    assert_int_equal(safetensors_expect(st, "small", ST_U8, 5, (int64_t[]){1, n, 2, 2, 3}, &small),
                     0);
    assert_int_equal(safetensors_expect(st, "samples", ST_I64, 1, &n, &samples), 0);
    assert_int_equal(safetensors_expect(st, "labels", ST_I64, 1, &n, &found), 0);
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        assert_int_equal(((const int64_t *)samples)[i], left[i]);
        assert_int_equal(((const int64_t *)found)[i], 2 * left[i]);
        for (size_t p = 0; p < 48; p++) {
            assert_int_equal(((const uint8_t *)views)[i * 48 + p], ink(0, left[i]));
            assert_int_equal(((const uint8_t *)views)[(i + ARRAY_LEN(left)) * 48 + p],
                             ink(1, left[i]));
        }
        for (size_t p = 0; p < 12; p++)
            assert_int_equal(((const uint8_t *)small)[i * 12 + p], ink(2, left[i]));
    }
    safetensors_close(st);
    unlink(path);
}

static void test_refused(void **state)
{
    (void)state;
    uint8_t *pixels[OMEGA_VIEWS_MAX];
    struct keep keep = {0};
    add(&keep, 2, 0, (const bool[]){true, true});
    batch_of(2, 0);
    tap.tap.batch.sizes[2] = 3;
    assert_int_equal(keep_room(&keep, &tap, pixels), -EINVAL);
    batch_of(2, 0);
    tap.tap.batch.n_views = 2;
    assert_int_equal(keep_room(&keep, &tap, pixels), -EINVAL);
    batch_of(2, 0);
    assert_int_equal(keep_room(&keep, &tap, pixels), 0);
    keep_done(&keep);
    tap.tap.batch.sizes[1] = 3;
    assert_int_equal(keep_room(&keep, &tap, pixels), -EINVAL); /* three sizes */
    keep_done(&keep);
    /* more than it may take: refused before it is asked for */
    batch_of(5, 0);
    for (int v = 0; v < 3; v++)
        tap.tap.batch.sizes[v] = OMEGA_VIEW_MAX;
    keep = (struct keep){.n = KEEP_BYTES_MAX / (9ull << 20)};
    assert_int_equal(keep_room(&keep, &tap, pixels), -E2BIG);
    keep_done(&keep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
