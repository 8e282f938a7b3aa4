/* SPDX-License-Identifier: Apache-2.0 */
/* image: memory that only grows, and the eight orientations on a picture of six pixels. */
#include "test.h"

#include "loaderd/decode/parts.h"

#include <string.h>

/* Stored 3 x 2:  a b c
 *                d e f   upright by EXIF 2.3 4.6.4.A: which side row 0 and column 0 are. */
static const struct {
    unsigned orientation;
    uint32_t w, h;
    const char *upright;
} rows[] = {
    {1, 3, 2, "abcdef"}, {2, 3, 2, "cbafed"}, {3, 3, 2, "fedcba"}, {4, 3, 2, "defabc"},
    {5, 2, 3, "adbecf"}, {6, 2, 3, "daebfc"}, {7, 2, 3, "fcebda"}, {8, 2, 3, "cfbead"},
};

/* A picture of 3 x 2 letters. */
static void letters(struct image *image)
{
    enum wire_fault fault = FAULT_NONE;
    const struct region whole = {.rows = 2, .cols = 3};
    assert_int_equal(image_reserve(image, &whole, &fault), 0);
    image->w = 3;
    image->h = 2;
    image->reduce = 1;
    for (int p = 0; p < 6; p++)
        memset(image->rgb + 3 * p, 'a' + p, 3);
}

static void test_turn(void **state)
{
    (void)state;
    struct image stored = {0}, image = {0};
    letters(&stored);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum wire_fault fault = FAULT_NONE;
        assert_int_equal(image_turn(&stored, rows[i].orientation, &image, &fault), 0);
        assert_int_equal(image.w, rows[i].w);
        assert_int_equal(image.h, rows[i].h);
        assert_int_equal(image.reduce, 1);
        assert_int_equal(image.window.top + image.window.left, 0);
        assert_int_equal(image.window.rows, rows[i].h);
        assert_int_equal(image.window.cols, rows[i].w);
        for (int p = 0; p < 18; p++)
            assert_int_equal(image.rgb[p], rows[i].upright[p / 3]);
    }
    image_done(&stored);
    image_done(&image);
}

/* A region of the upright picture, cut out of the stored one and turned, is what it was. */
static void test_turn_window(void **state)
{
    (void)state;
    struct image part = {0}, image = {0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct stored stored = {.w = 3, .h = 2, .orientation = rows[i].orientation};
        for (uint32_t top = 0; top < rows[i].h; top++)
            for (uint32_t left = 0; left < rows[i].w; left++) {
                const struct region want = {top, left, rows[i].h - top, rows[i].w - left};
                const struct region from = image_stored_region(&stored, 1, &want);
                enum wire_fault fault = FAULT_NONE;
                letters(&part);
                for (uint32_t p = 0; p < from.rows * from.cols; p++)
                    memmove(part.rgb + 3 * p,
                            part.rgb +
                                3 * ((from.top + p / from.cols) * 3 + from.left + p % from.cols),
                            3);
                part.window = from;
                assert_int_equal(image_turn(&part, rows[i].orientation, &image, &fault), 0);
                assert_memory_equal(&image.window, &want, sizeof want);
                for (uint32_t p = 0; p < want.rows * want.cols; p++)
                    assert_int_equal(
                        image.rgb[3 * p],
                        rows[i].upright[(top + p / want.cols) * rows[i].w + left + p % want.cols]);
            }
    }
    image_done(&part);
    image_done(&image);
}

/* Reduced, a region keeps to whole pixels of the stored picture, whose odd end may be mirrored to
 * the front: then it must not be reduced. */
static void test_reduce(void **state)
{
    (void)state;
    static const struct {
        struct stored stored;
        uint32_t max;
    } cases[] = {
        {{16, 24, 1, true}, 8}, {{13, 11, 1, true}, 8},  {{13, 16, 2, true}, 1},
        {{12, 11, 2, true}, 4}, {{16, 24, 3, true}, 8},  {{16, 10, 3, true}, 2},
        {{13, 20, 4, true}, 4}, {{13, 11, 5, true}, 8},  {{9, 8, 6, true}, 8},
        {{8, 6, 7, true}, 2},   {{10, 13, 8, true}, 2},  {{16, 24, 1, false}, 1},
        {{16, 9, 8, true}, 8},  {{16, 24, 8, false}, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(image_reduce_max(&cases[i].stored), cases[i].max);
    const struct stored stored = {.w = 21, .h = 32, .orientation = 6, .reducible = true};
    const struct region want = {.top = 2, .left = 1, .rows = 4, .cols = 3};
    const struct region from = image_stored_region(&stored, 4, &want);
    const struct region expected = {.top = 8 - 1 - 3, .left = 2, .rows = 3, .cols = 4};
    assert_memory_equal(&from, &expected, sizeof expected);
}

static void test_grows(void **state)
{
    (void)state;
    struct image image = {0};
    enum wire_fault fault = FAULT_NONE;
    const struct region first = {.top = 3, .rows = 10, .cols = 10}, less = {.rows = 2, .cols = 3},
                        more = {.left = 5, .rows = 10, .cols = 20};
    assert_int_equal(image_reserve(&image, &first, &fault), 0);
    assert_memory_equal(&image.window, &first, sizeof first);
    const uint8_t *kept = image.rgb;
    assert_int_equal(image_reserve(&image, &less, &fault), 0);
    assert_ptr_equal(image.rgb, kept);
    assert_int_equal(image.capacity, 300);
    assert_int_equal(image_reserve(&image, &more, &fault), 0);
    assert_int_equal(image.capacity, 600);
    image_done(&image);
    assert_null(image.rgb);
    image_done(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turn),
        cmocka_unit_test(test_turn_window),
        cmocka_unit_test(test_reduce),
        cmocka_unit_test(test_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
