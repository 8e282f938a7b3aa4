/* SPDX-License-Identifier: Apache-2.0 */
/* world: takes a seed, gives a verdict. What it promises is in check_end, in client (each batch
 * once, in order, whole; the window) and in node (nothing is left behind).
 *
 * What a trainer may not survive is kept out: it gives up a batch after RING_FAILURES_MAX damaged
 * answers, missed deadlines or failures of a loader, so bits are flipped and workers are in trouble
 * at most four times in a world, and the troubled time is short beside five deadlines. Clocks leap
 * by little in all, or by so much at once that it is no time of waiting. Where stopped trainers can
 * hold every slot of a loader, the others wait for a jam to be cut, as data.retry lets them. */
#include "tests/sim/world.h"

#include "common/auto.h"
#include "tests/sim/dice.h"
#include "trainer/ring.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 2000000 };
static const double DEADLINE_S = 1, RETRY_S = 6, TROUBLE_MAX_S = 4, CALM_S = 40;
static const double LEAP_TOLD_S = .7; /* a longer one is surely seen as an absence */
static const double LEAPS_MAX_S = 1;  /* all shorter ones of a trainer: they pass for waiting */

struct world {
    uint64_t dice;
    double now_s, peace_s;
    struct cable cable;
    struct flavour flavours[CLIENT_FLAVOURS];
    struct node nodes[CABLE_LOADERS_MAX];
    struct client clients[CABLE_TRAINERS_MAX];
    double node_again_s[CABLE_LOADERS_MAX], client_again_s[CABLE_TRAINERS_MAX];
    double leapt_s[CABLE_TRAINERS_MAX]; /* in short leaps */
    uint32_t troubles_left;
    bool faults[WORLD_FAULTS]; /* that happen here */
    double next_fault_s, fault_every_s;
    uint64_t count[WORLD_FAULTS];
};

/* --- the beginning --- */

static void draw_spec(struct world *w, struct spec *ret)
{
    *ret = (struct spec){.dataset = "flowers",
                         .seed = dice_int(&w->dice, 1, 2),
                         .batch = dice_int(&w->dice, 1, 4),
                         .shuffle = dice_chance(&w->dice, .8),
                         .partial = dice_chance(&w->dice, .3),
                         .n_views = dice_int(&w->dice, 1, 2)};
    for (uint32_t v = 0; v < ret->n_views; v++)
        ret->views[v] = (struct view_spec){.size = 8,
                                           .crop_resize = 8,
                                           .scale = {.2, 1},
                                           .ratio = {.75, 1.25},
                                           .flip = .5,
                                           .jitter = {.p = .5, .brightness = .4}};
}

static void draw_nodes(struct world *w)
{
    bool stranger = w->cable.n_loaders > 1 && dice_chance(&w->dice, .1);
    double deaths = dice_chance(&w->dice, .3) ? dice_real(&w->dice, 0, .05) : 0;
    for (uint32_t l = 0; l < w->cable.n_loaders; l++) {
        struct node *node = &w->nodes[l];
        *node = (struct node){.number = l,
                              .cable = &w->cable,
                              .dice = &w->dice,
                              .flavour = &w->flavours[stranger && l == 1],
                              .window = dice_int(&w->dice, 1, 4),
                              .window_bytes = dice_int(&w->dice, 1, 6000),
                              .slots = dice_int(&w->dice, 1, 6),
                              .workers = dice_int(&w->dice, 1, NODE_WORKERS_MAX),
                              .keep = dice_chance(&w->dice, .5),
                              .work_s = dice_real(&w->dice, .001, .02),
                              .death_chance = deaths,
                              .troubles_left = &w->troubles_left};
        w->node_again_s[l] = dice_real(&w->dice, 0, .5); /* when it starts */
    }
    for (uint32_t t = 0; t < w->cable.n_trainers; t++)
        w->clients[t].may_be_refused = stranger;
}

static void draw_clients(struct world *w)
{
    struct spec spec;
    draw_spec(w, &spec);
    for (uint32_t t = 0; t < w->cable.n_trainers; t++) {
        struct client *c = &w->clients[t];
        if (dice_chance(&w->dice, .4)) /* else it wants what the one before it wants */
            draw_spec(w, &spec);
        c->number = t;
        c->cable = &w->cable;
        c->dice = &w->dice;
        c->flavours = w->flavours;
        c->spec = spec;
        c->endpoints.n = w->cable.n_loaders;
        for (uint32_t l = 0; l < w->cable.n_loaders; l++)
            snprintf(c->endpoints.v[l], sizeof c->endpoints.v[l], "loader-%u", l);
        c->window = dice_int(&w->dice, 1, 4);
        c->epochs = dice_int(&w->dice, 1, 2);
        c->deadline_s = DEADLINE_S;
        c->step_s = dice_real(&w->dice, 0, .1);
        if (wire_new(WIRE_OMEGAS_MAX < 64 ? WIRE_OMEGAS_MAX : 64, &c->wire) < 0)
            assert(!"memory");
        c->seen = calloc(1, sizeof *c->seen);
        assert(c->seen);
        w->client_again_s[t] = dice_real(&w->dice, 0, .5);
    }
}

/* All trainers but one, stopped, may hold all slots of a loader. */
static bool may_jam(const struct world *w)
{
    bool jam = false;
    for (uint32_t l = 0; l < w->cable.n_loaders; l++)
        jam |= w->nodes[l].slots <= (w->cable.n_trainers - 1) * w->nodes[l].window;
    return jam && w->faults[WORLD_TRAINER_PAUSE];
}

static void begin(struct world *w, uint64_t seed)
{
    w->dice = dice_mix(seed);
    uint32_t samples = dice_int(&w->dice, 8, 40);
    bool some_bad = dice_chance(&w->dice, .4);
    for (uint32_t i = 0; i < CLIENT_FLAVOURS; i++)
        w->flavours[i] = (struct flavour){
            .samples = samples + i * dice_int(&w->dice, 0, 1), .number = i, .some_bad = some_bad};
    bool flips = dice_chance(&w->dice, .3), doubles = dice_chance(&w->dice, .2);
    w->cable = (struct cable){.dice = &w->dice,
                              .n_loaders = dice_int(&w->dice, 1, CABLE_LOADERS_MAX),
                              .n_trainers = dice_int(&w->dice, 1, CABLE_TRAINERS_MAX),
                              .delay_s = dice_real(&w->dice, 0, .05),
                              .flip_chance = flips ? .02 : 0,
                              .flips_left = RING_FAILURES_MAX - 1,
                              .double_chance = doubles ? .02 : 0,
                              .queue = dice_int(&w->dice, 1, 8)};
    cable_init(&w->cable);
    w->troubles_left = RING_FAILURES_MAX - 1;
    draw_clients(w);
    draw_nodes(w);
    w->peace_s = dice_chance(&w->dice, .1) ? 0 : dice_real(&w->dice, .5, TROUBLE_MAX_S);
    w->fault_every_s = dice_real(&w->dice, .05, .6);
    for (int f = 0; f < WORLD_FAULTS; f++)
        w->faults[f] = dice_chance(&w->dice, .4);
    if (w->clients[0].may_be_refused) /* another life might begin with the other's data */
        w->faults[WORLD_TRAINER_CRASH] = false;
    for (uint32_t t = 0; t < w->cable.n_trainers; t++)
        w->clients[t].retry_s = RETRY_S + (may_jam(w) ? JAM_MAX_MS * 1e-3 : 0);
}

/* --- what befalls them --- */

static void befall(struct world *w, enum world_fault fault)
{
    uint32_t l = dice_int(&w->dice, 0, w->cable.n_loaders - 1);
    uint32_t t = dice_int(&w->dice, 0, w->cable.n_trainers - 1);
    struct node *node = &w->nodes[l];
    struct client *client = &w->clients[t];
    struct cable_conn *conn = cable_conn(&w->cable, t, l);
    double some_s = dice_real(&w->dice, .02, dice_chance(&w->dice, .3) ? 3 : .5);
    double until_s = fmin(w->now_s + some_s, w->peace_s);
    w->count[fault]++;
    switch (fault) {
    case WORLD_BREAK:
        if (conn->up)
            cable_break(&w->cable, conn, until_s - w->now_s);
        break;
    case WORLD_STALL:
        conn->stalled_until = until_s;
        break;
    case WORLD_LOADER_CRASH:
        if (!node->on)
            break;
        cable_loader_lost(&w->cable, l);
        node_stop(node);
        w->node_again_s[l] = until_s;
        break;
    case WORLD_LOADER_PAUSE:
        node->paused_until = until_s;
        break;
    case WORLD_LOADER_DRAIN:
        if (node->on && !node->draining)
            node_drain(node);
        break;
    case WORLD_TRAINER_CRASH:
        if (!client->fetch || client->epoch == client->epochs)
            break;
        cable_trainer_lost(&w->cable, t, until_s - w->now_s);
        client_kill(client);
        w->client_again_s[t] = until_s;
        break;
    case WORLD_TRAINER_PAUSE: /* a checkpoint, a debugger: it may well be longer than retry_s */
        client->paused_until = w->now_s + some_s * (dice_chance(&w->dice, .2) ? 4 : 1);
        break;
    case WORLD_TRAINER_LEAP:
        if (some_s < LEAP_TOLD_S && (w->leapt_s[t] += some_s) > LEAPS_MAX_S)
            break;
        client->clock_ahead_s += some_s;
        break;
    case WORLD_FAULTS:
        break;
    }
}

static void faults(struct world *w)
{
    if (w->now_s < w->next_fault_s || w->now_s >= w->peace_s)
        return;
    w->next_fault_s = w->now_s + dice_real(&w->dice, 0, 2 * w->fault_every_s);
    uint32_t n = 0, happens[WORLD_FAULTS];
    for (uint32_t f = 0; f < WORLD_FAULTS; f++)
        if (w->faults[f])
            happens[n++] = f;
    if (n > 0)
        befall(w, (enum world_fault)happens[dice_int(&w->dice, 0, n - 1)]);
}

/* --- the loop --- */

static void connect_all(struct world *w, uint32_t loader)
{
    for (uint32_t t = 0; t < w->cable.n_trainers; t++)
        if (w->clients[t].state != CLIENT_DONE)
            cable_up(&w->cable, cable_conn(&w->cable, t, loader), dice_real(&w->dice, 0, .1));
}

static double turn_nodes(struct world *w)
{
    double next = INFINITY;
    for (uint32_t l = 0; l < w->cable.n_loaders; l++) {
        struct node *node = &w->nodes[l];
        if (!node->on && w->now_s >= w->node_again_s[l]) {
            node_start(node, dice_next(&w->dice) | 1);
            w->node_again_s[l] = INFINITY;
            connect_all(w, l);
        }
        next = fmin(next, node->on ? node_turn(node, w->now_s) : w->node_again_s[l]);
        /* as the daemon: it ends when everything that was asked of it has left */
        if (node->on && node->draining && !node_leftover(node) && w->now_s >= node->paused_until) {
            cable_loader_lost(&w->cable, l);
            node_stop(node);
            w->node_again_s[l] = w->now_s + dice_real(&w->dice, .01, .5);
            next = fmin(next, w->node_again_s[l]);
        }
    }
    return next;
}

static double turn_clients(struct world *w)
{
    double next = INFINITY;
    for (uint32_t t = 0; t < w->cable.n_trainers; t++) {
        struct client *c = &w->clients[t];
        if (c->state == CLIENT_OFF && w->now_s >= w->client_again_s[t]) {
            client_start(c);
            for (uint32_t l = 0; l < w->cable.n_loaders; l++)
                if (w->nodes[l].on)
                    cable_up(&w->cable, cable_conn(&w->cable, t, l), dice_real(&w->dice, 0, .1));
        }
        next = fmin(next, c->state == CLIENT_OFF ? w->client_again_s[t] : client_turn(c, w->now_s));
    }
    return next;
}

static bool all_done(const struct world *w)
{
    for (uint32_t t = 0; t < w->cable.n_trainers; t++)
        if (w->clients[t].state != CLIENT_DONE)
            return false;
    for (uint32_t l = 0; l < w->cable.n_loaders; l++)
        if (!w->nodes[l].on || w->nodes[l].draining || node_leftover(&w->nodes[l]))
            return false;
    return true;
}

static const char *client_broken(const struct world *w)
{
    for (uint32_t t = 0; t < w->cable.n_trainers; t++)
        if (w->clients[t].broken[0])
            return w->clients[t].broken;
    return NULL;
}

/* What there is to say when peace did not bring everything to its end. */
static void check_end(const struct world *w, char *ret, size_t cap)
{
    for (uint32_t t = 0; t < w->cable.n_trainers; t++) {
        const struct client *c = &w->clients[t];
        if (c->state != CLIENT_DONE) {
            snprintf(ret, cap, "trainer %u still waits for batch %u of epoch %u, %g s after peace",
                     t, c->index, c->epoch, w->now_s - w->peace_s);
            return;
        }
    }
    for (uint32_t l = 0; l < w->cable.n_loaders; l++) {
        const struct node *node = &w->nodes[l];
        const char *left = node->on ? node_leftover(node) : "it never came back";
        if (left) {
            snprintf(ret, cap, "loader %u: %s, %g s after peace", l, left, w->now_s - w->peace_s);
            return;
        }
    }
    snprintf(ret, cap, "the world does not come to rest");
}

/* What is lent to a connection, as the cable sees it: no part of the loader's own account. */
static bool holds_too_much(const struct world *w)
{
    for (uint32_t t = 0; t < w->cable.n_trainers; t++)
        for (uint32_t l = 0; l < w->cable.n_loaders; l++) {
            uint64_t one = 0, bytes = cable_lent(&w->cable, t, l, &one);
            if (bytes > one && bytes > w->nodes[l].window_bytes)
                return true;
        }
    return false;
}

static void run(struct world *w, char *ret_broken, size_t cap)
{
    ret_broken[0] = 0;
    for (uint32_t steps = 0; steps < STEPS_MAX; steps++) {
        faults(w);
        w->cable.now_s = w->now_s;
        double next = turn_nodes(w);
        next = fmin(next, turn_clients(w));
        next = fmin(next, cable_turn(&w->cable));
        const char *broken = client_broken(w);
        if (!broken && holds_too_much(w))
            broken = "more bytes are on their way to a trainer than a loader's window of them";
        if (broken) {
            snprintf(ret_broken, cap, "%s", broken);
            return;
        }
        if (all_done(w))
            return;
        if (w->now_s > w->peace_s + CALM_S)
            break;
        bool message = false; /* somebody has something to read now */
        for (uint32_t l = 0; l < w->cable.n_loaders; l++)
            message |= !TAILQ_EMPTY(&w->cable.inbox[l]) && w->now_s >= w->nodes[l].paused_until;
        if (w->now_s < w->peace_s)
            next = fmin(next, fmax(w->next_fault_s, w->now_s));
        if (!message)
            w->now_s = fmax(w->now_s + 1e-6, fmin(next, w->now_s + 1));
    }
    check_end(w, ret_broken, cap);
}

/* --- the end --- */

static void add(struct world *w, struct world_counts *counts)
{
    counts->worlds++;
    counts->simulated_s += w->now_s;
    counts->slowest_s = fmax(counts->slowest_s, w->now_s - w->peace_s);
    for (int f = 0; f < WORLD_FAULTS; f++)
        counts->faults[f] += w->count[f];
    counts->lost += w->cable.lost;
    counts->flipped += w->cable.flipped;
    counts->doubled += w->cable.doubled;
    counts->full += w->cable.full;
    counts->unreachable += w->cable.unreachable;
    for (uint32_t t = 0; t < w->cable.n_trainers; t++) {
        const struct client *c = &w->clients[t];
        counts->sessions += c->lives;
        counts->refused_runs += c->end < 0;
        counts->batches += c->counts.batches;
        counts->substituted += c->counts.substituted;
        counts->rerequests += c->counts.rerequests;
        counts->late += c->counts.late;
        counts->crc_errors += c->counts.crc_errors;
        counts->unreadable += c->counts.unreadable;
        counts->disconnects += c->counts.disconnects;
    }
    for (uint32_t l = 0; l < w->cable.n_loaders; l++) {
        const uint64_t *from = (const uint64_t *)&w->nodes[l].counts;
        uint64_t *to = (uint64_t *)&counts->nodes;
        for (size_t i = 0; i < sizeof counts->nodes / sizeof *to; i++)
            to[i] += from[i];
    }
}

static void end(struct world *w)
{
    for (uint32_t t = 0; t < w->cable.n_trainers; t++) {
        if (w->clients[t].fetch)
            client_kill(&w->clients[t]);
        wire_free(w->clients[t].wire);
        free(w->clients[t].seen);
    }
    cable_done(&w->cable);
    for (uint32_t l = 0; l < w->cable.n_loaders; l++)
        if (w->nodes[l].on)
            node_stop(&w->nodes[l]);
}

int world_run(uint64_t seed, struct world_counts *counts, char *ret_broken, size_t cap)
{
    struct world *w = calloc(1, sizeof *w);
    assert(w);
    begin(w, seed);
    run(w, ret_broken, cap);
    end(w);
    if (!ret_broken[0] && w->cable.packets != 0)
        snprintf(ret_broken, cap, "%u messages were never given back", w->cable.packets);
    add(w, counts);
    free(w);
    return ret_broken[0] ? -1 : 0;
}
