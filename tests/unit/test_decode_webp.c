/* SPDX-License-Identifier: Apache-2.0 */
/* decode_webp: the sides of each kind of first chunk, as libwebp reads them; a file that ends
 * before them, wherever, is told from one that states them. */
#include "test.h"

#include "loaderd/decode/parts.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *first; /* from the first chunk's name on */
    size_t len;
    uint32_t w, h;
} files[] = {
    /* 550x368, scaling bits set, which say nothing of the pixels that are decoded */
    {"VP8 \x0a\0\0\0\x30\x01\0\x9d\x01\x2a\x26\x42\x70\xc1", 18, 550, 368},
    {"VP8L\x05\0\0\0\x2f\x0f\0\x02\0", 13, 16, 9},
    {"VP8L\x05\0\0\0\x2f\xff\xff\xff\xff", 13, 16384, 16384},
    {"VP8X\x0a\0\0\0\x02\0\0\0\x0f\0\0\x08\0\0", 18, 16, 9},
    {"VP8X\x0a\0\0\0\x02\0\0\0\xff\xff\xff\xff\xff\xff", 18, 1 << 24, 1 << 24},
};

/* From memory of its own length, so that a sanitizer sees any read past it. */
static int sides_of(const char *first, size_t len, uint32_t sides[2], enum wire_fault *fault)
{
    auto_free uint8_t *copy = malloc(12 + len);
    assert_non_null(copy);
    memcpy(copy, "RIFF\x99\0\0\0WEBP", 12);
    memcpy(copy + 12, first, len);
    const struct encoded in = {.bytes = copy, .len = 12 + len};
    *fault = FAULT_NONE;
    return webp_sides(&in, sides, fault);
}

static void test_sides(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        uint32_t sides[2];
        enum wire_fault fault;
        assert_int_equal(sides_of(files[i].first, files[i].len, sides, &fault), 0);
        assert_int_equal(sides[0], files[i].w);
        assert_int_equal(sides[1], files[i].h);
    }
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        for (size_t len = 0; len < files[i].len; len++) {
            uint32_t sides[2];
            enum wire_fault fault;
            assert_int_equal(sides_of(files[i].first, len, sides, &fault), -EBADMSG);
            assert_int_equal(fault, FAULT_TRUNCATED);
        }
}

static void test_other_chunk(void **state)
{
    (void)state;
    uint32_t sides[2];
    enum wire_fault fault;
    assert_int_equal(sides_of("ANIM\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0", 18, sides, &fault), -EBADMSG);
    assert_int_equal(fault, FAULT_TRUNCATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sides),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_other_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
