/* SPDX-License-Identifier: Apache-2.0 */
/* rotate: rows land where counter-clockwise quarter turns lead them; turns add up modulo four. */
#include "test.h"

#include "loaderd/augment/parts.h"

#include <string.h>

enum { N_MAX = 5 };

static void rotate(const uint8_t *from, uint32_t n, uint32_t turns, uint8_t *to)
{
    const struct rotation rotation = {.out = to, .size = n, .turns = turns};
    for (uint32_t y = 0; y < n; y++)
        rotate_place(&rotation, y, from + (size_t)3 * y * n);
}

/* 0 1     1 3     3 2     2 0
 * 2 3 ->  0 2 ->  1 0 ->  3 1 */
static void test_turns(void **state)
{
    (void)state;
    static const uint8_t turned[4][4] = {{0, 1, 2, 3}, {1, 3, 0, 2}, {3, 2, 1, 0}, {2, 0, 3, 1}};
    uint8_t from[12], to[12];
    for (uint8_t i = 0; i < 12; i++)
        from[i] = (uint8_t)(i / 3 + 10 * (i % 3));
    for (uint32_t k = 0; k < 4; k++) {
        rotate(from, 2, k, to);
        for (int i = 0; i < 12; i++)
            assert_int_equal(to[i], turned[k][i / 3] + 10 * (i % 3));
    }
}

static void test_turns_add_up(void **state)
{
    (void)state;
    uint8_t from[3 * N_MAX * N_MAX], once[sizeof from], half[sizeof from], twice[sizeof from];
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (uint8_t)i;
    for (uint32_t n = 1; n <= N_MAX; n++)
        for (uint32_t k = 0; k < 4; k++)
            for (uint32_t l = 0; l < 4; l++) {
                rotate(from, n, (k + l) % 4, once);
                rotate(from, n, k, half);
                rotate(half, n, l, twice);
                assert_memory_equal(once, twice, (size_t)3 * n * n);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_turns_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
