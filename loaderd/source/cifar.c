/* SPDX-License-Identifier: Apache-2.0 */
/* cifar: takes a folder of CIFAR-10's or CIFAR-100's binary files, gives a listing. A record is one
 * label byte (CIFAR-100: two, coarse then fine) and the planes of 32x32 pixels, row after row. Any
 * thread. How many pictures there are the files' sizes say, not the set's name. */
#include "loaderd/source/records.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <string.h>

enum { SIDE = 32, PIXELS = 3 * SIDE * SIDE, SPLIT_FILES_MAX = 6 };

/* What is in a folder: one of the two sets, one of its kinds of labels. */
struct cifar {
    uint32_t head, label_at, classes;
    const char *names;
    const char *train[SPLIT_FILES_MAX], *test[SPLIT_FILES_MAX]; /* NULL ends */
};

static const struct cifar cifar10 = {
    .head = 1,
    .label_at = 0,
    .classes = 10,
    .names = "batches.meta.txt",
    .train = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
              "data_batch_5.bin"},
    .test = {"test_batch.bin"},
};

static const struct cifar cifar100_fine = {
    .head = 2,
    .label_at = 1,
    .classes = 100,
    .names = "fine_label_names.txt",
    .train = {"train.bin"},
    .test = {"test.bin"},
};

static const struct cifar cifar100_coarse = {
    .head = 2,
    .label_at = 0,
    .classes = 20,
    .names = "coarse_label_names.txt",
    .train = {"train.bin"},
    .test = {"test.bin"},
};

static const struct split {
    const char *name;
    bool train, test;
    enum records_part part;
} splits[] = {
    {"train", true, false, RECORDS_ALL},     {"test", false, true, RECORDS_ALL},
    {"fit", true, false, RECORDS_FIT},       {"val", true, false, RECORDS_VAL},
    {"train+test", true, true, RECORDS_ALL}, /* few-shot sets take all images of a class */
};

static int split_find(const struct source_spec *spec, const struct split **ret)
{
    const char *name = spec->split && *spec->split ? spec->split : splits[0].name;
    for (size_t i = 0; i < ARRAY_LEN(splits); i++)
        if (strcmp(splits[i].name, name) == 0) {
            *ret = &splits[i];
            return 0;
        }
    return err_set(-EINVAL,
                   "%s: no split is called '%s': there are train, test, fit, val and train+test",
                   spec->path, name);
}

static int list_files(const struct cifar *cifar, const char *const *files, enum records_part part,
                      const struct source_spec *spec, struct listing *listing)
{
    int r = 0;
    for (; r == 0 && *files; files++) {
        const struct records records = {
            .file = *files,
            .part = part,
            .head = cifar->head,
            .pixels = PIXELS,
            .label = {.at = cifar->label_at, .classes = cifar->classes},
        };
        r = records_list(spec->path, &records, listing);
    }
    return r;
}

static int list(const struct cifar *cifar, const struct source_spec *spec, struct listing *listing)
{
    const struct split *split = NULL;
    int r = split_find(spec, &split);
    if (r == 0)
        r = listing_begin(listing, spec->path);
    if (r == 0)
        r = records_classes(spec->path, cifar->names, cifar->classes, listing);
    if (r == 0 && split->train)
        r = list_files(cifar, cifar->train, split->part, spec, listing);
    if (r == 0 && split->test)
        r = list_files(cifar, cifar->test, split->part, spec, listing);
    if (r == 0)
        listing_raw(listing, ITEM_PLANES, SIDE, SIDE);
    return r;
}

int cifar10_list(const struct source_spec *spec, struct listing *listing)
{
    return list(&cifar10, spec, listing);
}

int cifar100_list(const struct source_spec *spec, struct listing *listing)
{
    return list(&cifar100_fine, spec, listing);
}

int cifar100_coarse_list(const struct source_spec *spec, struct listing *listing)
{
    return list(&cifar100_coarse, spec, listing);
}
