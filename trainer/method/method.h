/* SPDX-License-Identifier: Apache-2.0 */
/* method: an objective on the backbone's features. A method is one file and one row of methods[]:
 * which views it wants through which backbone, its own defaults, and its step. What it has to keep
 * it puts into the net as parameters and buffers, and checkpoints follow by themselves. */
#ifndef AUGSTREAM_TRAINER_METHOD_METHOD_H
#define AUGSTREAM_TRAINER_METHOD_METHOD_H

#include "trainer/loss.h"
#include "trainer/recipe.h"
#include "trainer/schedule.h"

enum {
    METHOD_SIMSIAM,
    METHOD_MOCO,
    METHOD_SIMCLR,
    METHOD_BYOL,
    METHOD_SWAV,
    METHOD_SUPERVISED,
    METHODS,
};

struct method_config {
    struct net *net;
    struct loss *loss;
    const struct recipe *recipe; /* method.* is read; method_resolve has been over it */
    int32_t n;                   /* N, images */
    int32_t views, targets;      /* V trained views, small ones last; views of the target */
    int32_t features;            /* D */
};

/* A step's input. Rows go view by view. */
struct method_input {
    const struct tensor *y; /* [V*N,D], of the trained backbone */
    const struct tensor *t; /* [targets*N,D], of the momentum backbone, no gradient; or no data */
    const int64_t *labels;  /* host [N], -1 = none */
    /* Of the same rows as y and t: codes of the views' omega; NULL where nothing is conditioned. */
    const struct tensor *code_y, *code_t;
};

/* A width that the backbone or another option decides. */
enum { METHOD_WIDTH_FEATURES = -1, METHOD_WIDTH_DIM = -2 };

/* What an option that the recipe leaves at 0 stands for; 0: this method does not read it. */
struct method_defaults {
    int64_t projector_layers, projector_hidden, projector_dim, predictor_dim;
    double temperature, momentum;
    bool momentum_cosine; /* the momentum rises to 1 by a cosine */
    int64_t queue, prototypes, prototypes_frozen;
};

struct method {
    const char *name;
    struct method_defaults defaults;
    int32_t trained_views; /* of the large views, from the first on, through the trained backbone */
    int32_t target_views;  /* of the large views, up to the last, through a momentum backbone */
    bool small_views;      /* can use small ones, through the trained backbone */
    bool labels;           /* needs classes */
    /* Adds parameters, activations and losses, before net_commit. state is the method's own. */
    int (*build)(const struct method_config *config, void **ret_state);
    /* The losses, and the gradients at the heads' ends. */
    int (*forward)(void *state, const struct method_input *in);
    /* in: forward's. Overwrites dy. */
    int (*backward)(void *state, const struct method_input *in, struct tensor *dy);
    int (*after_batch)(void *state); /* behind a batch's backward; NULL = nothing */
    void (*free)(void *state);       /* NULL is fine */
};

enum { METHOD_LARGE_VIEWS = 2 }; /* that every method takes */

extern const struct method method_simsiam, method_moco, method_simclr, method_byol, method_swav,
    method_supervised;
extern const struct method method_none; /* augself.only: no objective of its own */

extern const struct method *const methods[METHODS];
extern const char *const method_names[METHODS + 1]; /* the same order, NULL at the end */

/* The row of a recipe. */
const struct method *method_of(const struct recipe *recipe);

/* Puts the method's own defaults where method.* is 0. */
void method_resolve(struct recipe *recipe);

/* -EINVAL for what the method cannot use: views, classes, a queue that batches do not fill evenly.
 * The message begins with the option to blame and ": "; it is also in *ret_key, unless that is
 * NULL.
 */
int method_check(const struct recipe *recipe, const char **ret_key);

/* -EINVAL, naming both, where the method learns classes and the dataset has another number of them.
 */
int method_check_classes(const struct recipe *recipe, uint32_t classes);

/* What is allowed and hardly meant, with a dataset of so many images: the text is cut to cap.
 * False: nothing. */
bool method_warning(const struct recipe *recipe, uint64_t samples, char *ret, size_t cap);

#endif
