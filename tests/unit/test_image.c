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

static void test_orient(void **state)
{
    (void)state;
    struct image image = {0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum wire_fault fault = FAULT_NONE;
        assert_int_equal(image_reserve(&image, 3, 2, &fault), 0);
        for (int p = 0; p < 6; p++)
            memset(image.rgb + 3 * p, 'a' + p, 3);
        assert_int_equal(image_orient(&image, rows[i].orientation, &fault), 0);
        assert_int_equal(image.w, rows[i].w);
        assert_int_equal(image.h, rows[i].h);
        assert_int_equal(image.reduce, 1);
        assert_int_equal(image.window.top + image.window.left, 0);
        assert_int_equal(image.window.rows, rows[i].h);
        assert_int_equal(image.window.cols, rows[i].w);
        for (int p = 0; p < 18; p++)
            assert_int_equal(image.rgb[p], rows[i].upright[p / 3]);
    }
    image_done(&image);
}

static void test_grows(void **state)
{
    (void)state;
    struct image image = {0};
    enum wire_fault fault = FAULT_NONE;
    assert_int_equal(image_reserve(&image, 10, 10, &fault), 0);
    const uint8_t *kept = image.rgb;
    assert_int_equal(image_reserve(&image, 3, 2, &fault), 0);
    assert_ptr_equal(image.rgb, kept);
    assert_int_equal(image.capacity, 300);
    assert_int_equal(image_reserve(&image, 20, 10, &fault), 0);
    assert_int_equal(image.capacity, 600);
    image_done(&image);
    assert_null(image.rgb);
    image_done(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orient),
        cmocka_unit_test(test_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
