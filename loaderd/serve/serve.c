/* SPDX-License-Identifier: Apache-2.0 */
/* serve: takes messages and finished batches, gives replies. Pixels go out without a copy, as
 * parcels. All memory is made at the start. What a peer does wrong is answered with Error and is
 * never fatal here.
 *
 * A request waits for a slot, is working, is ready, and ends when its batch is sent. A peer holds
 * what is being made for it, what is ready, and what is on its way: while that is a whole window,
 * in batches or in bytes, its other requests wait, whatever their age, and slots go to those who
 * take what they are given.
 */
#include "loaderd/serve/serve.h"

#include "common/err.h"
#include "common/log.h"
#include "loaderd/serve/parcel.h"
#include "proto/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct serve {
    struct serve_config config;
    struct protocol protocol;
    struct parcels parcels;
    bool starved; /* in the last turn a request found no slot */
    uint64_t tap_sequence;
    struct wire *wire;
    struct wire_message message, reply;
};

static struct metrics *metrics_of(struct serve *serve)
{
    return serve->config.protocol.metrics;
}

/* --- peers --- */

static void peer_lost(struct serve *serve, struct peer *peer)
{
    struct requests *requests = &serve->protocol.requests;
    if (peer->outstanding > 0) {
        metrics_of(serve)->peers_gone++;
        log_debug("a peer left with %" PRIu32 " requests outstanding", peer->outstanding);
    }
    for (int i = 0; i < REQUEST_STAGES; i++) {
        struct request *request = TAILQ_FIRST(&requests->stages[i]);
        while (request) {
            struct request *next = TAILQ_NEXT(request, next);
            if (request->peer == peer)
                request_end(requests, request);
            request = next;
        }
    }
    parcels_forget(&serve->parcels, peer);
    peer_forget(peer);
}

/* Sends serve->reply to a connection, known as a peer or not. A small reply that finds no room is
 * lost and counted: the peer asks again after its deadline. */
static void reply_send(struct serve *serve, const struct protocol_from *to)
{
    struct serve_out out = {.link = to->link, .peer = to->name};
    int r = wire_pack(serve->wire, &serve->reply, &out.body, &out.len);
    if (r == 0)
        r = serve->config.send(serve->config.send_hint, &out);
    if (r == 0)
        return;
    struct peer *peer = peer_find(&serve->protocol.peers, to->link, to->name);
    if (r == -EHOSTUNREACH && peer) {
        peer_lost(serve, peer);
        return;
    }
    metrics_of(serve)->replies_lost++;
    log_debug("a reply was lost: %s", err_text());
}

static void tell_draining(struct serve *serve, const struct protocol_from *to)
{
    serve->reply.type = WIRE_DRAINING;
    serve->reply.draining.server_epoch = serve->config.protocol.server_epoch;
    reply_send(serve, to);
}

/* --- messages --- */

void serve_bad_message(struct serve *serve, uint32_t link, const struct link_message *message)
{
    const struct protocol_from from = {link, &message->peer};
    protocol_answer_bad(&serve->protocol, &serve->reply);
    reply_send(serve, &from);
}

void serve_message(struct serve *serve, uint32_t link, const struct link_message *message)
{
    int r = message->n_frames > 0
                ? err_set(-EBADMSG, "frames: a loader takes none")
                : wire_unpack(serve->wire, message->body, message->body_len, &serve->message);
    if (r < 0) {
        serve_bad_message(serve, link, message);
        return;
    }
    const struct protocol_from from = {link, &message->peer};
    if (protocol_answer(&serve->protocol, &from, &serve->message, &serve->reply))
        reply_send(serve, &from);
    if (serve->message.type == WIRE_HELLO && serve->protocol.draining)
        tell_draining(serve, &from);
}

/* --- batches --- */

static int batch_send(struct serve *serve, const struct request *request)
{
    const struct batch *batch = request->batch;
    struct serve_out out = {.link = request->peer->link, .peer = &request->peer->name};
    serve->reply.type = WIRE_BATCH;
    serve->reply.batch = batch->header;
    serve->reply.batch.request = request->id;
    serve->reply.batch.server_epoch = serve->config.protocol.server_epoch;
    int r = wire_pack(serve->wire, &serve->reply, &out.body, &out.len);
    if (r < 0)
        return r;
    struct link_frame frames[WIRE_FRAMES_MAX];
    r = parcel_begin(&serve->parcels, request->peer, batch, frames);
    if (r < 0)
        return r;
    out.frames = frames;
    out.n_frames = batch->header.n_frames;
    struct parcel *parcel = frames[0].hint;
    parcel_try(parcel);
    r = serve->config.send(serve->config.send_hint, &out);
    parcel_tried(parcel, r == 0);
    if (r < 0)
        parcels_collect(&serve->parcels); /* its frames came back at once */
    return r;
}

static void count_sent(struct metrics *m, const struct batch *batch)
{
    struct metrics_sent sent = {.dataset = batch->session->dataset->name,
                                .samples = batch->n,
                                .substituted = batch->header.n_substituted};
    for (uint32_t i = 0; i < batch->header.n_frames; i++)
        sent.bytes += batch->header.frames[i].bytes;
    metrics_sent(m, &sent);
}

static void request_fail(struct serve *serve, struct request *request, enum wire_code code,
                         const char *text)
{
    const struct link_peer name = request->peer->name;
    const struct protocol_from to = {request->peer->link, &name};
    protocol_refuse(&serve->protocol, request->id, code, text, &serve->reply);
    request_end(&serve->protocol.requests, request); /* text may go with its batch */
    reply_send(serve, &to);
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
        count_sent(metrics_of(serve), batch);
        request_end(&serve->protocol.requests, request);
        break;
    case -EAGAIN:
        peer->stalled = true;
        metrics_of(serve)->sends_delayed += !request->delayed;
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
        serve->protocol.peers.list[i].stalled = false;
    struct request_list *ready = &serve->protocol.requests.stages[REQUEST_READY];
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
    const struct session *session = batch->session;
    struct wire_message *m = &serve->reply;
    struct serve_out out = {.peer = NULL};
    m->type = WIRE_TAP;
    m->tap.sequence = ++serve->tap_sequence;
    m->tap.server_epoch = serve->config.protocol.server_epoch;
    m->tap.at_us = serve->config.wall_us();
    memcpy(m->tap.dataset, session->dataset->name, WIRE_NAME_MAX);
    m->tap.told_spec = true;
    m->tap.spec = session->spec;
    memcpy(m->tap.fingerprint, session->dataset->source->fingerprint, DIGEST_BYTES);
    m->tap.batch = batch->header;
    m->tap.batch.server_epoch = serve->config.protocol.server_epoch;
    m->tap.batch.n_frames = 0;
    if (wire_pack(serve->wire, &serve->reply, &out.body, &out.len) < 0 ||
        serve->config.send(serve->config.send_hint, &out) < 0)
        log_debug("tap: %s", err_text());
}

static void take_finished(struct serve *serve)
{
    struct requests *requests = &serve->protocol.requests;
    struct batch *batch;
    while ((batch = dispatch_finished(serve->config.protocol.dispatch))) {
        if (batch->error == 0)
            tap(serve, batch);
        struct request *request = TAILQ_FIRST(&requests->stages[REQUEST_WORKING]);
        while (request) {
            struct request *next = TAILQ_NEXT(request, next);
            if (request->batch == batch)
                request_move(requests, request, REQUEST_READY);
            request = next;
        }
    }
}

/* Whether the peer may hold the batch of one more request: less than a window, and its bytes too.
 */
static bool has_room(const struct protocol_config *config, const struct request *request)
{
    const struct peer *peer = request->peer;
    if (peer->holding == 0)
        return true;
    uint64_t bytes = spec_batch_bytes(&request->session->spec);
    return peer->holding < config->window && peer->held_bytes + bytes <= config->window_bytes;
}

/* Of those who wait and have room: a request of the peer that was served least. */
static struct request *next_waiting(struct serve *serve)
{
    struct request *request, *best = NULL;
    TAILQ_FOREACH(request, &serve->protocol.requests.stages[REQUEST_WAITING], next)
    if (has_room(&serve->config.protocol, request) &&
        (!best || request->peer->begun < best->peer->begun))
        best = request;
    return best;
}

/* Slots, and then workers, go to whoever was served least: one peer's large or many batches keep no
 * other one waiting for longer than its own share takes. */
static void start_waiting(struct serve *serve)
{
    struct request *request;
    serve->starved = false;
    while (!serve->starved && (request = next_waiting(serve))) {
        struct peer *peer = request->peer;
        serve->starved = dispatch_ask(serve->config.protocol.dispatch, request->session,
                                      request->epoch, request->index, &request->batch) < 0;
        if (serve->starved)
            return;
        request->bytes = spec_batch_bytes(&request->session->spec);
        batch_due(request->batch, peer->begun, request->bytes);
        peer->begun += request->bytes;
        request_move(&serve->protocol.requests, request, REQUEST_WORKING);
    }
}

void serve_turn(struct serve *serve)
{
    parcels_collect(&serve->parcels);
    take_finished(serve);
    deliver_all(serve);
    start_waiting(serve);
}

/* --- the caller's side --- */

int serve_new(const struct serve_config *config, struct serve **ret)
{
    struct serve *serve = calloc(1, sizeof *serve);
    if (!serve)
        return err_set(-ENOMEM, "no memory for the server");
    serve->config = *config;
    serve->parcels.pool = config->pool;
    serve->parcels.wake = config->wake;
    serve->parcels.hint = config->wake_hint;
    int r = protocol_init(&serve->protocol, &config->protocol);
    if (r == 0) /* a peer holds at most a window */
        r = parcels_init(&serve->parcels, PEERS_MAX * config->protocol.window);
    if (r == 0)
        r = wire_new(WIRE_OMEGAS_MAX, &serve->wire);
    if (r < 0) {
        serve_free(serve);
        return r;
    }
    *ret = serve;
    return 0;
}

void serve_free(struct serve *serve)
{
    if (!serve)
        return;
    parcels_done(&serve->parcels);
    protocol_done(&serve->protocol);
    wire_free(serve->wire);
    free(serve);
}

bool serve_stalled(const struct serve *serve)
{
    return !TAILQ_EMPTY(&serve->protocol.requests.stages[REQUEST_READY]);
}

bool serve_jammed(const struct serve *serve)
{
    return serve->starved && !dispatch_busy(serve->config.protocol.dispatch);
}

uint64_t serve_arrived(const struct serve *serve)
{
    return serve->parcels.arrived;
}

bool serve_link_holds(const struct serve *serve, uint32_t link)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        const struct peer *peer = &serve->protocol.peers.list[i];
        if (peer->used && peer->link == link && peer->holding > 0)
            return true;
    }
    return false;
}

void serve_link_cut(struct serve *serve, uint32_t link)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        struct peer *peer = &serve->protocol.peers.list[i];
        if (peer->used && peer->link == link)
            peer_lost(serve, peer);
    }
}

void serve_drain(struct serve *serve)
{
    serve->protocol.draining = true;
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        const struct peer *peer = &serve->protocol.peers.list[i];
        if (!peer->used)
            continue;
        const struct link_peer name = peer->name;
        const struct protocol_from to = {peer->link, &name};
        tell_draining(serve, &to);
    }
}

uint32_t serve_peers(const struct serve *serve)
{
    return peers_count(&serve->protocol.peers);
}

uint32_t serve_outstanding(const struct serve *serve)
{
    return serve->protocol.requests.outstanding;
}

uint32_t serve_requests(const struct serve *serve, enum request_stage stage)
{
    const struct request *request;
    uint32_t n = 0;
    TAILQ_FOREACH(request, &serve->protocol.requests.stages[stage], next)
    n++;
    return n;
}
