/* SPDX-License-Identifier: Apache-2.0 */
/* flower: a picture is a function of (kind, seed, number), and what sets two kinds apart can be
 * measured in their pixels. */
#include "test.h"

#include "tools/synth/flower.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE = 48, BYTES = SIDE * SIDE * 3, PICTURES = 24 };

static const struct flower_kind *kind_named(const char *name)
{
    for (size_t i = 0; i < flower_kinds_n; i++)
        if (!strcmp(flower_kinds[i].name, name))
            return &flower_kinds[i];
    fail_msg("no kind %s", name);
    return NULL;
}

static void test_pure_function(void **state)
{
    (void)state;
    uint8_t a[BYTES], b[BYTES];
    flower_draw(&flower_kinds[0], 1, 7, SIDE, SIDE, a);
    flower_draw(&flower_kinds[0], 1, 7, SIDE, SIDE, b);
    assert_memory_equal(a, b, BYTES);
    flower_draw(&flower_kinds[0], 1, 8, SIDE, SIDE, b);
    assert_true(memcmp(a, b, BYTES) != 0);
    flower_draw(&flower_kinds[0], 2, 7, SIDE, SIDE, b);
    assert_true(memcmp(a, b, BYTES) != 0);
}

/* Mean of channel (first - second) over a box around (x, y) in fractions, over PICTURES pictures.
 */
static double channel_gap(const struct flower_kind *kind, float x, float y)
{
    uint8_t rgb[BYTES];
    double sum = 0;
    int count = 0;
    for (uint32_t n = 0; n < PICTURES; n++) {
        flower_draw(kind, 3, n, SIDE, SIDE, rgb);
        int cx = (int)(x * SIDE), cy = (int)(y * SIDE);
        for (int py = cy - 5; py <= cy + 5; py++)
            for (int px = cx - 5; px <= cx + 5; px++, count++) {
                const uint8_t *p = rgb + 3 * (py * SIDE + px);
                sum += (double)p[0] - (double)p[2]; /* red - blue */
            }
    }
    return sum / count;
}

static void test_colour_and_place_carry_the_kind(void **state)
{
    (void)state;
    /* Yellow petals are redder than blue ones by far; violet ones are not. */
    assert_true(channel_gap(kind_named("yellow-five"), 0.5f, 0.48f) > 60);
    assert_true(channel_gap(kind_named("violet-five"), 0.5f, 0.48f) < 30);
    /* A small flower shows itself on its own side only. */
    double here = channel_gap(kind_named("yellow-small-left"), 0.27f, 0.32f);
    double there = channel_gap(kind_named("yellow-small-left"), 0.73f, 0.62f);
    assert_true(here > there + 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pure_function),
        cmocka_unit_test(test_colour_and_place_carry_the_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
