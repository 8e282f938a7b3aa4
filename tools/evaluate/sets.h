/* SPDX-License-Identifier: Apache-2.0 */
/* sets: names on a command line -> tables. A name that ends in .safetensors is a features file;
 * any other is a dataset, whose features come through a loader (evaluation law) and the trainer's
 * own forward pass of a frozen backbone. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_SETS_H
#define AUGSTREAM_TOOLS_EVALUATE_SETS_H

#include "common/conf.h"
#include "common/usage.h"
#include "tools/evaluate/table.h"

#include <stdbool.h>

enum { SETS_MAX = 16 };

struct sets_options {
    const char *recipe;              /* operand; NULL: every name is a features file */
    const char *backbone;            /* --backbone */
    const char *sets[CONF_LIST_MAX]; /* --set a.b=v */
    size_t n_sets;
    const char *json;            /* --json, for scores_tell; NULL */
    const char *out;             /* a file that the verb writes at its end; NULL */
    const char *names[SETS_MAX]; /* in the order of the tables */
    size_t n;
    bool unlabelled; /* the verb looks at no labels: sets may be of other classes */
    /* Of every batch of a dataset, before the next comes, as in features_config; may be NULL. */
    features_batch_fn on_batch;
    void *hint;
};

/* The options that every verb has, for its rows; sets_option takes one of them: 1 when it was one,
 * 0 when it is the verb's own, -EINVAL. */
#define SETS_OPTIONS                                                                               \
    {"backbone", "FILE", 'b',                                                                      \
     "backbone.safetensors, a checkpoint, or another trainer's state_dict: as model.weights; "     \
     "datasets need it"},                                                                          \
        {"set", "KEY=VALUE", 's', "override one key of the recipe; VALUE is YAML",                 \
         USAGE_REPEATED, NULL, &recipe_table},                                                     \
    {                                                                                              \
        "json", "FILE", 'j', "the scores as JSON as well"                                          \
    }
#define SETS_OPERANDS "[RECIPE.yaml]"
#define SETS_ABOUT                                                                                 \
    "A SET is a features file (*.safetensors, see `features`) or a dataset. Datasets need "        \
    "RECIPE.yaml, which tells the architecture, the size, the normalisation and the loaders (a "   \
    "run folder's recipe.yaml does), and --backbone. A dataset is a name that the loaders know; "  \
    "where data.loaders is embedded, PATH[:SPLIT]: a class folder, a manifest (.csv), a tar, a "   \
    "folder of CIFAR's or STL10's files. Its format is guessed; --set data.format=NAME tells it."
int sets_option(struct sets_options *o, int key, const char *arg);

/* -EINVAL where a name is a dataset and recipe or backbone is missing. Once the names are in;
 * sets_open asks it too, but who asks while the command line is read can say EXIT_USAGE. */
int sets_check(const struct sets_options *o, const char *verb);

/* The operands of a verb that has no other than RECIPE.yaml, argv from optind on, then sets_check.
 */
int sets_operand(struct sets_options *o, const char *verb, int argc, char **argv);

bool sets_is_file(const char *name); /* a features file, by its name; else a dataset */

/* First looks whether json and out can be written. tables[o->n], zeroed; on success the caller
 * frees each with table_done, on failure there is nothing to free. Progress goes to standard error;
 * where images were bad, standard output says how many rows are others'. -EINVAL for tables that do
 * not fit each other: another number of features, or of classes unless unlabelled. */
int sets_open(const struct sets_options *o, struct table tables[]);

#endif
