/* SPDX-License-Identifier: Apache-2.0 */
/* decode_vips: every kind of PNG and WebP against Pillow's pixels; no other loader can be reached.
 */
#include "test.h"

#include "loaderd/decode/parts.h"
#include "tests/gold/decode_gold.h"

static void test_png(void **state)
{
    (void)state;
    assert_true(decode_gold_check("png") >= 15);
}

static void test_webp(void **state)
{
    (void)state;
    assert_true(decode_gold_check("webp") >= 6);
}

/* A GIF handed straight to the PNG door: libvips must refuse it itself. */
static void test_wrong_door(void **state)
{
    (void)state;
    static const uint8_t gif[] = "GIF89a\1\0\1\0\0\0\0;";
    const struct encoded in = {.bytes = gif, .len = sizeof gif};
    struct decoder decoder = {0};
    enum wire_fault fault = FAULT_NONE;
    assert_int_equal(png_codec.header(&decoder, &in, &fault), -EBADMSG);
    assert_int_equal(fault, FAULT_TRUNCATED);
    png_codec.close(&decoder);
    assert_int_equal(webp_codec.header(&decoder, &in, &fault), -EBADMSG);
    webp_codec.close(&decoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png),
        cmocka_unit_test(test_webp),
        cmocka_unit_test(test_wrong_door),
    };
    return decode_open() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
