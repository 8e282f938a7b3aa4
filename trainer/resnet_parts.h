/* SPDX-License-Identifier: Apache-2.0 */
/* resnet_parts: what resnet.c (building) and resnet_run.c (running) share. Private to them.
 *
 * One block, forward:
 *     x --conv--bn--relu-- h --conv--bn--relu-- ... --conv--bn--(+)--relu-- y
 *      \----------------------- skip: x, or down(x) ----------------/
 * with two convolutions (basic) or three (bottleneck). The network is a flat list of blocks; the
 * x of a block is the y of the one before it. */
#ifndef AUGSTREAM_TRAINER_RESNET_PARTS_H
#define AUGSTREAM_TRAINER_RESNET_PARTS_H

#include "trainer/norm.h"
#include "trainer/resnet.h"

enum {
    RESNET_BLOCKS_MAX = 16,
    RESNET_CONVS_MAX = 3, /* of a block */
    RESNET_GRADS = 3,     /* a block's backward needs three gradients at a time */
};

/* A convolution and the batch norm behind it. */
struct resnet_layer {
    struct conv *conv;
    struct param *w;
    struct norm norm;
    struct tensor mid; /* between the two: backward of the norm reads it */
    struct tensor out;
};

struct resnet_block {
    struct resnet_layer conv[RESNET_CONVS_MAX];
    int n_convs;
    struct resnet_layer down; /* where the skip changes shape; its out has no memory of its own */
    bool has_down;
};

struct resnet {
    struct net *net; /* a loan */
    struct resnet_config config;
    struct resnet_layer stem;
    struct maxpool *pool;        /* NULL with the CIFAR stem */
    struct tensor pooled, dstem; /* dstem: the gradient of what is pooled; idle in forward */
    struct resnet_block block[RESNET_BLOCKS_MAX];
    int32_t n_blocks;
    struct tensor y;
    struct tensor
        grad[RESNET_GRADS]; /* each large enough for any block's tensor; idle in forward */
    struct tensor spare;    /* a target's fourth, beside the three it borrows */
    size_t grad_count;
};

static inline struct resnet_layer *block_last(struct resnet_block *b)
{
    return &b->conv[b->n_convs - 1];
}

#endif
