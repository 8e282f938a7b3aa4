/* SPDX-License-Identifier: Apache-2.0 */
/* drawn: a record that a loader drew is what its law draws, in every view and with orders of a
 * batch; what is altered in one is named with both its values. */
#include "test.h"

#include "tools/inspect/replay/drawn.h"

#include <string.h>

enum { SAMPLES = 40, VIEWS = 2 };

static struct omega omegas[VIEWS * SAMPLES];
static struct wire_message tap;

/* As loaderd/render draws them. */
static int set_up(void **state)
{
    (void)state;
    tap = (struct wire_message){.type = WIRE_TAP};
    tap.tap.told_spec = true;
    tap.tap.spec = (struct spec){.dataset = "d", .seed = 99, .batch = SAMPLES, .n_views = VIEWS};
    for (uint32_t v = 0; v < VIEWS; v++)
        tap.tap.spec.views[v] = (struct view_spec){.size = 32,
                                                   .scale = {.2, 1},
                                                   .ratio = {.75, 1.3},
                                                   .flip = .5,
                                                   .jitter = {.8, .4, .4, .4, .1, v == 1},
                                                   .grayscale = .2,
                                                   .blur = {.5, {.1, 2}, 5},
                                                   .solarize = {.3, .5},
                                                   .rotation = .5};
    tap.tap.batch = (struct wire_batch){
        .epoch = 4, .index = 17, .n_samples = SAMPLES, .n_views = VIEWS, .omega = omegas};
    for (uint32_t v = 0; v < VIEWS; v++)
        for (uint32_t i = 0; i < SAMPLES; i++) {
            const struct omega_key key = {
                .seed = 99, .epoch = 4, .batch = 17, .sample = 1000 + i * 7, .view = v};
            omega_draw(&tap.tap.spec.views[v], &key, 100 + i, 80, &omegas[v * SAMPLES + i]);
        }
    return 0;
}

static void test_same(void **state)
{
    (void)state;
    for (uint32_t v = 0; v < VIEWS; v++)
        for (uint32_t i = 0; i < SAMPLES; i++) {
            struct omega drawn;
            char text[128];
            int n = -1;
            drawn_omega(&tap, v, i, &drawn);
            assert_null(drawn_differs(&omegas[v * SAMPLES + i], &drawn, &n));
            assert_int_equal(n, 0);
            drawn_text(&omegas[v * SAMPLES + i], &drawn, text, sizeof text);
            assert_string_equal(text, "");
        }
}

static void test_named(void **state)
{
    (void)state;
    struct omega drawn, o;
    char text[128], tiny[12];
    drawn_omega(&tap, 0, 3, &drawn);
    drawn.blur.sigma = 1.25f;
    drawn.jitter.hue = 0.0625f;
    drawn.crop_left = 5;
    drawn.flip = true;
    o = drawn;
    o.blur.sigma = 1.5f;
    drawn_text(&o, &drawn, text, sizeof text);
    assert_string_equal(text, "blur.sigma 1.5 in the record, 1.25 drawn");
    drawn_text(&o, &drawn, tiny, sizeof tiny);
    assert_string_equal(tiny, "blur.sigma "); /* cut, not overrun */
    o.blur.sigma = 1.25000012f;               /* the next float */
    drawn_text(&o, &drawn, text, sizeof text);
    assert_string_equal(text, "blur.sigma 1.25000012 in the record, 1.25 drawn");
    o = drawn;
    o.flip = false;
    drawn_text(&o, &drawn, text, sizeof text);
    assert_string_equal(text, "flip 0 in the record, 1 drawn");
    o.blur.sigma = 1;
    o.jitter.hue = 0;
    drawn_text(&o, &drawn, text, sizeof text);
    assert_string_equal(text, "flip 0 in the record, 1 drawn, and 2 more");
    o = drawn;
    o.crop_left = 6; /* and crop.cx with it, which follows */
    drawn_text(&o, &drawn, text, sizeof text);
    assert_string_equal(text, "crop.left 6 in the record, 5 drawn");
}

/* Every field of a record is looked at: a change of any one is seen. */
static void test_all_fields(void **state)
{
    (void)state;
    const struct omega *a = &omegas[5];
    const struct {
        size_t offset, bytes;
    } fields[] = {
#define FIELD(f) {offsetof(struct omega, f), sizeof a->f}
        FIELD(sample),
        FIELD(source_w),
        FIELD(source_h),
        FIELD(crop_top),
        FIELD(crop_left),
        FIELD(crop_height),
        FIELD(crop_width),
        FIELD(flip),
        FIELD(jitter.applied),
        FIELD(jitter.brightness),
        FIELD(jitter.contrast),
        FIELD(jitter.saturation),
        FIELD(jitter.hue),
        FIELD(jitter.order[0]),
        FIELD(jitter.order[1]),
        FIELD(jitter.order[2]),
        FIELD(jitter.order[3]),
        FIELD(grayscale),
        FIELD(blur.applied),
        FIELD(blur.sigma),
        FIELD(blur.kernel),
        FIELD(solarize.applied),
        FIELD(solarize.threshold),
        FIELD(rotation),
#undef FIELD
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct omega b = *a;
        int n;
        ((uint8_t *)&b)[fields[i].offset] ^= 1;
        if (!drawn_differs(a, &b, &n) || n != 1)
            fail_msg("field %zu: %d", i, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_named),
        cmocka_unit_test(test_all_fields),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
