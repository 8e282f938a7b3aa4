/* SPDX-License-Identifier: Apache-2.0 */
/* swav: Caron et al., NeurIPS 2020, arXiv 2006.09882, without a queue. Takes features of two large
 * views and any small ones, gives the loss and their gradient. Thread: the one that trains. Owner:
 * the model.
 *     y -> projector -> z -> u of length 1 -> scores = u . prototypes (rows of length 1)
 *     q = Sinkhorn of each large view's scores, a constant
 *     loss = mean over large views i, other views v of cross-entropy(q_i, soft-max(scores_v / T))
 * Cross-entropy is linear in q, so each view is compared once, with the sum of the q_i of the large
 * views that it is not. */
#include "common/auto.h"
#include "common/err.h"
#include "trainer/method/heads.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

struct swav {
    struct net *net;   /* a loan */
    struct loss *loss; /* a loan */
    struct projector *projector;
    struct param *prototypes; /* [P,D] */
    int32_t n, views;
    float temperature, epsilon, scale;
    int32_t iterations;
    struct tensor u, du;           /* [V*N,D] */
    struct tensor scores, targets; /* [V*N,P]; scores: then their gradient */
    struct tensor codes;           /* [2N,P] */
    int swap, spread;              /* indices of the losses */
};

static void swav_free(void *state)
{
    struct swav *s = state;
    if (!s)
        return;
    projector_free(s->projector);
    free(s);
}

static void free_at(struct swav **s)
{
    swav_free(*s);
}

static int heads_new(struct swav *s, const struct method_config *c)
{
    int32_t dim = (int32_t)c->recipe->method.projector.dim;
    int r = heads_projector(c, false, &s->projector);
    if (r < 0)
        return r;
    const int64_t shape[] = {c->recipe->method.prototypes.count, dim};
    s->prototypes = net_param(c->net, "prototypes", "weight", 2, shape, PARAM_LATE);
    if (!s->prototypes)
        return -ENOSPC;
    s->prototypes->init_bound = 1 / sqrtf((float)dim);
    return 0;
}

static int memory_new(struct swav *s, const struct method_config *c)
{
    int32_t rows = c->views * c->n, dim = (int32_t)c->recipe->method.projector.dim;
    int32_t count = (int32_t)c->recipe->method.prototypes.count;
    const struct {
        struct tensor *t;
        int32_t n, c;
    } tensors[] = {{&s->u, rows, dim},
                   {&s->du, rows, dim},
                   {&s->scores, rows, count},
                   {&s->targets, rows, count},
                   {&s->codes, METHOD_LARGE_VIEWS * c->n, count}};
    int r = 0;
    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(tensors); i++)
        r = arena_add_tensor(&c->net->acts, tensors[i].t, tensors[i].n, 1, 1, tensors[i].c);
    return r;
}

static int swav_build(const struct method_config *c, void **ret_state)
{
    auto_with(free_at) struct swav *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(-ENOMEM, "swav: out of memory");
    s->net = c->net;
    s->loss = c->loss;
    s->n = c->n;
    s->views = c->views;
    s->temperature = (float)c->recipe->method.temperature;
    s->epsilon = (float)c->recipe->method.sinkhorn.epsilon;
    s->iterations = (int32_t)c->recipe->method.sinkhorn.iterations;
    /* the slot's mean is over all V*N rows; the loss's over 2 (V - 1) pairs of views */
    s->scale = (float)c->views / (float)(METHOD_LARGE_VIEWS * (c->views - 1));
    int r = heads_new(s, c);
    if (r >= 0)
        r = memory_new(s, c);
    if (r >= 0)
        r = s->swap = loss_add(s->loss, "swav", 1);
    if (r >= 0)
        r = loss_map(s->loss, s->swap, s->scale, 0);
    if (r >= 0)
        r = s->spread = loss_add(s->loss, "spread", 0);
    if (r < 0)
        return r;
    *ret_state = take_ptr(&s);
    return 0;
}

/* The other large view's codes for a large view, the sum of both for a small one. */
static int targets_make(struct swav *s)
{
    const struct ops *ops = s->net->ops;
    size_t count = (size_t)s->n * (size_t)s->codes.c;
    float *first = s->codes.data, *second = s->codes.data + count;
    int r = 0;
    for (int32_t v = 0; r >= 0 && v < METHOD_LARGE_VIEWS; v++) {
        struct tensor scores = tensor_rows(&s->scores, v * s->n, s->n);
        struct tensor codes = tensor_rows(&s->codes, v * s->n, s->n);
        r = ops->sinkhorn(ops, &scores, s->epsilon, s->iterations, &codes);
    }
    for (int32_t v = 0; r >= 0 && v < s->views; v++) {
        float *target = s->targets.data + (size_t)v * count;
        r = ops->copy(ops, v == 0 ? second : first, target, count);
        if (r >= 0 && v >= METHOD_LARGE_VIEWS)
            r = ops->add(ops, second, target, count);
    }
    return r;
}

static int swav_forward(void *state, const struct method_input *in)
{
    struct swav *s = state;
    const struct ops *ops = s->net->ops;
    struct tensor prototypes = {(int32_t)s->prototypes->shape[0], 1, 1,
                                (int32_t)s->prototypes->shape[1], s->prototypes->w};
    int r = ops->l2_normalize(ops, &prototypes, &prototypes);
    if (r >= 0)
        r = projector_forward(s->projector, in->y, in->code_y);
    if (r >= 0)
        r = ops->l2_normalize(ops, projector_output(s->projector), &s->u);
    if (r >= 0)
        r = ops->linear_forward(ops, &s->u, s->prototypes->w, NULL, &s->scores);
    if (r >= 0)
        r = targets_make(s);
    if (r >= 0)
        r = ops->loss_soft_targets(ops, &s->scores, &s->targets, s->temperature, s->scale,
                                   &s->scores, s->loss->device + s->swap);
    if (r >= 0)
        r = ops->spread(ops, &s->u, s->loss->device + s->spread);
    return r;
}

static int swav_backward(void *state, const struct method_input *in, struct tensor *dy)
{
    struct swav *s = state;
    const struct ops *ops = s->net->ops;
    int r = ops->linear_backward_weight(ops, &s->u, &s->scores, s->prototypes->d, NULL);
    if (r >= 0)
        r = ops->linear_backward_data(ops, &s->scores, s->prototypes->w, &s->du, false);
    if (r >= 0)
        r = ops->l2_normalize_backward(ops, projector_output(s->projector), &s->u, &s->du,
                                       projector_doutput(s->projector));
    if (r >= 0)
        r = projector_backward(s->projector, in->y, in->code_y, dy);
    return r;
}

const struct method method_swav = {
    .name = "swav",
    .defaults =
        {
            .projector_layers = 2,
            .projector_hidden = 2048,
            .projector_dim = 128,
            .temperature = 0.1,
            .prototypes = 100,
            .prototypes_frozen = 410,
        },
    .trained_views = 2,
    .small_views = true,
    .build = swav_build,
    .forward = swav_forward,
    .backward = swav_backward,
    .free = swav_free,
};
