/* SPDX-License-Identifier: Apache-2.0 */
/* test_guard: each guard is driven over its bound, by losses that were made up and by a model whose
 * weights were spoilt: what it says, how often, and whether it ends the run. */
#include "test.h"

#include "alloc_count.h"
#include "trainer/watch/guard.h"
#include "trainer/watch/rank.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 6, SIZE = 16, FEATURES = 64, SAVED = 3 };

static struct fixture {
    struct recipe recipe;
    struct ops *ops;
    struct model *model;
    struct guard *guard;
    uint8_t pixels[2 * N * SIZE * SIZE * 3];
    struct omega omega[2 * N];
    struct model_batch batch;
} f;

static void make(const char *set, const char *set_too)
{
    memset(&f, 0, sizeof f);
    const char *const sets[] = {"run.name=t",
                                "data.dataset=d",
                                "data.path=p",
                                "data.batch=6",
                                "views.size=16",
                                "model.width=8",
                                "method.projector.dim=8",
                                "augself.hidden=8",
                                "guard.every=10",
                                set,
                                set_too};
    if (recipe_load(&f.recipe, NULL, sets, ARRAY_LEN(sets)) < 0)
        fail_msg("%s", err_text());
    for (size_t i = 0; i < sizeof f.pixels; i++)
        f.pixels[i] = (uint8_t)(i * i / 7 + 31 * (i / 768));
    for (int i = 0; i < 2 * N; i++)
        f.omega[i] = (struct omega){
            .source_w = 20, .source_h = 20, .crop_height = 20 - i, .crop_width = 20 - i};
    f.batch = (struct model_batch){.n_runs = 1, .run = {{f.pixels, 2 * N}}, .omega = f.omega};
    assert_int_equal(ops_open("ref", 1, &f.ops), 0);
    assert_int_equal(model_new(&f.recipe, f.ops, &f.model), 0);
    assert_int_equal(model_features(f.model), FEATURES);
    assert_int_equal(guard_new(&f.recipe, f.model, &f.guard), 0);
}

static void unmake(void)
{
    guard_free(f.guard);
    model_free(f.model);
    ops_close(f.ops);
}

/* A step of simsiam with one head, its values made up. */
static int take(uint64_t step, float simsiam, float spread, float crop, float r2)
{
    struct model_losses l = {5,
                             {{"loss", simsiam + crop, false},
                              {"simsiam", simsiam, false},
                              {"spread", spread, false},
                              {"augself.crop", crop, false},
                              {"augself.crop.r2", r2, true}}};
    return guard_step(f.guard, step, SAVED, &l);
}

static void says(const char *text, const char *what)
{
    if (!text || !strstr(text, what))
        fail_msg("'%s' is not in: %s", what, text ? text : "(nothing)");
}

static void test_well(void **state)
{
    (void)state;
    make("run.seed=1", "run.seed=1");
    assert_int_equal(take(1, -0.5F, 0.9F, 0.1F, 0.5F), 0);
    assert_null(guard_warning(f.guard));
    assert_int_equal(take(2, -0.5F, 0.9F, 0.1F, NAN), 0); /* there was nothing to explain */
    assert_null(guard_warning(f.guard));
    unmake();
}

static void test_non_finite_names_the_cause(void **state)
{
    (void)state;
    make("run.seed=1", "run.seed=1");
    assert_int_equal(take(6, -0.5F, 0.9F, 0.125F, 0.5F), 0);
    assert_int_equal(take(7, -0.5F, 0.9F, NAN, NAN), -EDOM); /* one head alone */
    says(err_text(), "step 7: augself.crop is ");
    says(err_text(), "(0.125 before): the features are numbers, that head's outputs are not");
    says(err_text(), "(last checkpoint: step 3); training stopped");
    assert_null(strstr(err_text(), "simsiam"));
    assert_int_equal(take(8, NAN, NAN, NAN, NAN), -EDOM);
    says(err_text(), "simsiam is ");
    says(err_text(), "spread is ");
    says(err_text(), "the features themselves are no numbers");
    assert_int_equal(take(9, 3e38F, 0.9F, 3e38F, 0.5F), -EDOM);
    says(err_text(), "loss is no number: the total overflowed");
    unmake();
}

static void test_non_finite_warns(void **state)
{
    (void)state;
    make("guard.non_finite=warn", "run.seed=1");
    assert_int_equal(take(1, INFINITY, 0.9F, 0.1F, 0.5F), 0);
    says(guard_warning(f.guard), "step 1: simsiam is inf: ");
    assert_null(strstr(guard_warning(f.guard), "stopped"));
    assert_int_equal(take(2, INFINITY, 0.9F, 0.1F, 0.5F), 0);
    assert_null(guard_warning(f.guard)); /* once */
    assert_int_equal(take(3, 0, 0.9F, 0.1F, 0.5F), 0);
    assert_int_equal(take(4, NAN, 0.9F, 0.1F, 0.5F), 0);
    says(guard_warning(f.guard), "step 4"); /* once each time */
    unmake();
    make("guard.non_finite=off", "run.seed=1");
    assert_int_equal(take(1, INFINITY, 0.9F, 0.1F, 0.5F), 0);
    assert_null(guard_warning(f.guard));
    unmake();
}

static void test_spread(void **state)
{
    (void)state;
    static const struct {
        float spread;
        bool warns;
    } steps[] = {{0.5F, false},  {0.09F, true}, {0.05F, false}, {0.12F, false},
                 {0.08F, false}, {0.2F, false}, {0.01F, true},  {0.01F, false}};
    make("run.seed=1", "run.seed=1");
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        assert_int_equal(take(i + 1, -0.5F, steps[i].spread, 0.1F, 0.5F), 0);
        assert_int_equal(guard_warning(f.guard) != NULL, steps[i].warns);
    }
    assert_int_equal(take(20 + 1, -0.5F, 0.5F, 0.1F, 0.5F), 0);
    assert_int_equal(take(20 + 2, -0.5F, 0.03F, 0.1F, 0.5F), 0);
    says(guard_warning(f.guard), "step 22: the features' spread is 0.030, below guard.spread 0.1: "
                                 "they are collapsing to one point");
    unmake();
    make("guard.collapse=stop", "guard.spread=.5");
    assert_int_equal(take(1, -0.5F, 0.51F, 0.1F, 0.5F), 0);
    assert_int_equal(take(2, -0.5F, 0.49F, 0.1F, 0.5F), -EDOM);
    says(err_text(), "collapsing to one point; training stopped");
    unmake();
    make("guard.collapse=off", "run.seed=1");
    assert_int_equal(take(1, -0.5F, 0, 0.1F, 0.5F), 0);
    assert_null(guard_warning(f.guard));
    unmake();
}

/* --- the rank, of a model --- */

static void train_batch(void)
{
    assert_int_equal(model_gradients(f.model, &f.batch), 0);
}

/* The backbone says the same of every image: what the last norms add, and nothing else. */
static void collapse(void)
{
    struct net *net = model_net(f.model);
    for (size_t i = 0; i < net->n_params; i++) {
        struct param *p = &net->param[i];
        if (strncmp(p->name, "backbone.", 9) != 0)
            continue;
        for (size_t k = 0; k < p->count; k++)
            p->w[k] = p->ndim > 1 ? 0 : 0.25F;
    }
}

static void test_rank(void **state)
{
    (void)state;
    make("guard.rank=1.5", "run.seed=1");
    double rank = -7;
    assert_true(guard_rank_last(f.guard) < 0);
    train_batch();
    assert_int_equal(take(9, -0.5F, 0.9F, 0.1F, 0.5F), 0);
    assert_false(guard_rank(f.guard, &rank)); /* every ten steps */
    assert_true(rank == -7);
    assert_int_equal(take(10, -0.5F, 0.9F, 0.1F, 0.5F), 0);
    assert_true(guard_rank(f.guard, &rank));
    assert_null(guard_warning(f.guard));
    float features[N * FEATURES];
    struct rank *own;
    assert_int_equal(model_view_features(f.model, N, features), 0);
    assert_int_equal(rank_new(N, FEATURES, &own), 0);
    assert_true(rank == rank_effective(own, features) && rank > 1.5 && rank <= N + 0.01);
    rank_free(own);
    assert_int_equal(model_view_features(f.model, 2 * N + 1, features), -EINVAL);

    collapse();
    train_batch();
    assert_int_equal(take(11, -0.5F, 0.9F, 0.1F, 0.5F), 0);
    assert_false(guard_rank(f.guard, &rank));
    assert_int_equal(take(20, -0.5F, 0.9F, 0.1F, 0.5F), 0);
    says(guard_warning(f.guard), "step 20: the features' effective rank is 1.00, below guard.rank "
                                 "1.5: they are collapsing into few directions of 64");
    assert_true(guard_rank(f.guard, &rank) && fabs(rank - 1) < 1e-3);
    assert_true(guard_rank_last(f.guard) == rank);
    assert_int_equal(take(30, -0.5F, 0.9F, 0.1F, 0.5F), 0);
    assert_null(guard_warning(f.guard));
    unmake();

    make("guard.rank=1.5", "guard.collapse=stop");
    collapse();
    train_batch();
    assert_int_equal(take(19, -0.5F, 0.9F, 0.1F, 0.5F), 0);
    assert_int_equal(take(20, -0.5F, 0.9F, 0.1F, 0.5F), -EDOM);
    says(err_text(), "few directions of 64; training stopped");
    unmake();

    make("guard.every=0", "guard.collapse=stop");
    collapse();
    train_batch();
    assert_int_equal(take(10, -0.5F, 0.9F, 0.1F, 0.5F), 0);
    assert_false(guard_rank(f.guard, &rank));
    unmake();
}

static void test_allocates_nothing(void **state)
{
    (void)state;
    make("guard.rank=60", "guard.non_finite=warn");
    train_batch();
    unsigned long before = alloc_count();
    assert_true(before > 0);
    assert_int_equal(take(10, -0.5F, 0.9F, 0.1F, 0.5F), 0);
    assert_non_null(guard_warning(f.guard));
    assert_int_equal(take(11, NAN, 0.9F, 0.1F, 0.5F), 0);
    assert_non_null(guard_warning(f.guard));
    assert_int_equal(alloc_count(), before);
    unmake();
}

/* --- what goes into a checkpoint --- */

static void test_net(void **state)
{
    (void)state;
    make("run.seed=1", "run.seed=1");
    struct net *net = model_net(f.model);
    assert_int_equal(guard_net(net, 8, SAVED), 0);
    float *weight = net_find_param(net, "backbone.layer2.0.conv1.weight")->w;
    float *average = net_find_buffer(net, "projector.1.running_var")->data;
    weight[11] = NAN;
    assert_int_equal(guard_net(net, 8, SAVED), -EDOM);
    says(err_text(), "step 8: backbone.layer2.0.conv1.weight holds what is no number");
    says(err_text(), "last checkpoint: step 3");
    weight[11] = 0;
    average[0] = INFINITY;
    assert_int_equal(guard_net(net, 8, SAVED), -EDOM);
    says(err_text(), "projector.1.running_var holds");
    average[0] = 1;
    assert_int_equal(guard_net(net, 8, SAVED), 0);
    unmake();
    guard_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_well),
        cmocka_unit_test(test_non_finite_names_the_cause),
        cmocka_unit_test(test_non_finite_warns),
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_rank),
        cmocka_unit_test(test_allocates_nothing),
        cmocka_unit_test(test_net),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
