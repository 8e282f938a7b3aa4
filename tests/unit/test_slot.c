/* SPDX-License-Identifier: Apache-2.0 */
/* slot: views, omegas and checksums follow one another without overlap, in the bytes promised. */
#include "test.h"

#include "loaderd/batch/slot.h"

static void test_layout(void **state)
{
    (void)state;
    struct spec spec = {.batch = 5, .n_views = 3};
    spec.views[0].size = 7;
    spec.views[1].size = 32;
    spec.views[2].size = 7;
    struct slot_layout layout;
    slot_layout(&spec, 5, &layout);
    size_t end = 0;
    for (uint32_t v = 0; v < 3; v++) {
        size_t image = (size_t)spec.views[v].size * spec.views[v].size * 3;
        assert_int_equal(layout.image[v], image);
        assert_int_equal(layout.view[v] % SLOT_ALIGN, 0);
        assert_true(layout.view[v] >= end);
        assert_true(layout.view[v] < end + SLOT_ALIGN);
        end = layout.view[v] + 5 * image;
    }
    assert_int_equal(layout.omega % SLOT_ALIGN, 0);
    assert_true(layout.omega >= end);
    end = layout.omega + 15 * sizeof(struct omega);
    assert_int_equal(layout.check % SLOT_ALIGN, 0);
    assert_true(layout.check >= end);
    assert_true(layout.check < end + SLOT_ALIGN);
    assert_int_equal(layout.bytes, layout.check + 15 * sizeof(uint32_t));
    assert_int_equal(layout.frames, 3);
}

/* A slot of the pixels' size and SLOT_EXTRA holds every batch that spec_check lets through. */
static void test_extra(void **state)
{
    (void)state;
    struct spec spec = {.batch = WIRE_OMEGAS_MAX / OMEGA_VIEWS_MAX, .n_views = OMEGA_VIEWS_MAX};
    for (uint32_t v = 0; v < OMEGA_VIEWS_MAX; v++)
        spec.views[v].size = 1 + 2 * v;
    struct slot_layout layout;
    slot_layout(&spec, spec.batch, &layout);
    assert_true(layout.bytes <= spec_batch_bytes(&spec) + SLOT_EXTRA);
}

static void test_frames(void **state)
{
    (void)state;
    assert_int_equal(slot_frame_images(WIRE_FRAME_MAX), 1);
    assert_int_equal(slot_frame_images(WIRE_FRAME_MAX / 2), 2);
    assert_int_equal(slot_frame_images(WIRE_FRAME_MAX / 2 + 1), 1);
    struct spec spec = {.batch = 256, .n_views = 2};
    spec.views[0].size = spec.views[1].size = 224;
    struct slot_layout layout;
    slot_layout(&spec, 256, &layout); /* 27 images of 150528 bytes in 4 MiB */
    assert_int_equal(layout.frames, 2 * 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_extra),
        cmocka_unit_test(test_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
