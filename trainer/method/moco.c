/* SPDX-License-Identifier: Apache-2.0 */
/* moco: MoCo v2 (He et al., CVPR 2020, arXiv 1911.05722; Chen et al., arXiv 2003.04297). Takes
 * features of view 1 and the momentum backbone's of view 2, gives the loss and the gradient of the
 * first. Thread: the one that trains. Owner: the model.
 *     y -> projector -> q,  t -> momentum projector -> k, both of length 1
 *     loss = InfoNCE of q against its k and the queue's keys, divided by the temperature
 * The queue (buffer queue.keys [K,D], a ring that begins at queue.position) takes a batch of keys
 * after each of them: those of the momentum encoder, or, as in AugSelf's published code, the
 * queries. */
#include "common/auto.h"
#include "common/err.h"
#include "trainer/method/heads.h"

#include <errno.h>
#include <stdlib.h>

struct moco {
    struct net *net;   /* a loan */
    struct loss *loss; /* a loan */
    struct projector *projector, *momentum;
    float temperature;
    bool enqueue_queries;
    struct buffer *keys, *position;
    struct tensor q, k, dq;           /* [N,D], rows of length 1; the gradient of q */
    struct tensor positive, negative; /* [N,1], [N,K]: cosines, then their gradients */
    int nce, spread;                  /* indices of the losses */
};

static void moco_free(void *state)
{
    struct moco *m = state;
    if (!m)
        return;
    projector_free(m->projector);
    projector_free(m->momentum);
    free(m);
}

static void free_at(struct moco **m)
{
    moco_free(*m);
}

static int heads_new(struct moco *m, const struct method_config *c)
{
    int r = heads_projector(c, false, &m->projector);
    return r < 0 ? r : heads_momentum_projector(c, &m->momentum);
}

static int memory_new(struct moco *m, const struct method_config *c)
{
    int32_t dim = (int32_t)c->recipe->method.projector.dim;
    int32_t size = (int32_t)c->recipe->method.queue.size;
    m->keys = net_buffer_units(c->net, "queue", "keys", size, dim);
    m->position = net_buffer(c->net, "queue", "position", 0, 0);
    if (!m->keys || !m->position)
        return -ENOSPC;
    struct tensor *rows[] = {&m->q, &m->k, &m->dq};
    int r = 0;
    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(rows); i++)
        r = arena_add_tensor(&c->net->acts, rows[i], c->n, 1, 1, dim);
    if (r >= 0)
        r = arena_add_tensor(&c->net->acts, &m->positive, c->n, 1, 1, 1);
    if (r >= 0)
        r = arena_add_tensor(&c->net->acts, &m->negative, c->n, 1, 1, size);
    return r;
}

static int moco_build(const struct method_config *config, void **ret_state)
{
    auto_with(free_at) struct moco *m = calloc(1, sizeof(*m));
    if (!m)
        return err_set(-ENOMEM, "moco: out of memory");
    m->net = config->net;
    m->loss = config->loss;
    m->temperature = (float)config->recipe->method.temperature;
    m->enqueue_queries = config->recipe->method.queue.source == QUEUE_QUERY;
    int r = heads_new(m, config);
    if (r >= 0)
        r = memory_new(m, config);
    if (r >= 0)
        r = m->nce = loss_add(m->loss, "moco", 1);
    if (r >= 0)
        r = m->spread = loss_add(m->loss, "spread", 0);
    if (r < 0)
        return r;
    *ret_state = take_ptr(&m);
    return 0;
}

static int encode(struct moco *m, const struct method_input *in)
{
    const struct ops *ops = m->net->ops;
    int r = projector_forward(m->projector, in->y, in->code_y);
    if (r >= 0)
        r = ops->l2_normalize(ops, projector_output(m->projector), &m->q);
    if (r >= 0)
        r = projector_forward(m->momentum, in->t, in->code_t);
    if (r >= 0)
        r = ops->l2_normalize(ops, projector_output(m->momentum), &m->k);
    return r;
}

static int moco_forward(void *state, const struct method_input *in)
{
    struct moco *m = state;
    const struct ops *ops = m->net->ops;
    int r = encode(m, in);
    if (r >= 0)
        r = ops->row_dot(ops, &m->q, &m->k, &m->positive);
    if (r >= 0)
        r = ops->linear_forward(ops, &m->q, m->keys->data, NULL, &m->negative);
    if (r >= 0)
        r = ops->loss_info_nce(ops, &m->positive, &m->negative, m->temperature, 1, &m->positive,
                               &m->negative, m->loss->device + m->nce);
    if (r >= 0)
        r = ops->spread(ops, &m->q, m->loss->device + m->spread);
    return r;
}

static int moco_backward(void *state, const struct method_input *in, struct tensor *dy)
{
    struct moco *m = state;
    const struct ops *ops = m->net->ops;
    int r = ops->linear_backward_data(ops, &m->negative, m->keys->data, &m->dq, false);
    if (r >= 0)
        r = ops->row_add(ops, &m->positive, &m->k, &m->dq);
    if (r >= 0)
        r = ops->l2_normalize_backward(ops, projector_output(m->projector), &m->q, &m->dq,
                                       projector_doutput(m->projector));
    if (r >= 0)
        r = projector_backward(m->projector, in->y, in->code_y, dy);
    return r;
}

/* The queue holds a whole number of batches, so a batch never wraps around. */
static int moco_after_batch(void *state)
{
    struct moco *m = state;
    const struct ops *ops = m->net->ops;
    const struct tensor *rows = m->enqueue_queries ? &m->q : &m->k;
    int64_t at = m->position->counter;
    int r = ops->copy(ops, rows->data, m->keys->data + at * rows->c, tensor_count(rows));
    if (r >= 0)
        m->position->counter = (at + rows->n) % m->keys->shape[0];
    return r;
}

const struct method method_moco = {
    .name = "moco",
    .defaults =
        {
            .projector_layers = 2,
            .projector_hidden = METHOD_WIDTH_FEATURES,
            .projector_dim = 128,
            .temperature = 0.2,
            .momentum = 0.999,
            .queue = 65536,
        },
    .trained_views = 1,
    .target_views = 1,
    .build = moco_build,
    .forward = moco_forward,
    .backward = moco_backward,
    .after_batch = moco_after_batch,
    .free = moco_free,
};
