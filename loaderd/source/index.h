/* SPDX-License-Identifier: Apache-2.0 */
/* index: everything that a source knows of its samples, in one block of memory without pointers: as
 * it was made, or as the cache reads it from a file. After index_view has looked at the block,
 * every offset in it is known to be good. Plain data; any thread may read. */
#ifndef AUGSTREAM_LOADERD_INDEX_H
#define AUGSTREAM_LOADERD_INDEX_H

#include "loaderd/source/listing.h"

enum {
    INDEX_VERSION = 1,
    INDEX_ORDER = 0x01020304, /* another byte order reads something else */
};

/* The block: this head, then the tables that it says, then the names. */
struct index_head {
    char magic[8]; /* "AUGINDEX" */
    uint32_t version, order;
    uint32_t crc; /* CRC-32C of the whole block but for this field's own bytes, taken as 0 */
    uint32_t coding;
    uint16_t w, h;
    uint32_t allow;
    uint8_t key[DIGEST_BYTES]; /* of the declaration that it is the index of */
    uint8_t fingerprint[DIGEST_BYTES];
    uint64_t bytes; /* of the block */
    uint64_t samples, boxes, classes, files, watched, names;
    uint64_t ignored;
    uint64_t root; /* in names */
};

struct index_sample {
    uint64_t name; /* in names */
    uint64_t offset, length;
    uint32_t file; /* of files, or LISTING_NO_FILE */
    int32_t label;
};

struct index_box {
    int32_t x, y, w, h;
};

struct index {
    const struct index_head *head;
    const struct index_sample *samples; /* [head->samples] */
    const struct index_box *boxes;      /* [head->samples], or NULL; w 0 = none */
    const uint64_t *classes;            /* [head->classes] in names */
    const uint64_t *files;              /* [head->files] in names */
    const struct listed_watch *watched; /* [head->watched] */
    const char *names;                  /* [head->names], a NUL at its end */
};

/* A block from malloc of what a listing holds, which must have samples: the caller's to free. */
int index_seal(const struct listing *listing, const struct source_spec *spec,
               const uint8_t key[DIGEST_BYTES], void **ret_block, size_t *ret_bytes);

/* Looks at every part of a block, which must be aligned for uint64_t and stays the caller's.
 * -EBADMSG with what is wrong; ret is then not to be used. */
int index_view(const void *block, size_t bytes, struct index *ret);

/* The source of an index. release(context, block) is called at its end, and where this fails. */
struct index_block {
    const void *block;
    size_t bytes;
    void (*release)(const void *block, size_t bytes);
};
int index_source(const struct index_block *take_block, struct source **ret);

/* The same where index_view has looked at the block. -ENOMEM */
int index_answer(const struct index *index, const struct index_block *take_block,
                 struct source **ret);

#endif
