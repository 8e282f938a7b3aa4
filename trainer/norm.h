/* SPDX-License-Identifier: Apache-2.0 */
/* norm: a batch normalisation layer: the plan, its affine parameters, running averages and what
 * forward leaves for backward. Shared by resnet and mlp. Names are PyTorch's BatchNorm's. */
#ifndef AUGSTREAM_TRAINER_NORM_H
#define AUGSTREAM_TRAINER_NORM_H

#include "trainer/net.h"

struct norm {
    struct net *net; /* a loan */
    struct bn *bn;
    int32_t groups;
    struct param *gamma, *beta;                /* [C] */
    struct buffer *running_mean, *running_var; /* [C] */
    struct buffer *batches;                    /* counts each group, as PyTorch each call */
    struct bn_saved saved;
};

/* Adds prefix.name.{weight,bias,running_mean,running_var,num_batches_tracked}. gamma: the initial
 * weight, 1, or 0 at the end of a residual branch. The struct must not move; zeroed, it may be
 * given to norm_done. */
struct norm_config {
    const char *prefix, *name;
    struct bn_shape shape;
    enum param_group group;
    float gamma;
    bool shared; /* parameters and running averages are there already, another norm's too */
};
int norm_init(struct norm *norm, struct net *net, const struct norm_config *config);
void norm_done(struct norm *norm);

/* y = bn(x) (+ add) (ReLU), by the shape. infer: by the running averages, nothing kept. */
int norm_forward(struct norm *norm, const struct tensor *x, const struct tensor *add,
                 struct tensor *y, bool infer);
/* dy, the gradient of y, becomes in place that of x; dadd (NULL without add) that of add. */
int norm_backward(struct norm *norm, const struct tensor *x, struct tensor *dy,
                  struct tensor *dadd);

#endif
