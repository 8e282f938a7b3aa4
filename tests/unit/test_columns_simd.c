/* SPDX-License-Identifier: Apache-2.0 */
/* columns_simd: from every width to every size, flipped or not, with the line and the row at the
 * very end of their memory: the same floats as plain C's. The wide copies have two ways through;
 * both are met. */
#include "guarded.h"
#include "picture.h"

#include "common/rng.h"
#include "loaderd/augment/parts.h"

#include <string.h>

enum { WIDTH_MAX = 150, SIZE_MAX_TESTED = 70 };

static uint8_t rgb[3 * WIDTH_MAX];
static struct guarded lines, rows;
static bool met[2]; /* shuffled or not */

static void compare(struct crop *crop, const struct kernels *kernels, uint32_t w, uint32_t size,
                    bool flip)
{
    const struct image image = picture_whole(w, 1, rgb);
    const struct omega omega = {.crop_height = 1, .crop_width = (int32_t)w, .flip = flip};
    const size_t pitch = pitch_of(size), floats = 3 * (size_t)w + LINE_SLACK;
    float *line = guarded_end(&lines, floats * sizeof *line);
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = w, .purpose = RNG_TEST});
    for (size_t i = 0; i < floats; i++)
        line[i] = (float)rng_range(&rng, 0, 256);
    static float expected[3 * PITCH_MAX];
    float *const plain[3] = {expected, expected + pitch, expected + 2 * pitch};
    float *x = guarded_end(&rows, 3 * pitch * sizeof *x);
    float *const row[3] = {x, x + pitch, x + 2 * pitch};
    crop_open(crop, kernels, &image, &omega, size);
    met[crop->columns.spread.shuffled] = true;
    kernels_at(0)->crop_columns(&crop->columns, line, plain);
    kernels->crop_columns(&crop->columns, line, row);
    assert_memory_equal(x, expected, 3 * pitch * sizeof *x);
}

static void test_every_width_to_every_size(void **state)
{
    (void)state;
    lines = guarded_new((3 * WIDTH_MAX + LINE_SLACK) * sizeof(float));
    rows = guarded_new((size_t)3 * PITCH_MAX * sizeof(float));
    struct crop crop;
    assert_int_equal(crop_init(&crop, SIZE_MAX_TESTED), 0);
    for (size_t copy = 1; copy < KERNELS_MAX && kernels_at(copy); copy++) {
        memset(met, 0, sizeof met);
        for (uint32_t w = 1; w <= WIDTH_MAX; w += w < 40 ? 1 : 7)
            for (uint32_t size = 1; size <= SIZE_MAX_TESTED; size++)
                compare(&crop, kernels_at(copy), w, size, (w + size) % 2);
        assert_true(met[0]);
        assert_int_equal(met[1], strcmp(kernels_at(copy)->name, "avx512") == 0);
    }
    crop_done(&crop);
    guarded_free(&lines);
    guarded_free(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_width_to_every_size)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
