/* SPDX-License-Identifier: Apache-2.0 */
/* source: datasets. A format lists its samples once (listing.h); what is chosen of them becomes the
 * index (index.h), which then tells, for each sample, where its bytes are; workers read them. One
 * file and one row of source_formats[] per dataset format. */
#ifndef AUGSTREAM_LOADERD_SOURCE_H
#define AUGSTREAM_LOADERD_SOURCE_H

#include "common/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ITEM_PATH_MAX = 1024, /* bytes with the NUL */
    SOURCE_SAMPLES_MAX = 1 << 28,
    SOURCE_CLASSES_MAX = 1 << 20,
    SOURCE_BOX_MAX = 65535, /* pixels, each of the four */
    SOURCE_HOW_MAX = 1024,
};

/* How an item's bytes are to be read. */
enum item_coding {
    ITEM_FILE,    /* an encoded image */
    ITEM_PLANES,  /* three planes of uint8, R, G, B, each row after row: [3][h][w] (CIFAR) */
    ITEM_COLUMNS, /* three planes of uint8, R, G, B, each column after column: [3][w][h] (STL10) */
};

/* Kinds of encoded images that a dataset may hold: bits of a mask. */
enum encoding {
    ENCODING_JPEG = 1 << 0,
    ENCODING_PNG = 1 << 1,
    ENCODING_WEBP = 1 << 2,
    ENCODING_GIF = 1 << 3,
    ENCODING_TIFF = 1 << 4,
    ENCODINGS_USUAL = ENCODING_JPEG | ENCODING_PNG | ENCODING_WEBP,
};

/* Where one sample's bytes are. Plain data: it is sent to worker processes as it stands. */
struct item {
    uint32_t sample;
    int32_t label; /* -1 = none */
    enum item_coding coding;
    uint16_t w, h;           /* pixels; where the coding is no ITEM_FILE, else 0 */
    uint32_t allow;          /* ITEM_FILE: of enum encoding; 0 stands for ENCODINGS_USUAL */
    uint64_t offset, length; /* bytes of the file; length 0 = to its end */
    char path[ITEM_PATH_MAX];
};

/* What a dataset's declaration says. The strings are loans for the time of source_open. */
struct source_spec {
    const char *format; /* a row of source_formats[] */
    const char *path;
    const char *split;   /* which part of what is there; NULL or "": the format's usual one */
    const char *classes; /* a file of class names, one a line: only these, numbered as there; NULL
                            or "": all */
    double fraction;     /* of each class's samples; 0 stands for 1 */
    uint32_t allow;      /* of enum encoding; 0 stands for ENCODINGS_USUAL */
    const char *state;   /* a folder of kept indexes (cache.h); NULL or "": none is kept */
};

struct listing;
struct source;

struct source_format {
    const char *name; /* "folder" */
    const char *help; /* one line for --help: what it is, and the splits that it has */
    /* Lists every sample of spec->split, whatever the rest of spec says. */
    int (*list)(const struct source_spec *spec, struct listing *listing);
};
extern const struct source_format source_formats[];
extern const size_t source_formats_n;
const struct source_format *source_format_find(const char *name); /* NULL: none is called so */

/* One of these per open dataset. After source_open nothing in it changes; nothing below allocates.
 */
struct source {
    const struct source_format *format;
    uint64_t samples;
    uint32_t classes;
    uint64_t unlabelled;               /* samples */
    uint64_t ignored;                  /* what is no candidate (by name), counted and logged */
    uint8_t fingerprint[DIGEST_BYTES]; /* over names, sizes and labels in index order */
    void (*item)(const struct source *source, uint32_t sample, struct item *ret);
    const char *(*class_name)(const struct source *source, uint32_t label);
    /* The sample's name within its dataset, as the fingerprint has it. NULL where there are none.
     */
    const char *(*name)(const struct source *source, uint32_t sample);
    /* The box around what the label names: x, y, w, h in pixels of the upright picture, each
     * 0 to 65535, w and h at least 1. 0, or -ENODATA where this sample has none. NULL where no
     * sample has one. */
    int (*box)(const struct source *source, uint32_t sample, int32_t ret[4]);
    void (*free)(struct source *source);

    /* Where spec->state was given: whether the index was kept or made, and why, for the log. */
    char how[SOURCE_HOW_MAX];
    bool amiss; /* the state folder is damaged, full or not ours: somebody should know */
};

/* -ENOENT / -ENOTDIR / -ENODATA (no samples) / -EINVAL (no such format, split or class) / -EBADMSG
 * (a file that is not what the format says), path named. */
int source_open(const struct source_spec *spec, struct source **ret);
void source_free(struct source *source);

/* The formats' listers, one file each. */
int folder_list(const struct source_spec *spec, struct listing *listing);
int manifest_list(const struct source_spec *spec, struct listing *listing);
int cifar10_list(const struct source_spec *spec, struct listing *listing);
int cifar100_list(const struct source_spec *spec, struct listing *listing);
int cifar100_coarse_list(const struct source_spec *spec, struct listing *listing);
int stl10_list(const struct source_spec *spec, struct listing *listing);
int tar_list(const struct source_spec *spec, struct listing *listing);

#endif
