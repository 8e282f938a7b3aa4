/* SPDX-License-Identifier: Apache-2.0 */
/* decode_vips: every kind of PNG and WebP against Pillow's pixels; no other loader can be reached;
 * too large a picture is refused before memory is taken for it. */
#include "test.h"

#include "alloc_count.h"
#include "picture.h"

#include "loaderd/decode/parts.h"
#include "tests/gold/decode_gold.h"

#include <stdlib.h>

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

/* A whole lossless WebP of one colour: each of its codes has one symbol, which takes no bits, so 32
 * bytes are as many pixels as they say. Sides up to 16384. */
static size_t webp_plain(uint32_t w, uint32_t h, uint8_t ret[32])
{
    memcpy(ret, "RIFF\x18\0\0\0WEBPVP8L\x0c\0\0\0\x2f", 21);
    const uint32_t sides = (w - 1) | (h - 1) << 14; /* 14 bits each; no alpha, version 0 */
    for (size_t i = 0; i < 4; i++)
        ret[21 + i] = (uint8_t)(sides >> 8 * i);
    memcpy(ret + 25, "\x28\x59\xcb\x6a\xd6\xb3\0", 7); /* green, red, blue, alpha, distance */
    return 32;
}

static void test_webp_of_one_colour(void **state)
{
    (void)state;
    uint8_t bytes[32];
    struct image image = {0};
    enum wire_fault fault = FAULT_NONE;
    assert_int_equal(picture_decode(bytes, webp_plain(16, 9, bytes), &image, &fault), 0);
    assert_int_equal(image.w, 16);
    assert_int_equal(image.h, 9);
    for (size_t i = 0; i < (size_t)16 * 9; i++)
        assert_memory_equal(image.rgb + 3 * i, "\x65\x64\x66", 3);
    image_done(&image);
}

static void test_webp_limits_come_first(void **state)
{
    (void)state;
    /* An extended header, which may claim far more than there are pixels for. */
    uint8_t plain[32], extended[50] = "RIFF\x2a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0";
    webp_plain(1, 1, plain);
    memcpy(extended + 24, "\xff\xff\x3f\xff\x03\0", 6); /* 4194304x1024 */
    memcpy(extended + 30, plain + 12, 20);
    struct encoded in = {.bytes = plain, .len = webp_plain(11000, 9000, plain)};
    for (int i = 0; i < 2; i++) {
        struct decoder decoder = {0};
        enum wire_fault fault = FAULT_NONE;
        const unsigned long before = alloc_count_large();
        assert_int_equal(webp_codec.header(&decoder, &in, &fault), -EBADMSG);
        assert_int_equal(fault, FAULT_TOO_LARGE);
        assert_non_null(strstr(err_text(), i ? "4194304x1024" : "11000x9000"));
        assert_int_equal(alloc_count_large(), before);
        webp_codec.close(&decoder);
        in = (struct encoded){.bytes = extended, .len = sizeof extended};
    }
}

/* Within the limits, and more than there is memory for: 244 MiB as libvips keeps it. */
static void test_webp_without_memory(void **state)
{
    (void)state;
    alloc_refuse_above(128 << 20);
    void *volatile probe = malloc(129 << 20);
    if (probe) {
        free(probe);
        alloc_refuse_above(0);
        print_message("skipped: this malloc cannot be made to fail\n");
        skip();
    }
    uint8_t bytes[32];
    struct image image = {0};
    enum wire_fault fault = FAULT_NONE;
    const int rc = picture_decode(bytes, webp_plain(8000, 8000, bytes), &image, &fault);
    alloc_refuse_above(0);
    assert_int_equal(rc, -EBADMSG);
    assert_int_equal(fault, FAULT_TOO_LARGE);
    assert_non_null(strstr(err_text(), "out of memory"));
    image_done(&image);
}

/* A sanitizer's way to refuse. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:max_allocation_size_mb=128";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png),
        cmocka_unit_test(test_webp),
        cmocka_unit_test(test_wrong_door),
        cmocka_unit_test(test_webp_of_one_colour),
        cmocka_unit_test(test_webp_limits_come_first),
        cmocka_unit_test(test_webp_without_memory),
    };
    return decode_open() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
