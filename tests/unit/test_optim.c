/* SPDX-License-Identifier: Apache-2.0 */
/* test_optim: three steps against PyTorch's SGD written out, each group with its own rate. */
#include "test.h"

#include "gradcheck.h"
#include "trainer/optim.h"

#include <stdio.h>

enum { PARAMS = 5, STEPS = 3, COUNT_MAX = 100 };

/* torch.optim.SGD: d = d + wd w; m = momentum m + d; w = w - lr m. */
static void torch_sgd(double *w, const float *d, double *m, size_t count, double lr)
{
    for (size_t i = 0; i < count; i++) {
        m[i] = 0.9 * m[i] + ((double)d[i] + 0.01 * w[i]);
        w[i] -= lr * m[i];
    }
}

static void three_steps(void **state)
{
    (void)state;
    struct ops *ops;
    struct net *net;
    struct optim optim;
    assert_int_equal(ops_open("ref", 1, &ops), 0);
    assert_int_equal(net_new(ops, &net), 0);
    assert_int_equal(optim_init(&optim, net,
                                &(struct optim_config){
                                    .momentum = 0.9F, .weight_decay = 0.01F, .gradient_scale = 1}),
                     0);
    for (int64_t i = 0; i < PARAMS; i++) {
        char name[8];
        snprintf(name, sizeof(name), "%d", (int)i);
        enum param_group group = i % 2 ? PARAM_CONSTANT : PARAM_SCHEDULED;
        assert_non_null(net_param(net, "p", name, 1, &(int64_t){13 * i + 1}, group));
    }
    assert_int_equal(net_commit(net), 0);
    double w[PARAMS][COUNT_MAX], m[PARAMS][COUNT_MAX] = {{0}};
    for (uint32_t i = 0; i < PARAMS; i++) {
        struct param *p = &net->param[i];
        random_fill(p->w, p->count, -1, 1, i);
        for (size_t k = 0; k < p->count; k++)
            w[i][k] = (double)p->w[k];
    }
    for (uint32_t step = 0; step < STEPS; step++) {
        const float lr[PARAM_GROUPS] = {0.5F / (float)(step + 1), 0.25F};
        for (uint32_t i = 0; i < PARAMS; i++) {
            struct param *p = &net->param[i];
            random_fill(p->d, p->count, -1, 1, 100 * step + i);
            torch_sgd(w[i], p->d, m[i], p->count, (double)lr[p->group]);
        }
        assert_int_equal(optim_step(&optim, lr, false), 0);
    }
    for (int i = 0; i < PARAMS; i++) {
        const struct param *p = &net->param[i];
        for (size_t k = 0; k < p->count; k++) {
            assert_true(fabs((double)p->w[k] - w[i][k]) < 1e-6);
            assert_true(fabs((double)p->m[k] - m[i][k]) < 1e-6);
        }
    }
    net_free(net);
    ops_close(ops);
}

/* Vectors go without decay where it is said; LARS adapts weights and leaves vectors to SGD; what is
 * late stands still, momentum and all. */
static void kinds(void **state)
{
    (void)state;
    struct ops *ops;
    struct net *net;
    struct optim optim;
    for (int lars = 0; lars < 2; lars++) {
        assert_int_equal(ops_open("ref", 1, &ops), 0);
        assert_int_equal(net_new(ops, &net), 0);
        assert_int_equal(optim_init(&optim, net,
                                    &(struct optim_config){.lars = lars,
                                                           .trust = 0.5F,
                                                           .weight_decay = 0.5F,
                                                           .decay_weights_only = true,
                                                           .gradient_scale = 0.25F}),
                         0);
        struct param *w = net_param(net, "p", "w", 2, (int64_t[]){1, 1}, PARAM_SCHEDULED);
        struct param *b = net_param(net, "p", "b", 1, (int64_t[]){1}, PARAM_SCHEDULED);
        struct param *late = net_param(net, "p", "late", 2, (int64_t[]){1, 1}, PARAM_LATE);
        assert_int_equal(net_commit(net), 0);
        w->w[0] = b->w[0] = late->w[0] = 2;
        w->d[0] = b->d[0] = late->d[0] = 4;
        const float lr[PARAM_GROUPS] = {[PARAM_SCHEDULED] = 1, [PARAM_LATE] = 1};
        assert_int_equal(optim_step(&optim, lr, true), 0);
        /* g = 4/4 + 2/2 = 2; LARS multiplies it by trust * |w| / |g| = 1/2 */
        assert_true(w->w[0] == (lars ? 1 : 0));
        assert_true(b->w[0] == 1);
        assert_true(late->w[0] == 2 && late->m[0] == 0);
        assert_int_equal(optim_step(&optim, lr, false), 0);
        assert_true(late->w[0] == (lars ? 1 : 0));
        net_free(net);
        ops_close(ops);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_steps),
        cmocka_unit_test(kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
