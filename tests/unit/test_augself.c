/* SPDX-License-Identifier: Apache-2.0 */
/* test_augself: one head per weight above 0, targets of both orders, gradients of all kinds, scores
 * by numbers worked out by hand. */
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
    static const char *const names[] = {"augself.crop", "augself.crop.r2", "augself.flip",
                                        "augself.flip.accuracy"};
    assert_int_equal(f.loss.n, ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_string_equal(f.loss.item[i].name, names[i]);
        assert_int_equal(f.loss.item[i].score, i % 2);
    }
    assert_true(f.loss.item[2].weight == 0.5F && f.loss.item[3].weight == 0);
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
        sum +=
            f.loss.item[i].score ? 0 : (double)f.loss.item[i].weight * (double)f.loss.item[i].value;
    return sum;
}

static void gradients(void **state)
{
    (void)state;
    static const float weight[AUGSELF_KINDS] = {1, 0.5F, 0.25F, 2, 1, 0.75F};
    make(weight);
    assert_int_equal(f.loss.n, 2 * AUGSELF_KINDS);
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

/* The head says the same of every pair: its last layer is a bias alone. */
static void say(const char *head, const float *bias, size_t count)
{
    char name[64];
    snprintf(name, sizeof(name), "augself.%s.6.weight", head);
    struct param *w = net_find_param(f.net, name);
    memset(w->w, 0, w->count * sizeof(float));
    snprintf(name, sizeof(name), "augself.%s.6.bias", head);
    struct param *b = net_find_param(f.net, name);
    assert_int_equal(b->count, count);
    memcpy(b->w, bias, count * sizeof(float));
}

static double score(void)
{
    float total;
    assert_int_equal(augself_forward(f.augself, f.omega, &f.y), 0);
    assert_int_equal(loss_fetch(&f.loss, &total), 0);
    assert_int_equal(f.loss.n, 2);
    assert_true(total == f.loss.item[0].weight * f.loss.item[0].value); /* a score is not in it */
    return (double)f.loss.item[1].value;
}

/* View 1 of the first half of the images is blurred by sigma 1, nothing else is: the targets are 1,
 * 0, -1, 0, a quarter of the rows each, of mean 0 and variance 1/2. */
static void r2_of_one_number(void **state)
{
    (void)state;
    make((float[AUGSELF_KINDS]){[AUGSELF_BLUR] = 2});
    for (int i = 0; i < ROWS; i++) {
        f.omega[i].blur.applied = i < N / 2;
        f.omega[i].blur.sigma = i < N / 2 ? 1 : 0;
    }
    say("blur", (float[]){0}, 1);
    assert_true(fabs(score()) < 1e-6); /* their mean */
    say("blur", (float[]){atanhf(0.5F)}, 1);
    /* errors .5, .5, 1.5, .5: (3 * .25 + 2.25) / 4 = .75; 1 - .75 / .5 */
    assert_true(fabs(score() + 0.5) < 1e-6);
    for (int i = 0; i < ROWS; i++)
        f.omega[i].blur.applied = false;
    assert_true(isnan(score())); /* nothing to tell apart */
    assert_true(fabs((double)f.loss.item[0].value - 0.25) < 1e-6);
    unmake();
}

/* Crops of a quarter in four columns whose variances differ: they are pooled, not averaged by R2.
 * View 1 is the left or the right half of the image, view 2 all of it. */
static void r2_of_four_numbers(void **state)
{
    (void)state;
    make((float[AUGSELF_KINDS]){[AUGSELF_CROP] = 1});
    for (int i = 0; i < ROWS; i++)
        f.omega[i] = (struct omega){.source_w = 100,
                                    .source_h = 100,
                                    .crop_left = i < N / 2 || i >= N ? 0 : 50,
                                    .crop_height = 100,
                                    .crop_width = i < N ? 50 : 100};
    /* cy and h: 0 always. cx: -.25 (left), .25 (right), and the other way round in the swapped
     * pairs: mean 0, variance .0625. w: -.5, swapped .5: mean 0, variance .25. */
    say("crop", (float[4]){0}, 4);
    assert_true(fabs(score()) < 1e-6);
    assert_true(fabs((double)f.loss.item[0].value - (0.0625 + 0.25) / 4) < 1e-6);
    say("crop", (float[4]){atanhf(0.5F), 0, 0, 0}, 4);
    /* 1 - (.25 + .0625 + .25) / (.0625 + .25) */
    assert_true(fabs(score() + 0.8) < 1e-6);
    unmake();
}

static void accuracy_of_labels(void **state)
{
    (void)state;
    make((float[AUGSELF_KINDS]){[AUGSELF_FLIP] = 1});
    for (int i = 0; i < ROWS; i++)
        f.omega[i].flip = i < 2; /* two of the eight pairs disagree, in either order */
    say("flip", (float[]){1}, 1);
    assert_true(fabs(score() - 0.75) < 1e-6);
    say("flip", (float[]){-1}, 1);
    assert_true(fabs(score() - 0.25) < 1e-6);
    unmake();
    make((float[AUGSELF_KINDS]){[AUGSELF_ROTATION] = 1});
    for (int i = 0; i < ROWS; i++)
        f.omega[i].rotation = i < 3; /* classes: 1 three times, 3 three times, else 0 */
    say("rotation", (float[]){1, 2, 0, 0}, 4);
    assert_true(fabs(score() - 3.0 / 16) < 1e-6);
    say("rotation", (float[]){3, 2, 0, 0}, 4);
    assert_true(fabs(score() - 10.0 / 16) < 1e-6);
    unmake();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_per_weight),      cmocka_unit_test(no_heads),
        cmocka_unit_test(targets_of_both_orders), cmocka_unit_test(gradients),
        cmocka_unit_test(r2_of_one_number),       cmocka_unit_test(r2_of_four_numbers),
        cmocka_unit_test(accuracy_of_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
