/* SPDX-License-Identifier: Apache-2.0 */
/* wire_record: what a record on disk is made of (record.h), struct <-> protobuf-c's messages, and
 * its bounds. An unpacked array lies where protobuf-c put it: in wire's arena. Never sees a file,
 * nor what a block's frame holds. */
#include "proto/wire_private.h"

#include "common/err.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* --- its bounds --- */

static int check_head(const struct wire_record *r, int code)
{
    int rc = wire_check_range(code, "record.format", r->head.format, 1, UINT32_MAX);
    return rc < 0 ? rc : wire_check_name(code, "record.program", r->head.program);
}

/* The samples of one epoch: at least one, ascending, none above what a sample may be. */
static int check_deltas(const uint32_t *deltas, uint32_t n, int code)
{
    uint64_t sample = 0;
    int rc = wire_check_range(code, "block.counts", n, 1, WIRE_BLOCK_SAMPLES_MAX);
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        sample += deltas[i];
        if ((i > 0 && deltas[i] == 0) || sample > UINT32_MAX)
            rc = err_set(code, "block.deltas: they do not ascend to at most %u", UINT32_MAX);
    }
    return rc;
}

static int check_block(const struct wire_record *r, int code)
{
    const struct wire_block *b = &r->block;
    int rc = wire_check_range(code, "block.last", b->last, b->first, UINT64_MAX);
    if (rc == 0)
        rc = wire_check_range(code, "block.batches", b->batches, 1, WIRE_RAW_MAX);
    if (rc == 0)
        rc = wire_check_range(code, "block.views", b->views, b->batches, WIRE_RAW_MAX);
    if (rc == 0)
        rc = wire_check_range(code, "block.raw_bytes", b->raw_bytes, 1, WIRE_RAW_MAX);
    if (rc == 0)
        rc = wire_check_range(code, "block.stored_bytes", b->stored_bytes, 1, WIRE_STORED_MAX);
    if (rc == 0)
        rc = wire_check_range(code, "block.epochs", b->n_epochs, 1, WIRE_BLOCK_EPOCHS_MAX);
    if (rc == 0)
        rc = wire_check_range(code, "block.deltas", b->n_samples, 1, WIRE_BLOCK_SAMPLES_MAX);
    uint32_t done = 0;
    for (uint32_t e = 0; rc == 0 && e < b->n_epochs; e++) {
        if (e > 0 && b->epochs[e] <= b->epochs[e - 1])
            rc = err_set(code, "block.epochs: they do not ascend");
        else if (b->counts[e] > b->n_samples - done)
            rc = err_set(code, "block.counts: more than the %u samples", b->n_samples);
        else
            rc = check_deltas(b->deltas + done, b->counts[e], code);
        done += b->counts[e];
    }
    return rc == 0 && done != b->n_samples
               ? err_set(code, "block.deltas: %u, of which the counts name %u", b->n_samples, done)
               : rc;
}

static int check_index(const struct wire_record *r, int code)
{
    const struct wire_index *x = &r->index;
    int rc = wire_check_range(code, "index.offsets", x->n, 0, WIRE_INDEX_ROWS_MAX);
    for (uint32_t i = 0; rc == 0 && i < x->n; i++) {
        rc = wire_check_range(code, "index.offsets", x->offsets[i], i ? x->offsets[i - 1] + 1 : 1,
                              INT64_MAX);
        if (rc == 0)
            rc = wire_check_range(code, "index.lasts", x->lasts[i], x->firsts[i], UINT64_MAX);
        if (rc == 0)
            rc = wire_check_range(code, "index.batches", x->batches[i], 1, WIRE_RAW_MAX);
        if (rc == 0)
            rc = wire_check_range(code, "index.views", x->views[i], x->batches[i], WIRE_RAW_MAX);
        if (rc == 0)
            rc = wire_check_range(code, "index.raw_bytes", x->raw_bytes[i], 1, WIRE_RAW_MAX);
        if (rc == 0)
            rc = wire_check_range(code, "index.epoch_highs", x->epoch_highs[i], x->epoch_lows[i],
                                  UINT32_MAX);
    }
    return rc;
}

static int check_tail(const struct wire_record *r, int code)
{
    return wire_check_range(code, "tail.index", r->tail.index, 1, INT64_MAX);
}

/* --- struct -> message --- */

static void fill_head(struct wire_out *out, const struct wire_record *r)
{
    Augstream__V1__RecordHead *p = &out->part.head;
    augstream__v1__record_head__init(p);
    p->format = r->head.format;
    p->program = (char *)r->head.program;
    p->made_at_us = r->head.made_at_us;
    out->body.record.head = p;
}

static void fill_block(struct wire_out *out, const struct wire_record *r)
{
    Augstream__V1__RecordBlock *p = &out->part.block;
    augstream__v1__record_block__init(p);
    p->first = r->block.first;
    p->last = r->block.last;
    p->batches = r->block.batches;
    p->views = r->block.views;
    p->raw_bytes = r->block.raw_bytes;
    p->stored_bytes = r->block.stored_bytes;
    p->crc32c = r->block.crc32c;
    p->n_epochs = p->n_counts = r->block.n_epochs;
    p->epochs = (uint32_t *)r->block.epochs;
    p->counts = (uint32_t *)r->block.counts;
    p->n_deltas = r->block.n_samples;
    p->deltas = (uint32_t *)r->block.deltas;
    out->body.record.block = p;
}

/* A column of the index: where its count and pointer are in the message, where in the struct. */
struct column {
    const char *name;
    size_t n, p, mine;
};
#define COLUMN(field)                                                                              \
    {                                                                                              \
        "index." #field, offsetof(Augstream__V1__RecordIndex, n_##field),                          \
            offsetof(Augstream__V1__RecordIndex, field), offsetof(struct wire_index, field)        \
    }
static const struct column columns[] = {
    COLUMN(offsets), COLUMN(firsts),    COLUMN(lasts),      COLUMN(batches),
    COLUMN(views),   COLUMN(raw_bytes), COLUMN(epoch_lows), COLUMN(epoch_highs),
};

static void fill_index(struct wire_out *out, const struct wire_record *r)
{
    Augstream__V1__RecordIndex *p = &out->part.index;
    augstream__v1__record_index__init(p);
    p->previous = r->index.previous;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        const size_t n = r->index.n;
        memcpy((char *)p + columns[i].n, &n, sizeof n);
        memcpy((char *)p + columns[i].p, (const char *)&r->index + columns[i].mine, sizeof(void *));
    }
    out->body.record.index = p;
}

static void fill_tail(struct wire_out *out, const struct wire_record *r)
{
    Augstream__V1__RecordTail *p = &out->part.tail;
    augstream__v1__record_tail__init(p);
    p->index = r->tail.index;
    out->body.record.tail = p;
}

/* --- message -> struct --- */

static int read_head(struct wire_record *r, const Augstream__V1__Record *from)
{
    r->head.format = from->head->format;
    r->head.made_at_us = from->head->made_at_us;
    return wire_read_text(r->head.program, sizeof r->head.program, from->head->program,
                          "record.program");
}

static int read_block(struct wire_record *r, const Augstream__V1__Record *from)
{
    const Augstream__V1__RecordBlock *p = from->block;
    if (p->n_counts != p->n_epochs)
        return err_set(-EBADMSG, "block.counts: %zu for %zu epochs", p->n_counts, p->n_epochs);
    if (p->n_deltas > WIRE_BLOCK_SAMPLES_MAX || p->n_epochs > WIRE_BLOCK_EPOCHS_MAX)
        return err_set(-EBADMSG, "block.deltas: %zu samples of %zu epochs, at most %d of %d",
                       p->n_deltas, p->n_epochs, WIRE_BLOCK_SAMPLES_MAX, WIRE_BLOCK_EPOCHS_MAX);
    r->block = (struct wire_block){
        .first = p->first,
        .last = p->last,
        .batches = p->batches,
        .views = p->views,
        .raw_bytes = p->raw_bytes,
        .stored_bytes = p->stored_bytes,
        .crc32c = p->crc32c,
        .n_epochs = (uint32_t)p->n_epochs,
        .n_samples = (uint32_t)p->n_deltas,
        .epochs = p->epochs,
        .counts = p->counts,
        .deltas = p->deltas,
    };
    return 0;
}

static int read_index(struct wire_record *r, const Augstream__V1__Record *from)
{
    const Augstream__V1__RecordIndex *p = from->index;
    if (p->n_offsets > WIRE_INDEX_ROWS_MAX)
        return err_set(-EBADMSG, "index.offsets: %zu, at most %d", p->n_offsets,
                       WIRE_INDEX_ROWS_MAX);
    r->index = (struct wire_index){.previous = p->previous, .n = (uint32_t)p->n_offsets};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        size_t n;
        memcpy(&n, (const char *)p + columns[i].n, sizeof n);
        if (n != p->n_offsets)
            return err_set(-EBADMSG, "%s: %zu for %zu blocks", columns[i].name, n, p->n_offsets);
        memcpy((char *)&r->index + columns[i].mine, (const char *)p + columns[i].p, sizeof(void *));
    }
    return 0;
}

static int read_tail(struct wire_record *r, const Augstream__V1__Record *from)
{
    r->tail.index = from->tail->index;
    return 0;
}

/* --- the parts --- */

static const struct part {
    void (*fill)(struct wire_out *out, const struct wire_record *record);
    int (*read)(struct wire_record *record, const Augstream__V1__Record *from);
    int (*check)(const struct wire_record *record, int code);
} parts[] = {
    [WIRE_PART_HEAD] = {fill_head, read_head, check_head},
    [WIRE_PART_BLOCK] = {fill_block, read_block, check_block},
    [WIRE_PART_INDEX] = {fill_index, read_index, check_index},
    [WIRE_PART_TAIL] = {fill_tail, read_tail, check_tail},
};

_Static_assert((int)WIRE_PART_HEAD == (int)AUGSTREAM__V1__RECORD__BODY_HEAD &&
                   (int)WIRE_PART_TAIL == (int)AUGSTREAM__V1__RECORD__BODY_TAIL,
               "enum wire_part is the field numbers of Record.body");

int wire_check_record(const struct wire_message *m, int code)
{
    int rc = wire_check_range(code, "record.body", m->record.part, WIRE_PART_HEAD, WIRE_PART_TAIL);
    return rc < 0 ? rc : parts[m->record.part].check(&m->record, code);
}

static void fill_record(struct wire *w, const struct wire_message *m)
{
    Augstream__V1__Record *p = &w->out.body.record;
    augstream__v1__record__init(p);
    p->body_case = (Augstream__V1__Record__BodyCase)m->record.part;
    parts[m->record.part].fill(&w->out, &m->record);
    w->out.envelope.record = p;
}

static int read_record(struct wire *w, const Augstream__V1__Envelope *e)
{
    struct wire_record *r = &w->in.message.record;
    const int part = (int)e->record->body_case;
    if (part < WIRE_PART_HEAD || part > WIRE_PART_TAIL)
        return err_set(-EBADMSG, "record: no body of a known kind");
    r->part = (enum wire_part)part;
    return parts[part].read(r, e->record);
}

const struct wire_row wire_record_row = {"Record", WIRE_CONTROL_MAX, fill_record, read_record};
