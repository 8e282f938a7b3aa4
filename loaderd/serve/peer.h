/* SPDX-License-Identifier: Apache-2.0 */
/* peer: who is connected: the name that ZeroMQ gave a connection, on which listening socket, and
 * what it has outstanding. ZeroMQ does not tell when a peer leaves: one is forgotten when a send
 * says so, or when its place is needed and it has nothing outstanding. The daemon's thread. */
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
    uint32_t outstanding; /* requests */
    uint64_t last_use;
};

struct peers {
    uint64_t clock;
    struct peer list[PEERS_MAX];
};

/* NULL when unknown. */
struct peer *peer_find(struct peers *peers, uint32_t link, const struct link_peer *name);

/* The peer, made known if it was not; NULL when all places are taken by peers that wait. */
struct peer *peer_meet(struct peers *peers, uint32_t link, const struct link_peer *name);

void peer_forget(struct peer *peer); /* outstanding must be 0 */
uint32_t peers_count(const struct peers *peers);

#endif
