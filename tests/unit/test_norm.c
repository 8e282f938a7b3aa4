/* SPDX-License-Identifier: Apache-2.0 */
/* test_norm: names and initial values; training counts each group and moves the averages,
 * inference does neither. (The arithmetic is the ops tests'.) */
#include "test.h"

#include "gradcheck.h"
#include "trainer/norm.h"

enum { ROWS = 8, C = 3 };

static struct fixture {
    struct ops *ops;
    struct net *net;
    struct norm norm;
    struct tensor x, y;
} f;

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    return ops_open("ref", 1, &f.ops) || net_new(f.ops, &f.net) ||
           norm_init(&f.norm, f.net,
                     &(struct norm_config){
                         .prefix = "backbone",
                         .name = "layer1.0.bn2",
                         .shape = {ROWS, 1, 1, C, 2, false, false},
                         .group = PARAM_SCHEDULED,
                         .gamma = 0.5F,
                     }) ||
           arena_add_tensor(&f.net->acts, &f.x, ROWS, 1, 1, C) ||
           arena_add_tensor(&f.net->acts, &f.y, ROWS, 1, 1, C) || net_commit(f.net) ||
           net_init(f.net, 1);
}

static int teardown(void **state)
{
    (void)state;
    norm_done(&f.norm);
    net_free(f.net);
    ops_close(f.ops);
    return 0;
}

static void names(void **state)
{
    (void)state;
    struct param *gamma = net_find_param(f.net, "backbone.layer1.0.bn2.weight");
    struct param *beta = net_find_param(f.net, "backbone.layer1.0.bn2.bias");
    assert_non_null(gamma);
    assert_non_null(beta);
    assert_true(gamma->w[C - 1] == 0.5F && beta->w[C - 1] == 0);
    struct buffer *mean = net_find_buffer(f.net, "backbone.layer1.0.bn2.running_mean");
    struct buffer *var = net_find_buffer(f.net, "backbone.layer1.0.bn2.running_var");
    struct buffer *tracked = net_find_buffer(f.net, "backbone.layer1.0.bn2.num_batches_tracked");
    assert_non_null(mean);
    assert_non_null(var);
    assert_non_null(tracked);
    assert_true(mean->data[C - 1] == 0 && var->data[C - 1] == 1);
    assert_int_equal(tracked->count, 0);
}

static void training_moves_the_averages(void **state)
{
    (void)state;
    /* view 1 is constant 1, view 2 constant 3: two updates 0.9 m + 0.1 mean */
    for (int i = 0; i < ROWS * C; i++)
        f.x.data[i] = i < ROWS * C / 2 ? 1 : 3;
    assert_int_equal(norm_forward(&f.norm, &f.x, NULL, &f.y, false), 0);
    assert_int_equal(f.norm.batches->counter, 2);
    assert_true(fabsf(f.norm.running_mean->data[0] - (0.9F * 0.1F + 0.3F)) < 1e-6F);
    for (int i = 0; i < ROWS * C; i++)
        assert_true(fabsf(f.y.data[i]) < 1e-3F); /* each view against its own mean */
}

static void inference_keeps_them(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS * C; i++)
        f.x.data[i] = 4;
    assert_int_equal(norm_forward(&f.norm, &f.x, NULL, &f.y, true), 0);
    assert_int_equal(f.norm.batches->counter, 0);
    assert_true(f.norm.running_mean->data[0] == 0);
    assert_true(fabsf(f.y.data[0] - 2) < 1e-4F); /* (4 - 0) / sqrt(1 + 1e-5) * 0.5 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names, setup, teardown),
        cmocka_unit_test_setup_teardown(training_moves_the_averages, setup, teardown),
        cmocka_unit_test_setup_teardown(inference_keeps_them, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
