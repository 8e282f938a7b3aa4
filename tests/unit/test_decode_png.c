/* SPDX-License-Identifier: Apache-2.0 */
/* decode_png: only the chunks of the picture come through, whole; what they say beside is kept. */
#include "test.h"

#include "loaderd/decode/parts.h"

#include <stdlib.h>
#include <string.h>

static uint8_t file[1024];
static size_t len;

static void begin(void)
{
    memcpy(file, "\x89PNG\r\n\x1a\n", 8);
    len = 8;
}

static void add(const char *type, const void *data, uint32_t bytes)
{
    const uint8_t head[8] = {0,
                             0,
                             0,
                             (uint8_t)bytes,
                             (uint8_t)type[0],
                             (uint8_t)type[1],
                             (uint8_t)type[2],
                             (uint8_t)type[3]};
    memcpy(file + len, head, 8);
    memcpy(file + len + 8, data, bytes);
    memset(file + len + 8 + bytes, 0xcc, 4); /* the checksum is libpng's to check */
    len += 12 + bytes;
}

static int strip(size_t cut, struct png_essence *ret, enum wire_fault *fault)
{
    /* Memory of its own length, so that a sanitizer sees any read past it. */
    auto_free uint8_t *copy = malloc(cut);
    assert_non_null(copy);
    memcpy(copy, file, cut);
    const struct encoded in = {.bytes = copy, .len = cut};
    *fault = FAULT_NONE;
    return png_strip(&in, ret, fault);
}

static void test_keeps_the_picture(void **state)
{
    (void)state;
    static const uint8_t exif[] = "MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\6\0\0\0\0\0";
    begin();
    add("IHDR", "0123456789abc", 13);
    add("iCCP", "profile", 7);
    add("PLTE", "rgb", 3);
    add("tRNS", "t", 1);
    add("eXIf", exif, sizeof exif - 1);
    add("IDAT", "first", 5);
    add("IDAT", "second", 6);
    add("zTXt", "text", 4);
    add("IEND", "", 0);
    const size_t whole = len;
    struct png_essence essence;
    enum wire_fault fault;
    assert_int_equal(strip(whole, &essence, &fault), 0);
    assert_int_equal(essence.orientation, 6);
    assert_false(essence.animated);
    begin();
    add("IHDR", "0123456789abc", 13);
    add("PLTE", "rgb", 3);
    add("tRNS", "t", 1);
    add("IDAT", "first", 5);
    add("IDAT", "second", 6);
    add("IEND", "", 0);
    assert_int_equal(essence.len, len);
    assert_memory_equal(essence.bytes, file, len);
    free(essence.bytes);
}

static void test_tells_animation(void **state)
{
    (void)state;
    begin();
    add("acTL", "12345678", 8);
    add("IEND", "", 0);
    struct png_essence essence;
    enum wire_fault fault;
    assert_int_equal(strip(len, &essence, &fault), 0);
    assert_true(essence.animated);
    free(essence.bytes);
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    begin();
    add("IHDR", "0123456789abc", 13);
    add("IDAT", "pixels", 6);
    add("IEND", "", 0);
    struct png_essence essence;
    enum wire_fault fault;
    for (size_t cut = 8; cut < len; cut++) {
        assert_int_equal(strip(cut, &essence, &fault), -EBADMSG);
        assert_int_equal(fault, FAULT_TRUNCATED);
    }
}

/* A chunk that claims more than the file has is not followed, whatever it claims. */
static void test_claims(void **state)
{
    (void)state;
    static const uint8_t claims[][4] = {{0x7f, 0xff, 0xff, 0xff},
                                        {0xff, 0xff, 0xff, 0xff},
                                        {0xff, 0xff, 0xff, 0xf4},
                                        {0, 0, 0, 40}};
    for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
        begin();
        add("sCAL", "x", 1);
        add("IEND", "", 0);
        memcpy(file + 8, claims[i], 4);
        struct png_essence essence;
        enum wire_fault fault;
        assert_int_equal(strip(len, &essence, &fault), -EBADMSG);
        assert_int_equal(fault, FAULT_TRUNCATED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_the_picture),
        cmocka_unit_test(test_tells_animation),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_claims),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
