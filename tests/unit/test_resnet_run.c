/* SPDX-License-Identifier: Apache-2.0 */
/* test_resnet_run: gradients are those of finite differences with both stems and both kinds of
 * block; inference leaves no trace; targets and shared networks. */
#include "resnet_bed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Even this short step crosses a ReLU's bend here and there, and the difference of two float losses
 * is rounded: hence 3 %. A missing skip, a wrong view or a wrong sign is off by far more. */
static void check_gradients(const struct resnet_arch *arch, bool cifar_stem, int32_t size)
{
    make(&(struct resnet_config){.arch = arch,
                                 .rows = ROWS,
                                 .size = size,
                                 .width = 4,
                                 .groups = 2,
                                 .cifar_stem = cifar_stem});
    commit();
    loss(NULL);
    assert_int_equal(resnet_backward(f.resnet, &f.x, &f.dy), 0);
    double worst = gradcheck_net(f.net, 1e-4, loss, NULL);
    assert_true(worst < 0.03);
    unmake();
}

static void gradients(void **state)
{
    (void)state;
    check_gradients(&resnet_archs[0], false, 64);
    check_gradients(&resnet_archs[0], true, 16);
    /* ResNet-50 itself is too deep for differences of floats */
    const struct resnet_arch bottlenecks = {"bottlenecks", {1, 2, 1, 1}, true};
    check_gradients(&bottlenecks, true, 16);
}

/* Inference uses the running averages, so it does not mix rows and moves nothing. */
static void inference(void **state)
{
    (void)state;
    make(&(struct resnet_config){
        .arch = &resnet_archs[0], .rows = ROWS, .size = 32, .width = 4, .groups = 2});
    commit();
    loss(NULL);
    const struct buffer *mean = net_find_buffer(f.net, "backbone.layer4.1.bn2.running_mean");
    float before = mean->data[0];
    const struct tensor *y = resnet_output(f.resnet);
    float first[32];
    assert_int_equal(resnet_forward(f.resnet, &f.x, true), 0);
    memcpy(first, y->data, sizeof(first));
    random_fill(f.x.data + 32 * 32 * 3, (ROWS - 1) * 32 * 32 * 3, -1, 1, 9);
    assert_int_equal(resnet_forward(f.resnet, &f.x, true), 0);
    assert_memory_equal(first, y->data, sizeof(first));
    assert_true(mean->data[0] == before);
    assert_int_equal(net_find_buffer(f.net, "backbone.bn1.num_batches_tracked")->counter, 2);
    unmake();
}

/* A target starts as a copy, gives the trained network's features to the bit although it works in
 * its idle memory, leaves its activations alone, keeps averages of its own, and follows. */
static void check_target(const struct resnet_arch *arch, bool cifar_stem)
{
    struct resnet_config config = {.arch = arch,
                                   .rows = ROWS,
                                   .size = cifar_stem ? 16 : 33,
                                   .width = 4,
                                   .groups = 2,
                                   .cifar_stem = cifar_stem};
    make(&config);
    config.role = RESNET_TARGET;
    config.trained = f.resnet;
    struct resnet *target;
    assert_int_equal(resnet_new(f.net, &config, &target), 0);
    commit();
    const struct tensor *y = resnet_output(f.resnet), *t = resnet_output(target);
    size_t bytes = tensor_count(y) * sizeof(float);
    loss(NULL);
    assert_int_equal(resnet_forward(target, &f.x, false), 0);
    assert_memory_equal(y->data, t->data, bytes);
    assert_int_equal(resnet_backward(f.resnet, &f.x, &f.dy), 0);
    struct param *w = net_find_param(f.net, "backbone.layer3.0.conv1.weight");
    auto_free float *d = malloc(w->count * sizeof(float));
    memcpy(d, w->d, w->count * sizeof(float));
    loss(NULL);
    assert_int_equal(resnet_backward(f.resnet, &f.x, &f.dy), 0);
    assert_memory_equal(d, w->d, w->count * sizeof(float)); /* with and without a target between */

    const struct param *average = net_find_param(f.net, "momentum.backbone.layer3.0.conv1.weight");
    assert_ptr_equal(average->online, w);
    assert_null(average->d);
    float before = average->w[1];
    w->w[1] += 1;
    assert_int_equal(net_follow(f.net, 0.75F), 0);
    assert_true(fabsf(average->w[1] - (before + 0.25F)) < 1e-6F);
    assert_int_equal(resnet_forward(target, &f.x, false), 0);
    assert_memory_not_equal(y->data, t->data, bytes);
    assert_int_equal(net_find_buffer(f.net, "backbone.bn1.num_batches_tracked")->counter, 4);
    assert_int_equal(net_find_buffer(f.net, "momentum.backbone.bn1.num_batches_tracked")->counter,
                     4);
    resnet_free(target);
    unmake();
}

static void target(void **state)
{
    (void)state;
    check_target(&resnet_archs[0], false);
    check_target(&resnet_archs[0], true);
    check_target(&resnet_archs[2], false);
}

/* The same parameters on images of another size: no new ones; the size may be that of the first. */
static void shared(void **state)
{
    (void)state;
    struct resnet_config config = {
        .arch = &resnet_archs[0], .rows = ROWS, .size = 64, .width = 4, .groups = 2};
    make(&config);
    size_t params = f.net->n_params, buffers = f.net->n_buffers;
    config.role = RESNET_SHARED;
    config.trained = f.resnet;
    struct resnet *same, *small;
    assert_int_equal(resnet_new(f.net, &config, &same), 0);
    config.size = 16;
    config.rows = 2 * ROWS;
    config.groups = 4;
    assert_int_equal(resnet_new(f.net, &config, &small), 0);
    assert_int_equal(f.net->n_params, params);
    assert_int_equal(f.net->n_buffers, buffers);
    struct tensor x;
    assert_int_equal(arena_add_tensor(&f.net->acts, &x, 2 * ROWS, 16, 16, 3), 0);
    commit();
    random_fill(x.data, tensor_count(&x), -1, 1, 4);
    loss(NULL);
    assert_int_equal(resnet_forward(same, &f.x, false), 0);
    assert_memory_equal(resnet_output(f.resnet)->data, resnet_output(same)->data,
                        tensor_count(&f.dy) * sizeof(float));
    assert_int_equal(resnet_forward(small, &x, false), 0);
    assert_int_equal(net_find_buffer(f.net, "backbone.bn1.num_batches_tracked")->counter, 8);
    assert_int_equal(resnet_backward(same, &f.x, &f.dy), 0);
    assert_true(gradcheck_net(f.net, 1e-4, loss, NULL) < 0.03);
    resnet_free(small);
    resnet_free(same);
    unmake();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients),
        cmocka_unit_test(inference),
        cmocka_unit_test(target),
        cmocka_unit_test(shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
