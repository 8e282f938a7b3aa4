/* SPDX-License-Identifier: Apache-2.0 */
/* fetch: takes an endpoint, a recipe, an epoch and an index; gives the batch they name, through the
 * trainer's own recv. One thread; owns the embedded loader, if it started one. */
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "tools/inspect/feed/feed.h"
#include "tools/inspect/inspect.h"
#include "tools/inspect/number.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int inspect_fail(int rc)
{
    log_error("%s", err_text());
    return err_exit(rc);
}

int inspect_parsed(int rc)
{
    if (rc == USAGE_TOLD)
        return EXIT_OK;
    log_error("%s", err_text());
    return EXIT_USAGE;
}

int fetch_option(struct fetch_options *o, int c, const char *arg)
{
    int rc = 0;
    switch (c) {
    case 'r':
        o->recipe = arg;
        break;
    case 's':
        if (o->n_sets == ARRAY_LEN(o->sets))
            return err_set(-EINVAL, "--set: at most %zu", ARRAY_LEN(o->sets));
        o->sets[o->n_sets++] = arg;
        break;
    case 'e':
        rc = number_whole("epoch", arg, 0, INT32_MAX, &o->epoch);
        break;
    case 'i':
        rc = number_whole("index", arg, 0, INT32_MAX, &o->index);
        break;
    default:
        return 0;
    }
    return rc ? rc : 1;
}

static int fetch_endpoint(struct fetch *fetch, const char *endpoint, const volatile int *stop,
                          struct conf_strs *ret)
{
    const struct recipe *r = &fetch->recipe;
    if (recipe_embedded(r)) {
        const struct embed_dataset dataset = {r->data.dataset, r->data.path,    r->data.format,
                                              r->data.split,   r->data.classes, r->data.fraction};
        const struct embed_config config = {.datasets = &dataset,
                                            .n_datasets = 1,
                                            .workers = (uint32_t)r->data.workers,
                                            .window = 1,
                                            .batch_bytes = spec_batch_bytes(&fetch->spec),
                                            .stop = stop};
        int rc = embed_start(&config, &fetch->embed);
        if (rc)
            return rc;
        endpoint = embed_endpoint(fetch->embed);
    }
    ret->n = 1;
    if (snprintf(ret->v[0], sizeof ret->v[0], "%s", endpoint) >= (int)sizeof ret->v[0])
        return err_set(-EINVAL, "%s: endpoint too long", endpoint);
    return 0;
}

/* The recipe, with the loaders of the command line for its own. */
static int fetch_recipe(struct recipe *recipe, const struct fetch_options *o)
{
    char loaders[CONF_STR_MAX + 32];
    const char *sets[ARRAY_LEN(o->sets) + 1];
    snprintf(loaders, sizeof loaders, "data.loaders=%s", o->endpoint);
    memcpy(sets, o->sets, o->n_sets * sizeof sets[0]);
    sets[o->n_sets] = loaders;
    int rc = recipe_load(recipe, o->recipe, sets, o->n_sets + 1);
    return rc ? rc : recipe_fed(recipe, o->recipe, sets, o->n_sets + 1);
}

static void tell(void *hint, const char *text)
{
    (void)hint;
    log_warn("%s", text);
}

int fetch_open(struct fetch *fetch, const struct fetch_options *o)
{
    struct conf_strs endpoints = {0};
    const volatile int *stop = feed_stop_by_signal(); /* what was started is to be ended */
    int rc = fetch_recipe(&fetch->recipe, o);
    if (rc)
        return rc;
    recipe_spec(&fetch->recipe, &fetch->spec);
    rc = fetch_endpoint(fetch, o->endpoint, stop, &endpoints);
    if (rc)
        return rc;
    const struct recv_config config = {
        .spec = &fetch->spec,
        .endpoints = &endpoints,
        .keys = &fetch->recipe.data.curve,
        .window = 1,
        .deadline_s = fetch->recipe.data.deadline,
        .retry_s = fetch->recipe.data.retry,
        .epoch = (uint32_t)o->epoch,
        .index = (uint32_t)o->index,
        .epochs = (uint32_t)o->epoch + 1,
        .embed = fetch->embed,
        .stop = stop,
        .tell = tell,
    };
    rc = recv_open(&config, &fetch->recv);
    if (rc)
        return rc;
    uint64_t batches = recv_info(fetch->recv)->batches;
    if ((uint64_t)o->index >= batches)
        return err_set(-EINVAL, "--index %lld: an epoch of %s has %llu batches",
                       (long long)o->index, fetch->spec.dataset, (unsigned long long)batches);
    rc = recv_next(fetch->recv, stop, &fetch->batch);
    fetch->held = !rc;
    return rc;
}

void fetch_done(struct fetch *fetch)
{
    if (fetch->held)
        recv_release(fetch->recv, &fetch->batch);
    recv_close(fetch->recv);
    embed_stop(fetch->embed);
    *fetch = (struct fetch){0};
}

struct sheet_batch fetch_sheet(const struct fetch *fetch)
{
    const struct wire_batch *h = fetch->batch.header;
    return (struct sheet_batch){&fetch->batch.model, h->n_samples, h->n_views,
                                (uint32_t)fetch->recipe.views.count, h->sizes};
}
