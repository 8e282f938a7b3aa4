/* SPDX-License-Identifier: Apache-2.0 */
/* stl10: takes a folder of STL10's binary files, gives a listing. Pictures are planes of 96x96
 * pixels, column after column, in files named _X; labels are in files named _y, a byte each, from 1
 * on. The unlabelled pictures have none. Any thread. */
#include "loaderd/source/records.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SIDE = 96, PIXELS = 3 * SIDE * SIDE, CLASSES = 10 };

#define WITH_LABELS(name, which)                                                                   \
    {                                                                                              \
        .file = name "_X.bin", .part = which, .pixels = PIXELS,                                    \
        .label = {.file = name "_y.bin", .first = 1, .classes = CLASSES},                          \
    }

static const struct records train = WITH_LABELS("train", RECORDS_ALL);
static const struct records fit = WITH_LABELS("train", RECORDS_FIT);
static const struct records val = WITH_LABELS("train", RECORDS_VAL);
static const struct records test = WITH_LABELS("test", RECORDS_ALL);
static const struct records unlabeled = {.file = "unlabeled_X.bin", .pixels = PIXELS};

static const struct split {
    const char *name;
    const struct records *parts[2];
} splits[] = {
    {"train", {&train}}, {"test", {&test}},           {"fit", {&fit}},
    {"val", {&val}},     {"unlabeled", {&unlabeled}}, {"train+unlabeled", {&train, &unlabeled}},
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
                   "%s: no split is called '%s': there are train, test, fit, val, unlabeled "
                   "and train+unlabeled",
                   spec->path, name);
}

int stl10_list(const struct source_spec *spec, struct listing *listing)
{
    const struct split *split = NULL;
    int r = split_find(spec, &split);
    if (r == 0)
        r = listing_begin(listing, spec->path);
    if (r == 0)
        r = records_classes(spec->path, "class_names.txt", CLASSES, listing);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(split->parts) && split->parts[i]; i++)
        r = records_list(spec->path, split->parts[i], listing);
    if (r == 0)
        listing_raw(listing, ITEM_COLUMNS, SIDE, SIDE);
    return r;
}
