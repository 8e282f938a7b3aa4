/* SPDX-License-Identifier: Apache-2.0 */
/* peer: who is connected: the name that ZeroMQ gave a connection, on which listening socket, and
 * what it has of ours. ZeroMQ does not tell when a peer leaves: one is forgotten when a send says
 * so, or when its place is needed and it has nothing of ours. The daemon's thread. */
#ifndef AUGSTREAM_LOADERD_PEER_H
#define AUGSTREAM_LOADERD_PEER_H

#include "proto/link.h"

#include <stdbool.h>
#include <stdint.h>

enum { PEERS_MAX = 256 };

struct peer {
    bool used;
    bool stalled; /* its queue was full in this turn */
    uint32_t link;
    struct link_peer name;
    uint32_t outstanding;   /* requests not yet answered */
    uint32_t holding;       /* batches: those of its requests that are being made or are ready, and
                               those on their way to it, whose slots ZeroMQ has not given back */
    uint64_t held_bytes;    /* of pixels in these */
    uint64_t begun, served; /* bytes of batches begun for it, and of those that are made; or what
                               stands for them: see peer_wakes */
    uint64_t last_use;
};

struct peers {
    uint64_t clock;
    struct peer list[PEERS_MAX];
};

/* NULL when unknown. */
struct peer *peer_find(struct peers *peers, uint32_t link, const struct link_peer *name);

/* The peer, made known if it was not; NULL when all places are taken by peers that wait or hold. */
struct peer *peer_meet(struct peers *peers, uint32_t link, const struct link_peer *name);

/* A peer without requests and batches begins to ask: it may not use up what it did not ask for
 * before, and starts level with the peer in work that was served least. */
void peer_wakes(const struct peers *peers, struct peer *peer);

void peer_forget(struct peer *peer); /* it must have nothing of ours */
uint32_t peers_count(const struct peers *peers);

#endif
