/* SPDX-License-Identifier: Apache-2.0 */
/* method_bed: one method by itself on the reference back end: features from a random stream in
 * place of a backbone's. (Its numbers against PyTorch's: tests/gold/test_methods.) */
#ifndef AUGSTREAM_TESTS_METHOD_BED_H
#define AUGSTREAM_TESTS_METHOD_BED_H

#include "test.h"

#include "gradcheck.h"
#include "trainer/method/method.h"

enum { BED_N = 6, BED_FEATURES = 10 };

struct method_bed {
    struct ops *ops;
    struct net *net;
    struct loss loss;
    const struct method *method;
    void *state;
    struct tensor y, dy, t, code_y, code_t;
    int64_t labels[BED_N];
    struct method_input in;
};

/* recipe: method.* as resolved; small: small views. */
static inline void method_bed_make(struct method_bed *b, const struct method *method,
                                   const struct recipe *recipe, int32_t small)
{
    *b = (struct method_bed){.method = method};
    int32_t views = method->trained_views + small;
    assert_int_equal(ops_open("ref", 1, &b->ops), 0);
    assert_int_equal(net_new(b->ops, &b->net), 0);
    assert_int_equal(loss_init(&b->loss, b->net), 0);
    const struct method_config config = {
        b->net, &b->loss, recipe, BED_N, views, method->target_views, BED_FEATURES};
    assert_int_equal(method->build(&config, &b->state), 0);
    struct arena *acts = &b->net->acts;
    assert_int_equal(arena_add_tensor(acts, &b->y, views * BED_N, 1, 1, BED_FEATURES), 0);
    assert_int_equal(arena_add_tensor(acts, &b->dy, views * BED_N, 1, 1, BED_FEATURES), 0);
    if (method->target_views)
        assert_int_equal(
            arena_add_tensor(acts, &b->t, method->target_views * BED_N, 1, 1, BED_FEATURES), 0);
    int32_t code = recipe->method.condition.dim > 0 ? OMEGA_CODE_LEN : 0;
    if (code)
        assert_int_equal(arena_add_tensor(acts, &b->code_y, views * BED_N, 1, 1, code), 0);
    if (code && method->target_views)
        assert_int_equal(
            arena_add_tensor(acts, &b->code_t, method->target_views * BED_N, 1, 1, code), 0);
    assert_int_equal(net_commit(b->net), 0);
    assert_int_equal(net_init(b->net, 3), 0);
    random_fill(b->y.data, tensor_count(&b->y), -1, 1, 1);
    random_fill(b->dy.data, tensor_count(&b->dy), -1, 1, 2); /* backward overwrites it */
    if (method->target_views)
        random_fill(b->t.data, tensor_count(&b->t), -1, 1, 3);
    for (int i = 0; i < BED_N; i++)
        b->labels[i] = i % 3;
    if (code)
        random_fill(b->code_y.data, tensor_count(&b->code_y), 0, 1, 4);
    if (code && method->target_views)
        random_fill(b->code_t.data, tensor_count(&b->code_t), 0, 1, 5);
    b->in = (struct method_input){&b->y, &b->t, b->labels, &b->code_y, &b->code_t};
}

static inline void method_bed_done(struct method_bed *b)
{
    b->method->free(b->state);
    net_free(b->net);
    ops_close(b->ops);
}

static inline double method_bed_loss(void *arg)
{
    struct method_bed *b = arg;
    float total;
    assert_int_equal(b->method->forward(b->state, &b->in), 0);
    assert_int_equal(loss_fetch(&b->loss, &total), 0);
    return (double)total;
}

/* The gradients of y and of every parameter along themselves; only for methods that stop no
 * gradient. A ReLU's bend within the step and the rounding of float losses allow 5 % (3 % seen); a
 * missing term or a wrong sign is off by far more. */
static inline void method_bed_check_gradients(struct method_bed *b)
{
    method_bed_loss(b);
    assert_int_equal(b->method->backward(b->state, &b->in, &b->dy), 0);
    size_t count = tensor_count(&b->dy);
    assert_true(gradcheck_along(b->y.data, b->dy.data, count, 1e-3, method_bed_loss, b) < 0.05);
    for (size_t i = 0; i < b->net->n_params; i++) {
        struct param *p = &b->net->param[i];
        double off = p->d ? gradcheck_along(p->w, p->d, p->count, 1e-3, method_bed_loss, b) : 0;
        if (!(off < 0.05))
            fail_msg("%s: the gradient is off by %g of the slope", p->name, off);
    }
}

#endif
