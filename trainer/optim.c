/* SPDX-License-Identifier: Apache-2.0 */
/* optim: see optim.h. Takes gradients and a learning rate per group; changes weights and momenta in
 * place. Thread: the one that trains. Owner: the model. Knows no module and no schedule. */
#include "trainer/optim.h"

int optim_init(struct optim *optim, struct net *net, const struct optim_config *config)
{
    optim->net = net;
    optim->config = *config;
    return arena_add(&net->acts, PARAM_GROUPS * sizeof(float), &optim->lr);
}

static struct sgd settings(const struct optim *o, enum param_group group, enum net_kind kind)
{
    bool decay = kind == NET_WEIGHTS || !o->config.decay_weights_only;
    return (struct sgd){
        .lr = o->lr + group,
        .scale = o->config.gradient_scale,
        .momentum = o->config.momentum,
        .weight_decay = decay ? o->config.weight_decay : 0,
    };
}

/* A whole range at once: what is done to an element does not depend on its tensor. */
static int sgd_range(const struct optim *o, enum param_group group, enum net_kind kind)
{
    const struct ops *ops = o->net->ops;
    const struct net_range *range = &o->net->range[group][kind];
    struct sgd sgd = settings(o, group, kind);
    if (range->count == 0)
        return 0;
    return ops->sgd_step(ops, &sgd, range->w, range->d, range->m, range->count);
}

static int lars_weights(const struct optim *o, enum param_group group)
{
    const struct ops *ops = o->net->ops;
    struct sgd sgd = settings(o, group, NET_WEIGHTS);
    int r = 0;
    for (size_t i = 0; r >= 0 && i < o->net->n_params; i++) {
        const struct param *p = &o->net->param[i];
        if (p->group == group && p->ndim > 1)
            r = ops->lars_step(ops, &sgd, o->config.trust, p->w, p->d, p->m, p->count);
    }
    return r;
}

int optim_step(struct optim *optim, const float lr[PARAM_GROUPS], bool hold_late)
{
    const struct ops *ops = optim->net->ops;
    int r = ops->upload(ops, optim->lr, lr, PARAM_GROUPS * sizeof(float));
    for (int i = 0; r >= 0 && i < PARAM_GROUPS; i++) {
        enum param_group group = (enum param_group)i;
        if (group == PARAM_TARGET || (group == PARAM_LATE && hold_late))
            continue;
        r = optim->config.lars ? lars_weights(optim, group) : sgd_range(optim, group, NET_WEIGHTS);
        if (r >= 0)
            r = sgd_range(optim, group, NET_VECTORS);
    }
    return r;
}
