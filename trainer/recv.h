/* SPDX-License-Identifier: Apache-2.0 */
/* recv: batches in index order from one or more loaders. Keeps `window` requests out at every
 * loader, spreads by speed, reorders, checks CRC and header, asks again after a deadline, a CRC
 * mismatch, Draining or a disconnect. The caller's thread only; frames stay in ZeroMQ's memory. */
#ifndef AUGSTREAM_TRAINER_RECV_H
#define AUGSTREAM_TRAINER_RECV_H

#include "proto/link.h"
#include "trainer/model.h"

struct recv;
struct recipe_keys;

struct recv_config {
    const struct spec *spec; /* copied */
    const struct conf_strs *endpoints;
    uint32_t window;
    double deadline_s, retry_s;
    uint32_t epoch, index;          /* the first batch wanted */
    uint32_t epochs;                /* ends after this many epochs from epoch 0 */
    const volatile int *stop;       /* recv_open gives up with -EINTR when it is nonzero; or NULL */
    const struct recipe_keys *keys; /* NULL: none; read once, as recv opens */
    struct embed *embed; /* the loader, where it is our own: its death is an error at once */
    void (*tell)(void *hint, const char *text); /* a line for the user; or NULL */
    void *tell_hint;
};

/* Connects and opens the session at every loader that answers; -ETIMEDOUT naming the endpoints, and
 * what was last heard of them, when none did within retry_s; -EBADMSG when two loaders' datasets
 * differ; a refusal by a loader (unknown dataset, too small, ...) with its text and endpoint.
 * Later, among several, such a loader is left out with a word to the user, until it comes back as
 * another daemon; it is an error when every one is left out. */
int recv_open(const struct recv_config *config, struct recv **ret);
void recv_close(struct recv *recv);

struct recv_info {
    uint64_t samples, batches; /* of an epoch */
    uint32_t classes;
    /* [classes], until recv_close; NULL: not told. Of the loader that was heard first: names are no
     * part of what loaders must agree on. */
    const char *const *class_names;
    uint8_t session[DIGEST_BYTES], fingerprint[DIGEST_BYTES];
};
const struct recv_info *recv_info(const struct recv *recv);

/* One received batch; all loans until recv_release. */
struct recv_batch {
    const struct wire_batch *header;
    struct model_batch model; /* runs that point into the frames */
    uint32_t slot;            /* private */
};

/* The next batch in order, waiting for it. -ENODATA after the last; -ETIMEDOUT after retry_s
 * without any loader, or with loaders that only put us off; -EIO, with the loader's text, for a
 * batch that loaders fail at again and again; -EINTR when *stop became nonzero (a signal). */
int recv_next(struct recv *recv, const volatile int *stop, struct recv_batch *ret);
void recv_release(struct recv *recv, struct recv_batch *batch);

struct recv_counts {
    uint64_t batches, bytes, rerequests, crc_errors, disconnects, substituted;
    uint64_t late;       /* batches that were not asked for, or not any more */
    uint64_t unreadable; /* messages that say nothing */
    double wait_s;       /* time recv_next blocked */
};
const struct recv_counts *recv_counts(const struct recv *recv);

#endif
