/* SPDX-License-Identifier: Apache-2.0 */
/* record_private: what the two files that read a record share. Only proto/record_*.c include it. */
#ifndef AUGSTREAM_PROTO_RECORD_PRIVATE_H
#define AUGSTREAM_PROTO_RECORD_PRIVATE_H

#include "proto/record.h"

#include <zstd.h>

enum {
    RECORD_LENGTH_MAX = 10,             /* bytes of a length */
    RECORD_PART_MAX = WIRE_CONTROL_MAX, /* bytes of a part without its length */
};

/* What is known of a block without reading it. */
struct record_row {
    uint64_t offset, first, last;
    uint32_t epoch_low, epoch_high;
};

struct record {
    char *path;
    int fd;
    uint64_t size;     /* of the file, when last looked */
    uint64_t behind;   /* where the first block may be: behind the head */
    struct wire *wire; /* parts */
    struct wire *taps; /* a hundred times as large: made when a block is read; or NULL */
    ZSTD_DCtx *zstd;
    struct record_info info;
    struct record_row *rows; /* ascending by offset */
    size_t n_rows, rows_cap;
    uint64_t scanned; /* without an index: rows has every block before this byte */
    uint8_t part[RECORD_LENGTH_MAX + RECORD_PART_MAX];

    uint64_t at; /* of the part that is read next */
    bool ended;  /* nothing is to be found from there on */

    /* the block that is being read */
    uint64_t block_at;
    uint32_t batches_left, views_left;
    uint64_t first, last; /* as its head says */
    uint8_t *stored;
    uint8_t *raw;
    size_t stored_cap, raw_cap;
    size_t raw_len, raw_at;
    struct wire_message message;
};

/* What one part of the file is: where what follows it begins, and its frame, if it is a block's. */
struct record_part {
    uint64_t frame, next;
};

/* The length at the beginning of n bytes. Returns how many bytes it takes; 0: it does not end
 * within them; -1: it is none. */
int record_length(const uint8_t *bytes, size_t n, uint64_t *ret);

/* -EBADMSG with the file, the byte and what is wrong there. */
int record_damaged(const struct record *record, uint64_t at, const char *what);

/* len bytes from at on, all of which the file had. */
int record_read_at(const struct record *record, uint8_t *to, size_t len, uint64_t at);

/* The part at a byte, into record->message, whose arrays are loans until the next unpack. -ENODATA:
 * the file ends before the part does, its frame counted. */
int record_read_part(struct record *record, uint64_t at, struct record_part *ret);

/* Fills info and rows: by the index, or where there is none by the blocks themselves. */
int record_survey(struct record *record);

/* Looks whether a writer has added something since. */
int record_look_again(struct record *record, bool *ret_grown);

#endif
