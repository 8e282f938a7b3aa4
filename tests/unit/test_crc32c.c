/* SPDX-License-Identifier: Apache-2.0 */
/* crc32c: the published vectors, and the CPU's instruction against the table. */
#include "test.h"

#include "common/crc32c.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc3720),
        cmocka_unit_test(test_table_agrees_and_parts_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
