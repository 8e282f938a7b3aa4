/* SPDX-License-Identifier: Apache-2.0 */
/* optim: PyTorch's SGD with momentum over the net's arenas, or LARS tensor by tensor. Norms and
 * biases may go without weight decay; LARS never adapts them. */
#ifndef AUGSTREAM_TRAINER_OPTIM_H
#define AUGSTREAM_TRAINER_OPTIM_H

#include "trainer/net.h"

struct optim_config {
    bool lars;
    float trust; /* LARS's coefficient */
    float momentum, weight_decay;
    bool decay_weights_only; /* not norms and biases */
    float gradient_scale;    /* 1 / batches whose gradients were added up */
};

struct optim {
    struct net *net; /* a loan */
    struct optim_config config;
    float *lr; /* [PARAM_GROUPS], back-end memory */
};

/* Before net_commit; the struct must not move. */
int optim_init(struct optim *optim, struct net *net, const struct optim_config *config);
/* hold_late: parameters of PARAM_LATE, and their momenta, stay as they are. */
int optim_step(struct optim *optim, const float lr[PARAM_GROUPS], bool hold_late);

#endif
