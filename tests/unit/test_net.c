/* SPDX-License-Identifier: Apache-2.0 */
/* test_net: names, the order in the arenas, initial values, PyTorch's layout in and out. */
#include "test.h"

#include "gradcheck.h"

#include <errno.h>
#include <stdio.h>

static struct net *net_make(struct ops **ret_ops)
{
    struct net *net;
    assert_int_equal(ops_open("ref", 1, ret_ops), 0);
    assert_int_equal(net_new(*ret_ops, &net), 0);
    return net;
}

static struct param *add(struct net *net, const char *name, int64_t out, int64_t in,
                         enum param_group group)
{
    struct param *p = net_param(net, "part", name, 2, (int64_t[]){out, in}, group);
    assert_non_null(p);
    return p;
}

static void names_and_shapes(void **state)
{
    (void)state;
    struct ops *ops;
    struct net *net = net_make(&ops);
    struct param *p = add(net, "0.weight", 5, 3, PARAM_SCHEDULED);
    assert_string_equal(p->name, "part.0.weight");
    assert_int_equal(p->count, 15);
    assert_ptr_equal(net_find_param(net, "part.0.weight"), p);
    assert_null(net_find_param(net, "part.0"));
    struct buffer *b = net_buffer(net, "part", "1.running_var", 5, 1);
    assert_ptr_equal(net_find_buffer(net, "part.1.running_var"), b);

    char longest[NET_NAME_MAX];
    memset(longest, 'x', sizeof(longest));
    longest[NET_NAME_MAX - 1] = 0;
    assert_null(net_param(net, "part", longest, 1, (int64_t[]){1}, PARAM_SCHEDULED));
    assert_non_null(strstr(err_text(), "too long"));
    assert_int_equal(net->n_params, 1);
    net_free(net);
    ops_close(ops);
}

static void full(void **state)
{
    (void)state;
    struct ops *ops;
    struct net *net = net_make(&ops);
    for (int i = 0; i < NET_PARAMS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%d", i);
        add(net, name, 1, 1, PARAM_SCHEDULED);
    }
    assert_null(net_param(net, "part", "more", 1, (int64_t[]){1}, PARAM_SCHEDULED));
    assert_non_null(strstr(err_text(), "1024"));
    net_free(net);
    ops_close(ops);
}

/* Each group is one range of each arena that covers its parameters and nobody else's. */
static void groups_are_ranges(void **state)
{
    (void)state;
    struct ops *ops;
    struct net *net = net_make(&ops);
    static const enum param_group groups[] = {PARAM_CONSTANT, PARAM_SCHEDULED, PARAM_CONSTANT,
                                              PARAM_SCHEDULED, PARAM_SCHEDULED};
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        char name[16];
        snprintf(name, sizeof(name), "%zu", i);
        add(net, name, 3, (int64_t)i + 1, groups[i]);
        snprintf(name, sizeof(name), "%zu.vector", i);
        assert_non_null(net_param(net, "part", name, 1, &(int64_t){(int64_t)i + 2}, groups[i]));
    }
    assert_int_equal(net_commit(net), 0);
    for (size_t i = 0; i < net->n_params; i++) {
        const struct param *p = &net->param[i];
        for (int at = 0; at < PARAM_GROUPS * NET_KINDS; at++) {
            int group = at / NET_KINDS, kind = at % NET_KINDS;
            const struct net_range *range = &net->range[group][kind];
            bool inside = p->w >= range->w && p->w + p->count <= range->w + range->count;
            bool own = (int)p->group == group && (p->ndim > 1 ? NET_WEIGHTS : NET_VECTORS) == kind;
            assert_int_equal(inside, own);
            if (inside) {
                assert_ptr_equal(range->d + (p->w - range->w), p->d);
                assert_ptr_equal(range->m + (p->w - range->w), p->m);
            }
        }
    }
    net_free(net);
    ops_close(ops);
}

/* The sum of three batches' gradients, the whole arena at once; without the call there is no room.
 */
static void sums(void **state)
{
    (void)state;
    struct ops *ops;
    struct net *net = net_make(&ops);
    add(net, "one", 3, 4, PARAM_SCHEDULED);
    add(net, "two", 2, 5, PARAM_CONSTANT);
    net_accumulate(net);
    assert_int_equal(net_commit(net), 0);
    for (int batch = 0; batch < 6; batch++) {
        for (size_t i = 0; i < net->n_params; i++)
            for (size_t k = 0; k < net->param[i].count; k++)
                net->param[i].d[k] = (float)((batch + 1) * (int)(k + i));
        assert_int_equal(net_add_up(net, batch % 3 == 0, batch % 3 == 2), 0);
        int sum = batch < 3 ? 1 + 2 + 3 : 4 + 5 + 6;
        for (size_t i = 0; batch % 3 == 2 && i < net->n_params; i++)
            for (size_t k = 0; k < net->param[i].count; k++)
                assert_true(net->param[i].d[k] == (float)(sum * (int)(k + i)));
    }
    net_free(net);
    ops_close(ops);
}

/* A target begins as its online parameter and follows it; it has no gradient, no momentum. Rows of
 * units have length 1 and differ. */
static void targets_and_units(void **state)
{
    (void)state;
    struct ops *ops;
    struct net *net = net_make(&ops);
    const int64_t shape[] = {3, 4};
    struct param *p = net_param(net, "head", "weight", 2, shape, PARAM_SCHEDULED);
    struct param *t = net_param(net, "momentum.head", "weight", 2, shape, PARAM_TARGET);
    struct buffer *rows = net_buffer_units(net, "queue", "keys", 5, 8);
    p->init_bound = 0.5F;
    assert_ptr_equal(t->online, p);
    assert_int_equal(net_commit(net), 0);
    assert_int_equal(net_init(net, 9), 0);
    assert_null(t->d);
    assert_null(t->m);
    assert_memory_equal(t->w, p->w, p->count * sizeof(float));
    for (int i = 0; i < 5; i++) {
        double length = 0;
        for (int k = 0; k < 8; k++)
            length += (double)rows->data[8 * i + k] * (double)rows->data[8 * i + k];
        assert_true(fabs(length - 1) < 1e-6);
        assert_memory_not_equal(rows->data, rows->data + 8 * (i ? i : 1), 8 * sizeof(float));
    }
    float before = t->w[5];
    p->w[5] += 8;
    assert_int_equal(net_follow(net, 0.75F), 0);
    assert_true(fabsf(t->w[5] - (before + 2)) < 1e-6F);
    net_free(net);
    ops_close(ops);
}

/* Two nets with the same seed are equal, the streams are the documented ones, bounds hold. */
static void initial_values(void **state)
{
    (void)state;
    struct ops *ops;
    struct net *net = net_make(&ops);
    struct param *one = add(net, "a", 1, 4, PARAM_SCHEDULED);
    one->init_value = 1;
    struct param *w = add(net, "b", 20, 50, PARAM_SCHEDULED);
    w->init_bound = 0.25F;
    struct buffer *var = net_buffer(net, "part", "var", 3, 1);
    struct buffer *tracked = net_buffer(net, "part", "tracked", 0, 0);
    assert_int_equal(net_commit(net), 0);
    tracked->counter = 9;
    assert_int_equal(net_init(net, 42), 0);
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = 42, .sample = 1, .purpose = RNG_INIT});
    double mean = 0;
    for (size_t i = 0; i < w->count; i++) {
        assert_true(w->w[i] == (float)rng_range(&rng, -0.25, 0.25));
        assert_true(fabsf(w->w[i]) <= 0.25F);
        mean += (double)w->w[i] / (double)w->count;
    }
    assert_true(fabs(mean) < 0.02); /* 4 deviations of a mean of 1000 */
    for (size_t i = 0; i < one->count; i++)
        assert_true(one->w[i] == 1);
    for (int i = 0; i < 3; i++)
        assert_true(var->data[i] == 1);
    assert_int_equal(tracked->counter, 0);
    float first = w->w[0];
    assert_int_equal(net_init(net, 43), 0);
    assert_true(w->w[0] != first);
    net_free(net);
    ops_close(ops);
}

/* Convolution weights go in and out as OIHW through the plan, and are drawn in that order. */
static void conv_layout(void **state)
{
    (void)state;
    struct ops *ops;
    struct net *net = net_make(&ops);
    struct conv *conv;
    const struct conv_shape shape = {1, 4, 4, 2, 3, 3, 1, 1, true};
    assert_int_equal(ops->conv_new(ops, &shape, &conv), 0);
    struct param *p = net_param(net, "part", "conv", 4, (int64_t[]){3, 2, 3, 3}, PARAM_SCHEDULED);
    p->conv = conv;
    p->init_bound = 1;
    assert_int_equal(net_commit(net), 0);
    assert_int_equal(net_init(net, 1), 0);
    float host[54], back[54];
    assert_int_equal(net_store(net, p, p->w, host), 0);
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = 1, .purpose = RNG_INIT});
    for (size_t i = 0; i < p->count; i++)
        assert_true(host[i] == (float)rng_range(&rng, -1, 1));
    random_fill(host, 54, -1, 1, 0);
    assert_int_equal(net_load(net, p, p->m, host), 0);
    assert_int_equal(net_store(net, p, p->m, back), 0);
    assert_memory_equal(host, back, sizeof(host));
    ops->conv_free(conv);
    net_free(net);
    ops_close(ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums),
        cmocka_unit_test(targets_and_units),
        cmocka_unit_test(names_and_shapes),
        cmocka_unit_test(full),
        cmocka_unit_test(groups_are_ranges),
        cmocka_unit_test(initial_values),
        cmocka_unit_test(conv_layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
