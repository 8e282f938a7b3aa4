/* SPDX-License-Identifier: Apache-2.0 */
/* flip: every row of every plane mirrored, odd and even sizes. */
#include "test.h"

#include "loaderd/augment/augment.h"

static void test_mirrors(void **state)
{
    (void)state;
    float x[3 * 7 * 7];
    for (uint32_t size = 1; size <= 7; size++) {
        const uint32_t n = 3 * size * size;
        for (uint32_t i = 0; i < n; i++)
            x[i] = (float)i;
        flip_horizontal(x, size);
        for (uint32_t i = 0; i < n; i++)
            assert_true(x[i] == (float)(i - i % size + size - 1 - i % size));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mirrors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
