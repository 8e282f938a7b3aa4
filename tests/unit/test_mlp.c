/* SPDX-License-Identifier: Apache-2.0 */
/* test_mlp: PyTorch's numbering, the value of a known layer, gradients against differences. */
#include "test.h"

#include "gradcheck.h"
#include "trainer/mlp.h"

#include <errno.h>

enum { ROWS = 12, IN = 5, HIDDEN = 7, OUT = 4 };

static struct fixture {
    struct ops *ops;
    struct net *net;
    struct mlp *mlp;
    struct tensor x, dx;
    float slope[ROWS * OUT]; /* the loss is the sum of slope * output */
} f;

static void make(int32_t layers, bool last_norm, int32_t groups)
{
    assert_int_equal(ops_open("ref", 1, &f.ops), 0);
    assert_int_equal(net_new(f.ops, &f.net), 0);
    assert_int_equal(mlp_new(f.net,
                             &(struct mlp_config){
                                 .prefix = "head",
                                 .rows = ROWS,
                                 .in = IN,
                                 .hidden = HIDDEN,
                                 .out = OUT,
                                 .layers = layers,
                                 .last_norm = last_norm,
                                 .groups = groups,
                                 .group = PARAM_CONSTANT,
                             },
                             &f.mlp),
                     0);
    assert_int_equal(arena_add_tensor(&f.net->acts, &f.x, ROWS, 1, 1, IN), 0);
    assert_int_equal(arena_add_tensor(&f.net->acts, &f.dx, ROWS, 1, 1, IN), 0);
    assert_int_equal(net_commit(f.net), 0);
    assert_int_equal(net_init(f.net, 3), 0);
    random_fill(f.x.data, ROWS * IN, -1, 1, 1);
    random_fill(f.slope, ROWS * OUT, -1, 1, 2);
}

static void unmake(void)
{
    mlp_free(f.mlp);
    net_free(f.net);
    ops_close(f.ops);
}

static void expect_names(const char *const *params, size_t n)
{
    assert_int_equal(f.net->n_params, n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(f.net->param[i].name, params[i]);
        assert_int_equal(f.net->param[i].group, PARAM_CONSTANT);
    }
}

static void names_with_bias(void **state)
{
    (void)state;
    make(3, false, 1);
    static const char *const params[] = {
        "head.0.weight", "head.1.weight", "head.1.bias",   "head.3.weight",
        "head.4.weight", "head.4.bias",   "head.6.weight", "head.6.bias",
    };
    expect_names(params, ARRAY_LEN(params));
    assert_int_equal(f.net->n_buffers, 6);
    assert_string_equal(f.net->buffer[3].name, "head.4.running_mean");
    assert_true(fabsf(f.net->param[7].init_bound - 1 / sqrtf(HIDDEN)) < 1e-7F);
    unmake();
}

static void names_with_norm(void **state)
{
    (void)state;
    make(2, true, 2);
    static const char *const params[] = {
        "head.0.weight", "head.1.weight", "head.1.bias",
        "head.3.weight", "head.4.weight", "head.4.bias",
    };
    expect_names(params, ARRAY_LEN(params));
    unmake();
}

static void one_layer_is_linear(void **state)
{
    (void)state;
    make(1, false, 1);
    assert_int_equal(mlp_forward(f.mlp, &f.x), 0);
    const float *w = f.net->param[0].w, *b = f.net->param[1].w;
    const struct tensor *y = mlp_output(f.mlp);
    for (int i = 0; i < ROWS; i++) {
        for (int o = 0; o < OUT; o++) {
            double want = (double)b[o] + dot(w + o * IN, f.x.data + i * IN, IN);
            assert_true(fabs((double)y->data[i * OUT + o] - want) < 1e-6);
        }
    }
    unmake();
}

/* One row's numbers come from that row and the running averages; forward's from the whole batch. */
static void infer_knows_one_row(void **state)
{
    (void)state;
    make(3, false, 1);
    for (int i = 0; i < 200; i++) /* the running averages become those of x */
        assert_int_equal(mlp_forward(f.mlp, &f.x), 0);
    float trained[ROWS * OUT], first[OUT], average[HIDDEN];
    memcpy(trained, mlp_output(f.mlp)->data, sizeof(trained));
    const struct buffer *mean = net_find_buffer(f.net, "head.1.running_mean");
    memcpy(average, mean->data, sizeof(average));

    assert_int_equal(mlp_infer(f.mlp, &f.x), 0);
    memcpy(first, mlp_output(f.mlp)->data, sizeof(first));
    /* The running variance is the unbiased one, of 12 rows. */
    for (int i = 0; i < OUT; i++)
        assert_true(fabsf(first[i] - trained[i]) < 0.2F);
    random_fill(f.x.data + IN, (ROWS - 1) * IN, -9, 9, 4);
    assert_int_equal(mlp_infer(f.mlp, &f.x), 0);
    assert_memory_equal(mlp_output(f.mlp)->data, first, sizeof(first));
    assert_memory_equal(mean->data, average, sizeof(average));
    assert_int_equal(mlp_forward(f.mlp, &f.x), 0);
    assert_memory_not_equal(mlp_output(f.mlp)->data, first, sizeof(first));
    unmake();
}

static double loss(void *arg)
{
    (void)arg;
    assert_int_equal(mlp_forward(f.mlp, &f.x), 0);
    return dot(mlp_output(f.mlp)->data, f.slope, ROWS * OUT);
}

static void check_gradients(int32_t layers, bool last_norm, int32_t groups)
{
    make(layers, last_norm, groups);
    loss(NULL);
    memcpy(mlp_doutput(f.mlp)->data, f.slope, sizeof(f.slope));
    assert_int_equal(mlp_backward(f.mlp, &f.x, &f.dx, false), 0);
    assert_true(gradcheck_net(f.net, 1e-3, loss, NULL) < 0.01);
    assert_true(gradcheck_along(f.x.data, f.dx.data, ROWS * IN, 1e-3, loss, NULL) < 0.01);

    float once[ROWS * IN];
    memcpy(once, f.dx.data, sizeof(once));
    loss(NULL);
    memcpy(mlp_doutput(f.mlp)->data, f.slope, sizeof(f.slope));
    assert_int_equal(mlp_backward(f.mlp, &f.x, &f.dx, true), 0);
    for (int i = 0; i < ROWS * IN; i++)
        assert_true(fabsf(f.dx.data[i] - 2 * once[i]) <= 1e-5F * fabsf(once[i]) + 1e-6F);
    unmake();
}

static void gradients(void **state)
{
    (void)state;
    check_gradients(1, false, 1);
    check_gradients(2, true, 2);
    check_gradients(2, false, 2);
    check_gradients(3, false, 1);
}

static void too_many_layers(void **state)
{
    (void)state;
    struct ops *ops;
    struct net *net;
    struct mlp *mlp = NULL;
    assert_int_equal(ops_open("ref", 1, &ops), 0);
    assert_int_equal(net_new(ops, &net), 0);
    const struct mlp_config config = {
        .prefix = "head", .rows = 2, .in = 2, .hidden = 2, .out = 2, .layers = 5, .groups = 1};
    assert_int_equal(mlp_new(net, &config, &mlp), -EINVAL);
    assert_null(mlp);
    assert_non_null(strstr(err_text(), "head"));
    net_free(net);
    ops_close(ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_with_bias),     cmocka_unit_test(names_with_norm),
        cmocka_unit_test(one_layer_is_linear), cmocka_unit_test(infer_knows_one_row),
        cmocka_unit_test(gradients),           cmocka_unit_test(too_many_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
