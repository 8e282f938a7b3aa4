/* SPDX-License-Identifier: Apache-2.0 */
/* node: one simulated loader: the real sessions, dispatch, protocol and serve, on a network that is
 * no network, with workers that paint in memory and now and then die. It can be killed, paused,
 * drained and started anew with another server epoch. The clock is the caller's. */
#ifndef AUGSTREAM_TESTS_SIM_NODE_H
#define AUGSTREAM_TESTS_SIM_NODE_H

#include "loaderd/batch/dispatch.h"
#include "loaderd/daemon/jam.h"
#include "loaderd/serve/serve.h"
#include "tests/sim/cable.h"
#include "tests/sim/truth.h"

#include <stdbool.h>

enum { NODE_WORKERS_MAX = 3, NODE_TASKS_MAX = 3 * NODE_WORKERS_MAX };

/* Sums over a world, for the closing line. */
struct node_counts {
    uint64_t batches, starts, drains, deaths, troubles, jams, shared, refused, bad_messages,
        delayed;
};

struct node_task {
    bool used;
    uint32_t worker;
    double done_s;
    struct task_render task;
    const struct session *session;
};

struct node {
    uint32_t number;
    struct cable *cable;
    uint64_t *dice;
    const struct flavour *flavour;
    uint32_t window, slots, workers;
    uint64_t window_bytes;
    bool keep;               /* batches, as long as there is room */
    double work_s;           /* the longest for one sample */
    double death_chance;     /* of a worker, at a sample */
    uint32_t *troubles_left; /* times that a worker may fail for reasons of its own; the world's */

    bool on, draining;
    double paused_until;
    bool awake; /* a turn is due now */
    struct dataset dataset;
    struct pool *pool;
    struct sessions *sessions;
    struct dispatch *dispatch;
    struct serve *serve;
    struct metrics metrics;
    struct jam jam;
    struct node_task tasks[NODE_TASKS_MAX];
    double free_s[NODE_WORKERS_MAX]; /* when a worker has done all it was given */
    bool *died;                      /* [samples] somebody died on it already: never twice */
    double retry_s;                  /* when to look again, for no message will tell */
    struct node_counts counts;
};

void node_start(struct node *node, uint64_t server_epoch);
void node_stop(struct node *node); /* as by SIGKILL; every frame must be back */
void node_drain(struct node *node);

/* All that is due at now. The earliest time of more, INFINITY when only a message wakes it. */
double node_turn(struct node *node, double now_s);

/* NULL when nothing of anybody's is left with it, else what is. */
const char *node_leftover(const struct node *node);

#endif
