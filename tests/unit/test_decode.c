/* SPDX-License-Identifier: Apache-2.0 */
/* decode: kinds are told by their first bytes; what is no image, too large or not allowed is
 * refused with its fault before any decoder sees it. */
#include "picture.h"
#include "test.h"

#include "loaderd/decode/parts.h"
#include "loaderd/source/source.h"
#include "tests/gold/decode_gold.h"

static void test_refused(void **state)
{
    (void)state;
    assert_int_equal(decode_gold_check("gif"), 1);
    assert_int_equal(decode_gold_check("tiff"), 1);
    assert_int_equal(decode_gold_check("bmp"), 1);
    assert_int_equal(decode_gold_check("ppm"), 1);
    assert_int_equal(decode_gold_check("svg"), 1);
    assert_int_equal(decode_gold_check("empty"), 1);
    assert_int_equal(decode_gold_check("text"), 1);
    assert_int_equal(decode_gold_check("signature only"), 1);
}

static void test_names_the_format(void **state)
{
    (void)state;
    struct image image = {0};
    enum wire_fault fault = FAULT_NONE;
    static const uint8_t gif[] = "GIF89a";
    assert_int_equal(picture_decode(gif, sizeof gif, &image, &fault), -EBADMSG);
    assert_int_equal(fault, FAULT_UNSUPPORTED);
    assert_non_null(strstr(err_text(), "GIF"));
}

/* What a dataset may be told not to hold. The kind is the first bytes', and what has no kind is the
 * header's to refuse. */
static void test_allow(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        uint32_t encoding;
    } kinds[] = {{"\xff\xd8\xff", 3, ENCODING_JPEG},
                 {"\x89PNG\r\n\x1a\n", 8, ENCODING_PNG},
                 {"RIFF\4\0\0\0WEBP", 12, ENCODING_WEBP}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        for (uint32_t allow = 1; allow <= ENCODINGS_USUAL; allow++) {
            enum wire_fault fault = FAULT_NONE;
            const bool may = allow & kinds[i].encoding;
            assert_int_equal(decode_allow(kinds[i].bytes, kinds[i].len, allow, &fault),
                             may ? 0 : -EBADMSG);
            assert_int_equal(fault, may ? FAULT_NONE : FAULT_UNSUPPORTED);
        }
    enum wire_fault fault = FAULT_NONE;
    assert_int_equal(decode_allow("GIF89a", 6, ENCODING_PNG, &fault), 0);
    assert_int_equal(decode_allow("", 0, ENCODING_PNG, &fault), 0);
    assert_int_equal(fault, FAULT_NONE);
}

static void test_every_prefix_of_a_signature(void **state)
{
    (void)state;
    struct image image = {0};
    static const uint8_t webp[] = "RIFF\4\0\0\0WEBP";
    for (size_t len = 0; len < sizeof webp - 1; len++) {
        enum wire_fault fault = FAULT_NONE;
        assert_int_equal(picture_decode(webp, len, &image, &fault), -EBADMSG);
        assert_int_equal(fault, FAULT_NOT_IMAGE);
    }
    image_done(&image);
}

static void test_limits(void **state)
{
    (void)state;
    static const struct {
        uint64_t w, h;
        bool interlaced;
        int rc;
    } rows[] = {
        {DECODE_SIDE_MAX, 4096, false, 0},
        {DECODE_SIDE_MAX, 4097, false, -EBADMSG},
        {DECODE_SIDE_MAX + 1, 1, false, -EBADMSG},
        {1, DECODE_SIDE_MAX + 1, false, -EBADMSG},
        {4096, 4096, true, 0},
        {4096, 4097, true, -EBADMSG},
        {UINT32_MAX, UINT32_MAX, false, -EBADMSG},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum wire_fault fault = FAULT_NONE;
        assert_int_equal(decode_limits(rows[i].w, rows[i].h, rows[i].interlaced, &fault),
                         rows[i].rc);
        assert_int_equal(fault, rows[i].rc ? FAULT_TOO_LARGE : FAULT_NONE);
    }
}

static void test_file_too_large(void **state)
{
    (void)state;
    struct image image = {0};
    enum wire_fault fault = FAULT_NONE;
    /* The length alone decides: not a byte is read. */
    assert_int_equal(picture_decode("", (size_t)DECODE_FILE_MAX + 1, &image, &fault), -EBADMSG);
    assert_int_equal(fault, FAULT_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_names_the_format),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_every_prefix_of_a_signature),
        cmocka_unit_test(test_file_too_large), cmocka_unit_test(test_allow),
    };
    return decode_open() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
