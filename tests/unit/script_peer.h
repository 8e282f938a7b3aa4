/* SPDX-License-Identifier: Apache-2.0 */
/* script_peer: the far end of a connection, for tests of what the trainer does when a loader is
 * late, wrong, gone or refuses: a ROUTER on its own thread that speaks the protocol and lets a
 * test's script answer GetBatch otherwise. It serves every dataset that is asked for. Its batches
 * are a pure function of (epoch, index), as a loader's are, but their pixels are made up. Include
 * it in one source file of a program. */
#ifndef AUGSTREAM_TESTS_SCRIPT_PEER_H
#define AUGSTREAM_TESTS_SCRIPT_PEER_H

#include "test.h"

#include "common/crc32c.h"
#include "proto/link.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PEER_BATCH = 4, PEER_VIEWS = 2, PEER_SIDE = 8, PEER_IMAGE = PEER_SIDE * PEER_SIDE * 3 };

struct script_peer;

/* What to do with a GetBatch instead of answering it well: true when the script has dealt with it.
 */
typedef bool (*peer_script_fn)(struct script_peer *peer, const struct wire_message *get);

struct script_peer {
    const char *endpoint;
    uint64_t samples, server_epoch;
    uint32_t window;
    uint8_t fingerprint;            /* the first byte of it */
    enum wire_code open_code;       /* not WIRE_OK: OpenSession is refused with it */
    bool open_retryable;            /* ... the first time only */
    bool other_version;             /* it answers as a loader of another wire version would */
    const char *const *class_names; /* [3], or NULL: it tells none */
    peer_script_fn script;          /* NULL: answer everything well */

    atomic_uint hellos, opens, gets, cancels;
    uint32_t n_kept; /* the script's own */
    struct wire_message kept[16];

    struct link_context *context; /* from here on: the thread's */
    struct link *link;
    struct wire *wire;
    struct link_peer from;
    struct spec spec; /* as it was opened */
    atomic_bool quit;
    pthread_t thread;
};

static inline unsigned char peer_pixel(uint32_t epoch, uint32_t index, size_t i)
{
    return (unsigned char)(i * 31 + (i >> 8) + epoch * 101 + index * 17);
}

static inline void peer_send(struct script_peer *p, const struct wire_message *m,
                             const struct link_frame *frames, uint32_t n_frames)
{
    const void *bytes;
    size_t len;
    assert_int_equal(wire_pack(p->wire, m, &bytes, &len), 0);
    link_send(p->link, &p->from, bytes, len, frames, n_frames); /* whoever is gone misses it */
}

/* These bytes of an Envelope, as they are. */
static inline void peer_send_raw(struct script_peer *p, const char *bytes, size_t len)
{
    unsigned char sealed[64];
    assert_true(len + WIRE_SEAL <= sizeof sealed);
    memcpy(sealed, bytes, len);
    wire_seal(sealed, len);
    link_send(p->link, &p->from, sealed, len + WIRE_SEAL, NULL, 0);
}

static inline void peer_error(struct script_peer *p, uint64_t request, enum wire_code code,
                              const char *text, bool retryable)
{
    struct wire_message m = {.type = WIRE_ERROR};
    m.error.request = request;
    m.error.code = code;
    m.error.retryable = retryable;
    snprintf(m.error.text, sizeof m.error.text, "%s", text);
    peer_send(p, &m, NULL, 0);
}

/* How an answer may be wrong; zeroed: it is not. */
struct peer_fault {
    bool crc, session, server_epoch, short_frame, no_frames;
    uint32_t index_plus; /* names a later batch than was asked for */
};

/* The header but for its frames; the arrays are the caller's. */
static inline void peer_header(const struct script_peer *p, const struct wire_message *get,
                               struct wire_batch *b, struct omega *omegas, int64_t *labels)
{
    uint64_t left = p->samples - (uint64_t)get->get_batch.index * p->spec.batch;
    b->request = get->get_batch.request;
    b->server_epoch = p->server_epoch;
    memcpy(b->session, get->get_batch.session, DIGEST_BYTES);
    b->epoch = get->get_batch.epoch;
    b->index = get->get_batch.index;
    b->n_samples = left < p->spec.batch ? (uint32_t)left : p->spec.batch;
    b->n_views = p->spec.n_views;
    for (uint32_t v = 0; v < b->n_views; v++) {
        b->sizes[v] = p->spec.views[v].size;
        for (uint32_t n = 0; n < b->n_samples; n++) {
            struct omega_key key = {.epoch = b->epoch, .view = v};
            key.sample = b->index * p->spec.batch + n;
            omega_draw(&p->spec.views[v], &key, 40, 30, &omegas[v * b->n_samples + n]);
        }
    }
    for (uint32_t n = 0; n < b->n_samples; n++)
        labels[n] = b->index * p->spec.batch + n;
    b->omega = omegas;
    b->labels = labels;
}

/* A Batch as the session's spec wants it: the first view in two frames (its last image apart), each
 * other view in one. */
static inline void peer_answer(struct script_peer *p, const struct wire_message *get,
                               const struct peer_fault *fault)
{
    unsigned char pixels[PEER_VIEWS * PEER_BATCH * PEER_IMAGE];
    struct omega omegas[PEER_VIEWS * PEER_BATCH];
    int64_t labels[PEER_BATCH];
    struct link_frame frames[PEER_VIEWS + 1] = {{NULL}};
    static const struct wire_message zero;
    struct wire_message m = zero;
    struct wire_batch *b = &m.batch;
    m.type = WIRE_BATCH;
    peer_header(p, get, b, omegas, labels);
    size_t image = (size_t)b->sizes[0] * b->sizes[0] * 3;
    assert_true(b->n_views * b->n_samples * image <= sizeof pixels);
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = peer_pixel(b->epoch, b->index + fault->index_plus, i);
    b->index += fault->index_plus;
    b->session[0] ^= fault->session;
    b->server_epoch += fault->server_epoch;
    unsigned char *at = pixels;
    for (uint32_t row = 0; row < b->n_views * b->n_samples;) {
        uint32_t images = row == 0 && b->n_samples > 1 ? b->n_samples - 1
                          : row < b->n_samples         ? 1
                                                       : b->n_samples;
        struct link_frame *frame = &frames[b->n_frames];
        frame->data = at;
        frame->len = images * image;
        b->frames[b->n_frames].bytes = (uint32_t)frame->len;
        b->frames[b->n_frames++].crc32c = crc32c(0, at, frame->len);
        at += frame->len;
        row += images;
    }
    b->frames[b->n_frames - 1].crc32c ^= fault->crc;
    frames[0].len -= fault->short_frame;
    peer_send(p, &m, frames, fault->no_frames ? 0 : b->n_frames);
}

static inline void peer_welcome(struct script_peer *p)
{
    struct wire_message m = {.type = WIRE_WELCOME};
    m.welcome.server_epoch = p->server_epoch;
    snprintf(m.welcome.server, sizeof m.welcome.server, "script");
    m.welcome.window = p->window ? p->window : 4;
    m.welcome.batch_bytes_max = 1 << 20;
    peer_send(p, &m, NULL, 0);
}

static inline void peer_open(struct script_peer *p, const struct wire_message *open)
{
    if (p->open_code != WIRE_OK) {
        peer_error(p, open->open_session.request, p->open_code, "no such thing here",
                   p->open_retryable);
        if (p->open_retryable)
            p->open_code = WIRE_OK;
        return;
    }
    struct wire_message m = {.type = WIRE_SESSION_OPENED};
    p->spec = open->open_session.spec;
    m.session_opened.request = open->open_session.request;
    m.session_opened.fingerprint[0] = p->fingerprint;
    spec_digest(&p->spec, m.session_opened.fingerprint, m.session_opened.session);
    m.session_opened.samples = p->samples;
    m.session_opened.batches = spec_batches(&p->spec, p->samples);
    m.session_opened.classes = 3;
    m.session_opened.class_names = p->class_names;
    peer_send(p, &m, NULL, 0);
}

static inline void peer_message(struct script_peer *p, const struct wire_message *m)
{
    static const struct peer_fault none;
    switch (m->type) {
    case WIRE_HELLO:
        atomic_fetch_add(&p->hellos, 1);
        if (p->other_version)
            peer_send_raw(p, "\x08\x02\x1a\x02\x08\x05", 6);
        else
            peer_welcome(p);
        break;
    case WIRE_OPEN_SESSION:
        atomic_fetch_add(&p->opens, 1);
        peer_open(p, m);
        break;
    case WIRE_GET_BATCH:
        atomic_fetch_add(&p->gets, 1);
        if (!p->script || !p->script(p, m))
            peer_answer(p, m, &none);
        break;
    case WIRE_CANCEL:
        atomic_fetch_add(&p->cancels, 1);
        break;
    default:
        break;
    }
}

static inline void *peer_run(void *arg)
{
    struct script_peer *p = arg;
    struct link_message *message = calloc(1, sizeof *message);
    struct wire_message *m = calloc(1, sizeof *m);
    assert_true(message && m);
    while (!atomic_load(&p->quit)) {
        while (link_receive(p->link, message) == 0) {
            p->from = message->peer;
            assert_int_equal(wire_unpack(p->wire, message->body, message->body_len, m), 0);
            peer_message(p, m);
        }
        link_wait(&p->link, 1, 10);
    }
    link_message_done(message);
    free(message);
    free(m);
    return NULL;
}

static inline void peer_start(struct script_peer *p)
{
    atomic_store(&p->quit, false);
    assert_int_equal(wire_new(64, &p->wire), 0);
    assert_int_equal(link_context_new(&p->context), 0);
    assert_int_equal(link_router_bind(p->context, p->endpoint, &p->link), 0);
    assert_int_equal(pthread_create(&p->thread, NULL, peer_run, p), 0);
}

static inline void peer_stop(struct script_peer *p)
{
    atomic_store(&p->quit, true);
    pthread_join(p->thread, NULL);
    link_close(p->link);
    link_context_free(p->context);
    wire_free(p->wire);
    p->context = NULL;
}

/* A spec that fits the batches above. */
static inline void peer_spec(struct spec *spec)
{
    *spec = (struct spec){.dataset = "flowers",
                          .seed = 1,
                          .batch = PEER_BATCH,
                          .shuffle = true,
                          .n_views = PEER_VIEWS};
    for (uint32_t v = 0; v < PEER_VIEWS; v++)
        spec->views[v] = (struct view_spec){.size = PEER_SIDE,
                                            .crop_resize = PEER_SIDE,
                                            .scale = {.2, 1},
                                            .ratio = {.75, 1.25},
                                            .flip = .5,
                                            .jitter = {.p = .5, .brightness = .4},
                                            .blur = {.p = .5, .sigma = {.1, 2}, .kernel = 3}};
}

#endif
