/* SPDX-License-Identifier: Apache-2.0 */
/* protocol: takes a peer's message, gives the reply. */
#include "loaderd/serve/protocol.h"

#include "common/auto.h"
#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int protocol_init(struct protocol *protocol, const struct protocol_config *config)
{
    assert(config->window >= 1 && config->window <= SERVE_WINDOW_MAX);
    protocol->config = *config;
    if (gethostname(protocol->server, sizeof protocol->server) < 0)
        snprintf(protocol->server, sizeof protocol->server, "augstream-loaderd");
    protocol->server[sizeof protocol->server - 1] = 0;
    return requests_init(&protocol->requests, PEERS_MAX * config->window, config->dispatch);
}

void protocol_done(struct protocol *protocol)
{
    requests_done(&protocol->requests);
}

static bool is_retryable(enum wire_code code)
{
    return code == WIRE_BUSY || code == WIRE_UNKNOWN_SESSION || code == WIRE_INTERNAL;
}

void protocol_refuse(struct protocol *protocol, uint64_t request, enum wire_code code,
                     const char *text, struct wire_message *ret)
{
    protocol->config.metrics->refused++;
    if (code == WIRE_INTERNAL)
        metrics_internal(protocol->config.metrics, text);
    ret->type = WIRE_ERROR;
    ret->error.request = request;
    ret->error.code = code;
    ret->error.retryable = is_retryable(code);
    snprintf(ret->error.text, sizeof ret->error.text, "%s", text);
}

void protocol_answer_bad(struct protocol *protocol, struct wire_message *ret)
{
    metrics_bad_message(protocol->config.metrics, err_text());
    protocol_refuse(protocol, 0, WIRE_BAD_MESSAGE, err_text(), ret);
}

static bool refuse(struct protocol *protocol, uint64_t request, enum wire_code code,
                   struct wire_message *ret)
{
    protocol_refuse(protocol, request, code, err_text(), ret);
    return true;
}

static bool on_hello(struct protocol *protocol, const struct protocol_from *from,
                     const struct wire_message *message, struct wire_message *ret)
{
    const struct protocol_config *config = &protocol->config;
    if (wire_versions_check(&message->hello.versions, "the trainer", "this loader") < 0)
        return refuse(protocol, 0, WIRE_BAD_VERSION, ret);
    if (!peer_meet(&protocol->peers, from->link, from->name)) {
        err_set(-EBUSY, "%d peers are being served already", PEERS_MAX);
        return refuse(protocol, 0, WIRE_BUSY, ret);
    }
    ret->type = WIRE_WELCOME;
    ret->welcome.server_epoch = config->server_epoch;
    ret->welcome.versions = (struct wire_versions){0};
    ret->welcome.window = config->window;
    ret->welcome.batch_bytes_max = config->batch_bytes_max;
    memcpy(ret->welcome.server, protocol->server, sizeof protocol->server);
    ret->welcome.n_datasets = (uint32_t)config->n_datasets;
    for (size_t i = 0; i < config->n_datasets; i++) {
        const struct dataset *dataset = &config->datasets[i];
        struct wire_dataset *out = &ret->welcome.datasets[i];
        memcpy(out->name, dataset->name, sizeof out->name);
        memcpy(out->fingerprint, dataset->source->fingerprint, DIGEST_BYTES);
        out->samples = dataset->source->samples;
        out->classes = dataset->source->classes;
    }
    return true;
}

static bool on_open_session(struct protocol *protocol, const struct protocol_from *from,
                            const struct wire_message *message, struct wire_message *ret)
{
    (void)from;
    uint64_t request = message->open_session.request;
    struct session *session;
    enum wire_code code;
    if (session_open(protocol->config.sessions, &message->open_session.spec, &session, &code) < 0)
        return refuse(protocol, request, code, ret);
    const struct source *source = session->dataset->source;
    ret->type = WIRE_SESSION_OPENED;
    ret->session_opened.request = request;
    memcpy(ret->session_opened.session, session->id, DIGEST_BYTES);
    memcpy(ret->session_opened.fingerprint, source->fingerprint, DIGEST_BYTES);
    ret->session_opened.samples = source->samples;
    ret->session_opened.batches = session->batches;
    ret->session_opened.classes = source->classes;
    ret->session_opened.class_names = session->dataset->class_names;
    return true;
}

/* Why a GetBatch is refused, WIRE_OK when it is not; err_text() says it. */
static enum wire_code get_batch_check(struct protocol *protocol, const struct session *session,
                                      const struct peer *peer, const struct wire_message *message)
{
    if (protocol->draining) {
        err_set(-EBUSY, "this loader is shutting down");
        return WIRE_BUSY;
    }
    if (!session) {
        err_set(-ENOENT, "no such session is open here");
        return WIRE_UNKNOWN_SESSION;
    }
    if (session_batch_samples(session, message->get_batch.index) == 0) {
        err_set(-ERANGE, "index %" PRIu32 ": an epoch has %" PRIu64 " batches",
                message->get_batch.index, session->batches);
        return WIRE_BAD_RANGE;
    }
    if (session_check_rate(protocol->config.sessions, session) < 0)
        return WIRE_TOO_MANY_BAD;
    if (!peer) {
        err_set(-EBUSY, "%d peers are being served already", PEERS_MAX);
        return WIRE_BUSY;
    }
    if (peer->outstanding >= protocol->config.window) {
        err_set(-EBUSY, "%" PRIu32 " requests are outstanding, the window", peer->outstanding);
        return WIRE_BUSY;
    }
    if (request_find(&protocol->requests, peer, message->get_batch.request)) {
        err_set(-EEXIST, "request %" PRIu64 " is outstanding already", message->get_batch.request);
        return WIRE_BAD_MESSAGE;
    }
    return WIRE_OK;
}

/* Word for word what is outstanding already: it will be answered, once. */
static bool is_repeated(const struct protocol *protocol, const struct session *session,
                        const struct peer *peer, const struct wire_message *message)
{
    const struct request *request =
        request_find(&protocol->requests, peer, message->get_batch.request);
    return request && request->session == session && request->epoch == message->get_batch.epoch &&
           request->index == message->get_batch.index;
}

static bool on_get_batch(struct protocol *protocol, const struct protocol_from *from,
                         const struct wire_message *message, struct wire_message *ret)
{
    uint64_t id = message->get_batch.request;
    struct session *session = session_find(protocol->config.sessions, message->get_batch.session);
    struct peer *peer = peer_meet(&protocol->peers, from->link, from->name);
    if (peer && is_repeated(protocol, session, peer, message))
        return false;
    enum wire_code code = get_batch_check(protocol, session, peer, message);
    if (code != WIRE_OK)
        return refuse(protocol, id, code, ret);
    if (peer->outstanding + peer->holding == 0)
        peer_wakes(&protocol->peers, peer);
    struct request *request = request_begin(&protocol->requests, peer, id, session);
    assert(request); /* there are as many as all windows together */
    request->epoch = message->get_batch.epoch;
    request->index = message->get_batch.index;
    return false;
}

/* A cancelled request gets no answer; one that was answered already is none of ours. */
static bool on_cancel(struct protocol *protocol, const struct protocol_from *from,
                      const struct wire_message *message, struct wire_message *ret)
{
    (void)ret;
    struct peer *peer = peer_find(&protocol->peers, from->link, from->name);
    struct request *request =
        peer ? request_find(&protocol->requests, peer, message->cancel.request) : NULL;
    if (request)
        request_end(&protocol->requests, request);
    return false;
}

static bool on_ping(struct protocol *protocol, const struct protocol_from *from,
                    const struct wire_message *message, struct wire_message *ret)
{
    (void)from;
    ret->type = WIRE_PONG;
    ret->ping.nonce = message->ping.nonce;
    ret->ping.server_epoch = protocol->config.server_epoch;
    return true;
}

static const struct {
    enum wire_type type;
    bool (*handle)(struct protocol *protocol, const struct protocol_from *from,
                   const struct wire_message *message, struct wire_message *ret);
} handlers[] = {
    {WIRE_HELLO, on_hello},         {WIRE_OPEN_SESSION, on_open_session},
    {WIRE_GET_BATCH, on_get_batch}, {WIRE_CANCEL, on_cancel},
    {WIRE_PING, on_ping},
};

bool protocol_answer(struct protocol *protocol, const struct protocol_from *from,
                     const struct wire_message *message, struct wire_message *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
        if (handlers[i].type == message->type)
            return handlers[i].handle(protocol, from, message, ret);
    err_set(-EBADMSG, "type %d: only a loader sends this", (int)message->type);
    protocol_answer_bad(protocol, ret);
    return true;
}
