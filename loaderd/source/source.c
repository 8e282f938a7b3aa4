/* SPDX-License-Identifier: Apache-2.0 */
/* source: takes a dataset's declaration, gives an open dataset. Any thread. Knows no format: the
 * table's rows do. */
#include "loaderd/source/source.h"

#include "common/auto.h"
#include "common/err.h"
#include "loaderd/source/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct source_format source_formats[] = {
    {"folder", "one folder of images for each class", folder_list},
    {"manifest", "a CSV file that names images; its own splits", manifest_list},
    {"cifar10", "CIFAR-10's binary files; train, test", cifar10_list},
    {"cifar100", "CIFAR-100's binary files, fine labels; train, test", cifar100_list},
    {"cifar100-coarse", "the same with coarse labels", cifar100_coarse_list},
    {"stl10", "STL10's binary files; train, test, unlabeled, train+unlabeled", stl10_list},
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

static int make(const struct source_format *format, const struct source_spec *spec,
                struct source **ret)
{
    auto_with(listing_done) struct listing listing = {0};
    int r = format->list(spec, &listing);
    if (r == 0)
        r = select_samples(&listing, spec);
    if (r < 0)
        return r;
    if (listing_samples(&listing) == 0)
        return err_set(-ENODATA, "%s: no samples", spec->path);
    static const uint8_t key[DIGEST_BYTES];
    void *block;
    size_t bytes;
    r = index_seal(&listing, spec, key, &block, &bytes);
    return r < 0 ? r : index_source(&(struct index_block){block, bytes, free_block}, ret);
}

int source_open(const struct source_spec *spec, struct source **ret)
{
    const struct source_format *format = source_format_find(spec->format);
    if (!format)
        return err_set(-EINVAL, "%s: no dataset format is called '%s'", spec->path, spec->format);
    struct source *source;
    int r = make(format, spec, &source);
    if (r < 0)
        return r;
    source->format = format;
    *ret = source;
    return 0;
}

void source_free(struct source *source)
{
    if (source)
        source->free(source);
}
