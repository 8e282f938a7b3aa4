/* SPDX-License-Identifier: Apache-2.0 */
/* dataset: takes a declaration, gives an open source and a byte per sample. The bytes come from
 * calloc, so a dataset without faults touches none of their pages. Does not log. */
#include "loaderd/source/dataset.h"

#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int dataset_open(struct dataset *dataset, const char *name, const struct source_spec *spec)
{
    size_t len = strlen(name);
    if (len == 0 || len >= sizeof dataset->name)
        return err_set(-EINVAL, "dataset name '%s': 1 to %zu bytes, please", name,
                       sizeof dataset->name - 1);
    struct source *source;
    int r = source_open(spec, &source);
    if (r < 0)
        return r;
    dataset->faults = calloc(source->samples, 1);
    if (!dataset->faults) {
        source_free(source);
        return err_set(-ENOMEM, "dataset %s: no memory for %llu samples", name,
                       (unsigned long long)source->samples);
    }
    dataset->source = source;
    memcpy(dataset->name, name, len + 1);
    struct digest d;
    digest_init(&d);
    digest_add_str(&d, name);
    digest_add(&d, source->fingerprint, sizeof source->fingerprint);
    digest_end(&d, dataset->key);
    return 0;
}

void dataset_done(struct dataset *dataset)
{
    source_free(dataset->source);
    free(dataset->faults);
    *dataset = (struct dataset){0};
}

bool dataset_mark(struct dataset *dataset, uint32_t sample, enum wire_fault fault)
{
    assert(sample < dataset->source->samples && fault != FAULT_NONE);
    bool news = dataset->faults[sample] == FAULT_NONE;
    dataset->bad[fault] += news;
    dataset->faults[sample] = (uint8_t)fault;
    return news;
}

enum wire_fault dataset_fault(const struct dataset *dataset, uint32_t sample)
{
    assert(sample < dataset->source->samples);
    enum wire_fault fault = dataset->faults[sample];
    const bool of_file = fault == FAULT_NOT_IMAGE || fault == FAULT_UNSUPPORTED ||
                         fault == FAULT_CRASH || fault == FAULT_DEADLINE;
    return of_file ? fault : FAULT_NONE;
}
