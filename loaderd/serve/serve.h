/* SPDX-License-Identifier: Apache-2.0 */
/* serve: the loader's side of the conversation, turn by turn: takes messages, answers them, asks
 * dispatch for the batches that peers wait for and gives out what is finished, straight from its
 * slot. Everything leaves through one function of the caller's, so there is no socket here, no
 * clock and no process. The daemon's thread. */
#ifndef AUGSTREAM_LOADERD_SERVE_H
#define AUGSTREAM_LOADERD_SERVE_H

#include "common/pool.h"
#include "loaderd/serve/protocol.h"
#include "proto/link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One message on its way: as link_send, which also says what it may return. */
struct serve_out {
    uint32_t link;                /* listening socket */
    const struct link_peer *peer; /* NULL: to the tap */
    const void *body;
    size_t len;
    const struct link_frame *frames;
    uint32_t n_frames;
};

struct serve_config {
    struct protocol_config protocol;
    struct pool *pool;         /* a loan */
    bool tap;                  /* there is one; it needs wall_us */
    uint64_t (*wall_us)(void); /* the date, microseconds since 1970 */
    int (*send)(void *hint, const struct serve_out *out);
    void *send_hint;
    void (*wake)(void *hint); /* a turn is due: a batch has left; any thread calls it */
    void *wake_hint;
};

struct serve;
int serve_new(const struct serve_config *config, struct serve **ret);

/* After send's frames have all come back, and before the pool, dispatch and sessions. NULL is fine.
 */
void serve_free(struct serve *serve);

/* Takes one message as link_receive gave it (0), or the sender of one that it dropped (-EBADMSG;
 * err_text() says why). */
void serve_message(struct serve *serve, uint32_t link, const struct link_message *message);
void serve_bad_message(struct serve *serve, uint32_t link, const struct link_message *message);

/* One round: sends what is finished, begins what waits and has room. */
void serve_turn(struct serve *serve);

/* A peer's queue is full: a turn is due soon. */
bool serve_stalled(const struct serve *serve);

/* Requests wait for slots, nothing is being made, and every slot is with peers that have not taken
 * what they were sent. It passes when they do: serve_arrived then grows. */
bool serve_jammed(const struct serve *serve);
uint64_t serve_arrived(const struct serve *serve);

/* Whether peers of this link hold batches; and that link was cut: its peers are gone. */
bool serve_link_holds(const struct serve *serve, uint32_t link);
void serve_link_cut(struct serve *serve, uint32_t link);

/* Tells every peer, and takes no more requests. */
void serve_drain(struct serve *serve);

uint32_t serve_peers(const struct serve *serve);
uint32_t serve_outstanding(const struct serve *serve); /* requests; 0: idle */
uint32_t serve_requests(const struct serve *serve, enum request_stage stage); /* of these */

#endif
