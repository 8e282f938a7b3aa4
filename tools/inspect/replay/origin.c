/* SPDX-License-Identifier: Apache-2.0 */
/* origin: takes options that say which images, gives the open source. The caller's thread. It keeps
 * no index of it: a tool may not write into a daemon's folder of state. */
#include "tools/inspect/replay/origin.h"

#include "common/auto.h"
#include "common/err.h"
#include "loaderd/config.h"
#include "tools/inspect/number.h"
#include "tools/place.h"
#include "trainer/recipe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fraction_option(struct source_options *o, const char *arg)
{
    const struct number_bounds share = {0, 1, .above = true};
    const int rc = number_real("fraction", arg, &share, &o->fraction);
    return rc < 0 ? rc : 1;
}

int source_option(struct source_options *o, int key, const char *arg)
{
    switch (key) {
    case SOURCE_DATA:
        o->data = arg;
        return 1;
    case SOURCE_FORMAT:
        o->format = arg;
        return 1;
    case SOURCE_SPLIT:
        o->split = arg;
        return 1;
    case SOURCE_CLASSES:
        o->classes = arg;
        return 1;
    case SOURCE_FRACTION:
        return fraction_option(o, arg);
    case SOURCE_CONFIG:
        o->config = arg;
        return 1;
    case SOURCE_RECIPE:
        o->recipe = arg;
        return 1;
    case SOURCE_SET:
        if (o->n_sets == ARRAY_LEN(o->sets))
            return err_set(-EINVAL, "--set: at most %zu", ARRAY_LEN(o->sets));
        o->sets[o->n_sets++] = arg;
        return 1;
    default:
        return 0;
    }
}

bool source_told(const struct source_options *o)
{
    return o->data || o->recipe || o->config;
}

int source_check(const struct source_options *o, const char *verb)
{
    if ((o->data != NULL) + (o->recipe != NULL) + (o->config != NULL) != 1)
        return err_set(-EINVAL, "%s: which images? One of --data, --recipe and --config", verb);
    if (!o->data && (o->format || o->split || o->classes || o->fraction > 0))
        return err_set(-EINVAL, "%s: --format, --split, --classes and --fraction are of --data",
                       verb);
    if (!o->recipe && o->n_sets)
        return err_set(-EINVAL, "%s: --set is of --recipe", verb);
    return 0;
}

/* "no dataset format is called 'x'" comes from source_open. */
static int data_open(const struct source_options *o, struct source **ret)
{
    struct place place;
    int rc = place_find(o->data, o->format, "--format NAME", &place);
    if (rc)
        return rc;
    return source_open(&(struct source_spec){.format = place.format,
                                             .path = place.path,
                                             .split = o->split ? o->split : place.split,
                                             .classes = o->classes,
                                             .fraction = o->fraction},
                       ret);
}

static int recipe_open(const struct source_options *o, struct source **ret)
{
    auto_free struct recipe *recipe = calloc(1, sizeof *recipe);
    if (!recipe)
        return err_set(-ENOMEM, "out of memory");
    int rc = recipe_load(recipe, o->recipe, o->sets, o->n_sets);
    if (rc)
        return rc;
    if (!recipe->data.path[0])
        return err_set(-EINVAL,
                       "%s: has no data.path, its loaders know where the images are: give --data "
                       "or --config in its place",
                       o->recipe);
    return source_open(&(struct source_spec){.format = recipe->data.format,
                                             .path = recipe->data.path,
                                             .split = recipe->data.split,
                                             .classes = recipe->data.classes,
                                             .fraction = recipe->data.fraction},
                       ret);
}

/* The dataset called so; where none is asked for, the only one. */
static const struct config_dataset *config_find(const struct config *config, const char *name)
{
    if (!name)
        return config->n_datasets == 1 ? &config->datasets[0] : NULL;
    for (size_t i = 0; i < config->n_datasets; i++)
        if (strcmp(config->datasets[i].name, name) == 0)
            return &config->datasets[i];
    return NULL;
}

static int config_open(const struct source_options *o, const char *dataset, struct source **ret)
{
    auto_free struct config *config = calloc(1, sizeof *config);
    if (!config)
        return err_set(-ENOMEM, "out of memory");
    int rc = config_load(config, o->config);
    if (rc)
        return rc;
    const struct config_dataset *d = config_find(config, dataset);
    if (!d && !dataset)
        return err_set(-EINVAL, "%s: has %zu datasets: which one?", o->config, config->n_datasets);
    if (!d)
        return err_set(-ENOENT, "%s: has no dataset %s", o->config, dataset);
    return source_open(&(struct source_spec){.format = d->format,
                                             .path = d->path,
                                             .split = d->split,
                                             .classes = d->classes,
                                             .fraction = d->fraction,
                                             .allow = config_allow(d)},
                       ret);
}

static const char *place_of(const struct source_options *o)
{
    return o->data ? o->data : o->recipe ? o->recipe : o->config;
}

int origin_open(const struct source_options *o, const char *dataset, const uint8_t *fingerprint,
                struct source **ret)
{
    struct source *source = NULL;
    int rc = o->data     ? data_open(o, &source)
             : o->recipe ? recipe_open(o, &source)
             : o->config ? config_open(o, dataset, &source)
                         : err_set(-EINVAL, "no place of images was told");
    if (rc)
        return rc;
    if (fingerprint && memcmp(fingerprint, source->fingerprint, DIGEST_BYTES) != 0) {
        char ours[2 * DIGEST_BYTES + 1], theirs[2 * DIGEST_BYTES + 1];
        digest_hex(source->fingerprint, ours);
        digest_hex(fingerprint, theirs);
        rc = err_set(-EBADMSG,
                     "%s: its %llu samples are not the ones of the record: fingerprint %s, the "
                     "record's %s; names, sizes, labels, format, split, classes and fraction must "
                     "be as they were",
                     place_of(o), (unsigned long long)source->samples, ours, theirs);
        source_free(source);
        return rc;
    }
    *ret = source;
    return 0;
}
