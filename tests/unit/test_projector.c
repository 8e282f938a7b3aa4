/* SPDX-License-Identifier: Apache-2.0 */
/* test_projector: plain, it is the MLP of the features to the bit and looks at no code;
 * conditioned, it is the MLP of features and encoding, with the gradients of both by differences.
 */
#include "test.h"

#include "common/omega.h"
#include "gradcheck.h"
#include "trainer/method/projector.h"

#include <stdio.h>

enum { ROWS = 12, IN = 7, HIDDEN = 9, OUT = 4, DIM = 5 };

static struct fixture {
    struct ops *ops;
    struct net *net;
    struct projector *projector;
    struct tensor x, dx, code;
    float target[ROWS * OUT];
} f;

static void make(int32_t dim, int32_t layers)
{
    const struct projector_config config = {
        .mlp = {"projector", ROWS, IN, HIDDEN, OUT, 2, false, 2, PARAM_SCHEDULED},
        .condition = {"condition", layers, dim}};
    assert_int_equal(ops_open("ref", 1, &f.ops), 0);
    assert_int_equal(net_new(f.ops, &f.net), 0);
    assert_int_equal(projector_new(f.net, &config, &f.projector), 0);
    struct arena *acts = &f.net->acts;
    assert_int_equal(arena_add_tensor(acts, &f.x, ROWS, 1, 1, IN), 0);
    assert_int_equal(arena_add_tensor(acts, &f.dx, ROWS, 1, 1, IN), 0);
    assert_int_equal(arena_add_tensor(acts, &f.code, ROWS, 1, 1, OMEGA_CODE_LEN), 0);
    assert_int_equal(net_commit(f.net), 0);
    assert_int_equal(net_init(f.net, 3), 0);
    random_fill(f.x.data, ROWS * IN, -1, 1, 1);
    random_fill(f.code.data, ROWS * OMEGA_CODE_LEN, 0, 1, 2);
    random_fill(f.target, ROWS * OUT, -1, 1, 3);
    random_fill(f.dx.data, ROWS * IN, -1, 1, 4); /* backward overwrites it */
}

static void unmake(void)
{
    projector_free(f.projector);
    net_free(f.net);
    ops_close(f.ops);
}

/* Half the squared distance from the target; its gradient is the difference. */
static double loss(void *arg)
{
    (void)arg;
    assert_int_equal(projector_forward(f.projector, &f.x, &f.code), 0);
    double sum = 0;
    for (int i = 0; i < ROWS * OUT; i++) {
        double off = (double)projector_output(f.projector)->data[i] - (double)f.target[i];
        sum += off * off / 2;
        projector_doutput(f.projector)->data[i] = (float)off;
    }
    return sum;
}

static void plain(void **state)
{
    (void)state;
    make(0, 2);
    assert_null(net_find_param(f.net, "condition.0.weight"));
    assert_int_equal(net_find_param(f.net, "projector.0.weight")->shape[1], IN);
    struct net *net;
    struct mlp *mlp;
    const struct mlp_config config = {"projector", ROWS, IN, HIDDEN, OUT, 2, false, 2, 0};
    assert_int_equal(net_new(f.ops, &net), 0);
    assert_int_equal(mlp_new(net, &config, &mlp), 0);
    assert_int_equal(net_commit(net), 0);
    assert_int_equal(net_init(net, 3), 0);
    assert_int_equal(projector_forward(f.projector, &f.x, NULL), 0);
    assert_int_equal(mlp_forward(mlp, &f.x), 0);
    assert_memory_equal(projector_output(f.projector)->data, mlp_output(mlp)->data,
                        ROWS * OUT * sizeof(float));
    loss(NULL);
    assert_int_equal(projector_backward(f.projector, &f.x, NULL, &f.dx), 0);
    assert_true(gradcheck_along(f.x.data, f.dx.data, ROWS * IN, 1e-3, loss, NULL) < 0.02);
    mlp_free(mlp);
    net_free(net);
    unmake();
}

static void conditioned(void **state)
{
    (void)state;
    for (int32_t layers = 1; layers <= 3; layers++) {
        make(DIM, layers);
        const struct param *first = net_find_param(f.net, "projector.0.weight");
        assert_int_equal(first->shape[1], IN + DIM);
        char name[32];
        snprintf(name, sizeof(name), "condition.%d.bias", 3 * (layers - 1));
        assert_int_equal(net_find_param(f.net, name)->count, DIM);
        loss(NULL);
        assert_int_equal(projector_backward(f.projector, &f.x, &f.code, &f.dx), 0);
        assert_true(gradcheck_along(f.x.data, f.dx.data, ROWS * IN, 1e-3, loss, NULL) < 0.02);
        /* of the encoding's parameters alone too: none may be left without */
        for (size_t i = 0; i < f.net->n_params; i++) {
            const struct param *p = &f.net->param[i];
            if (p->ndim > 1)
                assert_true(dot(p->d, p->d, p->count) > 1e-6);
        }
        assert_true(gradcheck_net(f.net, 1e-3, loss, NULL) < 0.02);
        unmake();
    }
}

/* The output is the MLP's of (features, encoding), and the encoding is the code's alone. */
static void reads_the_code(void **state)
{
    (void)state;
    make(DIM, 1);
    float before[ROWS * OUT];
    assert_int_equal(projector_forward(f.projector, &f.x, &f.code), 0);
    memcpy(before, projector_output(f.projector)->data, sizeof(before));
    struct param *w = net_find_param(f.net, "condition.0.weight");
    struct param *into = net_find_param(f.net, "projector.0.weight");
    f.code.data[0] += 1; /* one number of one row: batch statistics carry it to its group alone */
    assert_int_equal(projector_forward(f.projector, &f.x, &f.code), 0);
    const float *after = projector_output(f.projector)->data;
    assert_memory_not_equal(before, after, ROWS / 2 * OUT * sizeof(float));
    assert_memory_equal(before + ROWS / 2 * OUT, after + ROWS / 2 * OUT,
                        ROWS / 2 * OUT * sizeof(float));
    memset(w->w, 0, w->count * sizeof(float)); /* an encoding that says the same of every view */
    assert_int_equal(projector_forward(f.projector, &f.x, &f.code), 0);
    memcpy(before, projector_output(f.projector)->data, sizeof(before));
    random_fill(f.code.data, ROWS * OMEGA_CODE_LEN, 0, 1, 5);
    assert_int_equal(projector_forward(f.projector, &f.x, &f.code), 0);
    assert_memory_equal(before, projector_output(f.projector)->data, sizeof(before));
    /* the features come first in the row, then the encoding */
    for (int out = 0; out < HIDDEN; out++)
        for (int i = IN; i < IN + DIM; i++)
            into->w[out * (IN + DIM) + i] = 0;
    random_fill(w->w, w->count, -1, 1, 6);
    assert_int_equal(projector_forward(f.projector, &f.x, &f.code), 0);
    memcpy(before, projector_output(f.projector)->data, sizeof(before));
    random_fill(f.code.data, ROWS * OMEGA_CODE_LEN, 0, 1, 7);
    assert_int_equal(projector_forward(f.projector, &f.x, &f.code), 0);
    assert_memory_equal(before, projector_output(f.projector)->data, sizeof(before));
    unmake();
    projector_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),
        cmocka_unit_test(conditioned),
        cmocka_unit_test(reads_the_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
