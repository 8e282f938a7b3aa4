/* SPDX-License-Identifier: Apache-2.0 */
/* team: takes photos and specs, gives the time that a crew takes for so many samples. One thread
 * beside the worker processes. It fills one slot over and over: nobody sends the pixels away. */
#include "tests/bench/team.h"

#include "common/err.h"
#include "common/stat.h"
#include "loaderd/batch/slot.h"
#include "loaderd/crew/crew.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEADLINE_S = 60, MEMORY_MIB = 2048 };

struct team {
    const struct team_config *config;
    uv_loop_t loop;
    struct pool *pool;
    struct metrics metrics;
    struct gallery *gallery;
    struct crew *crew;
    struct source source; /* what the gallery wants of a dataset: its fingerprint */
    struct dataset dataset;
    struct session sessions[TEAM_SPECS_MAX];
    uint32_t slot, done, batch;
    bool busy[WIRE_BATCH_MAX]; /* positions of the slot that a worker writes to */
    int code;                  /* of the first that failed, or why the crew never stood */
};

static void on_done(void *hint, const struct crew_result *result)
{
    struct team *team = hint;
    team->done++;
    team->busy[result->ticket % team->batch] = false;
    if (result->code < 0 && team->code == 0)
        team->code = err_set(result->code, "%s", result->text[0] ? result->text : "a worker died");
}

static void on_fatal(void *hint, int code)
{
    struct team *team = hint;
    team->code = code;
}

static int open_crew(struct team *team)
{
    const struct team_config *config = team->config;
    size_t bytes = 0;
    for (uint32_t i = 0; i < config->n_specs; i++) {
        struct slot_layout layout;
        slot_layout(&config->specs[i], config->specs[i].batch, &layout);
        bytes = layout.bytes > bytes ? layout.bytes : bytes;
        team->sessions[i] = (struct session){.index = i,
                                             .generation = 1,
                                             .spec = config->specs[i],
                                             .dataset = config->cache_mib ? &team->dataset : NULL};
    }
    int rc = pool_new(&(struct pool_config){.slots = 1, .slot_bytes = bytes}, &team->pool);
    rc = rc < 0 ? rc : pool_take(team->pool, &team->slot);
    if (rc == 0 && config->cache_mib > 0)
        rc = gallery_new((size_t)config->cache_mib << 20, &team->metrics, &team->gallery);
    if (rc < 0)
        return rc;
    team->dataset.source = &team->source;
    const struct crew_config crew = {.loop = &team->loop,
                                     .program = config->program,
                                     .workers = config->workers,
                                     .pool = team->pool,
                                     .gallery = team->gallery,
                                     .metrics = &team->metrics,
                                     .deadline_s = DEADLINE_S,
                                     .stall_s = 2 * DEADLINE_S,
                                     .memory_mib = MEMORY_MIB,
                                     .done = on_done,
                                     .done_hint = team,
                                     .fatal = on_fatal,
                                     .fatal_hint = team};
    rc = crew_new(&crew, &team->crew);
    while (rc == 0 && team->code == 0 && !crew_complete(team->crew))
        uv_run(&team->loop, UV_RUN_ONCE);
    return rc < 0 ? rc : team->code;
}

int team_new(const struct team_config *config, struct team **ret)
{
    struct team *team = calloc(1, sizeof *team);
    if (!team)
        return err_set(-ENOMEM, "no memory for a team");
    team->config = config;
    int rc = uv_loop_init(&team->loop);
    if (rc < 0) {
        free(team);
        return err_set(rc, "uv_loop_init: %s", uv_strerror(rc));
    }
    rc = open_crew(team);
    if (rc < 0) {
        team_free(team);
        return rc;
    }
    *ret = team;
    return 0;
}

void team_free(struct team *team)
{
    if (!team)
        return;
    if (team->crew) {
        crew_close(team->crew);
        while (!crew_closed(team->crew))
            uv_run(&team->loop, UV_RUN_ONCE);
        crew_free(team->crew);
    }
    if (team->pool) {
        pool_unref(team->pool, team->slot);
        pool_free(team->pool);
    }
    gallery_free(team->gallery);
    uv_loop_close(&team->loop);
    free(team);
}

static void task_of(const struct team *team, uint32_t spec, uint32_t i, struct task_render *ret)
{
    const struct photos *photos = team->config->photos;
    const uint32_t batch = team->config->specs[spec].batch, sample = i % photos->n;
    *ret = (struct task_render){.kind = TASK_RENDER,
                                .session = spec,
                                .ticket = i,
                                .slot = team->slot,
                                .epoch = i / photos->n,
                                .batch = i / batch,
                                .position = i % batch,
                                .n_samples = batch,
                                .item = {.sample = sample, .label = -1, .coding = ITEM_FILE}};
    snprintf(ret->item.path, sizeof ret->item.path, "%s", photos->list[sample].path);
}

double team_run(struct team *team, uint32_t spec, uint32_t samples)
{
    static struct task_render task;
    team->done = 0;
    team->batch = team->config->specs[spec].batch;
    const double from = stat_now();
    for (uint32_t given = 0; team->done < samples && team->code == 0;) {
        for (; given < samples && !team->busy[given % team->batch]; given++) {
            task_of(team, spec, given, &task);
            if (crew_submit(team->crew, &team->sessions[spec], &task) < 0)
                break; /* every worker has enough to do */
            team->busy[given % team->batch] = true;
        }
        uv_run(&team->loop, UV_RUN_ONCE);
    }
    return team->code < 0 ? team->code : stat_now() - from;
}
