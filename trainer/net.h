/* SPDX-License-Identifier: Apache-2.0 */
/* net: the registry of everything a model learns or keeps, and the arenas that hold it. Modules
 * (resnet, mlp, augself, a method) add parameters and buffers by name, in PyTorch's names; ckpt and
 * optim walk the lists and know no module. Owner: the model. One thread. */
#ifndef AUGSTREAM_TRAINER_NET_H
#define AUGSTREAM_TRAINER_NET_H

#include "trainer/ops/ops.h"

enum {
    NET_NAME_MAX = 128,
    NET_PARAMS_MAX = 1024,
    NET_BUFFERS_MAX = 1024,
};

/* What the optimiser does with a parameter. */
enum param_group {
    PARAM_SCHEDULED, /* the scheduled learning rate */
    PARAM_CONSTANT,  /* the initial learning rate always (SimSiam's predictor) */
    PARAM_LATE,      /* as scheduled, but held still in the first steps (SwAV's prototypes) */
    PARAM_TARGET, /* a momentum encoder's: no gradient; follows the parameter it is named after */
    PARAM_GROUPS,
};

/* A momentum encoder's parameter "momentum.X" follows the parameter "X", which must be there first.
 */
#define NET_MOMENTUM "momentum"

struct param {
    char name[NET_NAME_MAX]; /* "backbone.layer1.0.conv1.weight" */
    int ndim;
    int64_t shape[4]; /* PyTorch's: conv OIHW, linear [out,in], vector [C] */
    size_t count;
    float *w, *d, *m; /* value, gradient, momentum: same place in three arenas; a target has w */
    const struct param *online; /* PARAM_TARGET: the parameter that it follows */
    struct conv *conv;          /* whose own order w, d and m are in, or NULL for plain (a loan) */
    enum param_group group;
    float init_bound; /* PyTorch's uniform(-b, b), b = 1/sqrt(fan_in); 0: constant init_value */
    float init_value;
};

/* State that is not learned: batch norm's running averages and counter. */
struct buffer {
    char name[NET_NAME_MAX]; /* "backbone.bn1.running_mean" */
    int ndim;                /* 0 = the counter below, I64 of shape [] */
    int64_t shape[2];        /* [C], or rows as [K,D] */
    int64_t count;           /* floats */
    float *data;
    int64_t counter; /* num_batches_tracked */
    float init_value;
    bool init_units; /* rows of random direction and length 1 instead */
};

/* The parameters of one group and kind, end to end in the three arenas (with the arena's padding,
 * which is and stays zero): what one sgd_step takes. */
struct net_range {
    float *w, *d, *m;
    size_t count;
};

/* Weights of two dimensions and more; vectors: norms and biases. */
enum net_kind { NET_WEIGHTS, NET_VECTORS, NET_KINDS };

struct net {
    struct ops *ops;                     /* a loan */
    struct arena params, grads, momenta; /* by group, kind, and order of adding */
    struct arena state;                  /* the buffers */
    struct arena acts;                   /* modules ask here for activations and scratch */
    struct net_range range[PARAM_GROUPS][NET_KINDS];
    bool accumulate;
    struct arena sums; /* gradients of a step's earlier batches, where they are added up */
    float *sum;
    struct param param[NET_PARAMS_MAX];
    size_t n_params;
    struct buffer buffer[NET_BUFFERS_MAX];
    size_t n_buffers;
};

int net_new(struct ops *ops, struct net **ret);
void net_free(struct net *net);

/* The returned pointers stay put for the life of the net. NULL + err when the registry is full. */
struct param *net_param(struct net *net, const char *prefix, const char *name, int ndim,
                        const int64_t *shape, enum param_group group);
/* count 0: a counter. */
struct buffer *net_buffer(struct net *net, const char *prefix, const char *name, int64_t count,
                          float init_value);
/* [rows,dim], to begin with as rows of length 1 and random direction. */
struct buffer *net_buffer_units(struct net *net, const char *prefix, const char *name, int64_t rows,
                                int64_t dim);

/* Before net_commit: gradients of several batches will be added up. */
void net_accumulate(struct net *net);

int net_commit(struct net *net); /* after all modules are built: makes the arenas */

/* The gradients become the sum of theirs and those of the batches before; first and last batch of
 * the sum told. */
int net_add_up(struct net *net, bool first, bool last);

/* Every parameter by its init rule from RNG_INIT streams (seed, sample = index of the parameter);
 * conv weights are drawn in OIHW order, so every back end starts the same. A target begins as a
 * copy of what it follows. Buffers too. */
int net_init(struct net *net, uint64_t seed);

/* Every target = momentum * target + (1 - momentum) * what it follows. */
int net_follow(struct net *net, float momentum);

/* Host copies in PyTorch's layout; what: the w, d or m of the parameter. */
int net_load(struct net *net, const struct param *p, float *what, const float *host);
int net_store(struct net *net, const struct param *p, const float *what, float *host);

struct param *net_find_param(struct net *net, const char *name);
struct buffer *net_find_buffer(struct net *net, const char *name);

#endif
