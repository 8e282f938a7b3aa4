/* SPDX-License-Identifier: Apache-2.0 */
/* resnet_run: forward and backward of what resnet.c built. Takes normalised images, gives pooled
 * features; keeps what backward reads. Thread: the one that trains. Does not know views, losses or
 * the optimiser. */
#include "trainer/resnet_parts.h"

#include <assert.h>

/* --- forward --- */

static int layer_forward(struct resnet_layer *layer, const struct tensor *x,
                         const struct tensor *add, bool infer)
{
    const struct ops *ops = layer->norm.net->ops;
    int rc = ops->conv_forward(layer->conv, x, layer->w->w, &layer->mid);
    if (rc < 0)
        return rc;
    return norm_forward(&layer->norm, &layer->mid, add, &layer->out, infer);
}

static int block_forward(struct resnet *r, struct resnet_block *b, const struct tensor *x,
                         bool infer)
{
    const struct tensor *skip = x, *in = x;
    for (int i = 0; i < b->n_convs - 1; i++) {
        int rc = layer_forward(&b->conv[i], in, NULL, infer);
        if (rc < 0)
            return rc;
        in = &b->conv[i].out;
    }
    if (b->has_down) {
        b->down.out.data = r->grad[0].data;
        int rc = layer_forward(&b->down, x, NULL, infer);
        if (rc < 0)
            return rc;
        skip = &b->down.out;
    }
    return layer_forward(block_last(b), in, skip, infer);
}

/* What block i reads; i = n_blocks: what the average reads. */
static const struct tensor *block_input(struct resnet *r, int32_t i)
{
    if (i > 0)
        return &block_last(&r->block[i - 1])->out;
    return r->pool ? &r->pooled : &r->stem.out;
}

static int trained_forward(struct resnet *r, const struct tensor *x, bool infer)
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

/* --- forward of a target: nothing is kept, so four buffers are enough for the whole network --- */

/* Buffer i of a target: three are the trained network's, idle now. */
static float *target_buffer(struct resnet *r, int i)
{
    return i < RESNET_GRADS ? r->config.trained->grad[i].data : r->spare.data;
}

/* The norm works in the convolution's place. */
static int target_layer(struct resnet_layer *layer, const struct tensor *x,
                        const struct tensor *add, float *to)
{
    layer->mid.data = layer->out.data = to;
    return layer_forward(layer, x, add, false);
}

/* x lies in buffer `at`; returns the buffer of y. */
static int target_block(struct resnet *r, struct resnet_block *b, const struct tensor *x, int at)
{
    enum { BUFFERS = RESNET_GRADS + 1 };
    int down = (at + 1) % BUFFERS, from = at, to = (at + 2) % BUFFERS, rest = (at + 3) % BUFFERS;
    const struct tensor *skip = x, *in = x;
    if (b->has_down) {
        int rc = target_layer(&b->down, x, NULL, target_buffer(r, down));
        if (rc < 0)
            return rc;
        skip = &b->down.out;
    }
    for (int i = 0; i < b->n_convs; i++) {
        bool last = i == b->n_convs - 1;
        int rc = target_layer(&b->conv[i], in, last ? skip : NULL, target_buffer(r, to));
        if (rc < 0)
            return rc;
        in = &b->conv[i].out;
        from = to;
        to = rest;
        rest = from;
    }
    return from;
}

static int target_forward(struct resnet *r, const struct tensor *x)
{
    const struct ops *ops = r->net->ops;
    int at = 0;
    const struct tensor *in = &r->stem.out;
    float *stem = r->pool ? r->config.trained->dstem.data : target_buffer(r, at);
    int rc = target_layer(&r->stem, x, NULL, stem);
    if (rc >= 0 && r->pool) {
        r->pooled.data = target_buffer(r, at);
        rc = ops->maxpool_forward(r->pool, &r->stem.out, &r->pooled);
        in = &r->pooled;
    }
    for (int32_t i = 0; rc >= 0 && i < r->n_blocks; i++) {
        rc = at = target_block(r, &r->block[i], in, at);
        in = &block_last(&r->block[i])->out;
    }
    return rc < 0 ? rc : ops->avgpool_forward(ops, in, &r->y);
}

int resnet_forward(struct resnet *r, const struct tensor *x, bool infer)
{
    assert(!infer || r->config.role != RESNET_TARGET);
    return r->config.role == RESNET_TARGET ? target_forward(r, x) : trained_forward(r, x, infer);
}

/* --- backward --- */

/* dy, the gradient of the layer's out, becomes in place that of mid;
 * dadd as norm_backward. */
static int layer_backward(struct resnet_layer *layer, const struct tensor *x, struct tensor *dy,
                          struct tensor *dadd)
{
    const struct ops *ops = layer->norm.net->ops;
    int rc = norm_backward(&layer->norm, &layer->mid, dy, dadd);
    if (rc < 0)
        return rc;
    return ops->conv_backward_weight(layer->conv, x, dy, layer->w->d);
}

static int layer_backward_data(struct resnet_layer *layer, const struct tensor *dmid,
                               struct tensor *dx, bool accumulate)
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
 * what the last norm's backward gives as dadd; the gradient through the first convolution is added
 * onto it at the end. Two buffers take turns with the gradients between. */
static int block_backward(struct resnet *r, struct resnet_block *b, const struct tensor *x, int at)
{
    int skip = (at + 1) % RESNET_GRADS, idle = (at + 2) % RESNET_GRADS;
    struct tensor *dskip = grad_shape(r, skip, &block_last(b)->out);
    for (int i = b->n_convs - 1; i > 0; i--) {
        const struct tensor *in = &b->conv[i - 1].out;
        int rc = layer_backward(&b->conv[i], in, &r->grad[at], i == b->n_convs - 1 ? dskip : NULL);
        if (rc >= 0)
            rc = layer_backward_data(&b->conv[i], &r->grad[at], grad_shape(r, idle, in), false);
        if (rc < 0)
            return rc;
        int spent = at;
        at = idle;
        idle = spent;
    }
    int to = skip;
    if (b->has_down) {
        int rc = layer_backward(&b->down, x, dskip, NULL);
        if (rc < 0)
            return rc;
        to = idle;
        rc = layer_backward_data(&b->down, dskip, grad_shape(r, to, x), false);
        if (rc < 0)
            return rc;
    }
    int rc = layer_backward(&b->conv[0], x, &r->grad[at], NULL);
    if (rc < 0)
        return rc;
    rc = layer_backward_data(&b->conv[0], &r->grad[at], &r->grad[to], true);
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
