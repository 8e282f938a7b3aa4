/* SPDX-License-Identifier: Apache-2.0 */
/* numbered: a dataset without files for tests of what stands above the sources: sample n has the
 * label n modulo 10 and the path "sample/n". And a spec that fits it. */
#ifndef AUGSTREAM_TESTS_NUMBERED_H
#define AUGSTREAM_TESTS_NUMBERED_H

#include "test.h"

#include "loaderd/source/dataset.h"
#include "proto/wire.h"

#include <stdio.h>
#include <stdlib.h>

static void numbered_item(const struct source *source, uint32_t sample, struct item *ret)
{
    assert_true(sample < source->samples);
    *ret = (struct item){.sample = sample, .label = (int32_t)(sample % 10), .coding = ITEM_FILE};
    snprintf(ret->path, sizeof ret->path, "sample/%u", sample);
}

static void numbered_free(struct source *source)
{
    free(source);
}

/* To be ended with dataset_done. */
static inline struct dataset numbered_dataset(const char *name, uint32_t samples)
{
    struct dataset dataset = {.source = calloc(1, sizeof(struct source)),
                              .faults = calloc(samples, 1)};
    assert_non_null(dataset.source);
    assert_non_null(dataset.faults);
    snprintf(dataset.name, sizeof dataset.name, "%s", name);
    dataset.source->samples = samples;
    dataset.source->classes = 10;
    dataset.source->item = numbered_item;
    dataset.source->free = numbered_free;
    return dataset;
}

static inline struct spec numbered_spec(const char *dataset, uint32_t batch, uint32_t size)
{
    struct spec spec = {.seed = 7, .batch = batch, .shuffle = true, .n_views = 2};
    snprintf(spec.dataset, sizeof spec.dataset, "%s", dataset);
    view_spec_eval(&spec.views[0], size, size);
    view_spec_eval(&spec.views[1], size, size);
    return spec;
}

#endif
