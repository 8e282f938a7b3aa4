/* SPDX-License-Identifier: Apache-2.0 */
/* team: a number of the daemon's worker processes, as the daemon runs them (crew, shared slots),
 * that render samples of a list of photos as fast as they can. */
#ifndef AUGSTREAM_TESTS_BENCH_TEAM_H
#define AUGSTREAM_TESTS_BENCH_TEAM_H

#include "proto/wire.h"
#include "tests/bench/photos.h"

#include <stdint.h>

enum { TEAM_SPECS_MAX = 4 };

/* Specs and photos are loans. */
struct team_config {
    const char *program; /* augstream-loaderd-worker */
    uint32_t workers;
    const struct photos *photos;
    const struct spec *specs;
    uint32_t n_specs;   /* at most TEAM_SPECS_MAX; each with the same batch */
    uint32_t cache_mib; /* of decoded pictures, which are those of one dataset; 0: none */
};

struct team;
int team_new(const struct team_config *config, struct team **ret); /* returns when all are ready */
void team_free(struct team *team);

/* Renders `samples` samples of spec number `spec`: photos 0, 1, ... and again in the next epoch.
 * Returns the seconds from the first task's start to the last one's end, or -errno. */
double team_run(struct team *team, uint32_t spec, uint32_t samples);

#endif
