/* SPDX-License-Identifier: Apache-2.0 */
/* record_read: takes a .omega file, gives its taps in order, or from a step or a sample on. One
 * thread; the struct owns the file and one block's memory. What it is not told by the file in one
 * place it does not believe from another: an index only says where to look. */
#include "proto/record_private.h"

#include "common/auto.h"
#include "common/crc32c.h"
#include "common/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEAD_MAX = 128,   /* bytes of a head with its length */
    PART_OMEGAS = 64, /* parts have none: as for control messages */
};

/* --- a block --- */

static int make_room(struct record *r, uint8_t **bytes, size_t *cap, size_t len)
{
    if (len <= *cap)
        return 0;
    uint8_t *more = realloc(*bytes, len);
    if (!more)
        return err_set(-ENOMEM, "%s: no memory for a block of %zu bytes", r->path, len);
    *bytes = more;
    *cap = len;
    return 0;
}

static void leave_block(struct record *r)
{
    r->raw_len = r->raw_at = 0;
}

/* The frame of the block at a byte, whose head is in r->message, into r->raw. */
static int load(struct record *r, uint64_t at, const struct record_part *part)
{
    const struct wire_block b = r->message.record.block;
    char text[128];
    leave_block(r);
    int rc = r->taps ? 0 : wire_new(WIRE_OMEGAS_MAX, &r->taps);
    if (rc == 0)
        rc = make_room(r, &r->stored, &r->stored_cap, b.stored_bytes);
    if (rc == 0)
        rc = make_room(r, &r->raw, &r->raw_cap, b.raw_bytes);
    if (rc == 0)
        rc = record_read_at(r, r->stored, b.stored_bytes, part->frame);
    if (rc < 0)
        return rc;
    if (crc32c(0, r->stored, b.stored_bytes) != b.crc32c)
        return record_damaged(r, part->frame, "a block does not have its checksum");
    const size_t n = ZSTD_decompressDCtx(r->zstd, r->raw, b.raw_bytes, r->stored, b.stored_bytes);
    if (ZSTD_isError(n) || n != b.raw_bytes) {
        snprintf(text, sizeof text, "a block that is not %u bytes of zstd: %s", b.raw_bytes,
                 ZSTD_isError(n) ? ZSTD_getErrorName(n) : "fewer");
        return record_damaged(r, part->frame, text);
    }
    r->raw_len = n;
    r->block_at = at;
    r->batches_left = b.batches;
    r->views_left = b.views;
    r->first = b.first;
    r->last = b.last;
    return 0;
}

/* The next message of the block, into r->message. */
static int take_message(struct record *r)
{
    const size_t left = r->raw_len - r->raw_at;
    uint64_t len = 0;
    const int prefix = record_length(r->raw + r->raw_at, left, &len);
    if (prefix <= 0 || len > left - (size_t)prefix)
        return record_damaged(r, r->block_at, "a block ends within a message");
    int rc = wire_unpack(r->taps, r->raw + r->raw_at + prefix, (size_t)len, &r->message);
    if (rc < 0)
        return record_damaged(r, r->block_at, err_text());
    if (r->message.type != WIRE_TAP)
        return record_damaged(r, r->block_at, "a block holds a message that is no tap");
    r->raw_at += (size_t)prefix + (size_t)len;
    const struct wire_batch *batch = &r->message.tap.batch;
    const uint32_t views = batch->n_views * batch->n_samples;
    if (r->message.tap.sequence < r->first || r->message.tap.sequence > r->last ||
        r->batches_left == 0 || views > r->views_left)
        return record_damaged(r, r->block_at, "a block holds what its head does not say");
    r->batches_left--;
    r->views_left -= views;
    if (r->raw_at == r->raw_len && (r->batches_left || r->views_left))
        return record_damaged(r, r->block_at, "a block holds less than its head says");
    return 0;
}

/* --- in order --- */

/* Something at r->at cannot be used: the next is the first block behind it that is known. */
static void step_over(struct record *r)
{
    leave_block(r);
    for (size_t i = 0; i < r->n_rows; i++)
        if (r->rows[i].offset > r->at) {
            r->at = r->rows[i].offset;
            return;
        }
    r->ended = true;
}

/* Nothing more can be read now. */
static int at_end(const struct record *r)
{
    if (r->info.cut)
        return err_set(-ENODATA, "%s: cut at byte %llu", r->path,
                       (unsigned long long)r->info.cut_at);
    return err_set(-ENODATA, "%s: no more is in there", r->path);
}

/* Goes to the next block and loads it. -ENODATA: there is none, or not yet. */
static int next_block(struct record *r)
{
    while (!r->ended) {
        bool grown = false;
        struct record_part part;
        int rc = r->at < r->size ? record_read_part(r, r->at, &part) : -ENODATA;
        if (rc == -ENODATA) {
            rc = record_look_again(r, &grown);
            if (rc == 0 && grown)
                continue;
            if (rc == 0 && r->info.indexed) { /* it was whole: this cannot be */
                rc = record_damaged(r, r->at, "a part that goes beyond the end");
                step_over(r);
            }
            return rc < 0 ? rc : at_end(r);
        }
        const enum wire_part kind = r->message.record.part;
        if (rc == 0 && kind == WIRE_PART_BLOCK) {
            rc = load(r, r->at, &part);
            if (rc == 0 || rc == -EBADMSG)
                r->at = part.next;
            return rc;
        }
        if (rc == 0 && kind == WIRE_PART_HEAD && r->at > 0)
            rc = record_damaged(r, r->at, "a second head");
        if (rc == 0 && kind == WIRE_PART_TAIL && part.next != r->size)
            rc = record_damaged(r, part.next, "bytes behind the end");
        if (rc == -EBADMSG)
            step_over(r);
        if (rc < 0)
            return rc;
        r->ended = kind == WIRE_PART_TAIL;
        r->at = part.next;
    }
    return at_end(r);
}

int record_next(struct record *r, struct wire_message *ret)
{
    int rc = r->raw_at == r->raw_len ? next_block(r) : 0;
    if (rc == 0) {
        rc = take_message(r);
        if (rc < 0)
            leave_block(r);
    }
    if (rc == 0)
        *ret = r->message;
    return rc;
}

/* --- from somewhere on --- */

int record_rewind(struct record *r)
{
    leave_block(r);
    r->at = 0;
    r->ended = false;
    return 0;
}

/* What is looked for: a sequence, or a sample of an epoch. */
struct target {
    bool is_step;
    uint64_t step;
    uint32_t epoch, sample;
};

static bool row_may(const struct record_row *row, const struct target *t)
{
    return t->is_step ? row->first <= t->step && t->step <= row->last
                      : row->epoch_low <= t->epoch && t->epoch <= row->epoch_high;
}

/* By the list in its head, without its frame. */
static bool block_has(const struct wire_block *b, const struct target *t)
{
    if (t->is_step)
        return true;
    const uint32_t *delta = b->deltas;
    for (uint32_t e = 0; e < b->n_epochs; delta += b->counts[e++]) {
        uint32_t sample = 0;
        for (uint32_t i = 0; b->epochs[e] == t->epoch && i < b->counts[e]; i++)
            if ((sample += delta[i]) == t->sample)
                return true;
    }
    return false;
}

static bool message_has(const struct wire_message *m, const struct target *t)
{
    const struct wire_batch *b = &m->tap.batch;
    if (t->is_step)
        return m->tap.sequence == t->step;
    for (uint32_t n = 0; b->epoch == t->epoch && n < b->n_samples; n++)
        if (b->omega[n].sample == t->sample)
            return true;
    return false;
}

/* Within the block at a row. -ENOENT: it is not in there. */
static int seek_in(struct record *r, const struct record_row *row, const struct target *t)
{
    struct record_part part;
    int rc = record_read_part(r, row->offset, &part);
    if (rc == -ENODATA || (rc == 0 && r->message.record.part != WIRE_PART_BLOCK))
        return record_damaged(r, row->offset, "no block, where the index has one");
    if (rc < 0)
        return rc;
    if (!block_has(&r->message.record.block, t))
        return -ENOENT;
    rc = load(r, row->offset, &part);
    r->at = part.next;
    while (rc == 0 && r->raw_at < r->raw_len) {
        const size_t raw_at = r->raw_at;
        const uint32_t batches = r->batches_left, views = r->views_left;
        rc = take_message(r);
        if (rc == 0 && message_has(&r->message, t)) {
            r->raw_at = raw_at;
            r->batches_left = batches;
            r->views_left = views;
            return 0;
        }
    }
    return rc < 0 ? rc : -ENOENT;
}

static int seek(struct record *r, const struct target *t)
{
    int rc = -ENOENT;
    r->ended = false;
    for (size_t i = 0; rc == -ENOENT && i < r->n_rows; i++)
        if (row_may(&r->rows[i], t))
            rc = seek_in(r, &r->rows[i], t);
    if (rc < 0)
        record_rewind(r);
    return rc;
}

int record_seek_step(struct record *r, uint64_t step)
{
    const struct target target = {.is_step = true, .step = step};
    int rc = seek(r, &target);
    if (rc == -ENOENT)
        err_set(rc, "%s: step %llu is not in there; it has %llu to %llu", r->path,
                (unsigned long long)step, (unsigned long long)r->info.first,
                (unsigned long long)r->info.last);
    return rc;
}

int record_seek_sample(struct record *r, uint32_t epoch, uint32_t sample)
{
    const struct target target = {.epoch = epoch, .sample = sample};
    int rc = seek(r, &target);
    if (rc == -ENOENT)
        err_set(rc, "%s: sample %u of epoch %u is not in there", r->path, sample, epoch);
    return rc;
}

const struct record_info *record_info(const struct record *r)
{
    return &r->info;
}

/* --- life --- */

/* A file that ends within its head may be one that was just begun; it must look like one. */
static int read_head(struct record *r)
{
    static const uint8_t begins[] = {0x08, WIRE_VERSION, WIRE_RECORD << 3 | 2};
    struct record_part part;
    int rc = r->size > 0 ? record_read_part(r, 0, &part) : -ENODATA;
    const struct wire_record *m = &r->message.record;
    if (rc == 0 && m->part == WIRE_PART_HEAD) {
        if (m->head.format != RECORD_FORMAT)
            return err_set(-EBADMSG, "%s: a record of format %u; format %d can be read", r->path,
                           m->head.format, RECORD_FORMAT);
        r->info.made_at_us = m->head.made_at_us;
        memcpy(r->info.program, m->head.program, sizeof r->info.program);
        r->behind = r->scanned = part.next;
        return 0;
    }
    const size_t n = r->size < 1 + sizeof begins ? (size_t)r->size : 1 + sizeof begins;
    const bool like = n < 2 || memcmp(r->part + 1, begins, n - 1) == 0;
    if (rc == -ENODATA && (n == 0 || r->part[0] < HEAD_MAX) && like)
        return 0;
    if (rc < 0 && rc != -EBADMSG && rc != -ENODATA)
        return rc;
    return like ? record_damaged(r, 0, rc == -EBADMSG ? err_text() : "a record without its head")
                : err_set(-EBADMSG, "%s: is no record of omega", r->path);
}

static int open_file(struct record *r)
{
    struct stat st;
    r->fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (r->fd < 0 || fstat(r->fd, &st) != 0)
        return err_set(-errno, "%s: cannot open: %s", r->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(-EBADMSG, "%s: is no regular file", r->path);
    r->info.stored_bytes = r->size = (uint64_t)st.st_size;
    return 0;
}

void record_free(struct record *r)
{
    if (!r)
        return;
    if (r->fd >= 0)
        close(r->fd);
    wire_free(r->wire);
    wire_free(r->taps);
    ZSTD_freeDCtx(r->zstd);
    free(r->rows);
    free(r->stored);
    free(r->raw);
    free(r->path);
    free(r);
}

static void record_auto(struct record **r)
{
    record_free(*r);
}

int record_open(const char *path, struct record **ret)
{
    auto_with(record_auto) struct record *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(-ENOMEM, "%s: no memory to read it", path);
    r->fd = -1;
    r->path = strdup(path);
    r->zstd = ZSTD_createDCtx();
    if (!r->path || !r->zstd)
        return err_set(-ENOMEM, "%s: no memory to read it", path);
    int rc = wire_new(PART_OMEGAS, &r->wire);
    if (rc == 0)
        rc = open_file(r);
    if (rc == 0)
        rc = read_head(r);
    if (rc == 0)
        rc = record_survey(r);
    if (rc < 0)
        return rc;
    *ret = take_ptr(&r);
    return 0;
}
