/* SPDX-License-Identifier: Apache-2.0 */
/* solarize: values at the threshold are inverted, values below are not. */
#include "test.h"

#include "loaderd/augment/augment.h"

static void test_threshold(void **state)
{
    (void)state;
    float x[3 * 4] = {0, 0.25f, 0.5f, 0.75f, 1, 0.125f, 0.375f, 0.5f, 0.625f, 0.875f, 0.25f, 0};
    static const float expected[3 * 4] = {0,      0.25f, 0.5f,   0.25f,  0,     0.125f,
                                          0.375f, 0.5f,  0.375f, 0.125f, 0.25f, 0};
    solarize_apply(x, 2, 0.5f);
    for (int i = 0; i < 12; i++)
        assert_true(x[i] == expected[i]);
    solarize_apply(x, 2, 0.25f);
    assert_true(x[1] == 0.75f);
    solarize_apply(x, 2, 0);
    assert_true(x[1] == 0.25f && x[0] == 1.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threshold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
