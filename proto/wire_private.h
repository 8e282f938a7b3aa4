/* SPDX-License-Identifier: Apache-2.0 */
/* wire_private: what the files of wire share: the memory, and a row for each message type. Only
 * proto/wire*.c include it. */
#ifndef AUGSTREAM_PROTO_WIRE_PRIVATE_H
#define AUGSTREAM_PROTO_WIRE_PRIVATE_H

#include "proto/augstream.pb-c.h"
#include "proto/wire.h"

/* Where protobuf-c unpacks into: memory made once, handed out by bumping, all given back before the
 * next message. When it is used up, unpacking fails: that bounds what few bytes can blow up to. */
struct wire_arena {
    unsigned char *base;
    size_t cap, used;
    size_t last; /* offset of the newest block, which may be given back; cap: none */
    bool exhausted;
};

/* Messages to pack; every pointer in them leads into this struct or is the caller's loan. */
struct wire_out {
    Augstream__V1__Envelope envelope;
    union {
        Augstream__V1__Hello hello;
        Augstream__V1__Welcome welcome;
        Augstream__V1__OpenSession open_session;
        Augstream__V1__SessionOpened session_opened;
        Augstream__V1__GetBatch get_batch;
        Augstream__V1__Cancel cancel;
        Augstream__V1__Ping ping;
        Augstream__V1__Pong pong;
        Augstream__V1__Error error;
        Augstream__V1__Draining draining;
        Augstream__V1__Tap tap;
        Augstream__V1__Record record;
    } body;
    union {
        Augstream__V1__RecordHead head;
        Augstream__V1__RecordBlock block;
        Augstream__V1__RecordIndex index;
        Augstream__V1__RecordTail tail;
    } part;
    Augstream__V1__Dataset datasets[WIRE_DATASETS_MAX], *dataset_list[WIRE_DATASETS_MAX];
    Augstream__V1__Spec spec;
    Augstream__V1__Law laws[OMEGA_VIEWS_MAX], *law_list[OMEGA_VIEWS_MAX];
    Augstream__V1__Batch batch;
    Augstream__V1__Frame frames[WIRE_FRAMES_MAX], *frame_list[WIRE_FRAMES_MAX];
    Augstream__V1__Omega *omegas, **omega_list;                    /* [wire.omegas] */
    Augstream__V1__Substitution *substituted, **substitution_list; /* [wire.samples] */
    uint8_t *bytes;
    size_t cap;
};

/* Where an unpacked message's arrays lie. */
struct wire_in {
    struct wire_arena arena;
    ProtobufCAllocator allocator;
    struct wire_message message;
    struct omega *omegas;                  /* [wire.omegas] */
    int64_t *labels;                       /* [wire.samples] */
    uint32_t *boxes;                       /* [wire.samples][4] */
    uint32_t *checks;                      /* [wire.omegas] */
    struct wire_substitution *substituted; /* [wire.samples] */
};

struct wire {
    uint32_t omegas, samples; /* the most it can hold */
    struct wire_out out;
    struct wire_in in;
};

/* One message type. fill: message -> wire->out, which is checked and fits. read: envelope ->
 * wire->in.message; -EBADMSG where the struct cannot hold what came; bounds are wire_check's. */
struct wire_row {
    const char *name;
    size_t bytes_max;
    void (*fill)(struct wire *wire, const struct wire_message *message);
    int (*read)(struct wire *wire, const Augstream__V1__Envelope *envelope);
};
extern const struct wire_row wire_control_rows[WIRE_TAP + 1]; /* by enum wire_type; name or NULL */
extern const struct wire_row wire_batch_row, wire_tap_row, wire_record_row;

/* Copies of strings and digests that came; -EBADMSG when they do not fit. */
int wire_read_text(char *ret, size_t cap, const char *text, const char *field);
int wire_read_digest(uint8_t ret[DIGEST_BYTES], const ProtobufCBinaryData *bytes,
                     const char *field);

/* A spec to pack, in wire->out and loans of spec; and one that came. */
Augstream__V1__Spec *wire_fill_spec(struct wire *wire, const struct spec *spec);
int wire_read_spec(const Augstream__V1__Spec *from, struct spec *ret);

/* The bounds of a message, the same both ways. Returns 0 or code, field named. */
int wire_check(const struct wire_message *message, int code);
int wire_check_record(const struct wire_message *message, int code); /* wire_record.c */

/* Shared by the checks. */
int wire_check_range(int code, const char *field, uint64_t value, uint64_t low, uint64_t high);
int wire_check_name(int code, const char *field, const char name[WIRE_NAME_MAX]);

#endif
