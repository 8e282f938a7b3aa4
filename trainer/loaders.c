/* SPDX-License-Identifier: Apache-2.0 */
/* loaders: see loaders.h. Takes a recipe, gives endpoints. One thread. Connects to nothing: recv
 * does. */
#include "trainer/loaders.h"

#include <stdio.h>

static const char *const knn_names[] = {"knn-train", "knn-test"}; /* at a loader of our own */

int loaders_open(const struct recipe *r, const volatile int *stop, struct loaders *ret)
{
    ret->embed = NULL;
    ret->endpoints = r->data.loaders;
    if (!recipe_embedded(r))
        return 0;
    const struct embed_dataset sets[] = {
        {r->data.dataset, r->data.path, r->data.format},
        {knn_names[0], r->knn.train, r->data.format},
        {knn_names[1], r->knn.test, r->data.format},
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
        return knn_names[test];
    return test ? r->knn.test : r->knn.train;
}
