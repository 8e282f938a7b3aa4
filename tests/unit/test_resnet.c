/* SPDX-License-Identifier: Apache-2.0 */
/* test_resnet: names and shapes are torchvision's (tests/gold/<arch>.txt), gradients are those of
 * finite differences with both stems, inference leaves no trace. */
#include "test.h"

#include "gradcheck.h"
#include "trainer/resnet.h"

#include <inttypes.h>
#include <stdio.h>

enum { ROWS = 6 };

static struct fixture {
    struct ops *ops;
    struct net *net;
    struct resnet *resnet;
    struct tensor x, dy;
} f;

static void make(const struct resnet_config *config)
{
    memset(&f, 0, sizeof(f));
    assert_int_equal(ops_open("ref", 1, &f.ops), 0);
    assert_int_equal(net_new(f.ops, &f.net), 0);
    assert_int_equal(
        arena_add_tensor(&f.net->acts, &f.x, config->rows, config->size, config->size, 3), 0);
    assert_int_equal(resnet_new(f.net, config, &f.resnet), 0);
    const struct tensor *y = resnet_output(f.resnet);
    assert_int_equal(y->n, config->rows);
    assert_int_equal(y->c, 8 * config->width);
    assert_int_equal(arena_add_tensor(&f.net->acts, &f.dy, y->n, 1, 1, y->c), 0);
}

static void commit(void)
{
    assert_int_equal(net_commit(f.net), 0);
    assert_int_equal(net_init(f.net, 5), 0);
    random_fill(f.x.data, tensor_count(&f.x), -1, 1, 1);
    random_fill(f.dy.data, tensor_count(&f.dy), -1, 1, 2);
}

static void unmake(void)
{
    resnet_free(f.resnet);
    net_free(f.net);
    ops_close(f.ops);
}

/* One tensor of ours as a line of the table. */
static void param_line(const struct param *p, char *ret, size_t cap)
{
    int n = snprintf(ret, cap, "%s", p->name + strlen("backbone."));
    for (int i = 0; i < p->ndim; i++)
        n += snprintf(ret + n, cap - (size_t)n, " %" PRId64, p->shape[i]);
}

static void buffer_line(const struct buffer *b, char *ret, size_t cap)
{
    int n = snprintf(ret, cap, "%s", b->name + strlen("backbone."));
    if (b->count > 0)
        snprintf(ret + n, cap - (size_t)n, " %" PRId64, b->count);
}

/* Every line of the table is the next parameter or the next buffer: same names, shapes, order. */
static void check_names(const struct resnet_arch *arch)
{
    make(&(struct resnet_config){.arch = arch, .rows = 4, .size = 32, .width = 64, .groups = 2});
    char path[1024], line[256];
    snprintf(path, sizeof(path), "%s/gold/%s.txt", TESTS_DIR, arch->name);
    auto_fclose FILE *table = fopen(path, "r");
    assert_non_null(table);
    size_t p = 0, b = 0;
    while (fgets(line, sizeof(line), table)) {
        line[strcspn(line, "\n")] = 0;
        char ours[256] = "";
        if (p < f.net->n_params)
            param_line(&f.net->param[p], ours, sizeof(ours));
        if (strcmp(line, ours) == 0) {
            p++;
            continue;
        }
        assert_true(b < f.net->n_buffers);
        buffer_line(&f.net->buffer[b++], ours, sizeof(ours));
        assert_string_equal(line, ours);
    }
    assert_int_equal(p, f.net->n_params);
    assert_int_equal(b, f.net->n_buffers);
    unmake();
}

static void names(void **state)
{
    (void)state;
    for (int i = 0; i < RESNET_ARCHS; i++) {
        assert_string_equal(resnet_names[i], resnet_archs[i].name);
        check_names(&resnet_archs[i]);
    }
    assert_null(resnet_names[RESNET_ARCHS]);
}

static double loss(void *arg)
{
    (void)arg;
    assert_int_equal(resnet_forward(f.resnet, &f.x, false), 0);
    return dot(resnet_output(f.resnet)->data, f.dy.data, tensor_count(&f.dy));
}

/* Even this short step crosses a ReLU's bend here and there, and the difference of two float losses
 * is rounded: hence 3 %. A missing skip, a wrong view or a wrong sign is off by far more. */
static void check_gradients(bool cifar_stem, int32_t size)
{
    make(&(struct resnet_config){.arch = &resnet_archs[0],
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
    check_gradients(false, 64);
    check_gradients(true, 16);
}

/* gamma 0 at the end of each branch: a block without downsample passes its input through, and the
 * branch's weights get no gradient. */
static void residuals_begin_at_zero(void **state)
{
    (void)state;
    make(&(struct resnet_config){.arch = &resnet_archs[0],
                                 .rows = ROWS,
                                 .size = 16,
                                 .width = 4,
                                 .groups = 2,
                                 .cifar_stem = true,
                                 .zero_init_residual = true});
    commit();
    assert_true(net_find_param(f.net, "backbone.layer3.1.bn2.weight")->w[0] == 0);
    assert_true(net_find_param(f.net, "backbone.layer3.1.bn1.weight")->w[0] == 1);
    assert_true(net_find_param(f.net, "backbone.layer3.0.downsample.1.weight")->w[0] == 1);
    loss(NULL);
    assert_int_equal(resnet_backward(f.resnet, &f.x, &f.dy), 0);
    const struct param *inside = net_find_param(f.net, "backbone.layer2.1.conv1.weight");
    const struct param *stem = net_find_param(f.net, "backbone.conv1.weight");
    assert_true(dot(inside->d, inside->d, inside->count) == 0);
    assert_true(dot(stem->d, stem->d, stem->count) > 0);
    unmake();
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(gradients),
        cmocka_unit_test(residuals_begin_at_zero),
        cmocka_unit_test(inference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
