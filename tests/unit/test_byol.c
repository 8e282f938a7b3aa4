/* SPDX-License-Identifier: Apache-2.0 */
/* test_byol: gradients; the loss lies in 0..8 and its parts look across: view 1's prediction at
 * view 2's target. */
#include "method_bed.h"

#include <string.h>

static struct method_bed bed;
static const struct recipe recipe = {
    .method = {.projector = {2, 8, 4}, .predictor = {6}, .momentum = 0.9}};

static void gradients(void **state)
{
    (void)state;
    method_bed_make(&bed, &method_byol, &recipe, 0);
    method_bed_check_gradients(&bed);
    double loss = method_bed_loss(&bed);
    assert_true(loss > 0 && loss < 8);
    assert_string_equal(bed.loss.item[0].name, "byol");
    assert_true((float)loss == bed.loss.item[0].value);
    method_bed_done(&bed);
}

/* Nothing changes when both sides' views trade places; something does when one side's do. */
static void crosswise(void **state)
{
    (void)state;
    method_bed_make(&bed, &method_byol, &recipe, 0);
    size_t view = BED_N * BED_FEATURES;
    float *sides[] = {bed.y.data, bed.t.data};
    double before = method_bed_loss(&bed);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < view; i++) {
            float kept = sides[side][i];
            sides[side][i] = sides[side][view + i];
            sides[side][view + i] = kept;
        }
        double now = method_bed_loss(&bed);
        assert_true(side == 0 ? fabs(now - before) > 1e-3 : fabs(now - before) < 1e-6);
    }
    method_bed_done(&bed);
}

/* The same with a projector that reads omega: every parameter of its encoding has its gradient, and
 * another omega gives another loss. */
static void conditioned(void **state)
{
    (void)state;
    struct recipe reads = recipe;
    reads.method.condition.dim = 5;
    reads.method.condition.layers = 2;
    method_bed_make(&bed, &method_byol, &reads, 0);
    assert_non_null(net_find_param(bed.net, "condition.0.weight")->d);
    method_bed_check_gradients(&bed);
    double loss = method_bed_loss(&bed);
    const struct param *momentum = net_find_param(bed.net, "momentum.condition.0.weight");
    assert_ptr_equal(momentum->online, net_find_param(bed.net, "condition.0.weight"));
    random_fill(bed.code_t.data, tensor_count(&bed.code_t), 0, 1, 8);
    assert_true(fabs(method_bed_loss(&bed) - loss) > 1e-4);
    loss = method_bed_loss(&bed);
    random_fill(bed.code_y.data, tensor_count(&bed.code_y), 0, 1, 9);
    assert_true(fabs(method_bed_loss(&bed) - loss) > 1e-4);
    method_bed_done(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients),
        cmocka_unit_test(conditioned),
        cmocka_unit_test(crosswise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
