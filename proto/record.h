/* SPDX-License-Identifier: Apache-2.0 */
/* record: a tap on disk: a .omega file holds the very Tap messages that a loader tells, in
 * compressed blocks, each with the samples that are in it, and an index at the end.
 * docs/record.md has it byte for byte. A file that was cut anywhere gives all its whole blocks; a
 * byte that changed is found, and its place told. The only door to zstd.
 *
 * A record is written in place, under its own name, and not as common/file writes: a flight
 * recorder must be readable after a crash, and while it runs. */
#ifndef AUGSTREAM_PROTO_RECORD_H
#define AUGSTREAM_PROTO_RECORD_H

#include "proto/wire.h"

enum {
    RECORD_FORMAT = 1,
    RECORD_BLOCK_BYTES = 1 << 20, /* a block is written when it has so many, uncompressed */
    RECORD_TAIL_BYTES = 21,       /* at the very end of a file that was closed */
};

/* What is in a record. Of one that is being written: in the file so far. */
struct record_info {
    uint64_t blocks, batches, views;
    uint64_t first, last;        /* the lowest and highest sequence; of no blocks: 0 */
    uint64_t raw_bytes;          /* of the messages, as they were on the wire */
    uint64_t stored_bytes;       /* of the file */
    uint64_t made_at_us;         /* microseconds since 1970 */
    char program[WIRE_NAME_MAX]; /* that wrote it */
    bool indexed;                /* an index was there and is used */
    bool cut; /* it was not closed: whole up to the byte cut_at, which is the end of
                 its last whole block */
    uint64_t cut_at;
    bool damaged; /* no more can be known than lies before the byte damaged_at; what lies
                     within a block shows only when that block is read */
    uint64_t damaged_at;
};

/* --- writing (record_write.c); one thread, which owns the struct --- */

struct record_writer;

/* Makes the file, with its head in it, whose name outlives a power cut. -EEXIST: nothing is ever
 * overwritten. All memory is made here. */
int record_create(const char *path, struct record_writer **ret);

/* Takes a message of type WIRE_TAP; copies it. Allocates nothing; writes where a block is full.
 * -EINVAL for a message that is none, which changes nothing. A write that fails (-ENOSPC, -EFBIG,
 * ...) names file and byte; the file then ends after its last whole block, what was in memory is
 * lost, and every later call fails the same. */
int record_add(struct record_writer *writer, const struct wire_message *tap);

/* What was added so far is on the disk when this returns 0. Small blocks compress less well. */
int record_flush(struct record_writer *writer);

/* Writes what is left, the index and the tail; a file that cannot be ended and was given no batch
 * is removed, as by record_drop. Frees whatever happens; NULL is fine. */
int record_close(struct record_writer *writer);

/* Removes the file, if it is still the one of that name, and frees: of a record that got nothing.
 */
void record_drop(struct record_writer *writer); /* NULL is fine */

const struct record_info *record_written(const struct record_writer *writer);

/* --- reading (record_read.c); one thread, which owns the struct --- */

struct record;

/* -ENOENT and its like; -EBADMSG for what is no record. A record that was cut or is damaged opens:
 * record_info says so. Reads the index, or where there is none the head of each block. */
int record_open(const char *path, struct record **ret);
void record_free(struct record *record); /* NULL is fine */

/* The next message; its arrays are loans until the next call. -ENODATA at the end, or where it was
 * cut; called again it looks whether a writer has added something since. -EBADMSG for a damaged
 * part, with file and byte; the next call goes on behind it, where that can be found. */
int record_next(struct record *record, struct wire_message *ret);

/* The next message is the first that has this sequence (in a trainer's record: the step), or this
 * sample in this epoch. -ENOENT: none has; -EBADMSG: a block that may have it is damaged. After a
 * failure the next message is the very first. */
int record_seek_step(struct record *record, uint64_t step);
int record_seek_sample(struct record *record, uint32_t epoch, uint32_t sample);
int record_rewind(struct record *record);

const struct record_info *record_info(const struct record *record);

#endif
