/* SPDX-License-Identifier: Apache-2.0 */
/* test_simsiam: names and groups; the loss of known features; gradients against differences of a
 * twin in which z, the stopped branch, is held still. */
#include "test.h"

#include "gradcheck.h"
#include "trainer/method/method.h"
#include "trainer/mlp.h"

enum { ROWS = 12, FEATURES = 6, DIM = 8, HIDDEN = 5 };

static struct fixture {
    struct ops *ops;
    struct net *net, *twin_net;
    struct loss loss;
    void *method;
    struct mlp *projector, *predictor; /* the twin's */
    struct tensor y, dy;
    float z0[ROWS * DIM];
} f;

static void twin_new(void)
{
    const struct mlp_config projector = {"projector", ROWS, FEATURES, DIM, DIM, 3, true, 2, 0};
    const struct mlp_config predictor = {"predictor", ROWS, DIM, HIDDEN, DIM, 2, false, 2, 1};
    assert_int_equal(net_new(f.ops, &f.twin_net), 0);
    assert_int_equal(mlp_new(f.twin_net, &projector, &f.projector), 0);
    assert_int_equal(mlp_new(f.twin_net, &predictor, &f.predictor), 0);
    assert_int_equal(net_commit(f.twin_net), 0);
    assert_int_equal(net_init(f.twin_net, 11), 0);
}

static int setup(void **state)
{
    (void)state;
    static struct recipe recipe; /* only these fields are read */
    recipe.method.projector.layers = 3;
    recipe.method.projector.hidden = recipe.method.projector.dim = DIM;
    recipe.method.predictor.dim = HIDDEN;
    memset(&f, 0, sizeof(f));
    assert_int_equal(ops_open("ref", 1, &f.ops), 0);
    assert_int_equal(net_new(f.ops, &f.net), 0);
    assert_int_equal(loss_init(&f.loss, f.net), 0);
    const struct method_config config = {f.net, &f.loss, &recipe, ROWS / 2, 2, 0, FEATURES};
    assert_int_equal(method_simsiam.build(&config, &f.method), 0);
    assert_int_equal(arena_add_tensor(&f.net->acts, &f.y, ROWS, 1, 1, FEATURES), 0);
    assert_int_equal(arena_add_tensor(&f.net->acts, &f.dy, ROWS, 1, 1, FEATURES), 0);
    assert_int_equal(net_commit(f.net), 0);
    assert_int_equal(net_init(f.net, 11), 0);
    twin_new();
    random_fill(f.y.data, ROWS * FEATURES, 0, 1, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mlp_free(f.projector);
    mlp_free(f.predictor);
    net_free(f.twin_net);
    method_simsiam.free(f.method);
    net_free(f.net);
    ops_close(f.ops);
    return 0;
}

static void names(void **state)
{
    (void)state;
    assert_non_null(net_find_param(f.net, "projector.6.weight"));
    assert_non_null(net_find_param(f.net, "projector.7.weight"));
    assert_null(net_find_param(f.net, "projector.6.bias"));
    assert_non_null(net_find_param(f.net, "predictor.3.bias"));
    assert_null(net_find_param(f.net, "predictor.4.weight"));
    for (size_t i = 0; i < f.net->n_params; i++) {
        const struct param *p = &f.net->param[i];
        bool constant = strncmp(p->name, "predictor.", 10) == 0;
        assert_int_equal(p->group, constant ? PARAM_CONSTANT : PARAM_SCHEDULED);
    }
}

static void losses(void **state)
{
    (void)state;
    float total;
    assert_int_equal(method_simsiam.forward(f.method, &(struct method_input){.y = &f.y}), 0);
    assert_int_equal(loss_fetch(&f.loss, &total), 0);
    assert_string_equal(f.loss.item[0].name, "simsiam");
    assert_string_equal(f.loss.item[1].name, "spread");
    assert_true(total == f.loss.item[0].value);
    assert_true(fabsf(total) <= 1);
    assert_true(f.loss.item[1].value > 0.3F && f.loss.item[1].value < 1.2F);
}

/* The twin's loss with z held at z0, written out in double. */
static double twin_loss(void *arg)
{
    (void)arg;
    assert_int_equal(mlp_forward(f.projector, &f.y), 0);
    assert_int_equal(mlp_forward(f.predictor, mlp_output(f.projector)), 0);
    double sum = 0;
    for (int i = 0; i < ROWS; i++) {
        const float *p = mlp_output(f.predictor)->data + (size_t)i * DIM;
        const float *z = f.z0 + (size_t)((i + ROWS / 2) % ROWS) * DIM;
        sum += dot(p, z, DIM) / sqrt(dot(p, p, DIM) * dot(z, z, DIM));
    }
    return -sum / ROWS;
}

static void gradients(void **state)
{
    (void)state;
    assert_int_equal(mlp_forward(f.projector, &f.y), 0);
    memcpy(f.z0, mlp_output(f.projector)->data, sizeof(f.z0));
    float total;
    assert_int_equal(method_simsiam.forward(f.method, &(struct method_input){.y = &f.y}), 0);
    assert_int_equal(loss_fetch(&f.loss, &total), 0);
    assert_true(fabs((double)total - twin_loss(NULL)) < 1e-6);
    assert_int_equal(method_simsiam.backward(f.method, &(struct method_input){.y = &f.y}, &f.dy),
                     0);
    assert_true(gradcheck_along(f.y.data, f.dy.data, ROWS * FEATURES, 1e-3, twin_loss, NULL) <
                0.01);
    assert_int_equal(f.net->n_params, f.twin_net->n_params);
    for (size_t i = 0; i < f.net->n_params; i++) {
        struct param *twin = &f.twin_net->param[i];
        const struct param *p = &f.net->param[i];
        assert_memory_equal(twin->w, p->w, p->count * sizeof(float));
        assert_true(gradcheck_along(twin->w, p->d, p->count, 2e-4, twin_loss, NULL) < 0.01);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names, setup, teardown),
        cmocka_unit_test_setup_teardown(losses, setup, teardown),
        cmocka_unit_test_setup_teardown(gradients, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
