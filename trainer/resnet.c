/* SPDX-License-Identifier: Apache-2.0 */
/* resnet: see resnet.h. Builds the network: names, shapes, plans, memory. Owner: the model. Runs
 * nothing: that is resnet_run.c. */
#include "trainer/resnet.h"

#include "common/auto.h"
#include "common/err.h"
#include "trainer/resnet_parts.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const struct resnet_arch resnet_archs[RESNET_ARCHS] = {
    {"resnet18", {2, 2, 2, 2}, false},
    {"resnet34", {3, 4, 6, 3}, false},
    {"resnet50", {3, 4, 6, 3}, true},
};
const char *const resnet_names[RESNET_ARCHS + 1] = {"resnet18", "resnet34", "resnet50", NULL};

enum { EXPANSION = 4 /* a bottleneck's y has this many times its inner channels */ };

struct layer_config {
    const char *conv, *bn; /* torchvision's names */
    struct tensor in;      /* the shape */
    int32_t c_out, kernel, stride, pad;
    bool add, relu;
    bool borrowed_out; /* out is given its memory at each forward */
    bool first;        /* nothing before it wants a gradient */
    float gamma;       /* initial, of the norm */
};

static const char *prefix_of(const struct resnet *r)
{
    return r->config.role == RESNET_TARGET ? NET_MOMENTUM ".backbone" : "backbone";
}

static enum param_group group_of(const struct resnet *r)
{
    return r->config.role == RESNET_TARGET ? PARAM_TARGET : PARAM_SCHEDULED;
}

/* The plan and the weights; of a shared or averaged layer in the trained one's order. */
static int conv_init(struct resnet *r, struct resnet_layer *layer, const struct layer_config *c)
{
    struct net *net = r->net;
    char name[NET_NAME_MAX];
    snprintf(name, sizeof(name), "backbone.%s.weight", c->conv);
    struct param *trained = r->config.role == RESNET_TRAINED ? NULL : net_find_param(net, name);
    struct conv_shape shape = {
        .n = c->in.n,
        .h = c->in.h,
        .w = c->in.w,
        .c_in = c->in.c,
        .c_out = c->c_out,
        .kernel = c->kernel,
        .stride = c->stride,
        .pad = c->pad,
        .need_dx = !c->first && r->config.role != RESNET_TARGET,
        .like = trained ? trained->conv : NULL,
        .dtype = net->ops->dtype,
    };
    int rc = net->ops->conv_new(net->ops, &shape, &layer->conv);
    if (rc < 0)
        return rc;
    if (r->config.role == RESNET_SHARED) {
        layer->w = trained;
        return 0;
    }
    snprintf(name, sizeof(name), "%s.weight", c->conv);
    layer->w = net_param(net, prefix_of(r), name, 4,
                         (int64_t[]){c->c_out, c->in.c, c->kernel, c->kernel}, group_of(r));
    if (!layer->w)
        return -ENOSPC;
    layer->w->conv = layer->conv;
    layer->w->init_bound = 1 / sqrtf((float)(c->in.c * c->kernel * c->kernel));
    return 0;
}

/* A target keeps nothing: its mid and out borrow memory at each forward. */
static int tensor_init(struct resnet *r, struct tensor *t, struct tensor shape, bool borrowed)
{
    *t = shape;
    t->data = NULL;
    t->dtype = r->net->ops->dtype;
    if (borrowed || r->config.role == RESNET_TARGET)
        return 0;
    return arena_add_image(&r->net->acts, t, shape.n, shape.h, shape.w, shape.c);
}

static int layer_init(struct resnet *r, struct resnet_layer *layer, const struct layer_config *c)
{
    int rc = conv_init(r, layer, c);
    if (rc < 0)
        return rc;
    struct tensor out = {
        .n = c->in.n,
        .h = (c->in.h + 2 * c->pad - c->kernel) / c->stride + 1,
        .w = (c->in.w + 2 * c->pad - c->kernel) / c->stride + 1,
        .c = c->c_out,
    };
    rc = tensor_init(r, &layer->mid, out, false);
    if (rc >= 0)
        rc = tensor_init(r, &layer->out, out, c->borrowed_out);
    if (rc < 0)
        return rc;
    return norm_init(&layer->norm, r->net,
                     &(struct norm_config){
                         .prefix = prefix_of(r),
                         .name = c->bn,
                         .shape = {out.n, out.h, out.w, out.c, r->config.groups, c->add, c->relu,
                                   r->net->ops->dtype},
                         .group = group_of(r),
                         .gamma = c->gamma,
                         .shared = r->config.role == RESNET_SHARED,
                     });
}

/* ret_out: the shape that leaves the stem. */
static int stem_init(struct resnet *r, struct tensor *ret_out)
{
    struct net *net = r->net;
    bool cifar = r->config.cifar_stem;
    int rc = layer_init(
        r, &r->stem,
        &(struct layer_config){
            .conv = "conv1",
            .bn = "bn1",
            .in = {.n = r->config.rows, .h = r->config.size, .w = r->config.size, .c = 3},
            .c_out = r->config.width,
            .kernel = cifar ? 3 : 7,
            .stride = cifar ? 1 : 2,
            .pad = cifar ? 1 : 3,
            .relu = true,
            .first = true,
            .gamma = 1,
        });
    if (rc < 0)
        return rc;
    const struct tensor *out = &r->stem.out;
    *ret_out = *out;
    if (cifar)
        return 0;
    struct maxpool_shape shape = {out->n, out->h, out->w, out->c, 3, 2, 1, net->ops->dtype};
    rc = net->ops->maxpool_new(net->ops, &shape, &r->pool);
    if (rc < 0)
        return rc;
    struct tensor pooled = {
        .n = out->n, .h = (out->h - 1) / 2 + 1, .w = (out->w - 1) / 2 + 1, .c = out->c};
    rc = tensor_init(r, &r->dstem, *out, false);
    if (rc >= 0)
        rc = tensor_init(r, &r->pooled, pooled, false);
    *ret_out = r->pooled;
    return rc;
}

/* The convolutions of a block, first to last. inner: channels within. */
static int convs_init(struct resnet *r, struct resnet_block *b, const char *name,
                      const struct tensor *in, int32_t inner, int32_t stride)
{
    bool bottleneck = r->config.arch->bottleneck;
    b->n_convs = bottleneck ? 3 : 2;
    struct tensor x = *in;
    for (int i = 0; i < b->n_convs; i++) {
        bool last = i == b->n_convs - 1;
        int32_t kernel = bottleneck && i != 1 ? 1 : 3;
        char conv[NET_NAME_MAX], bn[NET_NAME_MAX];
        snprintf(conv, sizeof(conv), "%s.conv%d", name, i + 1);
        snprintf(bn, sizeof(bn), "%s.bn%d", name, i + 1);
        int rc = layer_init(r, &b->conv[i],
                            &(struct layer_config){
                                .conv = conv,
                                .bn = bn,
                                .in = x,
                                .c_out = bottleneck && last ? EXPANSION * inner : inner,
                                .kernel = kernel,
                                .stride = i == (bottleneck ? 1 : 0) ? stride : 1,
                                .pad = kernel / 2,
                                .add = last,
                                .relu = true,
                                .gamma = last && r->config.zero_init_residual ? 0 : 1,
                            });
        if (rc < 0)
            return rc;
        x = b->conv[i].out;
    }
    return 0;
}

static int block_init(struct resnet *r, const char *name, const struct tensor *in, int32_t inner,
                      int32_t stride)
{
    assert(r->n_blocks < RESNET_BLOCKS_MAX);
    struct resnet_block *b = &r->block[r->n_blocks++];
    int rc = convs_init(r, b, name, in, inner, stride);
    if (rc < 0)
        return rc;
    int32_t c_out = block_last(b)->out.c;
    b->has_down = stride != 1 || in->c != c_out;
    if (!b->has_down)
        return 0;
    char conv[NET_NAME_MAX], bn[NET_NAME_MAX];
    snprintf(conv, sizeof(conv), "%s.downsample.0", name);
    snprintf(bn, sizeof(bn), "%s.downsample.1", name);
    return layer_init(r, &b->down,
                      &(struct layer_config){
                          .conv = conv,
                          .bn = bn,
                          .in = *in,
                          .c_out = c_out,
                          .kernel = 1,
                          .stride = stride,
                          .borrowed_out = true,
                          .gamma = 1,
                      });
}

int32_t resnet_features(const struct resnet_arch *arch, int32_t width)
{
    int32_t inner = width << (RESNET_STAGES - 1);
    return arch->bottleneck ? EXPANSION * inner : inner;
}

/* The gradient buffers must hold the gradient of any of a block's tensors. */
static void grad_grow(struct resnet *r, const struct tensor *t)
{
    size_t count = tensor_count(t);
    r->grad_count = count > r->grad_count ? count : r->grad_count;
}

static int stages_init(struct resnet *r, struct tensor x)
{
    grad_grow(r, &x);
    for (int32_t stage = 0; stage < RESNET_STAGES; stage++) {
        for (int32_t i = 0; i < r->config.arch->blocks[stage]; i++) {
            char name[32];
            snprintf(name, sizeof(name), "layer%d.%d", stage + 1, i);
            int32_t stride = stage > 0 && i == 0 ? 2 : 1;
            int rc = block_init(r, name, &x, r->config.width << stage, stride);
            if (rc < 0)
                return rc;
            struct resnet_block *b = &r->block[r->n_blocks - 1];
            for (int k = 0; k < b->n_convs; k++)
                grad_grow(r, &b->conv[k].out);
            x = block_last(b)->out;
        }
    }
    int rc = arena_add_tensor(&r->net->acts, &r->y, x.n, 1, 1, x.c);
    size_t bytes = r->grad_count * dtype_bytes(r->net->ops->dtype);
    if (rc >= 0 && r->config.role == RESNET_TARGET)
        return arena_add(&r->net->acts, bytes, &r->spare.data);
    for (int i = 0; rc >= 0 && i < RESNET_GRADS; i++)
        rc = arena_add(&r->net->acts, bytes, &r->grad[i].data);
    return rc;
}

static void free_at(struct resnet **r)
{
    resnet_free(*r);
}

int resnet_new(struct net *net, const struct resnet_config *config, struct resnet **ret)
{
    assert(config->role != RESNET_TARGET ||
           (config->trained && config->rows <= config->trained->config.rows &&
            config->size == config->trained->config.size));
    auto_with(free_at) struct resnet *r = calloc(1, sizeof(*r));
    if (!r)
        return err_set(-ENOMEM, "resnet: out of memory");
    r->net = net;
    r->config = *config;
    struct tensor x;
    int rc = stem_init(r, &x);
    if (rc < 0)
        return rc;
    rc = stages_init(r, x);
    if (rc < 0)
        return rc;
    *ret = take_ptr(&r);
    return 0;
}

static void layer_done(struct net *net, struct resnet_layer *layer)
{
    norm_done(&layer->norm);
    if (layer->conv)
        net->ops->conv_free(layer->conv);
}

void resnet_free(struct resnet *r)
{
    if (!r)
        return;
    layer_done(r->net, &r->stem);
    if (r->pool)
        r->net->ops->maxpool_free(r->pool);
    for (int32_t i = 0; i < r->n_blocks; i++) {
        for (int k = 0; k < r->block[i].n_convs; k++)
            layer_done(r->net, &r->block[i].conv[k]);
        layer_done(r->net, &r->block[i].down);
    }
    free(r);
}

struct tensor *resnet_output(struct resnet *r)
{
    return &r->y;
}
