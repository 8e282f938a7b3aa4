/* SPDX-License-Identifier: Apache-2.0 */
/* decode_raw: every region of planes, by rows and by columns, is the pixels that are there, and no
 * byte outside of it is read or written; sizes that do not agree are a fault. */
#include "test.h"

#include "loaderd/decode/parts.h"

#include <stdlib.h>
#include <string.h>

static struct decoder *decoder;
static struct image image;

static int set_up(void **state)
{
    (void)state;
    return decode_open() || decoder_new(&decoder);
}

static int tear_down(void **state)
{
    (void)state;
    decoder_free(decoder);
    image_done(&image);
    return 0;
}

/* A sample that tells where it stood. */
static uint8_t sample(uint32_t c, uint32_t y, uint32_t x)
{
    return (uint8_t)(c * 101 + y * 37 + x * 11 + (x * y) % 7);
}

/* In memory of its own length, so that a sanitizer sees any read past it. */
static uint8_t *planes_make(const struct raw *raw)
{
    uint8_t *bytes = malloc(3 * (size_t)raw->w * raw->h);
    assert_non_null(bytes);
    for (uint32_t c = 0; c < 3; c++)
        for (uint32_t y = 0; y < raw->h; y++)
            for (uint32_t x = 0; x < raw->w; x++)
                bytes[(size_t)c * raw->w * raw->h +
                      (raw->by_columns ? x * raw->h + y : y * raw->w + x)] = sample(c, y, x);
    return bytes;
}

static void check_region(const struct raw *raw, const uint8_t *bytes, const struct region *want)
{
    struct picture picture = {0};
    enum wire_fault fault = FAULT_NONE;
    assert_int_equal(
        decode_raw_header(decoder, raw, bytes, 3 * (size_t)raw->w * raw->h, &picture, &fault), 0);
    assert_int_equal(picture.w, raw->w);
    assert_int_equal(picture.h, raw->h);
    assert_int_equal(picture.reduce_max, 1);
    assert_int_equal(decode_pixels(decoder, want, 1, &image, &fault), 0);
    assert_int_equal(fault, FAULT_NONE);
    assert_int_equal(image.w, raw->w);
    assert_int_equal(image.h, raw->h);
    assert_int_equal(image.reduce, 1);
    assert_memory_equal(&image.window, want, sizeof *want);
    for (uint32_t y = 0; y < want->rows; y++)
        for (uint32_t x = 0; x < want->cols; x++)
            for (uint32_t c = 0; c < 3; c++)
                assert_int_equal(image.rgb[3 * ((size_t)y * want->cols + x) + c],
                                 sample(c, want->top + y, want->left + x));
}

static void test_regions(void **state)
{
    (void)state;
    static const uint32_t sides[][2] = {{32, 32}, {96, 96}, {1, 1},   {1, 40},
                                        {40, 1},  {17, 33}, {33, 15}, {5, 3}};
    for (size_t i = 0; i < 2 * ARRAY_LEN(sides); i++) {
        const struct raw raw = {
            .w = sides[i / 2][0], .h = sides[i / 2][1], .by_columns = i % 2 == 1};
        auto_free uint8_t *bytes = planes_make(&raw);
        const struct region whole = {.rows = raw.h, .cols = raw.w};
        check_region(&raw, bytes, &whole);
        const uint32_t step = raw.w > 40 ? 13 : 5;
        for (uint32_t top = 0; top < raw.h; top += step)
            for (uint32_t left = 0; left < raw.w; left += step)
                for (uint32_t rows = 1; rows <= raw.h - top; rows += step)
                    for (uint32_t cols = 1; cols <= raw.w - left; cols += step) {
                        const struct region want = {top, left, rows, cols};
                        check_region(&raw, bytes, &want);
                    }
    }
}

static void test_faults(void **state)
{
    (void)state;
    static const struct {
        struct raw raw;
        size_t len;
        enum wire_fault fault;
    } rows[] = {
        {{4, 4, false}, 47, FAULT_TRUNCATED},
        {{4, 4, false}, 49, FAULT_TRUNCATED},
        {{4, 4, true}, 0, FAULT_TRUNCATED},
        {{0, 4, false}, 0, FAULT_UNSUPPORTED},
        {{4, 0, true}, 0, FAULT_UNSUPPORTED},
        {{DECODE_SIDE_MAX + 1, 1, false}, 3 * (DECODE_SIDE_MAX + 1), FAULT_TOO_LARGE},
        {{UINT32_MAX, UINT32_MAX, true}, 3, FAULT_TOO_LARGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free uint8_t *bytes = calloc(1, rows[i].len + 1);
        struct picture picture;
        enum wire_fault fault = FAULT_NONE;
        assert_int_equal(
            decode_raw_header(decoder, &rows[i].raw, bytes, rows[i].len, &picture, &fault),
            -EBADMSG);
        assert_int_equal(fault, rows[i].fault);
        assert_true(strncmp(err_text(), "raw", 3) == 0 || fault == FAULT_TOO_LARGE);
    }
}

/* Bytes with a signature are a JPEG by one door and pixels by the other, in any order. */
static void test_beside_files(void **state)
{
    (void)state;
    uint8_t bytes[3 * 16] = {0xff, 0xd8, 0xff};
    const struct raw raw = {.w = 4, .h = 4};
    const struct region all = {.rows = 4, .cols = 4};
    struct picture picture;
    enum wire_fault fault = FAULT_NONE;
    assert_int_equal(decode_header(decoder, bytes, sizeof bytes, &picture, &fault), -EBADMSG);
    assert_int_equal(decode_raw_header(decoder, &raw, bytes, sizeof bytes, &picture, &fault), 0);
    assert_int_equal(decode_pixels(decoder, &all, 1, &image, &fault), 0);
    assert_int_equal(image.rgb[0], 0xff);
    assert_int_equal(image.rgb[3], 0xd8);
    assert_int_equal(image.rgb[6], 0xff);
    assert_int_equal(image.rgb[1], 0);
    assert_int_equal(decode_header(decoder, bytes, sizeof bytes, &picture, &fault), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regions),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_beside_files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
