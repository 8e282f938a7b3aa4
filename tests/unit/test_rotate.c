/* SPDX-License-Identifier: Apache-2.0 */
/* rotate: counter-clockwise quarter turns; turns add up modulo four. */
#include "test.h"

#include "loaderd/augment/augment.h"

#include <string.h>

/* 0 1     1 3     3 2     2 0
 * 2 3 ->  0 2 ->  1 0 ->  3 1 */
static void test_turns(void **state)
{
    (void)state;
    static const float turned[4][4] = {{0, 1, 2, 3}, {1, 3, 0, 2}, {3, 2, 1, 0}, {2, 0, 3, 1}};
    for (uint32_t k = 0; k < 4; k++) {
        float x[12], scratch[4];
        for (int i = 0; i < 12; i++)
            x[i] = (float)(i % 4 + 10 * (i / 4));
        rotate_quarter(x, 2, k, scratch);
        for (int i = 0; i < 12; i++)
            assert_true(x[i] == turned[k][i % 4] + (float)(10 * (i / 4)));
    }
}

static void test_turns_add_up(void **state)
{
    (void)state;
    enum { N = 5 };
    float once[3 * N * N], twice[3 * N * N], scratch[N * N];
    for (uint32_t k = 0; k < 4; k++)
        for (uint32_t l = 0; l < 4; l++) {
            for (int i = 0; i < 3 * N * N; i++)
                once[i] = twice[i] = (float)i;
            rotate_quarter(once, N, (k + l) % 4, scratch);
            rotate_quarter(twice, N, k, scratch);
            rotate_quarter(twice, N, l, scratch);
            assert_memory_equal(once, twice, sizeof once);
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
