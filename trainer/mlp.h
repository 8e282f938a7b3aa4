/* SPDX-License-Identifier: Apache-2.0 */
/* mlp: hidden layers of Linear (no bias) + batch norm + ReLU, then a last Linear with a bias or
 * with a batch norm in its place. Every projector, predictor and AugSelf head is one. Names number
 * as PyTorch's nn.Sequential: hidden layer i has its Linear at 3i and its norm at 3i+1; the last
 * Linear is 3(L-1), its norm 3(L-1)+1. */
#ifndef AUGSTREAM_TRAINER_MLP_H
#define AUGSTREAM_TRAINER_MLP_H

#include "trainer/net.h"

enum { MLP_LAYERS_MAX = 4 };

struct mlp_config {
    const char *prefix;      /* "projector" */
    int32_t rows;            /* N */
    int32_t in, hidden, out; /* features */
    int32_t layers;          /* Linears, 1..MLP_LAYERS_MAX */
    bool last_norm;          /* the last Linear has no bias and a batch norm behind it */
    int32_t groups;          /* of rows with their own batch statistics */
    enum param_group group;
};

struct mlp;

int mlp_new(struct net *net, const struct mlp_config *config, struct mlp **ret);
void mlp_free(struct mlp *mlp);

int mlp_forward(struct mlp *mlp, const struct tensor *x); /* x [N,in]; training statistics */
/* By the running averages: no row knows of another. No backward may follow. */
int mlp_infer(struct mlp *mlp, const struct tensor *x);
struct tensor *mlp_output(struct mlp *mlp);  /* [N,out] */
struct tensor *mlp_doutput(struct mlp *mlp); /* the caller writes the output's gradient here */
/* Spends the output's gradient; dx = (accumulate ? dx : 0) + the gradient of x. */
int mlp_backward(struct mlp *mlp, const struct tensor *x, struct tensor *dx, bool accumulate);

#endif
