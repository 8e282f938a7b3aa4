/* SPDX-License-Identifier: Apache-2.0 */
/* again: a batch as a loader renders it comes out again whatever the number of threads; what is
 * another, and whether omega is to blame, is told of each view, and of no other one. */
#include "jpeg_make.h"
#include "test.h"

#include "common/crc32c.h"
#include "common/file.h"
#include "loaderd/render.h"
#include "tools/inspect/replay/again.h"
#include "trainer/watch/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 20, VIEWS = 2, BYTES = 3 * SIZE * SIZE, SAMPLES = 14 };

static char folder[] = "/tmp/augstream-test-XXXXXX";
static struct renderer *renderer;

/* One batch, as it was told: never changed but by who puts it back. */
static struct omega omegas[VIEWS * SAMPLES];
static uint32_t checks[VIEWS * SAMPLES];
static uint8_t pixels[VIEWS][SAMPLES * BYTES];
static struct wire_message tap;

static void put_images(void)
{
    char name[32];
    for (uint32_t i = 0; i < SAMPLES; i++) {
        const bool png = i % 4 == 1;
        snprintf(name, sizeof name, "set/a/%02u.%s", i, png ? "png" : "jpg");
        if (png) {
            uint8_t rgb[40 * 30 * 3];
            for (size_t p = 0; p < sizeof rgb; p++)
                rgb[p] = (uint8_t)(p * (5 + i));
            assert_int_equal(picture_save(name, rgb, 40, 30), 0);
            continue;
        }
        const struct jpeg_made made = {.colour = JCS_YCbCr, .w = 60 + i, .h = 50, .seed = i};
        size_t len;
        auto_free uint8_t *bytes = jpeg_make(&made, &len);
        FILE *out = fopen(name, "wb");
        assert_non_null(out);
        assert_int_equal(fwrite(bytes, 1, len, out), len);
        assert_int_equal(fclose(out), 0);
    }
}

/* As a worker renders it, sample after sample, the last one first. */
static void tell_batch(void)
{
    struct source *source;
    struct render *render;
    assert_int_equal(source_open(&(struct source_spec){.format = "folder", .path = "set"}, &source),
                     0);
    assert_int_equal(render_new(&render), 0);
    for (uint32_t i = 0; i < SAMPLES; i++) {
        struct item item;
        enum wire_fault fault;
        source->item(source, SAMPLES - 1 - i, &item);
        struct render_task task = {
            .item = &item, .spec = &tap.tap.spec, .epoch = tap.tap.batch.epoch, .batch = 9};
        for (uint32_t v = 0; v < VIEWS; v++) {
            task.omega[v] = &omegas[v * SAMPLES + i];
            task.out[v] = pixels[v] + i * BYTES;
        }
        assert_int_equal(render_sample(render, &task, &fault), 0);
        for (uint32_t v = 0; v < VIEWS; v++)
            checks[v * SAMPLES + i] = crc32c(0, task.out[v], BYTES);
    }
    render_free(render);
    source_free(source);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder) || chdir(folder) != 0 || file_mkdirs("set/a"))
        return -1;
    put_images();
    tap = (struct wire_message){.type = WIRE_TAP};
    tap.tap.told_spec = true;
    tap.tap.spec = (struct spec){.dataset = "d", .seed = 5, .batch = SAMPLES, .n_views = VIEWS};
    for (uint32_t v = 0; v < VIEWS; v++)
        tap.tap.spec.views[v] = (struct view_spec){.size = SIZE,
                                                   .scale = {.2, 1},
                                                   .ratio = {.75, 1.3333},
                                                   .flip = .5,
                                                   .jitter = {.8, .4, .4, .4, .1, true},
                                                   .blur = {1, {.1, 2}, 5},
                                                   .solarize = {0, 1}};
    tap.tap.batch = (struct wire_batch){.epoch = 2,
                                        .index = 9,
                                        .n_samples = SAMPLES,
                                        .n_views = VIEWS,
                                        .sizes = {SIZE, SIZE},
                                        .omega = omegas,
                                        .checks = checks};
    tell_batch();
    return renderer_open(&(struct source_options){.data = "set"}, NULL, NULL, &renderer);
}

static int tear_down(void **state)
{
    (void)state;
    renderer_close(renderer);
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

/* The flags of all views are 0 but for those of one sample. */
static void assert_flags(const struct again_result *result, uint32_t sample, uint8_t first,
                         uint8_t second)
{
    for (uint32_t at = 0; at < VIEWS * SAMPLES; at++) {
        const uint8_t expected = at % SAMPLES != sample ? 0 : at < SAMPLES ? first : second;
        if (result->flags[at] != expected)
            fail_msg("view %u of %u: %x, not %x", at / SAMPLES, at % SAMPLES, result->flags[at],
                     expected);
    }
    for (uint32_t i = 0; i < SAMPLES; i++)
        assert_true((result->why[i] != NULL) == (i == sample && (first & AGAIN_FAILED)));
}

static void test_threads(void **state)
{
    (void)state;
    static uint8_t got[VIEWS][SAMPLES * BYTES];
    for (unsigned threads = 1; threads <= 9; threads += 4) {
        struct again *again;
        struct again_result result;
        assert_int_equal(again_new(renderer, threads, &again), 0);
        for (int round = 0; round < 8; round++) {
            memset(got, 0, sizeof got);
            const struct again_task task = {&tap, NULL,
                                            round % 2 ? (uint8_t *[]){got[0], got[1]} : NULL};
            assert_int_equal(again_batch(again, &task, &result), 0);
            assert_flags(&result, SAMPLES, 0, 0);
            if (round % 2)
                assert_memory_equal(got, pixels, sizeof got);
        }
        again_free(again);
    }
}

static void test_told(void **state)
{
    (void)state;
    struct again *again;
    struct again_result result;
    const struct again_task task = {.tap = &tap};
    assert_int_equal(again_new(renderer, 3, &again), 0);

    checks[4] ^= 0x100;
    assert_int_equal(again_batch(again, &task, &result), 0);
    assert_flags(&result, 4, AGAIN_DIFFERS, 0);
    checks[4] ^= 0x100;

    const struct omega kept = omegas[SAMPLES + 6];
    omegas[SAMPLES + 6].blur.sigma = kept.blur.sigma > 1 ? 0.2f : 1.9f;
    assert_int_equal(again_batch(again, &task, &result), 0);
    assert_flags(&result, 6, 0, AGAIN_DIFFERS | AGAIN_OTHERWISE | AGAIN_AS_DRAWN);
    checks[SAMPLES + 6]++; /* and then it is not the record's as drawn either */
    assert_int_equal(again_batch(again, &task, &result), 0);
    assert_flags(&result, 6, 0, AGAIN_DIFFERS | AGAIN_OTHERWISE);
    checks[SAMPLES + 6]--;
    omegas[SAMPLES + 6] = kept;

    omegas[3].source_w++;
    omegas[SAMPLES + 3].source_w++;
    assert_int_equal(again_batch(again, &task, &result), 0);
    assert_true(result.flags[3] & AGAIN_FAILED && result.flags[SAMPLES + 3] & AGAIN_FAILED);
    assert_non_null(strstr(result.why[3], "a record of sample 10"));
    omegas[3].source_w--;
    omegas[SAMPLES + 3].source_w--;

    assert_int_equal(rename("set/a/02.jpg", "set/a/away"), 0); /* the last but two */
    assert_int_equal(again_batch(again, &task, &result), 0);
    assert_flags(&result, SAMPLES - 3, AGAIN_FAILED, AGAIN_FAILED);
    assert_non_null(strstr(result.why[SAMPLES - 3], "02.jpg"));
    assert_int_equal(rename("set/a/away", "set/a/02.jpg"), 0);

    bool wanted[SAMPLES] = {[5] = true};
    assert_int_equal(again_batch(again, &(struct again_task){&tap, wanted, NULL}, &result), 0);
    for (uint32_t at = 0; at < VIEWS * SAMPLES; at++)
        assert_int_equal(result.flags[at], at % SAMPLES == 5 ? 0 : AGAIN_LEFT);

    tap.tap.batch.checks = NULL;
    assert_int_equal(again_batch(again, &task, &result), 0);
    for (uint32_t at = 0; at < VIEWS * SAMPLES; at++)
        assert_int_equal(result.flags[at], AGAIN_UNTOLD);
    tap.tap.batch.checks = checks;

    assert_int_equal(again_batch(again, &task, &result), 0);
    assert_flags(&result, SAMPLES, 0, 0); /* nothing of the rounds before is left */
    again_free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
