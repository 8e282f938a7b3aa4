/* SPDX-License-Identifier: Apache-2.0 */
/* serve: takes messages and finished batches, gives replies. Pixels go out without a copy:
 * each frame holds a reference on its slot, which ZeroMQ's thread gives back. All memory is made at
 * the start. What a peer does wrong is answered with Error and is never fatal here. */
#include "loaderd/serve/serve.h"

#include "common/err.h"
#include "common/log.h"
#include "loaderd/serve/peer.h"
#include "loaderd/serve/request.h"
#include "proto/wire.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TURN_MESSAGES = 32 }; /* of one link in a turn, so that no peer can starve the rest */

struct serve {
    struct serve_config config;
    bool draining;
    char server[WIRE_NAME_MAX];
    uint64_t tap_sequence;
    struct wire *wire;
    struct link_message in;
    struct wire_message message, reply;
    struct peers peers;
    struct requests requests;
};

/* --- requests --- */

static void finish(struct serve *serve, struct request *request)
{
    if (request->batch)
        dispatch_release(serve->config.dispatch, request->batch);
    request_end(&serve->requests, request);
}

static void peer_lost(struct serve *serve, struct peer *peer)
{
    if (peer->outstanding > 0) {
        serve->config.metrics->peers_gone++;
        log_debug("a peer left with %" PRIu32 " requests outstanding", peer->outstanding);
    }
    for (int i = 0; i < REQUEST_STAGES; i++) {
        struct request *request = TAILQ_FIRST(&serve->requests.stages[i]);
        while (request) {
            struct request *next = TAILQ_NEXT(request, next);
            if (request->peer == peer)
                finish(serve, request);
            request = next;
        }
    }
    peer_forget(peer);
}

/* --- replies --- */

/* Sends serve->reply to a connection, known as a peer or not. A small reply that finds no room is
 * lost and counted: the peer asks again after its deadline. */
static void reply_send(struct serve *serve, uint32_t link, const struct link_peer *name)
{
    const void *bytes;
    size_t len;
    int r = wire_pack(serve->wire, &serve->reply, &bytes, &len);
    if (r == 0)
        r = link_send(serve->config.links[link], name, bytes, len, NULL, 0);
    if (r == 0)
        return;
    struct peer *peer = peer_find(&serve->peers, link, name);
    if (r == -EHOSTUNREACH && peer) {
        peer_lost(serve, peer);
        return;
    }
    serve->config.metrics->replies_lost++;
    log_debug("a reply was lost: %s", err_text());
}

struct fault {
    uint64_t request;
    enum wire_code code;
    bool retryable;
    const char *text;
};

static void reply_error(struct serve *serve, uint32_t link, const struct link_peer *name,
                        const struct fault *fault)
{
    serve->config.metrics->refused++;
    serve->reply.type = WIRE_ERROR;
    serve->reply.error.request = fault->request;
    serve->reply.error.code = fault->code;
    serve->reply.error.retryable = fault->retryable;
    snprintf(serve->reply.error.text, sizeof serve->reply.error.text, "%s", fault->text);
    reply_send(serve, link, name);
}

/* --- messages; serve->message holds it, link and serve->in.peer say whose it is --- */

static void refuse(struct serve *serve, uint32_t link, uint64_t request, enum wire_code code)
{
    reply_error(serve, link, &serve->in.peer,
                &(struct fault){.request = request,
                                .code = code,
                                .retryable = code == WIRE_BUSY || code == WIRE_UNKNOWN_SESSION,
                                .text = err_text()});
}

static void on_hello(struct serve *serve, uint32_t link)
{
    const struct serve_config *config = &serve->config;
    if (!peer_meet(&serve->peers, link, &serve->in.peer)) {
        err_set(-EBUSY, "%d peers are being served already", PEERS_MAX);
        refuse(serve, link, 0, WIRE_BUSY);
        return;
    }
    struct wire_message *reply = &serve->reply;
    reply->type = WIRE_WELCOME;
    reply->welcome.server_epoch = config->server_epoch;
    reply->welcome.window = config->window;
    reply->welcome.batch_bytes_max = config->batch_bytes_max;
    memcpy(reply->welcome.server, serve->server, sizeof serve->server);
    reply->welcome.n_datasets = (uint32_t)config->n_datasets;
    for (size_t i = 0; i < config->n_datasets; i++) {
        const struct dataset *dataset = &config->datasets[i];
        struct wire_dataset *out = &reply->welcome.datasets[i];
        memcpy(out->name, dataset->name, sizeof out->name);
        memcpy(out->fingerprint, dataset->source->fingerprint, DIGEST_BYTES);
        out->samples = dataset->source->samples;
        out->classes = dataset->source->classes;
    }
    reply_send(serve, link, &serve->in.peer);
    if (serve->draining) {
        reply->type = WIRE_DRAINING;
        reply->draining.server_epoch = config->server_epoch;
        reply_send(serve, link, &serve->in.peer);
    }
}

static void on_open_session(struct serve *serve, uint32_t link)
{
    uint64_t request = serve->message.open_session.request;
    struct session *session;
    enum wire_code code;
    if (session_open(serve->config.sessions, &serve->message.open_session.spec, &session, &code) <
        0) {
        refuse(serve, link, request, code);
        return;
    }
    struct wire_message *reply = &serve->reply;
    const struct source *source = session->dataset->source;
    reply->type = WIRE_SESSION_OPENED;
    reply->session_opened.request = request;
    memcpy(reply->session_opened.session, session->id, DIGEST_BYTES);
    memcpy(reply->session_opened.fingerprint, source->fingerprint, DIGEST_BYTES);
    reply->session_opened.samples = source->samples;
    reply->session_opened.batches = session->batches;
    reply->session_opened.classes = source->classes;
    reply_send(serve, link, &serve->in.peer);
}

/* Why a GetBatch is refused, WIRE_OK when it is not; err_text() says it. */
static enum wire_code get_batch_check(struct serve *serve, const struct session *session,
                                      const struct peer *peer)
{
    if (serve->draining) {
        err_set(-EBUSY, "this loader is shutting down");
        return WIRE_BUSY;
    }
    if (!session) {
        err_set(-ENOENT, "no such session is open here");
        return WIRE_UNKNOWN_SESSION;
    }
    if (session_batch_samples(session, serve->message.get_batch.index) == 0) {
        err_set(-ERANGE, "index %" PRIu32 ": an epoch has %" PRIu64 " batches",
                serve->message.get_batch.index, session->batches);
        return WIRE_BAD_RANGE;
    }
    if (session_check_rate(serve->config.sessions, session) < 0)
        return WIRE_TOO_MANY_BAD;
    if (!peer) {
        err_set(-EBUSY, "%d peers are being served already", PEERS_MAX);
        return WIRE_BUSY;
    }
    if (peer->outstanding >= serve->config.window) {
        err_set(-EBUSY, "%" PRIu32 " requests are outstanding, the window", peer->outstanding);
        return WIRE_BUSY;
    }
    if (request_find(&serve->requests, peer, serve->message.get_batch.request)) {
        err_set(-EEXIST, "request %" PRIu64 " is outstanding already",
                serve->message.get_batch.request);
        return WIRE_BAD_MESSAGE;
    }
    return WIRE_OK;
}

static void on_get_batch(struct serve *serve, uint32_t link)
{
    uint64_t id = serve->message.get_batch.request;
    struct session *session =
        session_find(serve->config.sessions, serve->message.get_batch.session);
    struct peer *peer = peer_meet(&serve->peers, link, &serve->in.peer);
    enum wire_code code = get_batch_check(serve, session, peer);
    if (code != WIRE_OK) {
        refuse(serve, link, id, code);
        return;
    }
    struct request *request = request_begin(&serve->requests, peer, id, session);
    assert(request); /* there are as many as all windows together */
    request->epoch = serve->message.get_batch.epoch;
    request->index = serve->message.get_batch.index;
}

/* A cancelled request gets no answer; one that was answered already is none of ours. */
static void on_cancel(struct serve *serve, uint32_t link)
{
    struct peer *peer = peer_find(&serve->peers, link, &serve->in.peer);
    struct request *request =
        peer ? request_find(&serve->requests, peer, serve->message.cancel.request) : NULL;
    if (request)
        finish(serve, request);
}

static void on_ping(struct serve *serve, uint32_t link)
{
    serve->reply.type = WIRE_PONG;
    serve->reply.ping.nonce = serve->message.ping.nonce;
    serve->reply.ping.server_epoch = serve->config.server_epoch;
    reply_send(serve, link, &serve->in.peer);
}

static const struct {
    enum wire_type type;
    void (*handle)(struct serve *serve, uint32_t link);
} handlers[] = {
    {WIRE_HELLO, on_hello},         {WIRE_OPEN_SESSION, on_open_session},
    {WIRE_GET_BATCH, on_get_batch}, {WIRE_CANCEL, on_cancel},
    {WIRE_PING, on_ping},
};

static void bad_message(struct serve *serve, uint32_t link)
{
    metrics_bad_message(serve->config.metrics, err_text());
    refuse(serve, link, 0, WIRE_BAD_MESSAGE);
}

static void handle(struct serve *serve, uint32_t link)
{
    const struct link_message *in = &serve->in;
    int r = in->n_frames == 0 ? wire_unpack(serve->wire, in->body, in->body_len, &serve->message)
                              : err_set(-EBADMSG, "frames: a loader takes none");
    if (r < 0) {
        bad_message(serve, link);
        return;
    }
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        if (handlers[i].type == serve->message.type) {
            handlers[i].handle(serve, link);
            return;
        }
    }
    err_set(-EBADMSG, "type %d: only a loader sends this", (int)serve->message.type);
    bad_message(serve, link);
}

static void receive(struct serve *serve, uint32_t link)
{
    for (int i = 0; i < TURN_MESSAGES; i++) {
        int r = link_receive(serve->config.links[link], &serve->in);
        if (r == -EBADMSG)
            bad_message(serve, link);
        else if (r < 0)
            return;
        else
            handle(serve, link);
        link_message_done(&serve->in);
    }
}

/* --- batches --- */

/* ZeroMQ is done with a frame; its own thread calls. */
static void frame_free(void *data, void *hint)
{
    struct pool *pool = hint;
    size_t offset = (size_t)((unsigned char *)data - (unsigned char *)pool_data(pool, 0));
    pool_unref(pool, (uint32_t)(offset / pool_slot_bytes(pool)));
}

static int batch_send(struct serve *serve, const struct request *request)
{
    const struct batch *batch = request->batch;
    struct pool *pool = serve->config.pool;
    const void *bytes;
    size_t len;
    serve->reply.type = WIRE_BATCH;
    serve->reply.batch = batch->header;
    serve->reply.batch.request = request->id;
    serve->reply.batch.server_epoch = serve->config.server_epoch;
    int r = wire_pack(serve->wire, &serve->reply, &bytes, &len);
    if (r < 0)
        return r;
    struct link_frame frames[WIRE_FRAMES_MAX];
    unsigned char *slot = pool_data(pool, batch->slot);
    for (uint32_t i = 0; i < batch->header.n_frames; i++) {
        pool_ref(pool, batch->slot);
        frames[i] = (struct link_frame){.data = slot + batch->frame_at[i],
                                        .len = batch->header.frames[i].bytes,
                                        .free = frame_free,
                                        .hint = pool};
    }
    return link_send(serve->config.links[request->peer->link], &request->peer->name, bytes, len,
                     frames, batch->header.n_frames);
}

static void count_sent(struct metrics *m, const struct batch *batch)
{
    m->batches++;
    m->samples += batch->n;
    m->substituted += batch->header.n_substituted;
    for (uint32_t i = 0; i < batch->header.n_frames; i++)
        m->bytes += batch->header.frames[i].bytes;
}

static void request_fail(struct serve *serve, struct request *request, enum wire_code code,
                         const char *text)
{
    struct peer *peer = request->peer;
    struct link_peer name = peer->name;
    uint32_t link = peer->link;
    struct fault fault = {.request = request->id, .code = code, .retryable = code == WIRE_INTERNAL};
    char kept[WIRE_TEXT_MAX]; /* ending the request may end the batch that holds the text */
    snprintf(kept, sizeof kept, "%s", text);
    fault.text = kept;
    finish(serve, request);
    reply_error(serve, link, &name, &fault);
}

/* Sends one ready request's batch, or keeps it until its peer's queue has room. */
static void deliver(struct serve *serve, struct request *request)
{
    struct batch *batch = request->batch;
    struct peer *peer = request->peer;
    if (batch->error) {
        request_fail(serve, request, batch->error == -ENODATA ? WIRE_TOO_MANY_BAD : WIRE_INTERNAL,
                     batch->error_text);
        return;
    }
    int r = batch_send(serve, request);
    switch (r) {
    case 0:
        count_sent(serve->config.metrics, batch);
        finish(serve, request);
        break;
    case -EAGAIN:
        peer->stalled = true;
        serve->config.metrics->sends_delayed += !request->delayed;
        request->delayed = true;
        break;
    case -EHOSTUNREACH:
        peer_lost(serve, peer);
        break;
    default:
        log_error("batch %" PRIu32 " of epoch %" PRIu32 " cannot be sent: %s", batch->index,
                  batch->epoch, err_text());
        request_fail(serve, request, WIRE_INTERNAL, err_text());
    }
}

/* What is ready, but not twice to a peer whose queue is full. A peer's loss ends several requests,
 * so the walk begins again after each one sent. */
static void deliver_all(struct serve *serve)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++)
        serve->peers.list[i].stalled = false;
    struct request_list *ready = &serve->requests.stages[REQUEST_READY];
    struct request *request = TAILQ_FIRST(ready);
    while (request) {
        if (request->peer->stalled) {
            request = TAILQ_NEXT(request, next);
            continue;
        }
        deliver(serve, request);
        request = TAILQ_FIRST(ready);
    }
}

/* Observers get the header alone. A PUB socket drops what a slow one has no room for, and the
 * sequence shows the gap. */
static void tap(struct serve *serve, const struct batch *batch)
{
    if (!serve->config.tap)
        return;
    const void *bytes;
    size_t len;
    serve->reply.type = WIRE_TAP;
    serve->reply.tap.sequence = ++serve->tap_sequence;
    serve->reply.tap.server_epoch = serve->config.server_epoch;
    memcpy(serve->reply.tap.dataset, batch->session->dataset->name, WIRE_NAME_MAX);
    serve->reply.tap.batch = batch->header;
    serve->reply.tap.batch.server_epoch = serve->config.server_epoch;
    serve->reply.tap.batch.n_frames = 0;
    if (wire_pack(serve->wire, &serve->reply, &bytes, &len) < 0 ||
        link_send(serve->config.tap, NULL, bytes, len, NULL, 0) < 0)
        log_debug("tap: %s", err_text());
}

static void take_finished(struct serve *serve)
{
    struct batch *batch;
    while ((batch = dispatch_finished(serve->config.dispatch))) {
        if (batch->error == 0)
            tap(serve, batch);
        struct request *request = TAILQ_FIRST(&serve->requests.stages[REQUEST_WORKING]);
        while (request) {
            struct request *next = TAILQ_NEXT(request, next);
            if (request->batch == batch)
                request_move(&serve->requests, request, REQUEST_READY);
            request = next;
        }
    }
}

/* Slots for those who wait, first come, first served. */
static void start_waiting(struct serve *serve)
{
    struct request *request;
    while ((request = TAILQ_FIRST(&serve->requests.stages[REQUEST_WAITING]))) {
        if (dispatch_ask(serve->config.dispatch, request->session, request->epoch, request->index,
                         &request->batch) < 0)
            return;
        request_move(&serve->requests, request, REQUEST_WORKING);
    }
}

/* --- the daemon's side --- */

int serve_new(const struct serve_config *config, struct serve **ret)
{
    assert(config->n_links <= SERVE_LINKS_MAX && config->window <= SERVE_WINDOW_MAX);
    struct serve *serve = calloc(1, sizeof *serve);
    if (!serve)
        return err_set(-ENOMEM, "no memory for the server");
    int r = requests_init(&serve->requests, PEERS_MAX * config->window);
    if (r == 0)
        r = wire_new(WIRE_OMEGAS_MAX, &serve->wire);
    if (r < 0) {
        serve_free(serve);
        return r;
    }
    serve->config = *config;
    if (gethostname(serve->server, sizeof serve->server) < 0)
        snprintf(serve->server, sizeof serve->server, "augstream-loaderd");
    serve->server[sizeof serve->server - 1] = 0;
    *ret = serve;
    return 0;
}

void serve_free(struct serve *serve)
{
    if (!serve)
        return;
    for (int i = 0; i < REQUEST_STAGES; i++) {
        struct request *request;
        while ((request = TAILQ_FIRST(&serve->requests.stages[i])))
            finish(serve, request);
    }
    link_message_done(&serve->in);
    wire_free(serve->wire);
    requests_done(&serve->requests);
    free(serve);
}

void serve_turn(struct serve *serve)
{
    for (uint32_t i = 0; i < serve->config.n_links; i++)
        receive(serve, i);
    take_finished(serve);
    deliver_all(serve);
    start_waiting(serve);
    dispatch_feed(serve->config.dispatch, serve->config.crew);
}

bool serve_ready(struct serve *serve)
{
    for (uint32_t i = 0; i < serve->config.n_links; i++)
        if (link_ready(serve->config.links[i]))
            return true;
    return false;
}

bool serve_stalled(const struct serve *serve)
{
    return !TAILQ_EMPTY(&serve->requests.stages[REQUEST_READY]);
}

void serve_drain(struct serve *serve)
{
    serve->draining = true;
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        const struct peer *peer = &serve->peers.list[i];
        if (!peer->used)
            continue;
        struct link_peer name = peer->name;
        serve->reply.type = WIRE_DRAINING;
        serve->reply.draining.server_epoch = serve->config.server_epoch;
        reply_send(serve, peer->link, &name);
    }
}

bool serve_idle(const struct serve *serve)
{
    return serve->requests.outstanding == 0;
}

uint32_t serve_peers(const struct serve *serve)
{
    return peers_count(&serve->peers);
}

uint32_t serve_outstanding(const struct serve *serve)
{
    return serve->requests.outstanding;
}
