/* SPDX-License-Identifier: Apache-2.0 */
/* projector: from features to what a method compares. Plain, it is an MLP of the features.
 * Conditioned, as in CASSLE (Przewiezlikowski et al., arXiv 2306.06082), it also reads each view's
 * own omega, so that the features need not forget what was done to the view for the views of an
 * image to meet behind the projector:
 *     z = projector([y, gamma(omega)]),  gamma a small MLP, learnt with the rest
 * Owner: a method. */
#ifndef AUGSTREAM_TRAINER_METHOD_PROJECTOR_H
#define AUGSTREAM_TRAINER_METHOD_PROJECTOR_H

#include "trainer/mlp.h"

struct projector_config {
    struct mlp_config mlp; /* in: of the features alone */
    struct {
        const char *prefix;  /* gamma's: "condition" */
        int32_t layers, dim; /* of gamma; dim 0: plain */
    } condition;
};

struct projector;

int projector_new(struct net *net, const struct projector_config *config, struct projector **ret);
void projector_free(struct projector *projector); /* NULL is fine */

/* x [N,in]; code [N,OMEGA_CODE_LEN], of the same rows: not looked at where it is plain. */
int projector_forward(struct projector *projector, const struct tensor *x,
                      const struct tensor *code);
struct tensor *projector_output(struct projector *projector);  /* [N,out] */
struct tensor *projector_doutput(struct projector *projector); /* the caller writes this */
/* Spends the output's gradient; overwrites dx. */
int projector_backward(struct projector *projector, const struct tensor *x,
                       const struct tensor *code, struct tensor *dx);

#endif
