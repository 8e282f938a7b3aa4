/* SPDX-License-Identifier: Apache-2.0 */
/* decode_jpeg: every kind of JPEG against Pillow's pixels; damage is found, never filled in. */
#include "test.h"

#include "tests/gold/decode_gold.h"

#include <stdlib.h>

static void test_gold(void **state)
{
    (void)state;
    assert_true(decode_gold_check("jpeg") >= 20);
}

/* The first sound JPEG of the gold file, in memory of its own length so that a sanitizer sees any
 * read past it. */
static uint8_t *sample(size_t *ret_len)
{
    struct gold gold;
    gold_open(&gold, TESTS_DIR "/gold/decode.gold", "AUGDEC01");
    gold_u32(&gold);
    gold_take(&gold, 32 + 16);
    *ret_len = gold_u32(&gold);
    uint8_t *copy = malloc(*ret_len);
    assert_non_null(copy);
    memcpy(copy, gold_take(&gold, *ret_len), *ret_len);
    free(gold.bytes);
    return copy;
}

/* Cut anywhere, it is refused, until nothing but the end marker is missing. */
static void test_every_cut(void **state)
{
    (void)state;
    size_t len;
    auto_free uint8_t *bytes = sample(&len);
    struct image image = {0};
    for (size_t cut = 3; cut <= len; cut++) {
        enum wire_fault fault = FAULT_NONE;
        auto_free uint8_t *part = malloc(cut);
        assert_non_null(part);
        memcpy(part, bytes, cut);
        const int rc = decode_image(part, cut, &image, &fault);
        if (cut + 2 >= len)
            assert_int_equal(rc, 0);
        else if (rc == 0)
            assert_true(cut + 4 >= len); /* the last byte may be padding */
        else
            assert_int_equal(fault, FAULT_TRUNCATED);
    }
    image_done(&image);
}

/* Any one byte wrong: a picture or a typed fault, and the reader is as good as before. */
static void test_every_byte_flipped(void **state)
{
    (void)state;
    size_t len;
    auto_free uint8_t *bytes = sample(&len);
    struct image image = {0};
    enum wire_fault fault = FAULT_NONE;
    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= 0xff;
        fault = FAULT_NONE;
        const int rc = decode_image(bytes, len, &image, &fault);
        assert_true(rc == 0 ? fault == FAULT_NONE : fault > FAULT_NONE && fault < FAULT_CRASH);
        bytes[i] ^= 0xff;
    }
    assert_int_equal(decode_image(bytes, len, &image, &fault), 0);
    image_done(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gold),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_every_byte_flipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
