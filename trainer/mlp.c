/* SPDX-License-Identifier: Apache-2.0 */
/* mlp: see mlp.h. Takes rows of features, gives rows; keeps what backward reads. Thread: the one
 * that trains. Owner: a method or augself. Does not know what its output is compared with. */
#include "trainer/mlp.h"

#include "common/auto.h"
#include "common/err.h"
#include "trainer/norm.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct mlp_layer {
    struct param *w, *b; /* b NULL where a norm follows */
    bool has_norm;
    struct norm norm;
    struct tensor linear; /* what the Linear gives; without a norm it is out */
    struct tensor out;
    struct tensor dout; /* gradient of out, then in place of linear */
};

struct mlp {
    struct net *net; /* a loan */
    int32_t layers;
    struct mlp_layer layer[MLP_LAYERS_MAX];
};

static int linear_init(struct net *net, const struct mlp_config *c, int32_t i,
                       struct mlp_layer *layer)
{
    bool last = i == c->layers - 1;
    int32_t in = i == 0 ? c->in : c->hidden, out = last ? c->out : c->hidden;
    char name[32];
    snprintf(name, sizeof(name), "%d.weight", 3 * i);
    layer->w = net_param(net, c->prefix, name, 2, (int64_t[]){out, in}, c->group);
    if (!layer->w)
        return -ENOSPC;
    layer->w->init_bound = 1 / sqrtf((float)in);
    layer->has_norm = !last || c->last_norm;
    int r = arena_add_tensor(&net->acts, &layer->out, c->rows, 1, 1, out);
    if (r < 0)
        return r;
    r = arena_add_tensor(&net->acts, &layer->dout, c->rows, 1, 1, out);
    if (r < 0 || layer->has_norm)
        return r;
    snprintf(name, sizeof(name), "%d.bias", 3 * i);
    layer->b = net_param(net, c->prefix, name, 1, (int64_t[]){out}, c->group);
    if (!layer->b)
        return -ENOSPC;
    layer->b->init_bound = layer->w->init_bound;
    return 0;
}

static int layer_init(struct net *net, const struct mlp_config *c, int32_t i,
                      struct mlp_layer *layer)
{
    int r = linear_init(net, c, i, layer);
    if (r < 0 || !layer->has_norm)
        return r;
    int32_t out = layer->out.c;
    r = arena_add_tensor(&net->acts, &layer->linear, c->rows, 1, 1, out);
    if (r < 0)
        return r;
    char name[32];
    snprintf(name, sizeof(name), "%d", 3 * i + 1);
    bool relu = i < c->layers - 1;
    return norm_init(&layer->norm, net,
                     &(struct norm_config){
                         .prefix = c->prefix,
                         .name = name,
                         .shape = {c->rows, 1, 1, out, c->groups, false, relu},
                         .group = c->group,
                         .gamma = 1,
                     });
}

static void free_at(struct mlp **mlp)
{
    mlp_free(*mlp);
}

int mlp_new(struct net *net, const struct mlp_config *config, struct mlp **ret)
{
    if (config->layers < 1 || config->layers > MLP_LAYERS_MAX)
        return err_set(-EINVAL, "%s: %d layers; 1 to %d are possible", config->prefix,
                       config->layers, MLP_LAYERS_MAX);
    auto_with(free_at) struct mlp *mlp = calloc(1, sizeof(*mlp));
    if (!mlp)
        return err_set(-ENOMEM, "%s: out of memory", config->prefix);
    mlp->net = net;
    mlp->layers = config->layers;
    for (int32_t i = 0; i < config->layers; i++) {
        int r = layer_init(net, config, i, &mlp->layer[i]);
        if (r < 0)
            return r;
    }
    *ret = take_ptr(&mlp);
    return 0;
}

void mlp_free(struct mlp *mlp)
{
    if (!mlp)
        return;
    for (int32_t i = 0; i < mlp->layers; i++)
        norm_done(&mlp->layer[i].norm);
    free(mlp);
}

static int run(struct mlp *mlp, const struct tensor *x, bool infer)
{
    const struct ops *ops = mlp->net->ops;
    for (int32_t i = 0; i < mlp->layers; i++) {
        struct mlp_layer *layer = &mlp->layer[i];
        struct tensor *linear = layer->has_norm ? &layer->linear : &layer->out;
        int r = ops->linear_forward(ops, x, layer->w->w, layer->b ? layer->b->w : NULL, linear);
        if (r >= 0 && layer->has_norm)
            r = norm_forward(&layer->norm, linear, NULL, &layer->out, infer);
        if (r < 0)
            return r;
        x = &layer->out;
    }
    return 0;
}

int mlp_forward(struct mlp *mlp, const struct tensor *x)
{
    return run(mlp, x, false);
}

int mlp_infer(struct mlp *mlp, const struct tensor *x)
{
    return run(mlp, x, true);
}

struct tensor *mlp_output(struct mlp *mlp)
{
    return &mlp->layer[mlp->layers - 1].out;
}

struct tensor *mlp_doutput(struct mlp *mlp)
{
    return &mlp->layer[mlp->layers - 1].dout;
}

int mlp_backward(struct mlp *mlp, const struct tensor *x, struct tensor *dx, bool accumulate)
{
    const struct ops *ops = mlp->net->ops;
    for (int32_t i = mlp->layers - 1; i >= 0; i--) {
        struct mlp_layer *layer = &mlp->layer[i];
        const struct tensor *in = i > 0 ? &layer[-1].out : x;
        struct tensor *din = i > 0 ? &layer[-1].dout : dx;
        int r = 0;
        if (layer->has_norm)
            r = norm_backward(&layer->norm, &layer->linear, &layer->dout, NULL);
        if (r >= 0)
            r = ops->linear_backward_weight(ops, in, &layer->dout, layer->w->d,
                                            layer->b ? layer->b->d : NULL);
        if (r >= 0)
            r = ops->linear_backward_data(ops, &layer->dout, layer->w->w, din,
                                          i == 0 && accumulate);
        if (r < 0)
            return r;
    }
    return 0;
}
