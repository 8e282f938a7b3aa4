/* SPDX-License-Identifier: Apache-2.0 */
/* loader: takes messages and the clock, gives messages and a state. Owned by fetch, on its thread.
 * Every step of the handshake may be lost, repeated or come late: sending again is harmless on both
 * sides. Keeps no batch. */
#include "trainer/loader.h"

#include "common/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const double HANDSHAKE_AGAIN_S = 1.0;

static int send_message(struct loader *loader, struct loader_room *room,
                        const struct wire_message *m)
{
    const void *bytes;
    size_t len;
    int rc = wire_pack(room->wire, m, &bytes, &len);
    return rc < 0 ? rc : room->io->send(room->io->hint, loader->number, bytes, len);
}

/* A Hello or OpenSession that cannot be sent now goes out at a later tick. */
static void send_hello(struct loader *loader, struct loader_room *room, double now_s)
{
    struct wire_message m = {.type = WIRE_HELLO};
    snprintf(m.hello.client, sizeof m.hello.client, "%s", room->client);
    loader->sent_s = now_s;
    send_message(loader, room, &m);
}

static void send_open(struct loader *loader, struct loader_room *room, double now_s)
{
    struct wire_message m = {.type = WIRE_OPEN_SESSION};
    loader->opening = m.open_session.request = ++room->request;
    m.open_session.spec = *room->spec;
    loader->sent_s = now_s;
    send_message(loader, room, &m);
}

void loader_init(struct loader *loader, const char *endpoint, uint32_t number)
{
    *loader = (struct loader){.endpoint = endpoint, .number = number, .state = LOADER_HELLO};
}

void loader_again(struct loader *loader, struct loader_room *room, double now_s)
{
    loader->state = LOADER_HELLO;
    send_hello(loader, room, now_s);
}

int loader_tick(struct loader *loader, struct loader_room *room, double now_s)
{
    int lost = 0;
    const struct loader_io *io = room->io;
    for (enum link_event e; (e = io->event(io->hint, loader->number)) != LINK_NOTHING;) {
        lost |= loader->state != LOADER_HELLO || loader->asked > 0;
        loader->state = LOADER_HELLO;
        loader->connected = e == LINK_CONNECTED;
        if (loader->connected)
            send_hello(loader, room, now_s);
    }
    /* not while there is nobody: what is sent then waits in a queue */
    if (loader->connected && now_s - loader->sent_s >= HANDSHAKE_AGAIN_S) {
        if (loader->state == LOADER_OPENING)
            send_open(loader, room, now_s);
        else if (loader->state == LOADER_HELLO ||
                 loader->state == LOADER_DRAINING) /* a draining one may be a new one by now */
            send_hello(loader, room, now_s);
    }
    return lost;
}

static int on_welcome(struct loader *loader, struct loader_room *room, const struct wire_message *m,
                      double now_s)
{
    bool restarted = loader->server_epoch && m->welcome.server_epoch != loader->server_epoch;
    if (loader->state != LOADER_HELLO && !restarted)
        return 0; /* the answer to a Hello that was sent twice */
    int rc = wire_versions_check(&m->welcome.versions, loader->endpoint, "this trainer");
    if (rc < 0)
        return rc;
    loader->server_epoch = m->welcome.server_epoch;
    loader->window = m->welcome.window < room->window ? m->welcome.window : room->window;
    if (loader->window == 0)
        loader->window = 1;
    loader->state = LOADER_OPENING;
    send_open(loader, room, now_s);
    return restarted;
}

static void on_opened(struct loader *loader, const struct wire_message *m)
{
    if (loader->state != LOADER_OPENING || m->session_opened.request != loader->opening)
        return;
    loader->info.samples = m->session_opened.samples;
    loader->info.batches = m->session_opened.batches;
    loader->info.classes = m->session_opened.classes;
    loader->info.class_names = m->session_opened.class_names;
    memcpy(loader->info.session, m->session_opened.session, DIGEST_BYTES);
    memcpy(loader->info.fingerprint, m->session_opened.fingerprint, DIGEST_BYTES);
    loader->state = LOADER_READY;
}

int loader_message(struct loader *loader, struct loader_room *room, const struct wire_message *m,
                   double now_s)
{
    switch (m->type) {
    case WIRE_WELCOME:
        return on_welcome(loader, room, m, now_s);
    case WIRE_SESSION_OPENED:
        on_opened(loader, m);
        return 0;
    case WIRE_DRAINING:
        if (m->draining.server_epoch != loader->server_epoch)
            return 0;
        loader->state = LOADER_DRAINING;
        return 1;
    case WIRE_ERROR: /* a retryable one is asked again by the tick */
        if (loader->state == LOADER_HELLO && m->error.code == WIRE_BAD_VERSION)
            return loader_refusal(loader, m->error.code, m->error.text);
        if (loader->state == LOADER_OPENING && m->error.request == loader->opening &&
            !m->error.retryable)
            return loader_refusal(loader, m->error.code, m->error.text);
        return 0;
    default:
        return 0; /* Pong, or what only a trainer sends: of no use here */
    }
}

int loader_get(struct loader *loader, struct loader_room *room, uint32_t epoch, uint32_t index,
               uint64_t *ret_request)
{
    struct wire_message m = {.type = WIRE_GET_BATCH};
    m.get_batch.epoch = epoch;
    m.get_batch.index = index;
    m.get_batch.request = room->request + 1;
    memcpy(m.get_batch.session, loader->info.session, DIGEST_BYTES);
    int rc = send_message(loader, room, &m);
    if (rc < 0)
        return rc == -EHOSTUNREACH ? -EAGAIN : rc;
    *ret_request = ++room->request;
    return 0;
}

void loader_cancel(struct loader *loader, struct loader_room *room, uint64_t request)
{
    struct wire_message m = {.type = WIRE_CANCEL};
    m.cancel.request = request;
    send_message(loader, room, &m); /* only saves the loader work; lost is fine */
}

void loader_took(struct loader *loader, double took_s)
{
    loader->latency_s = loader->latency_s > 0 ? 0.8 * loader->latency_s + 0.2 * took_s : took_s;
}

uint32_t loader_choose(const struct loader *loaders, uint32_t n, uint32_t avoid)
{
    uint32_t best = n, ready = 0;
    for (uint32_t i = 0; i < n; i++)
        if (loaders[i].state == LOADER_READY)
            ready |= 1u << i;
    uint32_t allowed = ready & ~avoid ? ready & ~avoid : ready;
    double best_s = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct loader *l = &loaders[i];
        if (!(allowed >> i & 1) || l->asked >= l->window)
            continue;
        double expected_s = (l->latency_s + 1e-3) * (l->asked + 1);
        if (best == n || expected_s < best_s) {
            best = i;
            best_s = expected_s;
        }
    }
    return best;
}

void loader_says(struct loader *loader, const char *text)
{
    size_t len = strlen(loader->endpoint);
    if (strncmp(text, loader->endpoint, len) == 0 && strncmp(text + len, ": ", 2) == 0)
        text += len + 2;
    snprintf(loader->said, sizeof loader->said, "%s", text);
}

void loader_names(const struct loader *loaders, uint32_t n, char *ret, size_t cap)
{
    ret[0] = 0;
    for (size_t i = 0, used = 0; i < n && used < cap; i++)
        used +=
            (size_t)snprintf(ret + used, cap - used, "%s%s", i ? ", " : "", loaders[i].endpoint);
}

void loader_words(const struct loader *loaders, uint32_t n, char *ret, size_t cap)
{
    ret[0] = 0;
    for (size_t i = 0, used = 0; i < n && used < cap; i++)
        if (loaders[i].said[0])
            used += (size_t)snprintf(ret + used, cap - used, "; %s said: %s", loaders[i].endpoint,
                                     loaders[i].said);
}

int loader_read(const struct loader *loader, const struct spec *spec)
{
    uint8_t ours[DIGEST_BYTES];
    spec_digest(spec, loader->info.fingerprint, ours);
    if (memcmp(loader->info.session, ours, DIGEST_BYTES) == 0)
        return 0;
    return err_set(-EPROTO,
                   "%s: the session it opened is not the one of this run: it read the recipe "
                   "otherwise (is it of another version?)",
                   loader->endpoint);
}

int loader_agrees(const struct loader *loader, const char *dataset, const struct recv_info *ours)
{
    const struct recv_info *theirs = &loader->info;
    if (theirs->samples == ours->samples && theirs->batches == ours->batches &&
        memcmp(theirs->session, ours->session, DIGEST_BYTES) == 0 &&
        memcmp(theirs->fingerprint, ours->fingerprint, DIGEST_BYTES) == 0)
        return 0;
    char their_print[2 * DIGEST_BYTES + 1], our_print[2 * DIGEST_BYTES + 1];
    digest_hex(theirs->fingerprint, their_print);
    digest_hex(ours->fingerprint, our_print);
    return err_set(-EBADMSG,
                   "%s: its %s (%llu samples, %.8s) is not the one of this run (%llu "
                   "samples, %.8s)",
                   loader->endpoint, dataset, (unsigned long long)theirs->samples, their_print,
                   (unsigned long long)ours->samples, our_print);
}

int loader_refusal(const struct loader *loader, enum wire_code code, const char *text)
{
    static const int errnos[WIRE_CODES] = {
        [WIRE_OK] = -EPROTO,
        [WIRE_BAD_MESSAGE] = -EPROTO,
        [WIRE_BAD_SPEC] = -EINVAL,
        [WIRE_UNKNOWN_DATASET] = -ENOENT,
        [WIRE_DATASET_TOO_SMALL] = -ENODATA,
        [WIRE_UNKNOWN_SESSION] = -EPROTO,
        [WIRE_BAD_RANGE] = -EPROTO,
        [WIRE_BUSY] = -EPROTO,
        [WIRE_TOO_MANY_BAD] = -EBADMSG,
        [WIRE_INTERNAL] = -EIO,
        [WIRE_BAD_VERSION] = -EPROTO,
    };
    return err_set(errnos[code], "%s: %s", loader->endpoint, text);
}
