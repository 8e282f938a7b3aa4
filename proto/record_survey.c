/* SPDX-License-Identifier: Apache-2.0 */
/* record_survey: takes an open .omega file, gives its parts one by one, and what is in it: by its
 * index, or where there is none by the head of each block. Does not look into a frame. */
#include "proto/record_private.h"

#include "common/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of a length at most RECORD_LENGTH_MAX long; 0: it does not end within n, -1: it is none. */
int record_length(const uint8_t *bytes, size_t n, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n && i < RECORD_LENGTH_MAX; i++) {
        if (i == RECORD_LENGTH_MAX - 1 && bytes[i] > 1)
            return -1;
        value |= (uint64_t)(bytes[i] & 0x7f) << 7 * i;
        if (!(bytes[i] & 0x80)) {
            *ret = value;
            return (int)i + 1;
        }
    }
    return n < RECORD_LENGTH_MAX ? 0 : -1;
}

/* -EBADMSG with the file, the byte and what is wrong there. */
int record_damaged(const struct record *r, uint64_t at, const char *what)
{
    char text[ERR_TEXT_MAX / 2];
    snprintf(text, sizeof text, "%s", what);
    return err_set(-EBADMSG, "%s: damaged at byte %llu: %s", r->path, (unsigned long long)at, text);
}

/* len bytes from at on, all of which the file has. */
int record_read_at(const struct record *r, uint8_t *to, size_t len, uint64_t at)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(r->fd, to + done, len - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(-errno, "%s: cannot read at byte %llu: %s", r->path,
                           (unsigned long long)(at + done), strerror(errno));
        if (n == 0)
            return record_damaged(r, at + done, "the file has become shorter");
        done += (size_t)n;
    }
    return 0;
}

/* The part at a byte, into r->message, whose arrays are loans until the next unpack. -ENODATA: the
 * file ends before the part does. */
int record_read_part(struct record *r, uint64_t at, struct record_part *ret)
{
    const uint64_t left = r->size - at;
    const size_t n = left < sizeof r->part ? (size_t)left : sizeof r->part;
    uint64_t len = 0;
    int rc = record_read_at(r, r->part, n, at);
    if (rc < 0)
        return rc;
    const int prefix = record_length(r->part, n, &len);
    if (prefix < 0 || len > RECORD_PART_MAX)
        return record_damaged(r, at, "no part of a record is so long");
    if (prefix == 0 || len > n - (size_t)prefix)
        return -ENODATA;
    rc = wire_unpack(r->wire, r->part + prefix, (size_t)len, &r->message);
    if (rc < 0)
        return record_damaged(r, at, err_text());
    if (r->message.type != WIRE_RECORD)
        return record_damaged(r, at, "a message that is no part of a record");
    ret->frame = ret->next = at + (uint64_t)prefix + len;
    if (r->message.record.part == WIRE_PART_BLOCK)
        ret->next += r->message.record.block.stored_bytes;
    return ret->next > r->size ? -ENODATA : 0;
}

/* --- what is in it --- */

static int add_row(struct record *r, const struct record_row *row)
{
    if (r->n_rows == r->rows_cap) {
        const size_t cap = r->rows_cap ? 2 * r->rows_cap : 64;
        struct record_row *rows = realloc(r->rows, cap * sizeof *rows);
        if (!rows)
            return err_set(-ENOMEM, "%s: no memory for %zu blocks", r->path, cap);
        r->rows = rows;
        r->rows_cap = cap;
    }
    r->rows[r->n_rows++] = *row;
    return 0;
}

static void count_block(struct record_info *info, const struct wire_block *b)
{
    info->first = info->blocks == 0 || b->first < info->first ? b->first : info->first;
    info->last = b->last > info->last ? b->last : info->last;
    info->blocks++;
    info->batches += b->batches;
    info->views += b->views;
    info->raw_bytes += b->raw_bytes;
}

/* Without an index: a row for each block from r->scanned on, as far as the file is whole. Returns
 * -ENOMEM and failures to read only. */
static int scan(struct record *r)
{
    struct record_part part;
    int rc = 0;
    r->info.cut = r->info.damaged = false;
    while (r->scanned < r->size) {
        rc = record_read_part(r, r->scanned, &part);
        if (rc < 0)
            break;
        const struct wire_record *m = &r->message.record;
        if (m->part == WIRE_PART_TAIL)
            return 0;
        if (m->part == WIRE_PART_BLOCK) {
            const struct wire_block *b = &m->block;
            const struct record_row row = {r->scanned, b->first, b->last, b->epochs[0],
                                           b->epochs[b->n_epochs - 1]};
            rc = add_row(r, &row);
            if (rc < 0)
                return rc;
            count_block(&r->info, b);
        }
        r->scanned = part.next;
    }
    if (rc == -EBADMSG) {
        r->info.damaged = true;
        r->info.damaged_at = r->scanned;
        return 0;
    }
    r->info.cut = rc == 0 || rc == -ENODATA;
    r->info.cut_at = r->scanned;
    return r->info.cut ? 0 : rc;
}

/* Rows of the index at a byte, the last first. Its blocks lie before it, and behind the index
 * before it. */
static int take_index(struct record *r, uint64_t at, uint64_t *ret_previous)
{
    struct record_part part;
    int rc = record_read_part(r, at, &part);
    if (rc == 0 && r->message.record.part != WIRE_PART_INDEX)
        rc = record_damaged(r, at, "no index, where one was said to be");
    if (rc < 0)
        return rc == -ENODATA ? record_damaged(r, at, "an index beyond the end") : rc;
    const struct wire_index *x = &r->message.record.index;
    if (x->previous >= at || (x->previous != 0 && x->previous < r->behind) ||
        (x->n > 0 &&
         (x->offsets[0] < r->behind || x->offsets[0] <= x->previous || x->offsets[x->n - 1] >= at)))
        return record_damaged(r, at, "an index of blocks that cannot be there");
    for (uint32_t i = x->n; rc == 0 && i-- > 0;) {
        const struct record_row row = {x->offsets[i], x->firsts[i], x->lasts[i], x->epoch_lows[i],
                                       x->epoch_highs[i]};
        const struct wire_block block = {.first = x->firsts[i],
                                         .last = x->lasts[i],
                                         .batches = x->batches[i],
                                         .views = x->views[i],
                                         .raw_bytes = x->raw_bytes[i]};
        rc = add_row(r, &row);
        if (rc == 0)
            count_block(&r->info, &block);
    }
    *ret_previous = x->previous;
    return rc;
}

static void turn_rows(struct record *r)
{
    for (size_t i = 0, n = r->n_rows; i < n / 2; i++) {
        const struct record_row row = r->rows[i];
        r->rows[i] = r->rows[n - 1 - i];
        r->rows[n - 1 - i] = row;
    }
}

/* From the tail to the last index, and from each to the one before it. -EBADMSG: there is no tail,
 * or none of it can be used. */
static int read_index(struct record *r)
{
    struct record_part part;
    if (r->size < r->behind + RECORD_TAIL_BYTES)
        return -EBADMSG;
    const uint64_t tail = r->size - RECORD_TAIL_BYTES;
    int rc = record_read_part(r, tail, &part);
    if (rc < 0 || r->message.record.part != WIRE_PART_TAIL || part.next != r->size)
        return rc < 0 && rc != -ENODATA ? rc : -EBADMSG;
    uint64_t before = tail;
    for (uint64_t at = r->message.record.tail.index; rc == 0 && at != 0;) {
        if (at >= before || at < r->behind)
            return -EBADMSG;
        before = at;
        rc = take_index(r, before, &at);
    }
    turn_rows(r);
    return rc;
}

/* By the index, or where there is none by the blocks themselves. */
int record_survey(struct record *r)
{
    const struct record_info head = r->info;
    int rc = read_index(r);
    if (rc == 0)
        r->info.indexed = true;
    if (rc != -EBADMSG)
        return rc;
    r->info = head;
    r->n_rows = 0;
    return scan(r);
}

/* A writer may have added something since we looked. */
int record_look_again(struct record *r, bool *ret_grown)
{
    struct stat st;
    *ret_grown = false;
    if (fstat(r->fd, &st) != 0)
        return err_set(-errno, "%s: %s", r->path, strerror(errno));
    if ((uint64_t)st.st_size <= r->size || r->info.indexed)
        return 0;
    *ret_grown = true;
    r->info.stored_bytes = r->size = (uint64_t)st.st_size;
    return scan(r);
}
