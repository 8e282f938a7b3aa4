/* SPDX-License-Identifier: Apache-2.0 */
/* listing: what a format's file finds in a dataset: its classes, the files that hold samples, the
 * samples in their order, and what must stay as it is for the listing to hold. Everything is
 * copied. Then select_samples() leaves the part that is asked for, and index_seal() makes the index
 * of it. One thread. */
#ifndef AUGSTREAM_LOADERD_LISTING_H
#define AUGSTREAM_LOADERD_LISTING_H

#include "loaderd/source/source.h"

#include <stdbool.h>
#include <sys/stat.h>

enum { LISTING_NO_FILE = UINT32_MAX };

struct listed {
    const char *name; /* within the dataset: goes into the fingerprint, and decides what a fraction
                         keeps. Where file is LISTING_NO_FILE also the path: below the dataset's
                         path, or absolute. */
    uint32_t file;    /* what listing_file returned: a file of many samples */
    int32_t label;    /* what listing_class returned, -1 = none */
    uint64_t offset, length; /* in the file; length 0 = to its end */
    uint64_t bytes;          /* of the encoded image, for the fingerprint */
    const int32_t *box;      /* x, y, w, h; NULL = none */
};

/* On a zeroed listing. root: the dataset's path, or the folder that names are below. */
int listing_begin(struct listing *listing, const char *root);

/* The class of this name, which becomes the next one where it is new; the first is label 0.
 * -E2BIG. */
int listing_class(struct listing *listing, const char *name, uint32_t *ret_label);
int32_t listing_class_find(const struct listing *listing, const char *name); /* -1 = none */

/* A file that holds many samples. It is watched, too. path is absolute or as the process sees it.
 * -ENOENT and such. */
int listing_file(struct listing *listing, const char *path, uint32_t *ret_file);

/* What the listing depends on: a file, whose size, mtime and inode must stay, or a folder, whose
 * mtime and inode must. Look at it (stat) before reading it. */
int listing_watch(struct listing *listing, const char *path, const struct stat *st);

/* The next sample. -E2BIG, -ENAMETOOLONG, -EINVAL for a label or file that is none. */
int listing_add(struct listing *listing, const struct listed *sample);

/* All samples are raw pixels of these sides. */
void listing_raw(struct listing *listing, enum item_coding coding, uint16_t w, uint16_t h);

void listing_ignore(struct listing *listing, uint64_t n); /* n more that are no candidates */

size_t listing_samples(const struct listing *listing);

/* --- for the formats' own lists --- */

/* The block with room for n more elements of `size` bytes behind the `have` that it holds. NULL
 * when there is no memory: -ENOMEM is set and the old block stays as it was. */
void *listing_grow(void *block, size_t *cap, size_t have, size_t n, size_t size);

/* --- for select.c, index.c and cache.c --- */

struct listed_row {
    uint64_t name; /* in names */
    uint64_t offset, length, bytes;
    uint32_t file;
    int32_t label;
};

struct listed_watch {
    uint64_t path; /* in names */
    uint64_t size, inode;
    int64_t mtime_s;
    uint32_t mtime_ns;
    uint32_t is_folder;
};

struct listing {
    uint64_t root; /* in names */
    char *names;   /* NUL-terminated strings, one after the other */
    size_t names_len, names_cap;
    struct listed_row *rows;
    size_t n_rows, rows_cap;
    int32_t (*boxes)[4]; /* [n_rows], or NULL: no sample has one; w 0: this one has none */
    size_t boxes_cap;
    uint64_t *classes; /* in names */
    size_t n_classes, classes_cap;
    uint32_t *class_of; /* [class_slots] label + 1 by the hash of its name; 0 = free */
    size_t class_slots; /* a power of two, or 0 */
    uint64_t *files;    /* in names */
    size_t n_files, files_cap;
    struct listed_watch *watched;
    size_t n_watched, watched_cap;
    enum item_coding coding;
    uint16_t w, h;
    uint64_t ignored;
};

void listing_done(struct listing *listing); /* fine on a zeroed struct */

/* select.c: leaves what spec->classes and spec->fraction ask for. */
int select_samples(struct listing *listing, const struct source_spec *spec);

#endif
