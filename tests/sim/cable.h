/* SPDX-License-Identifier: Apache-2.0 */
/* cable: simulated connections between trainers and loaders, one for each pair, with the promises
 * of proto/link.h and no more: within a connection messages come whole and in order, when it breaks
 * what is in flight is lost, what had come is still read, perhaps after the next connection's; what
 * a trainer sends meanwhile waits. A loader's peer has another name at each connection and is found
 * gone only some time after. Queues are short. Bytes may be spoilt, messages doubled, on request.
 * The clock is the caller's. */
#ifndef AUGSTREAM_TESTS_SIM_CABLE_H
#define AUGSTREAM_TESTS_SIM_CABLE_H

#include "loaderd/serve/serve.h"
#include "proto/link.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum {
    CABLE_LOADERS_MAX = 3,
    CABLE_TRAINERS_MAX = 4,
    CABLE_CONNS_MAX = CABLE_LOADERS_MAX * CABLE_TRAINERS_MAX,
    CABLE_EVENTS_MAX = 64,
};

/* A message on its way. */
struct packet {
    TAILQ_ENTRY(packet) next;
    double at; /* when it arrives */
    uint32_t conn, generation;
    size_t len;
    unsigned char *body;
    uint32_t n_frames;
    struct link_frame frames[WIRE_FRAMES_MAX > 8 ? 8 : WIRE_FRAMES_MAX]; /* lent until it leaves */
    unsigned char *pixels; /* of all frames, once it has left */
};
TAILQ_HEAD(packets, packet);

struct cable_conn {
    uint32_t trainer, loader;
    bool up;
    uint32_t generation;  /* the peer's name: of this connection, or of the last one */
    double up_at;         /* while down: when it is up again */
    double gone_known_at; /* from when on the loader knows that `generation` is gone */
    double stalled_until; /* nothing moves, and nobody is told */
    double last_at[2];    /* to the loader, to the trainer: arrivals stay in order */
    struct packets flying[2];
    struct packets unsent; /* the trainer's, while there is no connection */
    struct packets unread; /* at the trainer */
    uint32_t n_flying[2], n_unsent, n_unread;
    struct {
        double at;
        enum link_event event;
    } events[CABLE_EVENTS_MAX]; /* that the trainer will hear of, a ring */
    uint32_t first_event, n_events;
};

struct cable {
    uint64_t *dice;
    double now_s;
    uint32_t n_loaders, n_trainers;
    double delay_s;     /* the longest of one message */
    double flip_chance; /* of one message that a bit of it is wrong */
    uint32_t flips_left;
    double double_chance; /* ... that it comes twice */
    uint32_t queue;       /* messages that a trainer's inbound queue holds */
    uint64_t flipped, doubled, lost, full, unreachable;
    struct cable_conn conn[CABLE_CONNS_MAX];
    struct packets inbox[CABLE_LOADERS_MAX]; /* arrived, not yet read by the loader */
    uint32_t packets;                        /* that exist */
};

void cable_init(struct cable *cable);
void cable_done(struct cable *cable); /* gives every frame back */

struct cable_conn *cable_conn(struct cable *cable, uint32_t trainer, uint32_t loader);

/* Both ends find out in their own time; it is up again after `down_s`, INFINITY: cable_up says. */
void cable_break(struct cable *cable, struct cable_conn *conn, double down_s);
void cable_up(struct cable *cable, struct cable_conn *conn, double after_s);

/* The trainer's or loader's memory is gone: what it had not sent or not read as well. */
void cable_trainer_lost(struct cable *cable, uint32_t trainer, double down_s);
void cable_loader_lost(struct cable *cable, uint32_t loader);

/* Moves what is due at cable->now_s. The earliest time at which more will be. */
double cable_turn(struct cable *cable);

/* The trainer's end, as struct loader_io has it. */
int cable_trainer_send(struct cable *cable, struct cable_conn *conn, const void *body, size_t len);
int cable_trainer_receive(struct cable *cable, struct cable_conn *conn, struct link_message *ret);
void cable_message_done(struct cable *cable, struct link_message *message);
enum link_event cable_trainer_event(struct cable *cable, struct cable_conn *conn);

/* The loader's end: serve's send; and what has come, to be given back with cable_packet_free. */
int cable_loader_send(struct cable *cable, const struct serve_out *out);
/* Bytes of frames that the loader has lent to the connection, and of the largest message of these.
 */
uint64_t cable_lent(const struct cable *cable, uint32_t trainer, uint32_t loader,
                    uint64_t *ret_largest);
struct packet *cable_loader_receive(struct cable *cable, uint32_t loader, struct link_message *ret);
void cable_packet_free(struct cable *cable, struct packet *packet);

/* Whose name that is. */
const struct cable_conn *cable_peer(const struct cable *cable, const struct link_peer *name);

#endif
