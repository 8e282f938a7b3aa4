/* SPDX-License-Identifier: Apache-2.0 */
/* decode_exif: the orientation tag in both byte orders, and 1 for whatever is not quite one. */
#include "test.h"

#include "loaderd/decode/parts.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t big[] = "MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\6\0\0\0\0\0";
static const uint8_t little[] = "II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\5\0\0\0\0\0\0";
enum { LEN = 26, COUNT_LOW = 9, TAG_LOW = 11, TYPE_LOW = 13, ITEMS_LOW = 17, VALUE_LOW = 19 };

static void test_both_orders(void **state)
{
    (void)state;
    assert_int_equal(exif_orientation(big, LEN), 6);
    assert_int_equal(exif_orientation(little, LEN), 5);
    uint8_t prefixed[6 + LEN] = "Exif\0";
    memcpy(prefixed + 6, big, LEN);
    assert_int_equal(exif_orientation(prefixed, sizeof prefixed), 6);
}

static void test_not_quite(void **state)
{
    (void)state;
    static const struct {
        int at;
        uint8_t value;
    } rows[] = {
        {0, 'X'},       {3, 43},         {7, 200},       {7, 25},
        {4, 0xff},      {TAG_LOW, 0x13}, {TYPE_LOW, 4},  {ITEMS_LOW, 2},
        {COUNT_LOW, 0}, {VALUE_LOW, 0},  {VALUE_LOW, 9}, {VALUE_LOW - 1, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t block[LEN];
        memcpy(block, big, LEN);
        block[rows[i].at] = rows[i].value;
        assert_int_equal(exif_orientation(block, LEN), 1);
    }
}

/* Cut anywhere, in memory of its own length so that a sanitizer sees any read past it. */
static void test_cut(void **state)
{
    (void)state;
    for (size_t len = 0; len < 8 + 2 + 12; len++) {
        auto_free uint8_t *block = malloc(len + !len);
        assert_non_null(block);
        memcpy(block, big, len);
        assert_int_equal(exif_orientation(block, len), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_orders),
        cmocka_unit_test(test_not_quite),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
