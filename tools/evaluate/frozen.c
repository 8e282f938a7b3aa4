/* SPDX-License-Identifier: Apache-2.0 */
/* frozen: takes a recipe, a backbone file and datasets; gives features. One thread; owns the model
 * and the embedded loader, if it started one. */
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "tools/evaluate/evaluate.h"
#include "trainer/import.h"

#include <errno.h>
#include <stdio.h>

int evaluate_fail(int rc)
{
    log_error("%s", err_text());
    return err_exit(rc);
}

int frozen_option(struct frozen_options *o, int c, const char *arg)
{
    switch (c) {
    case 'b':
        o->backbone = arg;
        return 1;
    case 's':
        if (o->n_sets == ARRAY_LEN(o->sets))
            return err_set(-EINVAL, "--set: at most %zu", ARRAY_LEN(o->sets));
        o->sets[o->n_sets++] = arg;
        return 1;
    default:
        return 0;
    }
}

static const char *const embedded_names[] = {"first", "second"};

/* The name under which loaders know datasets[which]. */
static const char *dataset_name(const struct frozen *frozen, const struct frozen_options *o,
                                size_t which)
{
    return frozen->embed ? embedded_names[which] : o->datasets[which];
}

static int loaders_open(struct frozen *frozen, const struct frozen_options *o)
{
    const struct recipe *r = &frozen->recipe;
    frozen->endpoints = r->data.loaders;
    if (!recipe_embedded(r))
        return 0;
    struct embed_dataset datasets[ARRAY_LEN(o->datasets)];
    for (size_t i = 0; i < o->n_datasets; i++)
        datasets[i] = (struct embed_dataset){embedded_names[i], o->datasets[i], r->data.format,
                                             .classes = r->data.classes};
    const struct embed_config config = {datasets, o->n_datasets, (uint32_t)r->data.workers,
                                        (uint32_t)r->data.window};
    int rc = embed_start(&config, &frozen->embed);
    if (!rc)
        snprintf(frozen->endpoints.v[0], sizeof frozen->endpoints.v[0], "%s",
                 embed_endpoint(frozen->embed));
    return rc;
}

int frozen_open(struct frozen *frozen, const struct frozen_options *o)
{
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

int frozen_features(struct frozen *frozen, const struct frozen_options *o, size_t which,
                    features_batch_fn on_batch, void *hint, struct features *ret)
{
    struct spec spec;
    recipe_eval_spec(&frozen->recipe, dataset_name(frozen, o, which), &spec);
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

void features_tell_bad(const struct features *f, const char *set)
{
    if (f->substituted)
        printf("substituted %zu of %zu images of %s: they are bad, others stand in their place\n",
               f->substituted, f->n, set);
}
