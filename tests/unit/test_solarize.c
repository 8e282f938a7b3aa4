/* SPDX-License-Identifier: Apache-2.0 */
/* solarize: values at the threshold are inverted, values below are not. */
#include "test.h"

#include "loaderd/augment/parts.h"

static void solarize(float *x, float threshold)
{
    float *const row[3] = {x, x + 4, x + 8};
    solarize_row(row, 4, &(struct colour_step){.factor = threshold});
}

static void test_threshold(void **state)
{
    (void)state;
    float x[3 * 4] = {0, 0.25f, 0.5f, 0.75f, 1, 0.125f, 0.375f, 0.5f, 0.625f, 0.875f, 0.25f, 0};
    static const float expected[3 * 4] = {0,      0.25f, 0.5f,   0.25f,  0,     0.125f,
                                          0.375f, 0.5f,  0.375f, 0.125f, 0.25f, 0};
    solarize(x, 0.5f);
    for (int i = 0; i < 12; i++)
        assert_true(x[i] == expected[i]);
    solarize(x, 0.25f);
    assert_true(x[1] == 0.75f);
    solarize(x, 0);
    assert_true(x[1] == 0.25f && x[0] == 1.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threshold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
