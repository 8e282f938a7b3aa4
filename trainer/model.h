/* SPDX-License-Identifier: Apache-2.0 */
/* model: backbone + method + AugSelf heads + optimiser, as one thing that can take a step. Knows
 * nothing of sockets, files or clocks: a test can run it from memory.
 *   views -> encoder -> features of each view -> method loss + sum of lambda_a * AugSelf loss_a
 *   -> backward -> SGD -> the momentum encoder follows */
#ifndef AUGSTREAM_TRAINER_MODEL_H
#define AUGSTREAM_TRAINER_MODEL_H

#include "trainer/encoder.h"
#include "trainer/recipe.h"
#include "trainer/schedule.h"

enum { MODEL_LOSSES_MAX = 24 };

/* One training batch as the model reads it: runs of images in row order (view 1's rows first), as
 * they came in frames, and omega. All loans. */
struct model_batch {
    uint32_t n_runs;
    struct encoder_run run[WIRE_FRAMES_MAX];
    const struct omega *omega; /* [V][N] */
    const int64_t *labels;     /* [N] */
};

struct model_losses {
    uint32_t n;
    struct {
        const char *name; /* "loss" (the total), "simsiam", "augself.crop", ..., "spread" */
        float value;
        bool score; /* loss.h: may be no number, and nothing is wrong */
    } item[MODEL_LOSSES_MAX];
};

struct model;

/* The back end that a recipe's device.* name. -EINVAL, the option's name first, where there is none
 * such, it is not built in, or it has no bf16; -ENOMEM. ops_close. */
int model_backend(const struct recipe *recipe, struct ops **ret);

/* recipe is copied where needed. -EINVAL for views that the method cannot use. */
int model_new(const struct recipe *recipe, struct ops *ops, struct model **ret);
void model_free(struct model *model);
struct net *model_net(struct model *model);        /* a loan, for ckpt */
int32_t model_rows(const struct model *model);     /* images that model_infer takes at once */
int32_t model_features(const struct model *model); /* D */

/* Forward and backward; gradients are left in the net. No optimiser. A step takes
 * optim.accumulate batches; behind the last one the gradients are the sum of theirs. */
int model_gradients(struct model *model, const struct model_batch *batch);
/* The optimiser's step on every parameter; then a momentum encoder follows. */
int model_update(struct model *model, const struct rates *rates);
/* The last step's losses, fetched from the device: means over its batches. */
int model_losses(struct model *model, struct model_losses *ret);

/* Host [n][D]: the backbone's features of view 1 of the batch just taken, as training saw them;
 * n <= N. */
int model_view_features(const struct model *model, int32_t n, float *ret_features);

/* To be told where a batch is; what was begun is done then (on a device: waited for). */
enum model_phase { MODEL_FORWARD, MODEL_AUGSELF, MODEL_BACKWARD, MODEL_UPDATE };
typedef void model_watch_fn(void *arg, enum model_phase done);
void model_watch(struct model *model, model_watch_fn *watch, void *arg);

/* Evaluation: features of n <= model_rows images with running averages; host [n][D]. */
int model_infer(struct model *model, const struct encoder_run *runs, uint32_t n_runs,
                float *ret_features);

#endif
