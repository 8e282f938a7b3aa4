/* SPDX-License-Identifier: Apache-2.0 */
/* serve: the loader's side of the protocol (proto/wire.h, docs/protocol.md): answers every message,
 * holds each peer to its window, asks dispatch for batches and sends them straight from their
 * slots. The daemon's thread; serve_turn never blocks. Knows no event loop and starts no process.
 */
#ifndef AUGSTREAM_LOADERD_SERVE_H
#define AUGSTREAM_LOADERD_SERVE_H

#include "common/pool.h"
#include "loaderd/batch/dispatch.h"
#include "loaderd/batch/session.h"
#include "loaderd/crew/crew.h"
#include "loaderd/metrics.h"
#include "proto/link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SERVE_LINKS_MAX = 16,
    SERVE_WINDOW_MAX = 64,
};

struct serve_config {                    /* all loans */
    struct link *links[SERVE_LINKS_MAX]; /* ROUTERs */
    uint32_t n_links;
    struct link *tap; /* PUB, or NULL */
    struct pool *pool;
    struct dataset *datasets;
    size_t n_datasets;
    struct sessions *sessions;
    struct dispatch *dispatch;
    struct crew *crew;
    struct metrics *metrics;
    uint32_t window; /* GetBatch that a peer may have outstanding, 1..SERVE_WINDOW_MAX */
    uint64_t batch_bytes_max;
    uint64_t server_epoch;
};

struct serve;
int serve_new(const struct serve_config *config, struct serve **ret);
void serve_free(struct serve *serve); /* NULL is fine */

/* One round: takes messages (a bounded number), starts batches, sends what is finished. */
void serve_turn(struct serve *serve);

bool serve_ready(struct serve *serve);         /* messages wait: another turn is due at once */
bool serve_stalled(const struct serve *serve); /* a peer's queue is full: a turn is due soon */

/* Tells every peer, and takes no more requests. */
void serve_drain(struct serve *serve);
bool serve_idle(const struct serve *serve); /* nothing outstanding */

uint32_t serve_peers(const struct serve *serve);
uint32_t serve_outstanding(const struct serve *serve);

#endif
