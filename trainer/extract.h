/* SPDX-License-Identifier: Apache-2.0 */
/* extract: the frozen backbone's output for every image of a dataset: one pass of a loader's
 * batches (evaluation law, dataset order) through the model's own forward pass. */
#ifndef AUGSTREAM_TRAINER_EXTRACT_H
#define AUGSTREAM_TRAINER_EXTRACT_H

#include "trainer/model.h"
#include "trainer/recv.h"

struct features {
    size_t n, d;
    float *x;           /* [n][d] */
    int64_t *labels;    /* [n], -1 = none */
    int64_t *samples;   /* [n]: the sample that was seen (a substitute's, where one was bad) */
    size_t substituted; /* rows whose own image was bad */
    uint32_t classes;   /* of the dataset, those without images counted; 0: it has no labels */
    const char *const *class_names; /* [classes], for eyes only; NULL: not known */
};

/* Called for every batch after its features are in place, with its first row's number and that of
 * all rows; for callers that want the pixels as well, or tell how far it is. Returns 0 or -errno,
 * which ends the pass. */
typedef int (*features_batch_fn)(void *hint, const struct recv_batch *batch, size_t first,
                                 size_t total);

struct recipe_keys;

struct features_config {
    const struct spec *spec; /* one view, at most model_rows samples a batch */
    const struct conf_strs *endpoints;
    const struct recipe_keys *keys; /* of these; or NULL */
    uint32_t window;
    double deadline_s, retry_s;
    const volatile int *stop; /* as recv_next; may be NULL */
    struct embed *embed;      /* these three as recv_config's */
    void (*tell)(void *hint, const char *text);
    void *tell_hint;
    features_batch_fn on_batch; /* may be NULL */
    void *hint;
};

/* Keeps a copy of names, [features->classes]; NULL: none. -ENOMEM. */
int features_name(struct features *features, const char *const *names);

/* The caller frees with features_done. Errors are recv's and model_infer's. */
int features_extract(struct model *model, const struct features_config *config,
                     struct features *ret);
void features_done(struct features *features); /* fine on a zeroed struct */

#endif
