/* SPDX-License-Identifier: Apache-2.0 */
/* link_message: takes a body and frames, carries them through a link whole or not at all; gives
 * what came, and drops what has a wrong shape or comes from a key that may not. The link's thread;
 * ZeroMQ's own gives sent frames back. Does not look into bodies, and does not repeat what was
 * lost. */
#include "common/err.h"
#include "proto/link_private.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <zmq.h>

static_assert(sizeof(zmq_msg_t) == sizeof(((struct link_message *)0)->held[0]), "held too small");
static_assert(_Alignof(zmq_msg_t) <= 16, "held misaligned");

static zmq_msg_t *held(struct link_message *message, uint32_t i)
{
    return (zmq_msg_t *)(void *)message->held[i].opaque;
}

void link_message_done(struct link_message *message)
{
    for (uint32_t i = 0; i < message->n_held; i++)
        zmq_msg_close(held(message, i));
    message->n_held = 0;
    message->n_frames = 0;
    message->body = NULL;
    message->body_len = 0;
}

static int part_receive(void *socket, zmq_msg_t *part)
{
    int rc;
    zmq_msg_init(part);
    while ((rc = zmq_msg_recv(part, socket, ZMQ_DONTWAIT)) < 0 && zmq_errno() == EINTR)
        continue;
    if (rc >= 0)
        return 0;
    rc = link_errno();
    zmq_msg_close(part);
    return rc;
}

/* All parts of one message, which ZeroMQ has whole as soon as it gives the first. Those that no
 * message of ours has room for are read and thrown away, so that the next message starts right. */
static int parts_receive(struct link *link, struct link_message *message, uint32_t *ret_surplus)
{
    uint32_t most = WIRE_FRAMES_MAX + (link->kind->has_peers ? 2 : 1);
    *ret_surplus = 0;
    for (bool more = true; more;) {
        zmq_msg_t surplus,
            *part = message->n_held < most ? held(message, message->n_held) : &surplus;
        int rc = part_receive(link->socket, part);
        if (rc < 0)
            return rc;
        more = zmq_msg_more(part);
        if (part != &surplus) {
            message->n_held++;
            continue;
        }
        zmq_msg_close(part);
        ++*ret_surplus;
    }
    return 0;
}

static int message_refuse(struct link *link, struct link_message *message, const char *what)
{
    link_message_done(message);
    return err_set(-EBADMSG, "%s: a message with %s was dropped", link->endpoint, what);
}

/* The key has been on the list when the connection was made. The first part of a message lacks it
 * at times (libzmq before 4.3.5), so it is asked of the body. */
static bool link_allows(const struct link *link, zmq_msg_t *body)
{
    const char *user = zmq_msg_gets(body, "User-Id");
    return user && link_auth_allows(link->auth, user);
}

int link_receive(struct link *link, struct link_message *message)
{
    link_message_done(message);
    message->peer.len = 0;
    uint32_t surplus, next = 0;
    int rc = parts_receive(link, message, &surplus);
    if (rc < 0) {
        link_message_done(message);
        return rc == -EAGAIN ? rc : err_set(rc, "%s: cannot receive", link->endpoint);
    }
    if (link->kind->has_peers) {
        zmq_msg_t *name = held(message, next++);
        if (zmq_msg_size(name) > LINK_PEER_MAX)
            return message_refuse(link, message, "a peer's name of its own making");
        message->peer.len = (uint8_t)zmq_msg_size(name);
        memcpy(message->peer.id, zmq_msg_data(name), message->peer.len);
        if (message->n_held < 2)
            return message_refuse(link, message, "no body");
    }
    if (surplus)
        return message_refuse(link, message, "too many frames");
    if (link->auth && !link_allows(link, held(message, next)))
        return message_refuse(link, message, "a key that is not on the list any more");
    message->body = zmq_msg_data(held(message, next));
    message->body_len = zmq_msg_size(held(message, next));
    for (next++; next < message->n_held; next++) {
        message->frames[message->n_frames].data = zmq_msg_data(held(message, next));
        message->frames[message->n_frames].len = zmq_msg_size(held(message, next));
        message->n_frames++;
    }
    return 0;
}

/* One message on its way; until n_sent, parts are ZeroMQ's. */
struct parts {
    uint32_t n;
    zmq_msg_t part[WIRE_FRAMES_MAX + 2];
};

static int part_copy(struct parts *parts, const void *data, size_t len)
{
    zmq_msg_t *part = &parts->part[parts->n];
    if (zmq_msg_init_size(part, len) < 0)
        return -ENOMEM;
    if (len)
        memcpy(zmq_msg_data(part), data, len);
    parts->n++;
    return 0;
}

/* Takes the frame's data: from here on it is given back by whoever closes the part. */
static int part_lend(struct parts *parts, const struct link_frame *frame)
{
    if (!frame->free)
        return part_copy(parts, frame->data, frame->len);
    if (zmq_msg_init_data(&parts->part[parts->n], frame->data, frame->len, frame->free,
                          frame->hint) < 0) {
        frame->free(frame->data, frame->hint);
        return -ENOMEM;
    }
    parts->n++;
    return 0;
}

/* The first part decides: ZeroMQ refuses it when the peer is gone or full, and takes the others of
 * its message then, or drops them together when the peer goes meanwhile. */
static int parts_send(struct link *link, struct parts *parts)
{
    uint32_t i = 0;
    int rc = 0;
    for (; i < parts->n && rc == 0; i++) {
        int flags = ZMQ_DONTWAIT | (i + 1 < parts->n ? ZMQ_SNDMORE : 0);
        while ((rc = zmq_msg_send(&parts->part[i], link->socket, flags)) < 0 &&
               zmq_errno() == EINTR)
            continue;
        rc = rc < 0 ? link_errno() : 0;
        if (rc < 0)
            break;
    }
    for (; i < parts->n; i++)
        zmq_msg_close(&parts->part[i]);
    return rc;
}

static int send_check(const struct link *link, size_t len, const struct link_frame *frames,
                      uint32_t n_frames)
{
    if (len > link->kind->body_out_max)
        return err_set(-EMSGSIZE, "%s: a body of %zu bytes, at most %zu", link->endpoint, len,
                       link->kind->body_out_max);
    if (n_frames > WIRE_FRAMES_MAX)
        return err_set(-EMSGSIZE, "%s: %u frames, at most %d", link->endpoint, n_frames,
                       WIRE_FRAMES_MAX);
    for (uint32_t i = 0; i < n_frames; i++)
        if (frames[i].len > WIRE_FRAME_MAX)
            return err_set(-EMSGSIZE, "%s: a frame of %zu bytes, at most %d", link->endpoint,
                           frames[i].len, WIRE_FRAME_MAX);
    return 0;
}

int link_send(struct link *link, const struct link_peer *peer, const void *body, size_t len,
              const struct link_frame *frames, uint32_t n_frames)
{
    assert(!peer == !link->kind->has_peers);
    struct parts parts = {.n = 0};
    uint32_t lent = 0;
    int rc = send_check(link, len, frames, n_frames);
    bool bad = rc < 0;
    if (rc == 0 && peer)
        rc = part_copy(&parts, peer->id, peer->len);
    if (rc == 0)
        rc = part_copy(&parts, body, len);
    for (; rc == 0 && lent < n_frames; lent++)
        rc = part_lend(&parts, &frames[lent]);
    if (rc == 0)
        rc = parts_send(link, &parts);
    else
        for (uint32_t i = 0; i < parts.n; i++)
            zmq_msg_close(&parts.part[i]);
    for (; lent < n_frames; lent++) /* these never became parts */
        if (frames[lent].free)
            frames[lent].free(frames[lent].data, frames[lent].hint);
    return rc < 0 && !bad ? err_set(rc, "%s: cannot send: %s", link->endpoint, strerror(-rc)) : rc;
}
