/* SPDX-License-Identifier: Apache-2.0 */
/* link: sockets and frames. The only door to ZeroMQ. One message = one body (a packed Envelope) and
 * 0..WIRE_FRAMES_MAX payload frames. Each link belongs to one thread.
 * Known traps it closes (tests name them): ROUTER_MANDATORY is on, so nothing is dropped silently;
 * the fd is edge-triggered, so link_ready must be asked after every batch of work; linger bounded;
 * no fixed routing ids; frames bounded before allocation by MAXMSGSIZE. */
#ifndef AUGSTREAM_PROTO_LINK_H
#define AUGSTREAM_PROTO_LINK_H

#include "proto/wire.h"

#include <stddef.h>
#include <stdint.h>

struct link_context;
struct link;

int link_context_new(struct link_context **ret);
void link_context_free(struct link_context *context); /* after its links; waits at most 2 s */

/* Endpoints: tcp://host:port, ipc://path (at most 107 bytes; @abstract is refused). */
int link_router_bind(struct link_context *context, const char *endpoint, struct link **ret);
int link_dealer_connect(struct link_context *context, const char *endpoint, struct link **ret);
int link_pub_bind(struct link_context *context, const char *endpoint, struct link **ret);
int link_sub_connect(struct link_context *context, const char *endpoint, struct link **ret);
void link_close(struct link *link);

/* A ROUTER's peer, as ZeroMQ names it for the life of one connection. */
enum { LINK_PEER_MAX = 32 };
struct link_peer {
    uint8_t len;
    unsigned char id[LINK_PEER_MAX];
};

/* One payload frame to send. With free set the bytes are not copied: free(data, hint) is called
 * once, from any thread, when ZeroMQ is done with them, also when the send fails. */
struct link_frame {
    void *data;
    size_t len;
    void (*free)(void *data, void *hint);
    void *hint;
};

/* A received message; zero it once before first use. */
struct link_message {
    struct link_peer peer; /* ROUTER only */
    const void *body;
    size_t body_len;
    uint32_t n_frames;
    struct {
        const void *data;
        size_t len;
    } frames[WIRE_FRAMES_MAX];
    uint32_t n_held; /* private */
    struct {
        _Alignas(16) unsigned char opaque[64];
    } held[WIRE_FRAMES_MAX + 2]; /* private: zmq_msg_t */
};
void link_message_done(struct link_message *message); /* gives the frames back; fine when empty */

/* Both never block. Send: -EAGAIN when the peer's queue is full, -EHOSTUNREACH when it is gone; the
 * message is sent whole or not at all. peer is NULL but on a ROUTER. Receive: -EAGAIN when there is
 * nothing; -EBADMSG for a message of a wrong shape (it is dropped; peer is set). */
int link_send(struct link *link, const struct link_peer *peer, const void *body, size_t len,
              const struct link_frame *frames, uint32_t n_frames);
int link_receive(struct link *link, struct link_message *message);

int link_fd(const struct link *link); /* edge-triggered */
int link_ready(struct link *link);    /* 1 when link_receive would give something, else 0 */

/* Waits until one of links is readable or timeout_ms passed (-1: for ever). Returns how many are
 * readable. -EINTR on a signal. */
int link_wait(struct link *const *links, uint32_t n, int timeout_ms);

/* What happened to the connection since last asked (monitor socket); DEALER and SUB links. */
enum link_event { LINK_NOTHING, LINK_CONNECTED, LINK_DISCONNECTED };
enum link_event link_event(struct link *link);

#endif
