/* SPDX-License-Identifier: Apache-2.0 */
/* protocol: what a peer says, and what is said to it at once (proto/wire.h, docs/protocol.md).
 * Knows who is there and what they have asked for, and holds each to its window; a GetBatch that is
 * taken is left waiting among the requests. No input or output, no clock: a message in, at most one
 * out. The daemon's thread. */
#ifndef AUGSTREAM_LOADERD_PROTOCOL_H
#define AUGSTREAM_LOADERD_PROTOCOL_H

#include "loaderd/batch/session.h"
#include "loaderd/monitor/metrics.h"
#include "loaderd/serve/peer.h"
#include "loaderd/serve/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SERVE_WINDOW_MAX = 64 };

struct protocol_config { /* all loans */
    struct dataset *datasets;
    size_t n_datasets;
    struct sessions *sessions;
    struct dispatch *dispatch; /* what ends a request releases its batch here */
    struct metrics *metrics;
    uint32_t window;       /* GetBatch that a peer may have outstanding, 1..SERVE_WINDOW_MAX */
    uint64_t window_bytes; /* pixels of the batches that a peer may hold, if more than one */
    uint64_t batch_bytes_max;
    uint64_t server_epoch;
};

struct protocol {
    struct protocol_config config;
    bool draining; /* no more requests are taken */
    char server[WIRE_NAME_MAX];
    struct peers peers;
    struct requests requests;
};

int protocol_init(struct protocol *protocol, const struct protocol_config *config);
void protocol_done(struct protocol *protocol); /* fine on a zeroed struct */

/* Who speaks: the connection's name on one of the listening sockets. */
struct protocol_from {
    uint32_t link;
    const struct link_peer *name;
};

/* True when *ret is to be sent back. What a peer does wrong is answered with Error. */
bool protocol_answer(struct protocol *protocol, const struct protocol_from *from,
                     const struct wire_message *message, struct wire_message *ret);

/* The Error for a message that cannot even be understood; err_text() says why. */
void protocol_answer_bad(struct protocol *protocol, struct wire_message *ret);

/* An Error about a request (0: about none), counted; text may be err_text(). It is retryable when
 * its code is of that kind. */
void protocol_refuse(struct protocol *protocol, uint64_t request, enum wire_code code,
                     const char *text, struct wire_message *ret);

#endif
