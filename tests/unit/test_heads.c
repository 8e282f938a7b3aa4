/* SPDX-License-Identifier: Apache-2.0 */
/* test_heads: names, widths, groups of statistics and of the optimiser, for trained views and
 * targets. */
#include "test.h"

#include "trainer/method/heads.h"

enum { N = 3, VIEWS = 4, TARGETS = 2, FEATURES = 7 };

static void shape(struct net *net, const char *name, int64_t out, int64_t in,
                  enum param_group group)
{
    const struct param *p = net_find_param(net, name);
    assert_non_null(p);
    assert_int_equal(p->shape[0], out);
    assert_int_equal(p->shape[1], in);
    assert_int_equal(p->group, group);
}

static void built(void **state)
{
    (void)state;
    static const struct recipe recipe = {.method = {.projector = {2, 6, 5}, .predictor = {9}}};
    for (int last_norm = 0; last_norm < 2; last_norm++) {
        struct ops *ops;
        struct net *net;
        struct projector *projector, *momentum = NULL;
        struct mlp *predictor;
        assert_int_equal(ops_open("ref", 1, &ops), 0);
        assert_int_equal(net_new(ops, &net), 0);
        const struct method_config c = {net, NULL, &recipe, N, VIEWS, TARGETS, FEATURES};
        assert_int_equal(heads_projector(&c, last_norm, &projector), 0);
        assert_int_equal(heads_predictor(&c, PARAM_CONSTANT, &predictor), 0);
        if (!last_norm)
            assert_int_equal(heads_momentum_projector(&c, &momentum), 0);
        assert_int_equal(net_commit(net), 0);
        assert_int_equal(net_init(net, 1), 0);
        shape(net, "projector.0.weight", 6, FEATURES, PARAM_SCHEDULED);
        shape(net, "projector.3.weight", 5, 6, PARAM_SCHEDULED);
        shape(net, "predictor.0.weight", 9, 5, PARAM_CONSTANT);
        shape(net, "predictor.3.weight", 5, 9, PARAM_CONSTANT);
        assert_int_equal(net_find_param(net, "projector.3.bias") == NULL, last_norm);
        assert_int_equal(net_find_param(net, "projector.4.weight") != NULL, last_norm);
        assert_int_equal(projector_output(projector)->n, VIEWS * N);
        assert_int_equal(mlp_output(predictor)->n, VIEWS * N);
        if (momentum) {
            shape(net, "momentum.projector.3.weight", 5, 6, PARAM_TARGET);
            assert_int_equal(projector_output(momentum)->n, TARGETS * N);
            /* each view is a batch of its own */
            float rows[TARGETS * N * FEATURES] = {0};
            struct tensor x = {TARGETS * N, 1, 1, FEATURES, rows};
            assert_int_equal(projector_forward(momentum, &x, NULL), 0);
            const struct buffer *batches =
                net_find_buffer(net, "momentum.projector.1.num_batches_tracked");
            assert_int_equal(batches->counter, TARGETS);
        }
        projector_free(projector);
        mlp_free(predictor);
        projector_free(momentum);
        net_free(net);
        ops_close(ops);
    }
}

/* With method.condition, both projectors read an encoding of their own views' omega. */
static void conditioned(void **state)
{
    (void)state;
    static const struct recipe recipe = {
        .method = {.projector = {2, 6, 5}, .condition = {.dim = 4, .layers = 2}}};
    struct ops *ops;
    struct net *net;
    struct projector *projector, *momentum;
    assert_int_equal(ops_open("ref", 1, &ops), 0);
    assert_int_equal(net_new(ops, &net), 0);
    const struct method_config c = {net, NULL, &recipe, N, VIEWS, TARGETS, FEATURES};
    assert_int_equal(heads_projector(&c, false, &projector), 0);
    assert_int_equal(heads_momentum_projector(&c, &momentum), 0);
    assert_int_equal(net_commit(net), 0);
    shape(net, "projector.0.weight", 6, FEATURES + 4, PARAM_SCHEDULED);
    shape(net, "condition.0.weight", 4, OMEGA_CODE_LEN, PARAM_SCHEDULED);
    shape(net, "condition.3.weight", 4, 4, PARAM_SCHEDULED);
    shape(net, "momentum.projector.0.weight", 6, FEATURES + 4, PARAM_TARGET);
    shape(net, "momentum.condition.0.weight", 4, OMEGA_CODE_LEN, PARAM_TARGET);
    assert_non_null(net_find_buffer(net, "condition.1.running_mean"));
    projector_free(projector);
    projector_free(momentum);
    net_free(net);
    ops_close(ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(built), cmocka_unit_test(conditioned)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
