/* SPDX-License-Identifier: Apache-2.0 */
/* world: loaders, trainers and a network between them, all drawn from one seed, and what befalls
 * them: some seconds of faults, then peace, in which everything must come to its end. One thread,
 * one clock of its own. */
#ifndef AUGSTREAM_TESTS_SIM_WORLD_H
#define AUGSTREAM_TESTS_SIM_WORLD_H

#include "tests/sim/client.h"
#include "tests/sim/node.h"

#include <stddef.h>
#include <stdint.h>

enum world_fault {
    WORLD_BREAK,         /* a connection */
    WORLD_STALL,         /* ... moves nothing for a while, and nobody is told */
    WORLD_LOADER_CRASH,  /* and another one comes up later */
    WORLD_LOADER_PAUSE,  /* as by SIGSTOP, or a swapping machine */
    WORLD_LOADER_DRAIN,  /* as by SIGTERM, and another one comes up later */
    WORLD_TRAINER_CRASH, /* it goes on from the batch that it wanted */
    WORLD_TRAINER_PAUSE,
    WORLD_TRAINER_LEAP, /* its clock is ahead all at once */
    WORLD_FAULTS,
};

/* Sums over worlds. */
struct world_counts {
    uint64_t worlds, sessions, batches, substituted, refused_runs;
    uint64_t faults[WORLD_FAULTS];
    uint64_t lost, flipped, doubled, full, unreachable;
    uint64_t rerequests, late, crc_errors, unreadable, disconnects;
    struct node_counts nodes;
    double simulated_s, slowest_s; /* slowest: from peace to the end */
};

/* 0, or -1: *ret_broken says which promise was. Adds to counts. */
int world_run(uint64_t seed, struct world_counts *counts, char *ret_broken, size_t cap);

#endif
