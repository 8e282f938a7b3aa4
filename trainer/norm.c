/* SPDX-License-Identifier: Apache-2.0 */
/* norm: see norm.h. Takes activations, gives normalised ones; keeps the running averages and the
 * step's statistics. Thread: the one that trains. Owner: the module it is a field of. Does no
 * arithmetic: that is behind the wall. */
#include "trainer/norm.h"

#include "common/err.h"

#include <errno.h>
#include <stdio.h>

static struct param *affine_add(struct net *net, const struct norm_config *c, const char *field,
                                float value)
{
    char name[NET_NAME_MAX];
    if (c->shared) {
        snprintf(name, sizeof(name), "%s.%s.%s", c->prefix, c->name, field);
        return net_find_param(net, name);
    }
    snprintf(name, sizeof(name), "%s.%s", c->name, field);
    struct param *p = net_param(net, c->prefix, name, 1, &(int64_t){c->shape.c}, c->group);
    if (p)
        p->init_value = value;
    return p;
}

static struct buffer *state_add(struct net *net, const struct norm_config *c, const char *field,
                                int64_t count, float value)
{
    char name[NET_NAME_MAX];
    if (c->shared) {
        snprintf(name, sizeof(name), "%s.%s.%s", c->prefix, c->name, field);
        return net_find_buffer(net, name);
    }
    snprintf(name, sizeof(name), "%s.%s", c->name, field);
    return net_buffer(net, c->prefix, name, count, value);
}

int norm_init(struct norm *norm, struct net *net, const struct norm_config *config)
{
    const struct bn_shape *shape = &config->shape;
    int r = net->ops->bn_new(net->ops, shape, &norm->bn);
    if (r < 0)
        return r;
    norm->net = net;
    norm->groups = shape->groups;
    norm->gamma = affine_add(net, config, "weight", config->gamma);
    norm->beta = affine_add(net, config, "bias", 0);
    norm->running_mean = state_add(net, config, "running_mean", shape->c, 0);
    norm->running_var = state_add(net, config, "running_var", shape->c, 1);
    norm->batches = state_add(net, config, "num_batches_tracked", 0, 0);
    if (!norm->gamma || !norm->beta || !norm->running_mean || !norm->running_var || !norm->batches)
        return -ENOSPC;
    size_t bytes = (size_t)shape->groups * (size_t)shape->c * sizeof(float);
    r = arena_add(&net->acts, bytes, &norm->saved.mean);
    if (r < 0)
        return r;
    r = arena_add(&net->acts, bytes, &norm->saved.invstd);
    if (r < 0)
        return r;
    return arena_add(&net->acts, bn_mask_bytes(shape), &norm->saved.mask);
}

void norm_done(struct norm *norm)
{
    if (norm->bn)
        norm->net->ops->bn_free(norm->bn);
    norm->bn = NULL;
}

static struct bn_param norm_param(const struct norm *norm)
{
    return (struct bn_param){norm->gamma->w, norm->beta->w, norm->running_mean->data,
                             norm->running_var->data};
}

int norm_forward(struct norm *norm, const struct tensor *x, const struct tensor *add,
                 struct tensor *y, bool infer)
{
    const struct ops *ops = norm->net->ops;
    struct bn_param param = norm_param(norm);
    if (infer)
        return ops->bn_infer(norm->bn, x, add, &param, y);
    norm->batches->counter += norm->groups;
    return ops->bn_forward(norm->bn, x, add, &param, &norm->saved, y);
}

int norm_backward(struct norm *norm, const struct tensor *x, struct tensor *dy, struct tensor *dadd)
{
    struct bn_param param = norm_param(norm);
    return norm->net->ops->bn_backward(norm->bn, x, dy, &param, &norm->saved, dy, dadd,
                                       norm->gamma->d, norm->beta->d);
}
