/* SPDX-License-Identifier: Apache-2.0 */
/* client: one simulated trainer: the real fetch, a model that takes its time, and a witness beside
 * it that counts what it asks for and compares what it gets. It can be killed, and goes on where it
 * was; its clock may leap. */
#ifndef AUGSTREAM_TESTS_SIM_CLIENT_H
#define AUGSTREAM_TESTS_SIM_CLIENT_H

#include "tests/sim/cable.h"
#include "tests/sim/truth.h"
#include "trainer/fetch.h"

#include <stdbool.h>

enum { CLIENT_ASKED_MAX = 256, CLIENT_FLAVOURS = 2 };

enum client_state {
    CLIENT_OFF,     /* not begun, or between two lives */
    CLIENT_OPENING, /* until fetch has settled */
    CLIENT_WAITING, /* for a batch */
    CLIENT_WORKING, /* with one */
    CLIENT_DONE,    /* has had every batch, or an end that it was told of clearly */
};

/* A request that is out, as the witness saw it leave. */
struct client_asked {
    uint64_t request;
    uint32_t loader, epoch, index;
    double at_s; /* by the trainer's clock */
};

struct client {
    uint32_t number;
    struct cable *cable;
    uint64_t *dice;
    const struct flavour *flavours; /* [CLIENT_FLAVOURS] what a loader may serve */
    struct spec spec;
    struct conf_strs endpoints;
    uint32_t window, epochs;
    double deadline_s, retry_s, step_s;
    bool may_be_refused; /* a loader has other data: an error that says so is a good end */

    enum client_state state;
    double clock_ahead_s; /* its clock before the world's */
    double paused_until, busy_until;
    uint32_t epoch, index; /* the batch wanted next */
    uint32_t lives;
    int end; /* DONE: 0 or the error */
    struct fetch *fetch;
    struct loader_io io;
    const struct flavour *flavour; /* of the run, once it is known */
    struct recv_batch batch;
    uint32_t loader_window[CABLE_LOADERS_MAX];
    uint64_t loader_epoch[CABLE_LOADERS_MAX];
    struct client_asked asked[CLIENT_ASKED_MAX];
    uint32_t n_asked;
    uint32_t lent; /* messages that fetch has */
    struct wire *wire;
    struct wire_message *seen; /* the witness's */
    struct recv_counts counts; /* of all its lives */
    char broken[256];          /* what it saw that may not be; "" */
};

void client_start(struct client *client);
void client_kill(struct client *client); /* OFF */

/* All that is due; the earliest time of more. */
double client_turn(struct client *client, double now_s);

#endif
