/* SPDX-License-Identifier: Apache-2.0 */
/* test_augself: one head per weight above 0, targets of both orders, gradients of all kinds. */
#include "test.h"

#include "gradcheck.h"
#include "trainer/augself.h"

#include <stdio.h>

enum { N = 8, ROWS = 2 * N, FEATURES = 5, HIDDEN = 6 };

static struct fixture {
    struct ops *ops;
    struct net *net;
    struct loss loss;
    struct augself *augself;
    struct tensor y, dy;
    struct view_spec law;
    struct omega omega[ROWS];
} f;

static void omegas_draw(void)
{
    f.law = (struct view_spec){
        .size = 32,
        .crop = CROP_RANDOM,
        .scale = {0.2, 1},
        .ratio = {0.75, 4.0 / 3},
        .flip = 0.5,
        .jitter = {.p = 0.8, .brightness = 0.4, .contrast = 0.4, .saturation = 0.4, .hue = 0.1},
        .blur = {.p = 0.5, .sigma = {0.1, 2}, .kernel = 9},
        .solarize = {.p = 0.5, .threshold = 0.5},
        .rotation = 0.5,
    };
    for (uint32_t i = 0; i < ROWS; i++) {
        const struct omega_key key = {.seed = 3, .sample = i % N, .view = i / N};
        omega_draw(&f.law, &key, 120, 90, &f.omega[i]);
    }
}

static void make(const float weight[AUGSELF_KINDS])
{
    memset(&f, 0, sizeof(f));
    omegas_draw();
    assert_int_equal(ops_open("ref", 1, &f.ops), 0);
    assert_int_equal(net_new(f.ops, &f.net), 0);
    assert_int_equal(loss_init(&f.loss, f.net), 0);
    struct augself_config config = {
        .rows = ROWS, .features = FEATURES, .hidden = HIDDEN, .law = {&f.law, &f.law}};
    memcpy(config.weight, weight, sizeof(config.weight));
    assert_int_equal(augself_new(f.net, &f.loss, &config, &f.augself), 0);
    assert_int_equal(arena_add_tensor(&f.net->acts, &f.y, ROWS, 1, 1, FEATURES), 0);
    assert_int_equal(arena_add_tensor(&f.net->acts, &f.dy, ROWS, 1, 1, FEATURES), 0);
    assert_int_equal(net_commit(f.net), 0);
    assert_int_equal(net_init(f.net, 4), 0);
    random_fill(f.y.data, ROWS * FEATURES, 0, 1, 1);
}

static void unmake(void)
{
    augself_free(f.augself);
    net_free(f.net);
    ops_close(f.ops);
}

static void a_head_per_weight(void **state)
{
    (void)state;
    make((float[AUGSELF_KINDS]){[AUGSELF_CROP] = 1, [AUGSELF_FLIP] = 0.5F});
    assert_int_equal(f.net->n_params, 16);
    const struct param *first = net_find_param(f.net, "augself.crop.0.weight");
    const struct param *last = net_find_param(f.net, "augself.flip.6.weight");
    assert_non_null(first);
    assert_non_null(last);
    assert_int_equal(first->shape[0], HIDDEN);
    assert_int_equal(first->shape[1], 2 * FEATURES);
    assert_int_equal(last->shape[0], 1);
    assert_null(net_find_param(f.net, "augself.color.0.weight"));
    assert_int_equal(f.loss.n, 2);
    assert_string_equal(f.loss.item[1].name, "augself.flip");
    assert_true(f.loss.item[1].weight == 0.5F);
    unmake();
}

static void no_heads(void **state)
{
    (void)state;
    make((float[AUGSELF_KINDS]){0});
    assert_int_equal(f.net->n_params, 0);
    f.dy.data[0] = 7;
    assert_int_equal(augself_forward(f.augself, f.omega, &f.y), 0);
    assert_int_equal(augself_backward(f.augself, &f.dy), 0);
    assert_true(f.dy.data[0] == 7);
    unmake();
}

/* With a zero last layer the prediction is 0 and the loss is the targets' mean square: over both
 * orders of every pair. */
static void targets_of_both_orders(void **state)
{
    (void)state;
    make((float[AUGSELF_KINDS]){[AUGSELF_CROP] = 2});
    struct param *w = net_find_param(f.net, "augself.crop.6.weight");
    struct param *b = net_find_param(f.net, "augself.crop.6.bias");
    memset(w->w, 0, w->count * sizeof(float));
    memset(b->w, 0, b->count * sizeof(float));
    double sum = 0, dbias[4] = {0};
    for (int i = 0; i < ROWS; i++) {
        float d[OMEGA_TARGET_MAX];
        omega_difference(AUGSELF_CROP, &f.omega[i], &f.law, &f.omega[(i + N) % ROWS], &f.law, d);
        sum += dot(d, d, 4);
        for (int k = 0; k < 4; k++)
            dbias[k] -= 2 * 2 * (double)d[k] / (ROWS * 4);
    }
    float total;
    assert_int_equal(augself_forward(f.augself, f.omega, &f.y), 0);
    assert_int_equal(augself_backward(f.augself, &f.dy), 0);
    assert_int_equal(loss_fetch(&f.loss, &total), 0);
    assert_true(fabs((double)f.loss.item[0].value - sum / (ROWS * 4)) < 1e-6);
    assert_true(total == 2 * f.loss.item[0].value);
    for (int k = 0; k < 4; k++)
        assert_true(fabs((double)b->d[k] - dbias[k]) < 1e-6);
    unmake();
}

static double loss(void *arg)
{
    (void)arg;
    float total;
    assert_int_equal(augself_forward(f.augself, f.omega, &f.y), 0);
    assert_int_equal(loss_fetch(&f.loss, &total), 0);
    double sum = 0; /* again, in double: the slope of a float total is too coarse */
    for (uint32_t i = 0; i < f.loss.n; i++)
        sum += (double)f.loss.item[i].weight * (double)f.loss.item[i].value;
    return sum;
}

static void gradients(void **state)
{
    (void)state;
    static const float weight[AUGSELF_KINDS] = {1, 0.5F, 0.25F, 2, 1, 0.75F};
    make(weight);
    assert_int_equal(f.loss.n, AUGSELF_KINDS);
    for (int i = 0; i < ROWS * FEATURES; i++)
        f.dy.data[i] = 1; /* what the method left: must be added to */
    loss(NULL);
    assert_int_equal(augself_backward(f.augself, &f.dy), 0);
    assert_true(gradcheck_net(f.net, 2e-3, loss, NULL) < 0.02);
    for (int i = 0; i < ROWS * FEATURES; i++)
        f.dy.data[i] -= 1;
    assert_true(gradcheck_along(f.y.data, f.dy.data, ROWS * FEATURES, 2e-3, loss, NULL) < 0.02);
    unmake();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_per_weight),
        cmocka_unit_test(no_heads),
        cmocka_unit_test(targets_of_both_orders),
        cmocka_unit_test(gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
