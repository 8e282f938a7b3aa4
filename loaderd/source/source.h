/* SPDX-License-Identifier: Apache-2.0 */
/* source: datasets. A source lists its samples once (the index) and then tells, for each, where its
 * bytes are; workers read them. One file and one row of source_formats[] per dataset format. */
#ifndef AUGSTREAM_LOADERD_SOURCE_H
#define AUGSTREAM_LOADERD_SOURCE_H

#include "common/digest.h"

#include <stddef.h>
#include <stdint.h>

enum {
    ITEM_PATH_MAX = 1024, /* bytes with the NUL */
    SOURCE_SAMPLES_MAX = 1 << 28,
    SOURCE_CLASSES_MAX = 1 << 20,
};

/* How an item's bytes are to be read. */
enum item_coding {
    ITEM_FILE, /* an encoded image: the file's bytes offset..offset+length */
};

/* Where one sample's bytes are. Plain data: it is sent to worker processes as it stands. */
struct item {
    uint32_t sample;
    int32_t label; /* -1 = none */
    enum item_coding coding;
    uint64_t offset, length; /* bytes; length 0 = to the end of the file */
    char path[ITEM_PATH_MAX];
};

struct source;

struct source_format {
    const char *name; /* "folder" */
    int (*open)(const char *path, struct source **ret);
};
extern const struct source_format source_formats[];
extern const size_t source_formats_n;

/* One of these per open dataset. After source_open nothing in it changes. */
struct source {
    const struct source_format *format;
    uint64_t samples;
    uint32_t classes;
    uint64_t ignored; /* files that are no candidates (by name), counted and logged */
    uint8_t fingerprint[DIGEST_BYTES]; /* over names, sizes and labels in index order */
    void (*item)(const struct source *source, uint32_t sample, struct item *ret);
    const char *(*class_name)(const struct source *source, uint32_t label);
    void (*free)(struct source *source);
};

/* -ENOENT / -ENOTDIR / -ENODATA (no samples) / -EINVAL (no such format), path named. */
int source_open(const char *format, const char *path, struct source **ret);
void source_free(struct source *source);

/* The formats' openers, one file each. */
int folder_open(const char *path, struct source **ret);

#endif
