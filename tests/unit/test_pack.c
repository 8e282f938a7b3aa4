/* SPDX-License-Identifier: Apache-2.0 */
/* pack: rounded to the nearest byte, a half upwards; interleaved. */
#include "test.h"

#include "loaderd/augment/parts.h"

static void test_rounds(void **state)
{
    (void)state;
    static const float red[5] = {0, 1, 1 + 0x1p-20f, 0.5f / 255, 0.49f / 255};
    static const float green[5] = {0.5f, 0.25f, 254.51f / 255, 254.49f / 255, 1.5f / 255};
    static const float blue[5] = {0, 0, 0, 1, 7.0f / 255};
    static const uint8_t expected[15] = {0, 128, 0, 255, 64, 0, 255, 255, 0, 1, 254, 255, 0, 2, 7};
    const float *const row[3] = {red, green, blue};
    uint8_t out[15 + PACK_SLACK];
    pack_plain(5, row, out);
    assert_memory_equal(out, expected, sizeof expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
