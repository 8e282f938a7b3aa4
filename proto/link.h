/* SPDX-License-Identifier: Apache-2.0 */
/* link: sockets and frames. The only door to ZeroMQ. One message = one body (a packed Envelope) and
 * 0..WIRE_FRAMES_MAX payload frames. Each link belongs to one thread.
 * Known traps it closes (tests name them): ROUTER_MANDATORY is on, so nothing is dropped silently;
 * the fd is edge-triggered, so link_ready must be asked after every batch of work; linger bounded;
 * no fixed routing ids; frames bounded before allocation by MAXMSGSIZE. */
#ifndef AUGSTREAM_PROTO_LINK_H
#define AUGSTREAM_PROTO_LINK_H

#include "proto/endpoint.h"
#include "proto/link_auth.h"
#include "proto/link_key.h"
#include "proto/wire.h"

#include <stddef.h>
#include <stdint.h>

struct link_context;
struct link;

enum { LINK_WINDOW_MAX = 128 /* requests outstanding at one loader: half of every queue */ };

int link_context_new(struct link_context **ret);
void link_context_free(struct link_context *context); /* after its links; waits at most 2 s */

/* How sockets are guarded that are opened from now on; the guard is copied. Keys are for tcp: an
 * ipc socket has its mode. Without a guard nothing is. */
struct link_guard {
    unsigned ipc_mode;              /* of sockets bound at ipc paths, 0660; 0: as the umask says */
    bool curve;                     /* encrypts and authenticates at tcp endpoints ... */
    struct link_key key;            /* ... with this pair of ours ... */
    uint8_t server[LINK_KEY_BYTES]; /* ... and, where we connect, with whom alone */
};
void link_context_guard(struct link_context *context, const struct link_guard *guard);

/* The list of clients for what is bound from now on; the context owns it, and makes it once. With
 * it, also endpoints without keys turn away the protocols before ZMTP 3. */
int link_context_admit(struct link_context *context, struct link_auth **ret);

/* Endpoints: proto/endpoint.h. Binding to tcp://host:* picks a free port. Binding to an ipc path
 * replaces a socket that nobody listens to, nothing else, and closing removes it. -EINVAL: not an
 * endpoint; -EADDRINUSE, -EADDRNOTAVAIL: not here. Connecting succeeds before there is anyone:
 * link_event tells. What is sent until then, or while a connection is lost, waits in the queue. */
int link_router_bind(struct link_context *context, const char *endpoint, struct link **ret);
int link_dealer_connect(struct link_context *context, const char *endpoint, struct link **ret);
int link_pub_bind(struct link_context *context, const char *endpoint, struct link **ret);
int link_sub_connect(struct link_context *context, const char *endpoint, struct link **ret);
void link_close(struct link *link); /* what was sent goes on leaving for 2 s; NULL is fine */

/* Closes it with all its connections at once: the only way to be rid of a peer that does not read.
 * Frames that have not left are given back soon after, from another thread. */
void link_cut(struct link *link);

/* Where it is bound (with the port that was picked) or connected to; -ENAMETOOLONG. cap:
 * LINK_ENDPOINT_MAX is always enough. */
int link_endpoint(const struct link *link, char *ret, size_t cap);

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

/* A received message; zero it once before first use, and do not move it: pointers lead inside. */
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

/* Both never block. Send: -EAGAIN when the peer's queue is full, -EHOSTUNREACH when it is gone,
 * -EMSGSIZE above the limits; the message is sent whole or not at all. A PUB link always succeeds
 * and drops for subscribers that are behind. peer is NULL but on a ROUTER. Receive gives back what
 * message held before; -EAGAIN when there is nothing; -EBADMSG for a message of a wrong shape (it
 * is dropped; peer is set, unless its name is too long: then peer.len is 0), and for one with a key
 * that has been taken off the list since. */
int link_send(struct link *link, const struct link_peer *peer, const void *body, size_t len,
              const struct link_frame *frames, uint32_t n_frames);
int link_receive(struct link *link, struct link_message *message);

int link_fd(const struct link *link); /* edge-triggered */
int link_ready(struct link *link);    /* 1 when link_receive would give something, else 0 */

/* Waits until one of links is readable or timeout_ms passed (-1: for ever). Returns how many are
 * readable. -EINTR on a signal. */
int link_wait(struct link *const *links, uint32_t n, int timeout_ms);

/* The next thing that happened to the connection (ask until LINK_NOTHING); DEALER and SUB links. A
 * hint, not a receipt: what was in flight when a connection ended may or may not have arrived.
 * LINK_REFUSED: the handshake failed for a matter of keys, which link_refusal says. ZeroMQ then
 * mostly tries no more: link_again does. */
enum link_event { LINK_NOTHING, LINK_CONNECTED, LINK_DISCONNECTED, LINK_REFUSED };
enum link_event link_event(struct link *link);
const char *link_refusal(const struct link *link);
int link_again(struct link *link);

/* ROUTER and PUB links of a context with a list of clients: how many handshakes failed so far, but
 * for those that the list refused. To be asked now and then: the events wait in memory. */
uint64_t link_failures(struct link *link);

#endif
