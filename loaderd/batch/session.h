/* SPDX-License-Identifier: Apache-2.0 */
/* session: a spec on a dataset, named by the digest of both. Two trainers that open the same spec
 * share one session. A session holds no position: a trainer names the batch it wants, so a session
 * that was forgotten is opened again and nothing is lost. The daemon's thread. */
#ifndef AUGSTREAM_LOADERD_SESSION_H
#define AUGSTREAM_LOADERD_SESSION_H

#include "loaderd/source/dataset.h"
#include "proto/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SESSIONS_MAX = 64,
    SESSION_RATE_MIN = 100, /* samples delivered before bad_rate_max is looked at */
};

struct session {
    uint32_t index;      /* its place in the table, fixed */
    uint64_t generation; /* new at every opening of the place; 0 = free */
    uint8_t id[DIGEST_BYTES];
    struct spec spec;
    struct dataset *dataset;
    uint64_t batches;  /* in an epoch */
    uint64_t last_use; /* the table's clock, for the choice of whom to forget */
    uint32_t refs;     /* requests and batches that point here */
    uint64_t placed;   /* samples delivered into batches */
    uint64_t replaced; /* of these, stand-ins for bad ones */
};

struct session_config {
    struct dataset *datasets; /* a loan */
    size_t n_datasets;
    size_t slot_pixels;  /* bytes of pixels that a slot holds */
    double bad_rate_max; /* fraction */
};

struct sessions;
int sessions_new(const struct session_config *config, struct sessions **ret);
void sessions_free(struct sessions *sessions);

/* Finds or opens the session of a spec (which has passed spec_check or not: it is checked here).
 * One that had too many bad samples is counted anew: who opens it again has seen to the dataset. On
 * failure *ret_code says how the peer is told; err_text() holds the words. When the table is full
 * the longest unused session that nobody points to is forgotten; -EBUSY when all are in use.
 */
int session_open(struct sessions *sessions, const struct spec *spec, struct session **ret,
                 enum wire_code *ret_code);

/* NULL when there is none of this name. */
struct session *session_find(struct sessions *sessions, const uint8_t id[DIGEST_BYTES]);

void session_ref(struct session *session);
void session_unref(struct session *session);

/* Samples of batch `index`, 0 when index is outside the epoch. */
uint32_t session_batch_samples(const struct session *session, uint32_t index);

/* One more sample stands in a batch. */
void session_placed(struct session *session, bool replaced);

/* 0, or -ENODATA with the figures named once too many samples were bad. */
int session_check_rate(const struct sessions *sessions, const struct session *session);

void sessions_set_bad_rate(struct sessions *sessions, double bad_rate_max); /* from here on */

size_t sessions_count(const struct sessions *sessions); /* open ones */

#endif
