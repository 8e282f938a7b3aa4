/* SPDX-License-Identifier: Apache-2.0 */
/* frozen: takes a recipe, a backbone file and datasets; gives features. One thread; owns the model
 * and the embedded loader, if it started one. */
#include "tools/evaluate/frozen.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "tools/place.h"
#include "trainer/import.h"

#include <stdio.h>
#include <string.h>

static const char *const embedded_names[SETS_MAX] = {
    "set0", "set1", "set2",  "set3",  "set4",  "set5",  "set6",  "set7",
    "set8", "set9", "set10", "set11", "set12", "set13", "set14", "set15",
};

/* Whether the command line set this option of the recipe: a run's own file says what its training
 * set was, which need not hold for this one. */
static bool is_set(const struct sets_options *o, const char *key)
{
    const size_t len = strlen(key);
    for (size_t i = 0; i < o->n_sets; i++)
        if (strncmp(o->sets[i], key, len) == 0 && o->sets[i][len] == '=')
            return true;
    return false;
}

static int loaders_open(struct frozen *frozen, const struct sets_options *o)
{
    const struct recipe *r = &frozen->recipe;
    frozen->endpoints = r->data.loaders;
    if (!recipe_embedded(r))
        return 0;
    const bool told = is_set(o, "data.format");
    struct place places[SETS_MAX];
    struct embed_dataset datasets[SETS_MAX];
    for (size_t i = 0; i < frozen->n_datasets; i++) {
        int rc = place_find(frozen->datasets[i], told ? r->data.format : NULL,
                            "--set data.format=NAME", &places[i]);
        if (rc < 0)
            return rc;
        datasets[i] = (struct embed_dataset){
            .name = embedded_names[i],
            .path = places[i].path,
            .format = places[i].format,
            .split = places[i].split,
            .classes = is_set(o, "data.classes") ? r->data.classes : NULL,
        };
    }
    const struct embed_config config = {datasets, frozen->n_datasets, (uint32_t)r->data.workers,
                                        (uint32_t)r->data.window};
    int rc = embed_start(&config, &frozen->embed);
    if (!rc)
        snprintf(frozen->endpoints.v[0], sizeof frozen->endpoints.v[0], "%s",
                 embed_endpoint(frozen->embed));
    return rc;
}

int frozen_open(struct frozen *frozen, const struct sets_options *o, const char *const *datasets,
                size_t n_datasets)
{
    for (size_t i = 0; i < n_datasets; i++)
        frozen->datasets[i] = datasets[i];
    frozen->n_datasets = n_datasets;
    int rc = recipe_load(&frozen->recipe, o->recipe, o->sets, o->n_sets);
    if (!rc)
        rc = recipe_trainable(&frozen->recipe, o->recipe, o->sets, o->n_sets);
    if (!rc)
        rc = ops_open(frozen->recipe.device.ops, (int)frozen->recipe.device.threads, &frozen->ops);
    if (!rc)
        rc = model_new(&frozen->recipe, frozen->ops, &frozen->model);
    if (!rc)
        rc = import_backbone(model_net(frozen->model), o->backbone);
    if (!rc)
        rc = loaders_open(frozen, o);
    return rc;
}

void frozen_done(struct frozen *frozen)
{
    embed_stop(frozen->embed);
    model_free(frozen->model);
    ops_close(frozen->ops);
    *frozen = (struct frozen){0};
}

static void tell(void *hint, const char *text)
{
    (void)hint;
    log_warn("%s", text);
}

int frozen_features(struct frozen *frozen, size_t which, features_batch_fn on_batch, void *hint,
                    struct features *ret)
{
    struct spec spec;
    recipe_eval_spec(&frozen->recipe,
                     frozen->embed ? embedded_names[which] : frozen->datasets[which], &spec);
    const struct features_config config = {
        .spec = &spec,
        .endpoints = &frozen->endpoints,
        .keys = &frozen->recipe.data.curve,
        .window = (uint32_t)frozen->recipe.data.window,
        .deadline_s = frozen->recipe.data.deadline,
        .retry_s = frozen->recipe.data.retry,
        .embed = frozen->embed,
        .tell = tell,
        .on_batch = on_batch,
        .hint = hint,
    };
    return features_extract(frozen->model, &config, ret);
}
