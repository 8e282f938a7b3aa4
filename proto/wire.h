/* SPDX-License-Identifier: Apache-2.0 */
/* wire: struct <-> bytes of augstream.proto. Every bound is checked here, both ways; nothing that
 * passed wire_unpack can index out of range. The only door to protobuf-c.
 * Packing and unpacking a Batch allocate nothing: a struct wire brings its own memory. */
#ifndef AUGSTREAM_PROTO_WIRE_H
#define AUGSTREAM_PROTO_WIRE_H

#include "common/class_names.h"
#include "common/digest.h"
#include "common/omega.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WIRE_VERSION = 1,
    WIRE_SEAL = 5,       /* bytes at the end of every message: the checksum of those before */
    WIRE_NAME_MAX = 64,  /* bytes with the NUL */
    WIRE_TEXT_MAX = 512, /* error text, bytes with the NUL */
    WIRE_DATASETS_MAX = 64,
    WIRE_CONTROL_MAX = 64 << 10,              /* bytes of a control message */
    WIRE_HEADER_MAX = 4 << 20,                /* bytes of a Batch header */
    WIRE_FRAME_MAX = 4 << 20,                 /* bytes of a pixel frame */
    WIRE_FRAMES_MAX = 64,                     /* of one batch: 256 MiB */
    WIRE_BATCH_MAX = 4096,                    /* samples */
    WIRE_OMEGAS_MAX = 16384,                  /* views x samples */
    WIRE_RAW_MAX = 4 << 20,                   /* bytes in a block of a record */
    WIRE_STORED_MAX = (4 << 20) + (64 << 10), /* ... as they are stored */
    WIRE_BLOCK_SAMPLES_MAX = 8192,
    WIRE_BLOCK_EPOCHS_MAX = 64,
    WIRE_INDEX_ROWS_MAX = 512,
};

/* Faults of an image: why a sample was substituted. */
enum wire_fault {
    FAULT_NONE,
    FAULT_UNREADABLE,  /* the bytes could not be read */
    FAULT_TRUNCATED,   /* decodes, but not to its end; or corrupt within */
    FAULT_TOO_LARGE,   /* file, sides or area above the limits */
    FAULT_NOT_IMAGE,   /* no known signature */
    FAULT_UNSUPPORTED, /* an image, of a kind that is not allowed */
    FAULT_CRASH,       /* the decoder died on it */
    FAULT_DEADLINE,    /* the decoder took too long */
    FAULT_KINDS,
};
const char *wire_fault_name(enum wire_fault fault);

enum wire_code {
    WIRE_OK,
    WIRE_BAD_MESSAGE, /* not understood, or out of bounds */
    WIRE_BAD_SPEC,    /* the law or batch is refused; text says which field */
    WIRE_UNKNOWN_DATASET,
    WIRE_DATASET_TOO_SMALL, /* fewer samples than a batch needs */
    WIRE_UNKNOWN_SESSION,   /* open it (again) */
    WIRE_BAD_RANGE,         /* epoch or index outside the session */
    WIRE_BUSY,              /* window exceeded; retry later */
    WIRE_TOO_MANY_BAD,      /* the dataset's bad images are above the limit */
    WIRE_INTERNAL,
    WIRE_BAD_VERSION, /* of the protocol; text names both sides' */
    WIRE_CODES,
};

/* What a batch is a pure function of, beside (dataset, epoch, index). */
struct spec {
    char dataset[WIRE_NAME_MAX];
    uint64_t seed;
    uint32_t batch; /* samples, 1..WIRE_BATCH_MAX */
    bool shuffle;
    bool partial;
    bool reduce;      /* a JPEG may be decoded at 1/2, 1/4, 1/8: docs/rendering.md section 1 */
    uint32_t n_views; /* 1..OMEGA_VIEWS_MAX */
    struct view_spec views[OMEGA_VIEWS_MAX];
};

/* -EINVAL, field named. */
int spec_check(const struct spec *spec);

/* The session's name: digest over every field of spec and the dataset's fingerprint. */
void spec_digest(const struct spec *spec, const uint8_t fingerprint[DIGEST_BYTES],
                 uint8_t ret[DIGEST_BYTES]);

uint64_t spec_batches(const struct spec *spec, uint64_t samples); /* in an epoch */
size_t spec_batch_bytes(const struct spec *spec);                 /* pixels of a full batch */

enum wire_type {
    WIRE_HELLO = 2, /* the field numbers of Envelope.body */
    WIRE_WELCOME,
    WIRE_OPEN_SESSION,
    WIRE_SESSION_OPENED,
    WIRE_GET_BATCH,
    WIRE_CANCEL,
    WIRE_PING,
    WIRE_PONG,
    WIRE_BATCH,
    WIRE_ERROR,
    WIRE_DRAINING,
    WIRE_TAP,
    WIRE_RECORD, /* on disk only */
};

/* The versions of the protocol that somebody speaks; {0, 0} to be packed: ours. */
struct wire_versions {
    uint32_t min, max;
};

struct wire_dataset {
    char name[WIRE_NAME_MAX];
    uint8_t fingerprint[DIGEST_BYTES];
    uint64_t samples;
    uint32_t classes;
};

struct wire_substitution {
    uint32_t position, sample;
    enum wire_fault fault;
};

struct wire_frame {
    uint32_t bytes, crc32c;
};

/* A Batch header. The arrays belong to the struct wire (unpack) or are loans (pack). */
struct wire_batch {
    uint64_t request, server_epoch;
    uint8_t session[DIGEST_BYTES];
    uint32_t epoch, index;
    uint32_t n_samples, n_views;
    uint32_t sizes[OMEGA_VIEWS_MAX];
    const struct omega *omega; /* [n_views][n_samples] */
    const int64_t *labels;     /* [n_samples], -1 = none */
    const uint32_t
        *checks;           /* [n_views][n_samples]: CRC-32C of each view's pixels; NULL: not told */
    const uint32_t *boxes; /* [n_samples][4]: x, y, w, h of the box around what the label names,
                              pixels of the upright source, which it may leave; w and h 0: this
                              sample has none. NULL: none has */
    uint32_t n_substituted;
    const struct wire_substitution *substituted;
    uint32_t n_frames;
    struct wire_frame frames[WIRE_FRAMES_MAX];
};

/* A block of a record; proto/augstream.proto says what each field is. The arrays are loans, as a
 * batch's are. */
struct wire_block {
    uint64_t first, last;
    uint32_t batches, views;
    uint32_t raw_bytes, stored_bytes, crc32c;
    uint32_t n_epochs, n_samples; /* n_samples: the sum of counts */
    const uint32_t *epochs, *counts, *deltas;
};

/* The columns of an index, each of n numbers; loans. */
struct wire_index {
    uint64_t previous;
    uint32_t n;
    const uint64_t *offsets, *firsts, *lasts;
    const uint32_t *batches, *views, *raw_bytes, *epoch_lows, *epoch_highs;
};

enum wire_part { /* the field numbers of Record.body */
                 WIRE_PART_HEAD = 1,
                 WIRE_PART_BLOCK,
                 WIRE_PART_INDEX,
                 WIRE_PART_TAIL,
};

struct wire_record {
    enum wire_part part;
    union {
        struct {
            uint32_t format;
            char program[WIRE_NAME_MAX];
            uint64_t made_at_us;
        } head;
        struct wire_block block;
        struct wire_index index;
        struct {
            uint64_t index;
        } tail;
    };
};

struct wire_message {
    enum wire_type type;
    union {
        struct {
            char client[WIRE_NAME_MAX];
            struct wire_versions versions;
        } hello;
        struct {
            uint64_t server_epoch;
            char server[WIRE_NAME_MAX];
            uint32_t n_datasets;
            struct wire_dataset datasets[WIRE_DATASETS_MAX];
            uint32_t window;
            uint64_t batch_bytes_max;
            struct wire_versions versions;
        } welcome;
        struct {
            uint64_t request;
            struct spec spec;
        } open_session;
        struct {
            uint64_t request;
            uint8_t session[DIGEST_BYTES], fingerprint[DIGEST_BYTES];
            uint64_t samples, batches;
            uint32_t classes;
            /* [classes], loans as a batch's arrays are, and what class_names_check lets pass;
             * NULL: not told. */
            const char *const *class_names;
        } session_opened;
        struct {
            uint8_t session[DIGEST_BYTES];
            uint32_t epoch, index;
            uint64_t request;
        } get_batch;
        struct {
            uint64_t request;
        } cancel;
        struct {
            uint64_t nonce, server_epoch; /* server_epoch: Pong only */
        } ping;
        struct wire_batch batch;
        struct {
            uint64_t request;
            enum wire_code code;
            char text[WIRE_TEXT_MAX];
            bool retryable;
        } error;
        struct {
            uint64_t server_epoch;
        } draining;
        struct {
            uint64_t sequence, server_epoch;
            uint64_t at_us; /* when it was told, since 1970; before the year 10000; 0: not told */
            char dataset[WIRE_NAME_MAX];
            bool told_spec;   /* false: an older loader's, and the two below are zeros */
            struct spec spec; /* of batch.session */
            uint8_t fingerprint[DIGEST_BYTES]; /* of the dataset */
            struct wire_batch batch;
        } tap;
        struct wire_record record;
    };
};

/* Whether whoever speaks these versions speaks ours. If not, -EPROTO with the versions of both. */
int wire_versions_check(const struct wire_versions *theirs, const char *them, const char *us);

/* Reusable memory for packing and unpacking; one per thread of use. omegas: the most views x
 * samples it must hold, at most WIRE_OMEGAS_MAX (64 is enough for control messages). */
struct wire;
int wire_new(uint32_t omegas, struct wire **ret);
void wire_free(struct wire *wire);

/* Packs into wire's own buffer; *ret_bytes stays valid until the next pack. -EMSGSIZE above the
 * limits, -EINVAL for values that wire_unpack would refuse. The message is only read. */
int wire_pack(struct wire *wire, const struct wire_message *message, const void **ret_bytes,
              size_t *ret_len);

/* Writes the checksum of the len bytes of an Envelope behind them: WIRE_SEAL bytes more. wire_pack
 * has done so; for who makes messages by hand. */
void wire_seal(void *bytes, size_t len);

/* -EBADMSG with the field named for anything malformed, spoilt, out of bounds, of an unknown type
 * or version (a Hello or an Error may be of any); arrays in ret stay valid until the next unpack. A
 * batch's omegas have passed omega_check, those of one position name one sample, and its frames are
 * whole images of one view each that add up to its views. A spec has its counts and names in bounds
 * only: the session asks spec_check, so that it can answer with WIRE_BAD_SPEC. A tap's spec has
 * passed spec_check as well, names the batch's session with the fingerprint, has its samples, views
 * and sizes, and each omega can come from its law. A label may still be above the dataset's
 * classes. */
int wire_unpack(struct wire *wire, const void *bytes, size_t len, struct wire_message *ret);

#endif
