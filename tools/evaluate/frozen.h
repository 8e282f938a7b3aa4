/* SPDX-License-Identifier: Apache-2.0 */
/* frozen: a model with a backbone out of a file, and loaders to feed it. The recipe tells the
 * architecture, the size and the normalisation. Only sets uses it. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_FROZEN_H
#define AUGSTREAM_TOOLS_EVALUATE_FROZEN_H

#include "tools/evaluate/sets.h"
#include "trainer/embed.h"
#include "trainer/model.h"
#include "trainer/recipe.h"

/* Zero-initialise; frozen_done is fine on a half-made one. */
struct frozen {
    struct recipe recipe;
    struct ops *ops;
    struct model *model;
    struct embed *embed;
    struct conf_strs endpoints;
    const char *datasets[SETS_MAX]; /* loans */
    size_t n_datasets;
};

/* datasets: the names of o that are no features files. */
int frozen_open(struct frozen *frozen, const struct sets_options *o, const char *const *datasets,
                size_t n_datasets);
void frozen_done(struct frozen *frozen);

/* Features of datasets[which]; on_batch and hint as in features_config. */
int frozen_features(struct frozen *frozen, size_t which, features_batch_fn on_batch, void *hint,
                    struct features *ret);

#endif
