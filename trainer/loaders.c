/* SPDX-License-Identifier: Apache-2.0 */
/* loaders: see loaders.h. Takes a recipe, gives endpoints. One thread. Connects to nothing: recv
 * does. */
#include "trainer/loaders.h"

#include <stdio.h>
#include <string.h>

/* At a loader of our own: the first two that are not the dataset's own name. */
static const char *knn_name(const struct recipe *r, bool test)
{
    static const char *const names[][2] = {{"knn-train", "knn-test"}, {"knn-bank", "knn-queries"}};
    const char *ours = r->data.dataset;
    return names[strcmp(ours, names[0][0]) == 0 || strcmp(ours, names[0][1]) == 0][test];
}

int loaders_open(const struct recipe *r, const volatile int *stop, struct loaders *ret)
{
    ret->embed = NULL;
    ret->endpoints = r->data.loaders;
    if (!recipe_embedded(r))
        return 0;
    const struct embed_dataset sets[] = {
        {r->data.dataset, r->data.path, r->data.format, r->data.split, r->data.classes,
         r->data.fraction},
        /* Their labels must be the same ones. */
        {knn_name(r, false), r->knn.train, r->data.format, .classes = r->data.classes},
        {knn_name(r, true), r->knn.test, r->data.format, .classes = r->data.classes},
    };
    struct spec spec;
    recipe_spec(r, &spec);
    const struct embed_config config = {.datasets = sets,
                                        .n_datasets = recipe_knn(r) ? 3 : 1,
                                        .workers = (uint32_t)r->data.workers,
                                        .window = (uint32_t)r->data.window,
                                        .batch_bytes = spec_batch_bytes(&spec),
                                        .stop = stop,
                                        .bad_rate_max = &r->data.bad_rate_max};
    int rc = embed_start(&config, &ret->embed);
    if (rc < 0)
        return rc;
    ret->endpoints.n = 1;
    snprintf(ret->endpoints.v[0], sizeof ret->endpoints.v[0], "%s", embed_endpoint(ret->embed));
    return 0;
}

void loaders_close(struct loaders *loaders)
{
    embed_stop(loaders->embed);
    loaders->embed = NULL;
}

const char *loaders_knn(const struct loaders *loaders, const struct recipe *r, bool test)
{
    if (loaders->embed)
        return knn_name(r, test);
    return test ? r->knn.test : r->knn.train;
}
