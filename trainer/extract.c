/* SPDX-License-Identifier: Apache-2.0 */
/* extract: takes a model and a dataset's name at the loaders, gives [n][d] floats. The caller's
 * thread; allocates once, when the number of samples is known. */
#include "trainer/extract.h"

#include "common/class_names.h"
#include "common/err.h"

#include <errno.h>
#include <stdlib.h>

void features_done(struct features *features)
{
    free(features->x);
    free(features->labels);
    free(features->samples);
    free((void *)features->class_names);
    *features = (struct features){0};
}

int features_name(struct features *f, const char *const *names)
{
    if (!names)
        return 0;
    void *memory = malloc(class_names_bytes(names, f->classes));
    if (!memory)
        return err_set(-ENOMEM, "out of memory: names of %u classes", f->classes);
    free((void *)f->class_names);
    f->class_names = class_names_lay(memory, names, f->classes);
    return 0;
}

static int features_make(struct features *f, const struct recv_info *info, size_t d)
{
    const size_t n = info->samples;
    *f = (struct features){.n = n, .d = d, .classes = info->classes};
    f->x = calloc(n * d, sizeof *f->x);
    f->labels = calloc(n, sizeof *f->labels);
    f->samples = calloc(n, sizeof *f->samples);
    if (!f->x || !f->labels || !f->samples)
        return err_set(-ENOMEM, "out of memory: features [%zu,%zu]", n, d);
    return features_name(f, info->class_names);
}

static int batch_add(struct model *model, const struct recv_batch *batch, struct features *f,
                     size_t first)
{
    const struct wire_batch *h = batch->header;
    if (h->n_views != 1 || first + h->n_samples > f->n)
        return err_set(-EBADMSG,
                       "batch %u: %u views of %u samples where one view of at most %zu is due",
                       h->index, h->n_views, h->n_samples, f->n - first);
    for (uint32_t i = 0; i < h->n_samples; i++) {
        f->labels[first + i] = h->labels[i];
        f->samples[first + i] = h->omega[i].sample;
    }
    f->substituted += h->n_substituted;
    return model_infer(model, batch->model.run, batch->model.n_runs, f->x + first * f->d);
}

int features_extract(struct model *model, const struct features_config *config,
                     struct features *ret)
{
    const struct recv_config wanted = {
        .spec = config->spec,
        .endpoints = config->endpoints,
        .window = config->window,
        .deadline_s = config->deadline_s,
        .retry_s = config->retry_s,
        .epochs = 1,
        .stop = config->stop,
        .embed = config->embed,
        .keys = config->keys,
        .tell = config->tell,
        .tell_hint = config->tell_hint,
    };
    struct recv *recv = NULL;
    struct features f = {0};
    size_t done = 0;
    int rc = recv_open(&wanted, &recv);
    if (!rc)
        rc = features_make(&f, recv_info(recv), (size_t)model_features(model));
    while (!rc) {
        struct recv_batch batch;
        rc = recv_next(recv, config->stop, &batch);
        if (rc)
            break;
        rc = batch_add(model, &batch, &f, done);
        if (!rc && config->on_batch)
            rc = config->on_batch(config->hint, &batch, done, f.n);
        done += batch.header->n_samples;
        recv_release(recv, &batch);
    }
    bool all = rc == -ENODATA && recv && done == f.n; /* not a refusal: no batch is left */
    recv_close(recv);
    if (all) {
        *ret = f;
        return 0;
    }
    features_done(&f);
    return rc;
}
