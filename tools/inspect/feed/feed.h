/* SPDX-License-Identifier: Apache-2.0 */
/* feed: what comes next of a loader's tap, or of a record on disk (docs/record.md): batch after
 * batch of omega, and what is missing between them. A record is a tap on disk; whoever reads the
 * one reads the other. One thread per feed. */
#ifndef AUGSTREAM_TOOLS_INSPECT_FEED_FEED_H
#define AUGSTREAM_TOOLS_INSPECT_FEED_FEED_H

#include "common/usage.h"
#include "proto/wire.h"

#include <stdbool.h>
#include <stdint.h>

struct feed;
struct record;

struct feed_config {
    const char *from;   /* an endpoint; or a file, which is then a record. A loan until close */
    const char *server; /* the loader's public key or its file; NULL: its tap wants none */
    const char *secret; /* the file of our secret key; NULL: a fresh key */
    int64_t timeout_s;  /* a tap that is silent because nobody is there is given up after it */
    bool follow;        /* never give up: a loader may come back, a record may grow */
    const volatile int *stop; /* once it is set, feed_next waits no more; NULL: nobody does */
};

enum feed_kind {
    FEED_BATCH,
    FEED_GAP,     /* `gap` batches are missing before the next one: shed, or lost, or cut out */
    FEED_RESTART, /* another life of the loader begins: of it `gap` batches are missing before the
                     next; how many of its last one's, nobody knows */
    FEED_WAIT,    /* nothing came within the time, or stop was set */
};
struct feed_event {
    enum feed_kind kind;
    uint64_t gap;                   /* batches */
    const struct wire_message *tap; /* FEED_BATCH: until the next call */
};

/* Succeeds before anybody is at the endpoint. -EINVAL: it is none; -ENOENT, -EISDIR and the like:
 * it is no file either. On failure nothing is left. */
int feed_open(const struct feed_config *config, struct feed **ret);
void feed_close(struct feed *feed); /* NULL is fine */

/* Waits at most timeout_ms (-1: for ever) for the next event. -ENODATA: a record is at its end
 * (where it was not closed, the log says so); -ETIMEDOUT: no loader answered for timeout_s;
 * -EACCES: the loader does not take our key; -EBADMSG: nothing that can be read came for timeout_s,
 * or a record with damaged parts is at its end. What cannot be read is passed over, with a line in
 * the log; what it told of is then a gap. */
int feed_next(struct feed *feed, int timeout_ms, struct feed_event *ret);

bool feed_is_record(const struct feed *feed);

/* Whether a loader is at the endpoint, as far as is known by now; of a record: always. */
bool feed_there(const struct feed *feed);

/* The record that is read, to be sought in before the first feed_next; NULL: it is a tap. */
struct record *feed_record(const struct feed *feed);

/* The options that every verb has which reads a feed, for its rows; feed_option takes one of them:
 * 1 when it was one, 0 when it is the verb's own, -EINVAL. Their keys are capital letters. */
struct feed_options {
    const char *server, *secret;
    int64_t timeout_s; /* 0: not given */
    bool follow;
};
#define FEED_OPTIONS                                                                               \
    {"follow", NULL, 'F',                                                                          \
     "go on for ever: wait for a loader that is away, and for a record to grow"},                  \
        {"timeout", "SECONDS", 'T',                                                                \
         "give up when no loader answers, or none that can be read, for so long, 1 to 86400 "      \
         "(default 10)"},                                                                          \
        {"server", "KEY", 'K', "the loader's public key, or its file, where its tap wants keys"},  \
    {                                                                                              \
        "secret", "FILE", 'P', "the file of our secret key for it (default: a fresh key)"          \
    }
#define FEED_FROM                                                                                  \
    "ENDPOINT is a loader's tap, tcp://HOST:PORT or ipc://PATH. FILE is a record, a tap on disk."
int feed_option(struct feed_options *options, int key, const char *arg);

/* What the command line says, as a config. -EINVAL for options that contradict each other, or that
 * say nothing about such a `from`. */
int feed_configure(const struct feed_options *options, const char *from, const volatile int *stop,
                   struct feed_config *ret);

/* Lets SIGINT and SIGTERM end what goes on instead of the process: returns what they set. */
const volatile int *feed_stop_by_signal(void);

#endif
