/* SPDX-License-Identifier: Apache-2.0 */
/* cable: takes bytes, gives them later, or not, or spoilt. Owns every message between send and
 * receive; a loader's frames are read at the moment they leave and given back then. */
#include "tests/sim/cable.h"

#include "common/err.h"
#include "tests/sim/dice.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TO_LOADER, TO_TRAINER, UNSENT_MAX = 32 };

void cable_init(struct cable *cable)
{
    for (uint32_t t = 0; t < cable->n_trainers; t++)
        for (uint32_t l = 0; l < cable->n_loaders; l++) {
            struct cable_conn *conn = cable_conn(cable, t, l);
            *conn = (struct cable_conn){.trainer = t, .loader = l, .up_at = INFINITY};
            TAILQ_INIT(&conn->flying[TO_LOADER]);
            TAILQ_INIT(&conn->flying[TO_TRAINER]);
            TAILQ_INIT(&conn->unsent);
            TAILQ_INIT(&conn->unread);
        }
    for (uint32_t l = 0; l < cable->n_loaders; l++)
        TAILQ_INIT(&cable->inbox[l]);
}

struct cable_conn *cable_conn(struct cable *cable, uint32_t trainer, uint32_t loader)
{
    return &cable->conn[trainer * CABLE_LOADERS_MAX + loader];
}

/* --- packets --- */

static void give_back(struct packet *p)
{
    for (uint32_t i = 0; i < p->n_frames; i++)
        if (p->frames[i].free) {
            p->frames[i].free(p->frames[i].data, p->frames[i].hint);
            p->frames[i].free = NULL;
        }
}

void cable_packet_free(struct cable *cable, struct packet *p)
{
    give_back(p);
    free(p->body);
    free(p->pixels);
    free(p);
    cable->packets--;
}

static uint32_t drop_all(struct cable *cable, struct packets *list)
{
    uint32_t n = 0;
    for (struct packet *p; (p = TAILQ_FIRST(list)); n++) {
        TAILQ_REMOVE(list, p, next);
        cable_packet_free(cable, p);
    }
    return n;
}

static struct packet *packet_new(struct cable *cable, const struct cable_conn *conn,
                                 const void *body, size_t len)
{
    struct packet *p = calloc(1, sizeof *p);
    assert(p);
    p->conn = (uint32_t)(conn - cable->conn);
    p->generation = conn->generation;
    p->len = len;
    p->body = malloc(len ? len : 1);
    assert(p->body);
    memcpy(p->body, body, len);
    cable->packets++;
    return p;
}

static size_t pixels_bytes(const struct packet *p)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < p->n_frames; i++)
        bytes += p->frames[i].len;
    return bytes;
}

/* It leaves: from here on the bytes are the network's own. */
static void leave(struct packet *p)
{
    size_t at = 0, bytes = pixels_bytes(p);
    if (bytes == 0)
        return;
    p->pixels = malloc(bytes);
    assert(p->pixels);
    for (uint32_t i = 0; i < p->n_frames; i++) {
        memcpy(p->pixels + at, p->frames[i].data, p->frames[i].len);
        at += p->frames[i].len;
    }
    give_back(p);
}

static struct packet *copy_of(struct cable *cable, const struct packet *p)
{
    struct packet *copy = packet_new(cable, &cable->conn[p->conn], p->body, p->len);
    copy->generation = p->generation;
    copy->n_frames = p->n_frames;
    memcpy(copy->frames, p->frames, sizeof p->frames);
    size_t bytes = pixels_bytes(p);
    if (bytes > 0) {
        copy->pixels = malloc(bytes);
        assert(copy->pixels);
        memcpy(copy->pixels, p->pixels, bytes);
    }
    return copy;
}

/* One bit, of body and pixels alike. */
static void maybe_spoil(struct cable *cable, struct packet *p)
{
    size_t bytes = p->len + pixels_bytes(p);
    if (cable->flips_left == 0 || !dice_chance(cable->dice, cable->flip_chance))
        return;
    cable->flips_left--;
    cable->flipped++;
    /* half of them in the body, which is the smaller part */
    size_t at = dice_int(cable->dice, 0, (uint32_t)bytes - 1);
    if (dice_chance(cable->dice, .5))
        at = dice_int(cable->dice, 0, (uint32_t)p->len - 1);
    unsigned char *byte = at < p->len ? p->body + at : p->pixels + (at - p->len);
    *byte ^= (unsigned char)(1u << dice_int(cable->dice, 0, 7));
}

/* --- connections --- */

static void put_in_flight(struct cable *cable, struct cable_conn *conn, int way, struct packet *p)
{
    double at = cable->now_s + dice_real(cable->dice, 0, cable->delay_s);
    p->at = conn->last_at[way] = at > conn->last_at[way] ? at : conn->last_at[way];
    TAILQ_INSERT_TAIL(&conn->flying[way], p, next);
    conn->n_flying[way]++;
}

static void happen(struct cable *cable, struct cable_conn *conn, enum link_event event,
                   double after_s)
{
    assert(conn->n_events < CABLE_EVENTS_MAX);
    double at = cable->now_s + after_s;
    if (conn->n_events > 0) {
        uint32_t last = (conn->first_event + conn->n_events - 1) % CABLE_EVENTS_MAX;
        at = at > conn->events[last].at ? at : conn->events[last].at;
    }
    uint32_t i = (conn->first_event + conn->n_events++) % CABLE_EVENTS_MAX;
    conn->events[i].at = at;
    conn->events[i].event = event;
}

static void come_up(struct cable *cable, struct cable_conn *conn)
{
    conn->up = true;
    conn->generation++;
    conn->up_at = INFINITY;
    conn->last_at[TO_LOADER] = conn->last_at[TO_TRAINER] = 0;
    happen(cable, conn, LINK_CONNECTED, dice_real(cable->dice, 0, .02));
    for (struct packet *p; (p = TAILQ_FIRST(&conn->unsent));) {
        TAILQ_REMOVE(&conn->unsent, p, next);
        conn->n_unsent--;
        p->generation = conn->generation;
        put_in_flight(cable, conn, TO_LOADER, p);
    }
}

void cable_break(struct cable *cable, struct cable_conn *conn, double down_s)
{
    conn->up_at = cable->now_s + down_s;
    if (!conn->up)
        return;
    conn->up = false;
    conn->gone_known_at = cable->now_s + dice_real(cable->dice, 0, .5);
    conn->stalled_until = 0;
    cable->lost += conn->n_flying[TO_LOADER] + conn->n_flying[TO_TRAINER];
    for (int way = 0; way < 2; way++) {
        drop_all(cable, &conn->flying[way]);
        conn->n_flying[way] = 0;
    }
    happen(cable, conn, LINK_DISCONNECTED, dice_real(cable->dice, 0, .05));
}

void cable_up(struct cable *cable, struct cable_conn *conn, double after_s)
{
    if (!conn->up)
        conn->up_at = cable->now_s + after_s;
}

void cable_trainer_lost(struct cable *cable, uint32_t trainer, double down_s)
{
    for (uint32_t l = 0; l < cable->n_loaders; l++) {
        struct cable_conn *conn = cable_conn(cable, trainer, l);
        bool loader_is_there = conn->up || conn->up_at < INFINITY;
        cable_break(cable, conn, loader_is_there ? down_s : INFINITY);
        drop_all(cable, &conn->unsent);
        drop_all(cable, &conn->unread);
        conn->n_unsent = conn->n_unread = conn->n_events = 0;
    }
}

void cable_loader_lost(struct cable *cable, uint32_t loader)
{
    for (uint32_t t = 0; t < cable->n_trainers; t++)
        cable_break(cable, cable_conn(cable, t, loader), INFINITY);
    drop_all(cable, &cable->inbox[loader]);
}

/* The next message of one way may arrive from this time on. */
static double due(const struct cable *cable, const struct cable_conn *conn, int way)
{
    const struct packet *p = TAILQ_FIRST(&conn->flying[way]);
    if (!p || (way == TO_TRAINER && conn->n_unread >= cable->queue))
        return INFINITY;
    return p->at > conn->stalled_until ? p->at : conn->stalled_until;
}

static void arrive(struct cable *cable, struct cable_conn *conn, int way)
{
    struct packet *p = TAILQ_FIRST(&conn->flying[way]);
    TAILQ_REMOVE(&conn->flying[way], p, next);
    conn->n_flying[way]--;
    leave(p);
    struct packet *twin = NULL;
    if (dice_chance(cable->dice, cable->double_chance)) {
        twin = copy_of(cable, p);
        cable->doubled++;
    }
    maybe_spoil(cable, p);
    for (struct packet *each = p; each; each = each == p ? twin : NULL) {
        if (way == TO_TRAINER) {
            TAILQ_INSERT_TAIL(&conn->unread, each, next);
            conn->n_unread++;
        } else {
            TAILQ_INSERT_TAIL(&cable->inbox[conn->loader], each, next);
        }
    }
}

double cable_turn(struct cable *cable)
{
    double next = INFINITY;
    for (uint32_t t = 0; t < cable->n_trainers; t++)
        for (uint32_t l = 0; l < cable->n_loaders; l++) {
            struct cable_conn *conn = cable_conn(cable, t, l);
            if (!conn->up && conn->up_at <= cable->now_s)
                come_up(cable, conn);
            for (int way = 0; way < 2; way++) {
                while (due(cable, conn, way) <= cable->now_s)
                    arrive(cable, conn, way);
                next = fmin(next, due(cable, conn, way));
            }
            if (!conn->up)
                next = fmin(next, conn->up_at);
            if (conn->n_events > 0 && conn->events[conn->first_event].at > cable->now_s)
                next = fmin(next, conn->events[conn->first_event].at);
        }
    return next;
}

/* --- the ends --- */

int cable_trainer_send(struct cable *cable, struct cable_conn *conn, const void *body, size_t len)
{
    if (!conn->up && conn->n_unsent >= UNSENT_MAX) {
        cable->full++;
        return err_set(-EAGAIN, "the queue is full");
    }
    struct packet *p = packet_new(cable, conn, body, len);
    if (conn->up) {
        put_in_flight(cable, conn, TO_LOADER, p);
    } else {
        TAILQ_INSERT_TAIL(&conn->unsent, p, next);
        conn->n_unsent++;
    }
    return 0;
}

static void to_message(const struct packet *p, struct link_message *ret)
{
    ret->body = p->body;
    ret->body_len = p->len;
    ret->n_frames = p->n_frames;
    ret->n_held = 0;
    size_t at = 0;
    for (uint32_t i = 0; i < p->n_frames; i++) {
        ret->frames[i].data = p->pixels + at;
        ret->frames[i].len = p->frames[i].len;
        at += p->frames[i].len;
    }
}

int cable_trainer_receive(struct cable *cable, struct cable_conn *conn, struct link_message *ret)
{
    (void)cable;
    struct packet *p = TAILQ_FIRST(&conn->unread);
    if (!p)
        return -EAGAIN;
    TAILQ_REMOVE(&conn->unread, p, next);
    conn->n_unread--;
    to_message(p, ret);
    memcpy(ret->held[0].opaque, &p, sizeof p); /* whose memory it is */
    return 0;
}

void cable_message_done(struct cable *cable, struct link_message *message)
{
    if (!message->body)
        return;
    struct packet *p;
    memcpy(&p, message->held[0].opaque, sizeof p);
    message->body = NULL;
    cable_packet_free(cable, p);
}

enum link_event cable_trainer_event(struct cable *cable, struct cable_conn *conn)
{
    if (conn->n_events == 0 || conn->events[conn->first_event].at > cable->now_s)
        return LINK_NOTHING;
    enum link_event event = conn->events[conn->first_event].event;
    conn->first_event = (conn->first_event + 1) % CABLE_EVENTS_MAX;
    conn->n_events--;
    return event;
}

static void name_of(const struct packet *p, struct link_peer *ret)
{
    ret->len = 8;
    memcpy(ret->id, &p->conn, 4);
    memcpy(ret->id + 4, &p->generation, 4);
}

const struct cable_conn *cable_peer(const struct cable *cable, const struct link_peer *name)
{
    uint32_t conn;
    memcpy(&conn, name->id, 4);
    return &cable->conn[conn];
}

static int loader_send(struct cable *cable, const struct serve_out *out)
{
    uint32_t generation;
    memcpy(&generation, out->peer->id + 4, 4);
    struct cable_conn *conn = &cable->conn[cable_peer(cable, out->peer) - cable->conn];
    bool here = conn->up && generation == conn->generation;
    if (!here && (generation != conn->generation || cable->now_s >= conn->gone_known_at)) {
        cable->unreachable++;
        return err_set(-EHOSTUNREACH, "the peer is gone");
    }
    if (here && conn->n_flying[TO_TRAINER] >= cable->queue) {
        cable->full++;
        return err_set(-EAGAIN, "the peer's queue is full");
    }
    if (!here) /* nobody has told the loader yet */
        return 1;
    struct packet *p = packet_new(cable, conn, out->body, out->len);
    assert(out->n_frames <= 8);
    p->n_frames = out->n_frames;
    for (uint32_t i = 0; i < out->n_frames; i++)
        p->frames[i] = out->frames[i];
    put_in_flight(cable, conn, TO_TRAINER, p);
    return 0;
}

int cable_loader_send(struct cable *cable, const struct serve_out *out)
{
    int r = loader_send(cable, out);
    if (r != 0) /* as link_send: they are given back whatever comes of it */
        for (uint32_t i = 0; i < out->n_frames; i++)
            out->frames[i].free(out->frames[i].data, out->frames[i].hint);
    return r < 0 ? r : 0;
}

uint64_t cable_lent(const struct cable *cable, uint32_t trainer, uint32_t loader,
                    uint64_t *ret_largest)
{
    const struct cable_conn *conn = &cable->conn[trainer * CABLE_LOADERS_MAX + loader];
    const struct packet *p;
    uint64_t all = 0;
    *ret_largest = 0;
    TAILQ_FOREACH(p, &conn->flying[TO_TRAINER], next)
    {
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < p->n_frames; i++)
            bytes += p->frames[i].len;
        all += bytes;
        if (bytes > *ret_largest)
            *ret_largest = bytes;
    }
    return all;
}

struct packet *cable_loader_receive(struct cable *cable, uint32_t loader, struct link_message *ret)
{
    struct packet *p = TAILQ_FIRST(&cable->inbox[loader]);
    if (!p)
        return NULL;
    TAILQ_REMOVE(&cable->inbox[loader], p, next);
    to_message(p, ret);
    name_of(p, &ret->peer);
    return p;
}

void cable_done(struct cable *cable)
{
    for (uint32_t t = 0; t < cable->n_trainers; t++)
        for (uint32_t l = 0; l < cable->n_loaders; l++) {
            struct cable_conn *conn = cable_conn(cable, t, l);
            drop_all(cable, &conn->flying[TO_LOADER]);
            drop_all(cable, &conn->flying[TO_TRAINER]);
            drop_all(cable, &conn->unsent);
            drop_all(cable, &conn->unread);
        }
    for (uint32_t l = 0; l < cable->n_loaders; l++)
        drop_all(cable, &cable->inbox[l]);
}
