/* SPDX-License-Identifier: Apache-2.0 */
/* optim: PyTorch's SGD with momentum over the net's arenas, weight decay on every parameter. One
 * ops call per parameter group. */
#ifndef AUGSTREAM_TRAINER_OPTIM_H
#define AUGSTREAM_TRAINER_OPTIM_H

#include "trainer/net.h"

struct optim {
    struct net *net; /* a loan */
    float momentum, weight_decay;
    float *lr; /* [PARAM_GROUPS], back-end memory */
};

/* Before net_commit; the struct must not move. */
int optim_init(struct optim *optim, struct net *net, float momentum, float weight_decay);
/* hold_late: parameters of PARAM_LATE, and their momenta, stay as they are. */
int optim_step(struct optim *optim, const float lr[PARAM_GROUPS], bool hold_late);

#endif
