/* SPDX-License-Identifier: Apache-2.0 */
/* method: a self-supervised objective on the backbone's features. One row of the table per method;
 * the recipe's method.name is an index into it. */
#ifndef AUGSTREAM_TRAINER_METHOD_METHOD_H
#define AUGSTREAM_TRAINER_METHOD_METHOD_H

#include "trainer/loss.h"
#include "trainer/recipe.h"

enum {
    METHOD_SIMSIAM,
    METHODS,
};

struct method_config {
    struct net *net;
    struct loss *loss;
    const struct recipe *recipe; /* method.* is read */
    int32_t rows, features;      /* 2N, D */
};

struct method {
    const char *name;
    /* Adds parameters, activations and losses, before net_commit. state is the method's own. */
    int (*build)(const struct method_config *config, void **ret_state);
    /* y [2N,D], view 1's rows first -> the losses, and the gradients at the heads' ends. */
    int (*forward)(void *state, const struct tensor *y);
    int (*backward)(void *state, const struct tensor *y, struct tensor *dy); /* overwrites dy */
    void (*free)(void *state);                                               /* NULL is fine */
};

extern const struct method method_simsiam;

extern const struct method *const methods[METHODS];
extern const char *const method_names[METHODS + 1]; /* the same order, NULL at the end */

#endif
