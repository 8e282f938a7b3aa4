/* SPDX-License-Identifier: Apache-2.0 */
/* loader_bed: the rooms of a loader put together as the daemon does it, from a configuration file
 * in a garden, without its sockets and its main loop. Include it in one source file of a program.
 */
#ifndef AUGSTREAM_TESTS_LOADER_BED_H
#define AUGSTREAM_TESTS_LOADER_BED_H

#include "garden.h"

#include "common/log.h"
#include "loaderd/config.h"
#include "loaderd/crew/crew.h"
#include "loaderd/daemon/stock.h"
#include "loaderd/serve/serve.h"

enum { BED_SAMPLES = 6, BED_WORKERS = 2 };

static struct garden garden;
static struct config config; /* large */
static struct metrics metrics;
static struct stock stock;
static struct serve *serve;
static struct crew *crew;
static uv_loop_t loop;

/* lines: more of them for the file. */
static inline void bed_write(const char *lines)
{
    char text[1024];
    snprintf(text, sizeof text,
             "listen: ipc://%s/socket\nslots: 3\nslot_mib: 1\ndatasets:\n  set: {path: %s/set}\n%s",
             garden.root, garden.root, lines);
    garden_write(&garden, "loaderd.yaml", text);
}

static inline int bed_send(void *hint, const struct serve_out *out)
{
    (void)hint;
    for (uint32_t i = 0; i < out->n_frames; i++) /* it has arrived */
        out->frames[i].free(out->frames[i].data, out->frames[i].hint);
    return 0;
}

static inline void bed_wake(void *hint)
{
    (void)hint;
}

static inline void bed_fatal(void *hint, int code)
{
    (void)hint;
    fail_msg("%d: %s", code, err_text());
}

static inline int bed_setup(void **state)
{
    (void)state;
    log_open("test", LOG_ERROR);
    garden_new(&garden);
    garden_plant(&garden, "set", BED_SAMPLES);
    bed_write("");
    metrics = (struct metrics){.batches = 0};
    if (uv_loop_init(&loop) < 0 || config_load(&config, garden_path(&garden, "loaderd.yaml")) < 0 ||
        stock_datasets(&stock, &config) < 0 ||
        stock_memory(&stock, &config, &metrics, bed_wake, NULL) < 0)
        return -1;
    const struct serve_config to_serve = {
        .protocol = {.datasets = stock.datasets,
                     .n_datasets = stock.n_datasets,
                     .sessions = stock.sessions,
                     .dispatch = stock.dispatch,
                     .metrics = &metrics,
                     .window = 2,
                     .window_bytes = 1 << 30,
                     .batch_bytes_max = 1 << 20},
        .pool = stock.pool,
        .send = bed_send,
        .wake = bed_wake,
    };
    if (serve_new(&to_serve, &serve) < 0)
        return -1;
    return crew_new(
        &(struct crew_config){.loop = &loop,
                              .program = built_program("loaderd/augstream-loaderd-worker"),
                              .workers = BED_WORKERS,
                              .pool = stock.pool,
                              .metrics = &metrics,
                              .deadline_s = config.deadline_s,
                              .stall_s = config.stall_s,
                              .memory_mib = 2048,
                              .done = dispatch_result,
                              .done_hint = stock.dispatch,
                              .fatal = bed_fatal},
        &crew);
}

static inline int bed_teardown(void **state)
{
    (void)state;
    crew_close(crew);
    while (!crew_closed(crew))
        uv_run(&loop, UV_RUN_ONCE);
    crew_free(crew);
    serve_free(serve);
    stock_close(&stock);
    garden_done(&garden);
    return uv_loop_close(&loop);
}

#endif
