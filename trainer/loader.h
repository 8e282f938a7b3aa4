/* SPDX-License-Identifier: Apache-2.0 */
/* loader: one loader daemon as the trainer sees it: the handshake Hello -> Welcome -> OpenSession
 * -> SessionOpened, and how much may be asked of it. Which batches to ask is fetch's affair,
 * sockets and clock are the caller's. Owner: fetch. Its thread only. */
#ifndef AUGSTREAM_TRAINER_LOADER_H
#define AUGSTREAM_TRAINER_LOADER_H

#include "proto/link.h"
#include "trainer/recv.h"

enum { LOADER_SAID_MAX = 256 };

enum loader_state {
    LOADER_HELLO,    /* not connected, or Hello is out; nothing may be asked */
    LOADER_OPENING,  /* Welcome came; OpenSession is out */
    LOADER_READY,    /* batches may be asked */
    LOADER_DRAINING, /* it is ending: nothing new is asked until it comes back */
    LOADER_LEFT_OUT, /* of no use to this run: nothing is asked until it is another daemon */
};

struct loader {
    const char *endpoint; /* a loan */
    uint32_t number;      /* its place: what loader_io calls it */
    enum loader_state state;
    bool connected;        /* as far as link can tell */
    uint64_t server_epoch; /* of the last Welcome */
    uint64_t opening;      /* request id of the last OpenSession */
    uint32_t window;       /* batches it may be asked at a time: ours, or its own if that is less */
    uint32_t asked;        /* batches it is asked now; kept by fetch */
    double sent_s;         /* when the last Hello or OpenSession went out */
    double latency_s;      /* from asking to having, smoothed; 0 = not known yet */
    struct recv_info info; /* from SessionOpened; class_names: only until the next message */
    char said[LOADER_SAID_MAX]; /* its last refusal, or what was wrong with its last message */
};

/* How the trainer's side reaches its loaders, which are numbers here: recv's sockets, or a
 * simulator. As link_send, link_receive, link_message_done and link_event; none of them waits. */
struct loader_io {
    int (*send)(void *hint, uint32_t loader, const void *body, size_t len);
    int (*receive)(void *hint, uint32_t loader, struct link_message *message);
    void (*release)(void *hint, struct link_message *message);
    enum link_event (*event)(void *hint, uint32_t loader);
    void *hint;
};

/* What all loaders of a run share. */
struct loader_room {
    const struct loader_io *io; /* a loan */
    struct wire *wire;          /* to pack with */
    const struct spec *spec;    /* a loan */
    const char *client;         /* whom a Hello names; a loan */
    uint32_t window;
    uint64_t request; /* the last id given out */
};

/* An endpoint that nobody serves is merely never READY. */
void loader_init(struct loader *loader, const char *endpoint, uint32_t number);

/* Looks at the connection and sends again what got no answer. Returns 1 when everything that was
 * asked of it is lost (a disconnect), else 0. */
int loader_tick(struct loader *loader, struct loader_room *room, double now_s);

/* Takes every message that is not a Batch and not an Error about one. 1: everything asked of it is
 * to be asked elsewhere. A refusal to open the session is an error with the loader's own text. */
int loader_message(struct loader *loader, struct loader_room *room, const struct wire_message *m,
                   double now_s);

/* Asks for one batch; *ret_request names the request. -EAGAIN: not now. */
int loader_get(struct loader *loader, struct loader_room *room, uint32_t epoch, uint32_t index,
               uint64_t *ret_request);
void loader_cancel(struct loader *loader, struct loader_room *room, uint64_t request);

/* It answered one request after so long. */
void loader_took(struct loader *loader, double took_s);

/* Which of n loaders should have a batch soonest; one whose bit is set in `avoid` only when no
 * other is READY. n: none can be asked now. */
uint32_t loader_choose(const struct loader *loaders, uint32_t n, uint32_t avoid);

/* Begins the handshake again: it did not answer in time, or lost our session. */
void loader_again(struct loader *loader, struct loader_room *room, double now_s);

/* Keeps text as what it said; the endpoint in front of it is dropped. */
void loader_says(struct loader *loader, const char *text);

/* "A, B": their endpoints; "; A said: text" of each that said something. */
void loader_names(const struct loader *loaders, uint32_t n, char *ret, size_t cap);
void loader_words(const struct loader *loaders, uint32_t n, char *ret, size_t cap);

/* Whether it read our spec as we wrote it: a session's name is a digest of the spec and of the
 * dataset's fingerprint, and we make it too. -EPROTO: it did not. */
int loader_read(const struct loader *loader, const struct spec *spec);

/* Whether its session, just opened, is the run's; -EBADMSG says how its dataset differs. */
int loader_agrees(const struct loader *loader, const char *dataset, const struct recv_info *ours);

/* err_set with the endpoint and the loader's own text; the -errno that the code stands for. */
int loader_refusal(const struct loader *loader, enum wire_code code, const char *text);

#endif
