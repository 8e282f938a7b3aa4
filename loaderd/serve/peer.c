/* SPDX-License-Identifier: Apache-2.0 */
/* peer: takes names of connections, gives places in a table of fixed size. */
#include "loaderd/serve/peer.h"

#include <assert.h>
#include <string.h>

struct peer *peer_find(struct peers *peers, uint32_t link, const struct link_peer *name)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        struct peer *peer = &peers->list[i];
        if (peer->used && peer->link == link && peer->name.len == name->len &&
            memcmp(peer->name.id, name->id, name->len) == 0) {
            peer->last_use = ++peers->clock;
            return peer;
        }
    }
    return NULL;
}

struct peer *peer_meet(struct peers *peers, uint32_t link, const struct link_peer *name)
{
    struct peer *peer = peer_find(peers, link, name);
    if (peer)
        return peer;
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        struct peer *other = &peers->list[i];
        if (!other->used) {
            peer = other;
            break;
        }
        if (other->outstanding == 0 && other->holding == 0 &&
            (!peer || other->last_use < peer->last_use))
            peer = other;
    }
    if (peer)
        *peer =
            (struct peer){.used = true, .link = link, .name = *name, .last_use = ++peers->clock};
    return peer;
}

void peer_wakes(const struct peers *peers, struct peer *peer)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        const struct peer *other = &peers->list[i];
        if (other->used && other->outstanding + other->holding > 0 && other->served < least)
            least = other->served;
    }
    if (least != UINT64_MAX && least > peer->begun)
        peer->begun = least;
    peer->served = peer->begun;
}

void peer_forget(struct peer *peer)
{
    assert(peer->outstanding == 0 && peer->holding == 0 && peer->held_bytes == 0);
    *peer = (struct peer){0};
}

uint32_t peers_count(const struct peers *peers)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < PEERS_MAX; i++)
        n += peers->list[i].used;
    return n;
}
