/* SPDX-License-Identifier: Apache-2.0 */
/* resnet: see resnet.h. Takes normalised images, gives pooled features; keeps what backward reads.
 * Thread: the one that trains. Owner: the model. Does not know views, losses or the optimiser.
 *
 * One basic block, forward:
 *     x --conv1--bn1--relu-- h --conv2--bn2--(+)--relu-- y
 *      \------------- skip: x, or down(x) -------/
 * The network is a flat list of these; a block's x is the y of the one before it. */
#include "trainer/resnet.h"

#include "common/auto.h"
#include "common/err.h"
#include "trainer/norm.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const struct resnet_arch resnet_archs[RESNET_ARCHS] = {
    {"resnet18", {2, 2, 2, 2}},
    {"resnet34", {3, 4, 6, 3}},
};
const char *const resnet_names[RESNET_ARCHS + 1] = {"resnet18", "resnet34", NULL};

enum {
    BLOCKS_MAX = 16,
    GRADS = 3, /* a block's backward needs three gradients at a time */
};

/* A convolution and the batch norm behind it. */
struct layer {
    struct conv *conv;
    struct param *w;
    struct norm norm;
    struct tensor mid; /* between the two: backward of the norm reads it */
    struct tensor out;
};

struct block {
    struct layer conv1, conv2;
    struct layer down; /* where the skip changes shape; its out has no memory of its own */
    bool has_down;
};

struct resnet {
    struct net *net; /* a loan */
    struct resnet_config config;
    struct layer stem;
    struct maxpool *pool;        /* NULL with the CIFAR stem */
    struct tensor pooled, dstem; /* dstem: the gradient of what is pooled */
    struct block block[BLOCKS_MAX];
    int32_t n_blocks;
    struct tensor y;
    struct tensor grad[GRADS]; /* each large enough for any block's tensor; idle in forward */
    size_t grad_count;
};

/* --- building --- */

struct layer_config {
    const char *conv, *bn; /* torchvision's names */
    struct tensor in;      /* the shape */
    int32_t c_out, kernel, stride, pad;
    bool add, relu;
    bool borrowed_out; /* out is given its memory at each forward */
    bool first;        /* nothing before it wants a gradient */
    float gamma;       /* initial, of the norm */
};

static int layer_init(struct resnet *r, struct layer *layer, const struct layer_config *c)
{
    struct net *net = r->net;
    struct conv_shape shape = {
        .n = c->in.n,
        .h = c->in.h,
        .w = c->in.w,
        .c_in = c->in.c,
        .c_out = c->c_out,
        .kernel = c->kernel,
        .stride = c->stride,
        .pad = c->pad,
        .need_dx = !c->first,
    };
    int rc = net->ops->conv_new(net->ops, &shape, &layer->conv);
    if (rc < 0)
        return rc;
    char name[NET_NAME_MAX];
    snprintf(name, sizeof(name), "%s.weight", c->conv);
    layer->w = net_param(net, "backbone", name, 4,
                         (int64_t[]){c->c_out, c->in.c, c->kernel, c->kernel}, PARAM_SCHEDULED);
    if (!layer->w)
        return -ENOSPC;
    layer->w->conv = layer->conv;
    layer->w->init_bound = 1 / sqrtf((float)(c->in.c * c->kernel * c->kernel));
    int32_t h = (c->in.h + 2 * c->pad - c->kernel) / c->stride + 1;
    int32_t w = (c->in.w + 2 * c->pad - c->kernel) / c->stride + 1;
    rc = arena_add_tensor(&net->acts, &layer->mid, c->in.n, h, w, c->c_out);
    if (rc < 0)
        return rc;
    if (c->borrowed_out)
        layer->out = (struct tensor){c->in.n, h, w, c->c_out, NULL};
    else
        rc = arena_add_tensor(&net->acts, &layer->out, c->in.n, h, w, c->c_out);
    if (rc < 0)
        return rc;
    return norm_init(&layer->norm, net,
                     &(struct norm_config){
                         .prefix = "backbone",
                         .name = c->bn,
                         .shape = {c->in.n, h, w, c->c_out, r->config.groups, c->add, c->relu},
                         .group = PARAM_SCHEDULED,
                         .gamma = c->gamma,
                     });
}

/* ret_out: the shape that leaves the stem. */
static int stem_init(struct resnet *r, struct tensor *ret_out)
{
    struct net *net = r->net;
    bool cifar = r->config.cifar_stem;
    int rc = layer_init(r, &r->stem,
                        &(struct layer_config){
                            .conv = "conv1",
                            .bn = "bn1",
                            .in = {r->config.rows, r->config.size, r->config.size, 3, NULL},
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
    struct maxpool_shape shape = {out->n, out->h, out->w, out->c, 3, 2, 1};
    rc = net->ops->maxpool_new(net->ops, &shape, &r->pool);
    if (rc < 0)
        return rc;
    rc = arena_add_tensor(&net->acts, &r->dstem, out->n, out->h, out->w, out->c);
    if (rc < 0)
        return rc;
    rc = arena_add_tensor(&net->acts, &r->pooled, out->n, (out->h - 1) / 2 + 1,
                          (out->w - 1) / 2 + 1, out->c);
    *ret_out = r->pooled;
    return rc;
}

static int block_init(struct resnet *r, const char *name, const struct tensor *in, int32_t c_out,
                      int32_t stride)
{
    assert(r->n_blocks < BLOCKS_MAX);
    struct block *b = &r->block[r->n_blocks++];
    char conv[NET_NAME_MAX], bn[NET_NAME_MAX];
    snprintf(conv, sizeof(conv), "%s.conv1", name);
    snprintf(bn, sizeof(bn), "%s.bn1", name);
    struct layer_config c = {
        .conv = conv,
        .bn = bn,
        .in = *in,
        .c_out = c_out,
        .kernel = 3,
        .stride = stride,
        .pad = 1,
        .relu = true,
        .gamma = 1,
    };
    int rc = layer_init(r, &b->conv1, &c);
    if (rc < 0)
        return rc;
    snprintf(conv, sizeof(conv), "%s.conv2", name);
    snprintf(bn, sizeof(bn), "%s.bn2", name);
    c.in = b->conv1.out;
    c.stride = 1;
    c.add = true;
    c.gamma = r->config.zero_init_residual ? 0 : 1;
    rc = layer_init(r, &b->conv2, &c);
    if (rc < 0)
        return rc;
    b->has_down = stride != 1 || in->c != c_out;
    if (!b->has_down)
        return 0;
    snprintf(conv, sizeof(conv), "%s.downsample.0", name);
    snprintf(bn, sizeof(bn), "%s.downsample.1", name);
    c = (struct layer_config){
        .conv = conv,
        .bn = bn,
        .in = *in,
        .c_out = c_out,
        .kernel = 1,
        .stride = stride,
        .borrowed_out = true,
        .gamma = 1,
    };
    return layer_init(r, &b->down, &c);
}

/* The gradient buffers must hold the gradient of any block's x or y. */
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
            x = r->block[r->n_blocks - 1].conv2.out;
            grad_grow(r, &x);
        }
    }
    int rc = arena_add_tensor(&r->net->acts, &r->y, x.n, 1, 1, x.c);
    for (int i = 0; rc >= 0 && i < GRADS; i++)
        rc = arena_add(&r->net->acts, r->grad_count * sizeof(float), &r->grad[i].data);
    return rc;
}

static void free_at(struct resnet **r)
{
    resnet_free(*r);
}

int resnet_new(struct net *net, const struct resnet_config *config, struct resnet **ret)
{
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

static void layer_done(struct net *net, struct layer *layer)
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
        layer_done(r->net, &r->block[i].conv1);
        layer_done(r->net, &r->block[i].conv2);
        layer_done(r->net, &r->block[i].down);
    }
    free(r);
}

/* --- forward --- */

static int layer_forward(struct layer *layer, const struct tensor *x, const struct tensor *add,
                         bool infer)
{
    const struct ops *ops = layer->norm.net->ops;
    int rc = ops->conv_forward(layer->conv, x, layer->w->w, &layer->mid);
    if (rc < 0)
        return rc;
    return norm_forward(&layer->norm, &layer->mid, add, &layer->out, infer);
}

static int block_forward(struct resnet *r, struct block *b, const struct tensor *x, bool infer)
{
    const struct tensor *skip = x;
    int rc = layer_forward(&b->conv1, x, NULL, infer);
    if (rc < 0)
        return rc;
    if (b->has_down) {
        b->down.out.data = r->grad[0].data;
        rc = layer_forward(&b->down, x, NULL, infer);
        if (rc < 0)
            return rc;
        skip = &b->down.out;
    }
    return layer_forward(&b->conv2, &b->conv1.out, skip, infer);
}

/* What block i reads; i = n_blocks: what the average reads. */
static const struct tensor *block_input(const struct resnet *r, int32_t i)
{
    if (i > 0)
        return &r->block[i - 1].conv2.out;
    return r->pool ? &r->pooled : &r->stem.out;
}

int resnet_forward(struct resnet *r, const struct tensor *x, bool infer)
{
    const struct ops *ops = r->net->ops;
    int rc = layer_forward(&r->stem, x, NULL, infer);
    if (rc < 0)
        return rc;
    if (r->pool) {
        rc = ops->maxpool_forward(r->pool, &r->stem.out, &r->pooled);
        if (rc < 0)
            return rc;
    }
    for (int32_t i = 0; i < r->n_blocks; i++) {
        rc = block_forward(r, &r->block[i], block_input(r, i), infer);
        if (rc < 0)
            return rc;
    }
    return ops->avgpool_forward(ops, block_input(r, r->n_blocks), &r->y);
}

struct tensor *resnet_output(struct resnet *r)
{
    return &r->y;
}

/* --- backward --- */

/* dy, the gradient of the layer's out, becomes in place that of mid;
 * dadd as norm_backward. */
static int layer_backward(struct layer *layer, const struct tensor *x, struct tensor *dy,
                          struct tensor *dadd)
{
    const struct ops *ops = layer->norm.net->ops;
    int rc = norm_backward(&layer->norm, &layer->mid, dy, dadd);
    if (rc < 0)
        return rc;
    return ops->conv_backward_weight(layer->conv, x, dy, layer->w->d);
}

static int layer_backward_data(struct layer *layer, const struct tensor *dmid, struct tensor *dx,
                               bool accumulate)
{
    const struct ops *ops = layer->norm.net->ops;
    return ops->conv_backward_data(layer->conv, dmid, layer->w->w, dx, accumulate);
}

/* Gives buffer i the shape of a tensor. */
static struct tensor *grad_shape(struct resnet *r, int i, const struct tensor *like)
{
    struct tensor *grad = &r->grad[i];
    float *data = grad->data;
    *grad = *like;
    grad->data = data;
    return grad;
}

/* grad[at] holds dy; returns the index of the buffer that holds dx. The gradient of the skip is
 * what bn2's backward gives as dadd; the gradient through conv1 is added onto it at the end. */
static int block_backward(struct resnet *r, struct block *b, const struct tensor *x, int at)
{
    int other = (at + 1) % GRADS, third = (at + 2) % GRADS;
    struct tensor *dy = &r->grad[at];
    struct tensor *dskip = grad_shape(r, other, &b->conv2.out);
    struct tensor *dh = grad_shape(r, third, &b->conv1.out);
    int rc = layer_backward(&b->conv2, &b->conv1.out, dy, dskip);
    if (rc < 0)
        return rc;
    rc = layer_backward_data(&b->conv2, dy, dh, false);
    if (rc < 0)
        return rc;
    int to = other;
    if (b->has_down) {
        rc = layer_backward(&b->down, x, dskip, NULL);
        if (rc < 0)
            return rc;
        to = at; /* dy is spent */
        rc = layer_backward_data(&b->down, dskip, grad_shape(r, to, x), false);
        if (rc < 0)
            return rc;
    }
    rc = layer_backward(&b->conv1, x, dh, NULL);
    if (rc < 0)
        return rc;
    rc = layer_backward_data(&b->conv1, dh, &r->grad[to], true);
    return rc < 0 ? rc : to;
}

int resnet_backward(struct resnet *r, const struct tensor *x, const struct tensor *dy)
{
    const struct ops *ops = r->net->ops;
    int at = 0;
    int rc = ops->avgpool_backward(ops, dy, grad_shape(r, at, block_input(r, r->n_blocks)));
    if (rc < 0)
        return rc;
    for (int32_t i = r->n_blocks - 1; i >= 0; i--) {
        at = block_backward(r, &r->block[i], block_input(r, i), at);
        if (at < 0)
            return at;
    }
    struct tensor *dout = &r->grad[at];
    if (r->pool) {
        rc = ops->maxpool_backward(r->pool, dout, &r->dstem);
        if (rc < 0)
            return rc;
        dout = &r->dstem;
    }
    return layer_backward(&r->stem, x, dout, NULL);
}
