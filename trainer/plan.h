/* SPDX-License-Identifier: Apache-2.0 */
/* plan: what a recipe would cost, without running it: parameters, arithmetic, memory, steps.
 * augstream-trainer --dry-run prints it. */
#ifndef AUGSTREAM_TRAINER_PLAN_H
#define AUGSTREAM_TRAINER_PLAN_H

#include "trainer/recipe.h"

#include <stdio.h>

/* Bytes of the training process, kind by kind. A loader is another process. */
enum plan_memory {
    PLAN_WEIGHTS, /* of the momentum encoder too */
    PLAN_GRADIENTS,
    PLAN_MOMENTA,     /* the optimiser's */
    PLAN_STATE,       /* running averages, a queue */
    PLAN_ACTIVATIONS, /* of all views at once; backward needs them */
    PLAN_SCRATCH,     /* the back end's, beside them */
    PLAN_BATCHES,     /* pixels that were asked for ahead, and the batch that is trained on */
    PLAN_CHECKPOINT,  /* the host's copy while one is written */
    PLAN_MEMORY,
};

struct plan {
    uint64_t backbone, heads, momentum; /* parameters; momentum: of the momentum encoder */
    /* Multiply-adds of convolutions and matrix products: the backbone forward on one image of
     * views.size; all of a step; AugSelf's heads in a step. One is two FLOPs. */
    uint64_t macs_image, macs_step, macs_augself;
    uint64_t bytes[PLAN_MEMORY];
    bool data_known;
    uint64_t samples, batches; /* of an epoch */
    uint64_t steps;            /* of the run */
};

/* All but the data: the model is built and takes a step on a back end that computes nothing
 * (ops/dry.h). -EINVAL where the recipe fits no model, and where its back end cannot be opened;
 * import_backbone's errors for model.weights. */
int plan_model(const struct recipe *recipe, struct plan *ret);

/* Asks the recipe's loaders, or a private one, for the dataset's size. Loaders that do not answer
 * within data.retry, at most PLAN_PATIENCE_S, are no error: data_known is then false. A dataset
 * that cannot be opened, or is smaller than a batch, is: recv_open's and embed_start's errors. */
enum { PLAN_PATIENCE_S = 3 };
int plan_data(const struct recipe *recipe, const volatile int *stop, struct plan *plan);

void plan_print(const struct recipe *recipe, const struct plan *plan, FILE *out);

#endif
