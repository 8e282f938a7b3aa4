/* SPDX-License-Identifier: Apache-2.0 */
/* test_none: no parameter, no loss, a gradient of zeros. */
#include "method_bed.h"

static void nothing(void **state)
{
    (void)state;
    static struct method_bed bed;
    static const struct recipe recipe;
    method_bed_make(&bed, &method_none, &recipe, 0);
    assert_int_equal(bed.net->n_params, 0);
    assert_true(method_bed_loss(&bed) == 0);
    assert_int_equal(bed.loss.n, 0);
    assert_int_equal(method_none.backward(bed.state, &bed.in, &bed.dy), 0);
    for (size_t i = 0; i < tensor_count(&bed.dy); i++)
        assert_true(bed.dy.data[i] == 0);
    method_bed_done(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
