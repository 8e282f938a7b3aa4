/* SPDX-License-Identifier: Apache-2.0 */
/* dataset: takes a declaration, gives an open source and a byte per sample. The bytes come from
 * calloc, so a dataset without faults touches none of their pages. Logs for debugging only. */
#include "loaderd/source/dataset.h"

#include "common/auto.h"
#include "common/class_names.h"
#include "common/err.h"
#include "common/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The classes' names, where they say more than the numbers do and may all be told. */
static int names_find(struct dataset *dataset)
{
    const struct source *source = dataset->source;
    if (source->classes == 0 || source->classes > CLASS_NAMES_MAX)
        return 0;
    const char **names auto_free = malloc(source->classes * sizeof *names);
    if (!names)
        return err_set(-ENOMEM, "dataset %s: no memory for %u names", dataset->name,
                       source->classes);
    bool any = false;
    for (uint32_t i = 0; i < source->classes; i++) {
        char number[16];
        snprintf(number, sizeof number, "%u", i);
        names[i] = source->class_name(source, i);
        any = any || strcmp(names[i], number) != 0;
    }
    if (!any)
        return 0;
    if (class_names_check(-EINVAL, names, source->classes) < 0)
        log_debug("dataset %s: its classes' names are not told: %s", dataset->name, err_text());
    else
        dataset->class_names = take_ptr(&names);
    return 0;
}

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
    r = names_find(dataset);
    if (r < 0)
        dataset_done(dataset);
    return r;
}

void dataset_done(struct dataset *dataset)
{
    source_free(dataset->source);
    free(dataset->faults);
    free(dataset->class_names);
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
