/* SPDX-License-Identifier: Apache-2.0 */
/* optim: see optim.h. Takes gradients and a learning rate per group; changes weights and momenta in
 * place. Thread: the one that trains. Owner: the model. Knows no module and no schedule. */
#include "trainer/optim.h"

int optim_init(struct optim *optim, struct net *net, float momentum, float weight_decay)
{
    optim->net = net;
    optim->momentum = momentum;
    optim->weight_decay = weight_decay;
    return arena_add(&net->acts, PARAM_GROUPS * sizeof(float), &optim->lr);
}

int optim_step(struct optim *optim, const float lr[PARAM_GROUPS], bool hold_late)
{
    const struct ops *ops = optim->net->ops;
    int r = ops->upload(ops, optim->lr, lr, PARAM_GROUPS * sizeof(float));
    for (int group = 0; r >= 0 && group < PARAM_GROUPS; group++) {
        if (group == PARAM_TARGET || (group == PARAM_LATE && hold_late))
            continue;
        const struct net_range *range = &optim->net->range[group];
        struct sgd sgd = {optim->lr + group, 1, optim->momentum, optim->weight_decay};
        if (range->count > 0)
            r = ops->sgd_step(ops, &sgd, range->w, range->d, range->m, range->count);
    }
    return r;
}
