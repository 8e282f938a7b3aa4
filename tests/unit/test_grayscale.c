/* SPDX-License-Identifier: Apache-2.0 */
/* grayscale: the three planes become one luma by torchvision's weights. */
#include "test.h"

#include "loaderd/augment/parts.h"

static void test_weights(void **state)
{
    (void)state;
    float x[3 * 4] = {1, 0, 0, 0.5f, 0, 1, 0, 0.5f, 0, 0, 1, 0.5f};
    static const float luma[4] = {0.2989f, 0.587f, 0.114f, 0.5f * (0.2989f + 0.587f + 0.114f)};
    float *const row[3] = {x, x + 4, x + 8};
    grayscale_row(row, 4, &(struct colour_step){.op = COLOUR_GRAYSCALE});
    for (int i = 0; i < 12; i++)
        assert_float_equal(x[i], luma[i % 4], 1e-7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_weights)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
