/* SPDX-License-Identifier: Apache-2.0 */
/* crc32c: the published vectors, the CPU's instruction against the table, and what is
 * joined of parts' checksums against what the bytes say. */
#include "test.h"

#include "common/crc32c.h"

#include <stdlib.h>
#include <string.h>

/* RFC 3720, appendix B.4. */
static void test_rfc3720(void **state)
{
    (void)state;
    uint8_t bytes[32];
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x46dd794e);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x113fdb5c);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c_table(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(0, NULL, 0), 0);
}

static void test_table_agrees_and_parts_join(void **state)
{
    (void)state;
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 167 + (i >> 3));
    for (size_t start = 0; start < 9; start++) {
        for (size_t len = 0; len + start <= sizeof bytes; len += 7) {
            uint32_t whole = crc32c(0, bytes + start, len);
            assert_int_equal(whole, crc32c_table(0, bytes + start, len));
            uint32_t half = crc32c(0, bytes + start, len / 3);
            assert_int_equal(whole, crc32c(half, bytes + start + len / 3, len - len / 3));
        }
    }
}

/* As long as what goes side by side, a little more and less, some times over; from any address, and
 * behind bytes that were summed up before. */
static void test_long_agrees(void **state)
{
    (void)state;
    enum { MOST = 20000 };
    auto_free uint8_t *bytes = malloc(MOST + 8);
    assert_non_null(bytes);
    for (size_t i = 0; i < MOST + 8; i++)
        bytes[i] = (uint8_t)(i * 89 + (i >> 4) + (i >> 9));
    for (size_t len = 1000; len <= MOST; len += len % 1024 < 3 || len % 1024 > 1020 ? 1 : 101)
        for (size_t start = 0; start < 8; start += 3)
            for (uint32_t before = 0; before < 2; before++)
                assert_int_equal(crc32c(before * 0x89abcdef, bytes + start, len),
                                 crc32c_table(before * 0x89abcdef, bytes + start, len));
}

/* Of two parts' checksums, what the bytes say: parts of no byte, one, an odd number, a whole view;
 * and of the same part many times over, as a frame is joined. */
static void test_combine(void **state)
{
    (void)state;
    enum { MOST = 3 * 224 * 224 + 1 };
    static const size_t lens[] = {0,   1,    2,    3,    7,     8,         9,        63,  64,
                                  255, 4095, 4097, 3072, 27648, MOST - 77, MOST - 1, MOST};
    auto_free uint8_t *bytes = malloc(2 * MOST);
    assert_non_null(bytes);
    for (size_t i = 0; i < 2 * MOST; i++)
        bytes[i] = (uint8_t)(i * 167 + (i >> 3) + (i >> 11));
    for (size_t i = 0; i < ARRAY_LEN(lens); i++)
        for (size_t j = 0; j < ARRAY_LEN(lens); j++) {
            struct crc32c_shift shift;
            crc32c_shift_init(&shift, lens[j]);
            const uint32_t a = crc32c(0, bytes, lens[i]);
            const uint32_t b = crc32c(0, bytes + lens[i], lens[j]);
            assert_int_equal(crc32c_combine(&shift, a, b),
                             crc32c_table(0, bytes, lens[i] + lens[j]));
        }
    struct crc32c_shift shift;
    uint32_t joined = 0;
    crc32c_shift_init(&shift, 97);
    for (size_t i = 0; i < 1000; i++)
        joined = crc32c_combine(&shift, joined, crc32c(0, bytes + i * 97, 97));
    assert_int_equal(joined, crc32c(0, bytes, 97 * 1000));
}

/* A length that no memory holds: the zeros behind are many, what they do is the sum of halves. */
static void test_combine_long(void **state)
{
    (void)state;
    struct crc32c_shift half, whole;
    crc32c_shift_init(&half, (size_t)1 << 40);
    crc32c_shift_init(&whole, (size_t)1 << 41);
    for (uint32_t a = 1; a; a <<= 1)
        assert_int_equal(crc32c_combine(&whole, a, 5),
                         crc32c_combine(&half, crc32c_combine(&half, a, 0), 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc3720),      cmocka_unit_test(test_table_agrees_and_parts_join),
        cmocka_unit_test(test_long_agrees),  cmocka_unit_test(test_combine),
        cmocka_unit_test(test_combine_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
