/* SPDX-License-Identifier: Apache-2.0 */
/* source: takes a dataset's declaration, gives an open dataset. Any thread. Knows no format: the
 * table's rows do. */
#include "loaderd/source/source.h"

#include "common/auto.h"
#include "common/err.h"
#include "loaderd/source/cache.h"
#include "loaderd/source/index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const struct source_format source_formats[] = {
    {"folder", "one folder of images for each class", folder_list},
    {"manifest", "a CSV file that names images; its own splits", manifest_list},
    {"cifar10", "CIFAR-10's binary files; train, test, fit, val, train+test", cifar10_list},
    {"cifar100", "CIFAR-100's binary files, fine labels; the same splits", cifar100_list},
    {"cifar100-coarse", "the same with coarse labels", cifar100_coarse_list},
    {"stl10", "STL10's binary files; train, test, fit, val, unlabeled, train+unlabeled",
     stl10_list},
    {"tar", "shards as WebDataset names their files; a split is a folder", tar_list},
};
const size_t source_formats_n = ARRAY_LEN(source_formats);

const struct source_format *source_format_find(const char *name)
{
    for (size_t i = 0; i < source_formats_n; i++)
        if (strcmp(source_formats[i].name, name) == 0)
            return &source_formats[i];
    return NULL;
}

static void free_block(const void *block, size_t bytes)
{
    (void)bytes;
    free((void *)block);
}

/* Lists the dataset and seals what is chosen of it. */
static int make(const struct source_format *format, const struct source_spec *spec,
                const uint8_t key[DIGEST_BYTES], struct index_block *ret)
{
    auto_with(listing_done) struct listing listing = {0};
    int r = format->list(spec, &listing);
    if (r == 0)
        r = select_samples(&listing, spec);
    if (r < 0)
        return r;
    if (listing_samples(&listing) == 0)
        return err_set(-ENODATA, "%s: no samples", spec->path);
    void *block;
    size_t bytes;
    r = index_seal(&listing, spec, key, &block, &bytes);
    if (r == 0)
        *ret = (struct index_block){block, bytes, free_block};
    return r;
}

/* How it was opened: what was kept, else why not, and whether it is now. */
struct told {
    char how[SOURCE_HOW_MAX];
    bool amiss;
};

static void tell(struct told *told, bool amiss, const char *what, const char *why)
{
    const size_t len = strlen(told->how);
    snprintf(told->how + len, sizeof told->how - len, "%s%s%s%s", len ? "; " : "", what,
             why ? ": " : "", why ? why : "");
    told->amiss = told->amiss || amiss;
}

static int open_fresh(const struct source_format *format, const struct source_spec *spec,
                      struct told *told, struct source **ret)
{
    uint8_t key[DIGEST_BYTES];
    struct index index;
    struct index_block block;
    struct timespec begun;
    const bool keeps = spec->state && spec->state[0];
    cache_key(spec, key);
    if (keeps) {
        int r = cache_load(spec->state, key, &index, &block);
        if (r == 0) {
            tell(told, false, "index as it was kept", NULL);
            return index_answer(&index, &block, ret);
        }
        if (r == -ENOENT)
            tell(told, false, "listed anew, as no index was kept", NULL);
        else
            tell(told, r != -ESTALE, "listed anew", err_text());
    }
    clock_gettime(CLOCK_REALTIME, &begun);
    int r = make(format, spec, key, &block);
    if (r == 0 && !keeps)
        return index_source(&block, ret);
    if (r < 0)
        return r;
    r = index_view(block.block, block.bytes, &index);
    if (r < 0) {
        block.release(block.block, block.bytes);
        return r;
    }
    r = cache_store(spec->state, &begun, &index);
    if (r < 0)
        tell(told, r != -EAGAIN && r != -EBUSY, "the index is not kept", err_text());
    else
        tell(told, false, "the index is kept", NULL);
    return index_answer(&index, &block, ret);
}

int source_open(const struct source_spec *spec, struct source **ret)
{
    const struct source_format *format = source_format_find(spec->format);
    if (!format)
        return err_set(-EINVAL, "%s: no dataset format is called '%s'", spec->path, spec->format);
    struct source *source;
    struct told told = {0};
    int r = open_fresh(format, spec, &told, &source);
    if (r < 0)
        return r;
    source->format = format;
    memcpy(source->how, told.how, sizeof source->how);
    source->amiss = told.amiss;
    *ret = source;
    return 0;
}

void source_free(struct source *source)
{
    if (source)
        source->free(source);
}
