/* SPDX-License-Identifier: Apache-2.0 */
/* evaluate: the verbs of augstream-evaluate. A frozen backbone is measured through the line itself:
 * images come from a loader (evaluation law), features from the trainer's own forward pass. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_H
#define AUGSTREAM_TOOLS_EVALUATE_H

#include "common/usage.h"
#include "trainer/embed.h"
#include "trainer/extract.h"
#include "trainer/model.h"
#include "trainer/recipe.h"

/* Each gets its own argv (argv[0] = the verb) and returns an exit code, its error already told. */
extern const struct usage evaluate_features_usage, evaluate_knn_usage;
int evaluate_features(int argc, char **argv);
int evaluate_knn(int argc, char **argv);

/* Logs err_text() and gives the exit code for rc. */
int evaluate_fail(int rc);

/* frozen: a model with a backbone out of a file, and loaders to feed it. The recipe tells the
 * architecture, the size and the normalisation; a run folder's recipe.yaml does. Zero-initialise;
 * done is fine on a half-made one. */
struct frozen {
    struct recipe recipe;
    struct ops *ops;
    struct model *model;
    struct embed *embed;
    struct conf_strs endpoints;
};
struct frozen_options {
    const char *recipe, *backbone;
    const char *sets[CONF_LIST_MAX]; /* --set a.b=v */
    size_t n_sets;
    const char *datasets[2]; /* names that the loaders know; embedded: folders */
    size_t n_datasets;
};

/* The options that every verb has, for its rows; frozen_option takes one of them: 1 when it was
 * one, 0 when it is the verb's own, -EINVAL. */
#define FROZEN_OPTIONS                                                                             \
    {"backbone", "FILE", 'b',                                                                      \
     "backbone.safetensors, a checkpoint, or another trainer's state_dict: as model.weights",      \
     USAGE_REQUIRED},                                                                              \
    {                                                                                              \
        "set", "KEY=VALUE", 's', "override one key of the recipe; VALUE is YAML", USAGE_REPEATED   \
    }
#define FROZEN_RECIPE                                                                              \
    "RECIPE.yaml tells the architecture, the size, the normalisation and the loaders; a run "      \
    "folder's recipe.yaml does. DATASET is a name that the loaders know; where data.loaders is "   \
    "embedded, a folder."
int frozen_option(struct frozen_options *o, int c, const char *arg);

int frozen_open(struct frozen *frozen, const struct frozen_options *o);
void frozen_done(struct frozen *frozen);

/* Features of datasets[which]; on_batch and hint as in features_config. */
int frozen_features(struct frozen *frozen, const struct frozen_options *o, size_t which,
                    features_batch_fn on_batch, void *hint, struct features *ret);

/* Where images were bad, says on standard output how many rows of the set are others'. */
void features_tell_bad(const struct features *f, const char *set);

#endif
