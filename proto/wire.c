/* SPDX-License-Identifier: Apache-2.0 */
/* wire: takes a message, gives bytes, and back. A struct wire belongs to one thread and owns all
 * the memory that packing and unpacking need; protobuf-c allocates from it through an arena. Does
 * not send, and does not look at payload frames. */
#include "proto/wire_private.h"

#include "common/auto.h"
#include "common/crc32c.h"
#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEAL_TAG = 15 << 3 | 5, /* field 15, fixed32 */
    ARENA_ALIGN = 16,
    /* Unpacking a control message of WIRE_CONTROL_MAX: a Welcome of 64 datasets needs 20 KiB, a
     * SessionOpened of CLASS_NAMES_MAX names 141 KiB; 173 KiB where they are of a field that is not
     * known. */
    ARENA_BASE = 256 << 10,
    /* Unpacking one more record: the record, its label, substitution and box, pointers to them, and
     * protobuf-c's list of what it scanned, whose last doubling may be half empty. */
    ARENA_OMEGA = 512,
    /* Packing one more record: at most 90 bytes, its check 4, its label 10, a substitution 20, a
     * box 12. */
    BYTES_OMEGA = 144,
};

static_assert((int)WIRE_HELLO == (int)AUGSTREAM__V1__ENVELOPE__BODY_HELLO &&
                  (int)WIRE_BATCH == (int)AUGSTREAM__V1__ENVELOPE__BODY_BATCH &&
                  (int)WIRE_TAP == (int)AUGSTREAM__V1__ENVELOPE__BODY_TAP &&
                  (int)WIRE_RECORD == (int)AUGSTREAM__V1__ENVELOPE__BODY_RECORD,
              "enum wire_type is the field numbers of Envelope.body");

const char *wire_fault_name(enum wire_fault fault)
{
    static const char *const names[FAULT_KINDS] = {
        "none",      "unreadable",  "truncated", "too_large",
        "not_image", "unsupported", "crash",     "deadline",
    };
    return (unsigned)fault < FAULT_KINDS ? names[fault] : "unknown";
}

static const struct wire_row *row_find(int type)
{
    if (type == WIRE_BATCH)
        return &wire_batch_row;
    if (type == WIRE_TAP)
        return &wire_tap_row;
    if (type == WIRE_RECORD)
        return &wire_record_row;
    if (type < WIRE_HELLO || type > WIRE_TAP)
        return NULL;
    return &wire_control_rows[type];
}

static void *arena_alloc(void *data, size_t size)
{
    struct wire_arena *a = data;
    if (size > a->cap - a->used) {
        a->exhausted = true;
        return NULL;
    }
    a->last = a->used;
    size_t padded = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    a->used = padded > a->cap - a->used ? a->cap : a->used + padded;
    return a->base + a->last;
}

/* Only the newest block comes back. That is enough: protobuf-c takes and frees a list for every
 * record of more than 16 fields, and nothing else lies between. */
static void arena_free(void *data, void *block)
{
    struct wire_arena *a = data;
    if (block == a->base + a->last) {
        a->used = a->last;
        a->last = a->cap;
    }
}

static void arena_reset(struct wire_arena *a)
{
    a->used = 0;
    a->last = a->cap;
    a->exhausted = false;
}

static int out_new(struct wire *w)
{
    struct wire_out *out = &w->out;
    out->cap = WIRE_CONTROL_MAX + (size_t)w->omegas * BYTES_OMEGA;
    out->bytes = malloc(out->cap + WIRE_SEAL);
    out->omegas = calloc(w->omegas, sizeof *out->omegas);
    out->omega_list = calloc(w->omegas, sizeof *out->omega_list);
    out->substituted = calloc(w->samples, sizeof *out->substituted);
    out->substitution_list = calloc(w->samples, sizeof *out->substitution_list);
    if (!out->bytes || !out->omegas || !out->omega_list || !out->substituted ||
        !out->substitution_list)
        return err_set(-ENOMEM, "no memory to pack %u views", w->omegas);
    for (uint32_t i = 0; i < w->omegas; i++)
        augstream__v1__omega__init(out->omega_list[i] = &out->omegas[i]);
    for (uint32_t i = 0; i < w->samples; i++)
        augstream__v1__substitution__init(out->substitution_list[i] = &out->substituted[i]);
    for (uint32_t i = 0; i < WIRE_DATASETS_MAX; i++)
        augstream__v1__dataset__init(out->dataset_list[i] = &out->datasets[i]);
    for (uint32_t i = 0; i < OMEGA_VIEWS_MAX; i++)
        augstream__v1__law__init(out->law_list[i] = &out->laws[i]);
    for (uint32_t i = 0; i < WIRE_FRAMES_MAX; i++)
        augstream__v1__frame__init(out->frame_list[i] = &out->frames[i]);
    augstream__v1__spec__init(&out->spec);
    return 0;
}

static int in_new(struct wire *w)
{
    struct wire_in *in = &w->in;
    in->arena.cap = ARENA_BASE + (size_t)w->omegas * ARENA_OMEGA;
    in->arena.base = malloc(in->arena.cap);
    in->allocator = (ProtobufCAllocator){arena_alloc, arena_free, &in->arena};
    in->omegas = calloc(w->omegas, sizeof *in->omegas);
    in->labels = calloc(w->samples, sizeof *in->labels);
    in->boxes = calloc(w->samples, 4 * sizeof *in->boxes);
    in->checks = calloc(w->omegas, sizeof *in->checks);
    in->substituted = calloc(w->samples, sizeof *in->substituted);
    if (!in->arena.base || !in->omegas || !in->labels || !in->boxes || !in->checks ||
        !in->substituted)
        return err_set(-ENOMEM, "no memory to unpack %u views", w->omegas);
    return 0;
}

int wire_new(uint32_t omegas, struct wire **ret)
{
    if (omegas < 1 || omegas > WIRE_OMEGAS_MAX)
        return err_set(-EINVAL, "views x samples: %u is outside 1..%d", omegas, WIRE_OMEGAS_MAX);
    struct wire *w = calloc(1, sizeof *w);
    if (!w)
        return err_set(-ENOMEM, "no memory for messages");
    w->omegas = omegas;
    w->samples = omegas < WIRE_BATCH_MAX ? omegas : WIRE_BATCH_MAX;
    int rc = out_new(w);
    if (rc == 0)
        rc = in_new(w);
    if (rc < 0) {
        wire_free(w);
        return rc;
    }
    *ret = w;
    return 0;
}

void wire_free(struct wire *w)
{
    if (!w)
        return;
    free(w->out.bytes);
    free(w->out.omegas);
    free(w->out.omega_list);
    free(w->out.substituted);
    free(w->out.substitution_list);
    free(w->in.arena.base);
    free(w->in.omegas);
    free(w->in.labels);
    free(w->in.boxes);
    free(w->in.checks);
    free(w->in.substituted);
    free(w);
}

static uint32_t omegas_of(const struct wire_message *m)
{
    const struct wire_batch *batch = m->type == WIRE_BATCH ? &m->batch
                                     : m->type == WIRE_TAP ? &m->tap.batch
                                                           : NULL;
    return batch ? batch->n_views * batch->n_samples : 0;
}

int wire_pack(struct wire *w, const struct wire_message *m, const void **ret_bytes, size_t *ret_len)
{
    const struct wire_row *row = row_find((int)m->type);
    if (!row)
        return err_set(-EINVAL, "message: type %d is unknown", (int)m->type);
    int rc = wire_check(m, -EINVAL);
    if (rc < 0)
        return rc;
    if (omegas_of(m) > w->omegas)
        return err_set(-EMSGSIZE, "%s: %u views, at most %u here", row->name, omegas_of(m),
                       w->omegas);
    Augstream__V1__Envelope *envelope = &w->out.envelope;
    augstream__v1__envelope__init(envelope);
    envelope->version = WIRE_VERSION;
    envelope->body_case = (Augstream__V1__Envelope__BodyCase)m->type;
    row->fill(w, m);
    /* To count the bytes is half as dear as to pack them. Of records there is no need: what
     * wire_check lets pass fits by their number. */
    size_t len = omegas_of(m) ? 0 : augstream__v1__envelope__get_packed_size(envelope);
    if (len <= w->out.cap)
        len = augstream__v1__envelope__pack(envelope, w->out.bytes);
    assert(len <= w->out.cap || !omegas_of(m));
    if (len + WIRE_SEAL > row->bytes_max || len > w->out.cap)
        return err_set(-EMSGSIZE, "%s: %zu bytes, at most %zu", row->name, len + WIRE_SEAL,
                       row->bytes_max < w->out.cap ? row->bytes_max : w->out.cap);
    wire_seal(w->out.bytes, len);
    *ret_len = len + WIRE_SEAL;
    *ret_bytes = w->out.bytes;
    return 0;
}

void wire_seal(void *bytes, size_t len)
{
    unsigned char *at = (unsigned char *)bytes + len;
    uint32_t crc = crc32c(0, bytes, len);
    *at++ = SEAL_TAG;
    for (int shift = 0; shift < 32; shift += 8)
        *at++ = (unsigned char)(crc >> shift);
}

static bool is_sealed(const unsigned char *bytes, size_t len)
{
    if (len < WIRE_SEAL || bytes[len - WIRE_SEAL] != SEAL_TAG)
        return false;
    uint32_t crc = 0;
    for (int i = 0; i < 4; i++)
        crc |= (uint32_t)bytes[len - 4 + (size_t)i] << 8 * i;
    return crc == crc32c(0, bytes, len - WIRE_SEAL);
}

/* What can be read in every version: whoever speaks another one must be able to say so. */
static bool is_for_all(int type)
{
    return type == WIRE_HELLO || type == WIRE_ERROR;
}

int wire_unpack(struct wire *w, const void *bytes, size_t len, struct wire_message *ret)
{
    struct wire_in *in = &w->in;
    if (len > WIRE_HEADER_MAX)
        return err_set(-EBADMSG, "message: %zu bytes, at most %d", len, WIRE_HEADER_MAX);
    if (!is_sealed(bytes, len))
        return err_set(-EBADMSG, "message: %zu bytes do not end with their checksum", len);
    arena_reset(&in->arena);
    const Augstream__V1__Envelope *envelope =
        augstream__v1__envelope__unpack(&in->allocator, len - WIRE_SEAL, bytes);
    if (!envelope)
        return in->arena.exhausted
                   ? err_set(-EBADMSG, "message: larger than %u views may be", w->omegas)
                   : err_set(-EBADMSG, "message: %zu bytes are not an Envelope", len);
    int type = (int)envelope->body_case;
    if (envelope->version != WIRE_VERSION && !is_for_all(type))
        return err_set(-EBADMSG, "message: protocol version %u instead of %d", envelope->version,
                       WIRE_VERSION);
    const struct wire_row *row = row_find(type);
    if (!row)
        return err_set(-EBADMSG, "message: no body of a known type");
    if (len > row->bytes_max)
        return err_set(-EBADMSG, "%s: %zu bytes, at most %zu", row->name, len, row->bytes_max);
    in->message = (struct wire_message){.type = (enum wire_type)type};
    int rc = row->read(w, envelope);
    if (rc == 0)
        rc = wire_check(&in->message, -EBADMSG);
    if (rc == 0)
        *ret = in->message;
    return rc;
}
