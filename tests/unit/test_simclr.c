/* SPDX-License-Identifier: Apache-2.0 */
/* test_simclr: gradients; rows that all point one way lose log(2N - 1), whatever the temperature.
 */
#include "method_bed.h"

#include <string.h>

static struct method_bed bed;
static const struct recipe recipe = {.method = {.projector = {2, 8, 4}, .temperature = 0.5}};

static void gradients(void **state)
{
    (void)state;
    method_bed_make(&bed, &method_simclr, &recipe, 0);
    method_bed_check_gradients(&bed);
    method_bed_done(&bed);
}

static void collapsed(void **state)
{
    (void)state;
    method_bed_make(&bed, &method_simclr, &recipe, 0);
    struct param *w = net_find_param(bed.net, "projector.3.weight");
    struct param *b = net_find_param(bed.net, "projector.3.bias");
    memset(w->w, 0, w->count * sizeof(float));
    for (size_t i = 0; i < b->count; i++)
        b->w[i] = 1;
    assert_true(fabs(method_bed_loss(&bed) - log(2 * BED_N - 1)) < 1e-6);
    assert_string_equal(bed.loss.item[1].name, "spread");
    assert_true(fabsf(bed.loss.item[1].value) < 1e-6F);
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
    method_bed_make(&bed, &method_simclr, &reads, 0);
    assert_non_null(net_find_param(bed.net, "condition.0.weight")->d);
    method_bed_check_gradients(&bed);
    double loss = method_bed_loss(&bed);
    random_fill(bed.code_y.data, tensor_count(&bed.code_y), 0, 1, 9);
    assert_true(fabs(method_bed_loss(&bed) - loss) > 1e-4);
    method_bed_done(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients),
        cmocka_unit_test(conditioned),
        cmocka_unit_test(collapsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
