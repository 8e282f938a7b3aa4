/* SPDX-License-Identifier: Apache-2.0 */
/* daemon: takes a configuration, gives a running loader: opens its rooms, lets each do its part of
 * a turn when one is due (turns), and closes them in order. Does not know the protocol.
 */
#include "loaderd/daemon/daemon.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/stat.h"
#include "loaderd/crew/crew.h"
#include "loaderd/daemon/gate.h"
#include "loaderd/daemon/life.h"
#include "loaderd/daemon/process.h"
#include "loaderd/daemon/pulse.h"
#include "loaderd/daemon/reload.h"
#include "loaderd/daemon/stock.h"
#include "loaderd/daemon/tell.h"
#include "loaderd/daemon/turns.h"
#include "loaderd/daemon/watch.h"
#include "loaderd/monitor/figures.h"
#include "loaderd/monitor/health.h"
#include "loaderd/serve/port.h"
#include "loaderd/serve/serve.h"
#include "proto/link_accept.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uv.h>

enum {
    SPARE_DESCRIPTORS = 16, /* beside one for each worker: what starting one takes, and the like */
    STATUS_MS = 1000,
    SIGNALS = 4,
};

struct daemon {
    struct config running; /* what holds now */
    const struct config *config;
    const char *worker;
    double start_s; /* since 1970 */
    struct life life;
    struct tell tell;
    struct metrics metrics;
    struct stock stock;
    struct port port;
    struct gate gate;
    struct crew *crew;
    struct serve *serve;

    uv_loop_t loop;
    bool loop_open;
    struct turns turns;
    struct pulse pulse;
    char ill[PULSE_TEXT_MAX]; /* why no sign of life is due; "" when one is */
    struct http *http;        /* or NULL */
    struct health health;
    struct watch watch;
    uv_timer_t status, watchdog;
    uv_signal_t signals[SIGNALS];
};

/* --- the stages --- */

static void check_told(int r)
{
    if (r < 0)
        log_warn("%s", err_text());
}

static void tell_counts(struct daemon *d)
{
    char text[TELL_STATUS_MAX], counts[512];
    metrics_line(&d->metrics, counts, sizeof counts);
    snprintf(text, sizeof text,
             "%s%" PRIu32 " peers, %zu sessions, %" PRIu32 " requests outstanding; %s",
             d->life.stage == LIFE_DRAINING ? "draining; " : "", serve_peers(d->serve),
             sessions_count(d->stock.sessions), serve_outstanding(d->serve), counts);
    check_told(tell_status(&d->tell, text));
}

static void run(struct daemon *d)
{
    for (uint32_t i = 0; i < d->port.n_links; i++)
        log_info("serving on %s", d->port.endpoints[i]);
    if (d->port.tap)
        log_info("tap on %s", d->port.tap_endpoint);
    if (d->http) {
        char endpoint[LINK_ENDPOINT_MAX];
        http_endpoint(d->http, endpoint);
        log_info("metrics and health on %s", endpoint);
    }
    check_told(tell_state(&d->tell, "READY=1"));
    tell_counts(d);
}

static void drain(struct daemon *d)
{
    log_note("finishing %" PRIu32 " requests", serve_outstanding(d->serve));
    check_told(tell_state(&d->tell, "STOPPING=1"));
    serve_drain(d->serve);
    dispatch_keep_none(d->stock.dispatch);
    turns_often(&d->turns);
}

static void end(struct daemon *d)
{
    uint32_t unanswered = d->serve ? serve_outstanding(d->serve) : 0;
    if (unanswered > 0)
        log_warn("ending with %" PRIu32 " requests unanswered", unanswered);
    uv_stop(&d->loop);
}

/* What the stage that has begun is to do. */
static void begin_stage(struct daemon *d)
{
    static void (*const begins[])(struct daemon *) = {
        [LIFE_RUNNING] = run, [LIFE_DRAINING] = drain, [LIFE_ENDED] = end};
    begins[d->life.stage](d);
}

/* --- signals --- */

static void on_signal(uv_signal_t *handle, int signal)
{
    struct daemon *d = handle->data;
    log_note("signal %d", signal);
    if (life_signal(&d->life, uv_now(&d->loop)))
        begin_stage(d);
}

static void on_hangup(uv_signal_t *handle, int signal)
{
    struct daemon *d = handle->data;
    (void)signal;
    if (d->life.stage != LIFE_RUNNING) {
        log_note("SIGHUP: nothing is read again while starting or ending");
        return;
    }
    const struct reload reload = {.running = &d->running,
                                  .sessions = d->stock.sessions,
                                  .gate = &d->gate,
                                  .tell = &d->tell,
                                  .metrics = &d->metrics};
    check_told(reload_all(&reload));
}

static struct figures_of figures_of(const struct daemon *d)
{
    return (struct figures_of){.metrics = &d->metrics,
                               .stock = &d->stock,
                               .serve = d->serve,
                               .crew = d->crew,
                               .start_s = d->start_s,
                               .serving = d->life.stage == LIFE_RUNNING};
}

static void on_user(uv_signal_t *handle, int signal)
{
    const struct daemon *d = handle->data;
    const struct figures_of of = figures_of(d);
    (void)signal;
    figures_log(&of, d->ill);
}

static const struct {
    int number;
    uv_signal_cb heard;
} signals[SIGNALS] = {
    {SIGTERM, on_signal}, {SIGINT, on_signal}, {SIGHUP, on_hangup}, {SIGUSR1, on_user}};

static void worker_fatal(void *hint, int code)
{
    struct daemon *d = hint;
    if (life_fail(&d->life, code))
        begin_stage(d);
}

/* --- the loop --- */

static void turn(void *hint, uint64_t now_ms)
{
    struct daemon *d = hint;
    port_receive(&d->port, d->serve);
    serve_turn(d->serve);
    dispatch_feed(d->stock.dispatch, crew_submit, d->crew);
    int r = watch_turn(&d->watch, now_ms);
    if (r < 0 && life_fail(&d->life, r))
        begin_stage(d);
    if (serve_stalled(d->serve))
        turns_soon(&d->turns);
    const struct life_signs signs = {
        .crew_complete = crew_complete(d->crew),
        .idle = serve_outstanding(d->serve) == 0,
        .sent = pool_idle(d->stock.pool) == pool_slots(d->stock.pool),
    };
    if (life_turn(&d->life, &signs, now_ms))
        begin_stage(d);
}

/* Whether all goes on. */
static void feel_pulse(void *hint, uint64_t now_ms, uint64_t lag_ms)
{
    struct daemon *d = hint;
    struct crew_signs crew;
    crew_signs(d->crew, &crew);
    const struct pulse_signs signs = {
        .lag_ms = lag_ms,
        .overdue_ms = crew.overdue_ms,
        .deadline_ms = (uint64_t)(d->config->stall_s * 1e3),
        .owed = dispatch_busy(d->stock.dispatch) && !serve_jammed(d->serve),
        .moved = d->metrics.render.count + d->metrics.batches + serve_arrived(d->serve),
    };
    metrics_time(&d->metrics.loop_lag, (double)lag_ms * 1e-3);
    pulse_beats(&d->pulse, &signs, now_ms, d->ill);
}

static void on_status(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    metrics_turned_away(&d->metrics, link_accept_refused());
    gate_tick(&d->gate);
    tell_counts(d);
}

/* Silence makes the service manager end this process and start it anew. */
static void on_watchdog(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    if (d->ill[0])
        metrics_stall(&d->metrics, d->ill);
    else if (notify_send("WATCHDOG=1") < 0)
        log_debug("%s", err_text());
}

/* What the pages show. */
static void look(void *hint, struct health_signs *ret)
{
    static const char *const stages[] = {
        [LIFE_STARTING] = "starting", [LIFE_DRAINING] = "draining", [LIFE_ENDED] = "ending"};
    const struct daemon *d = hint;
    const struct figures_of of = figures_of(d);
    memcpy(ret->ill, d->ill, sizeof ret->ill);
    ret->stage = stages[d->life.stage]; /* NULL while running */
    figures_read(&of, &ret->figures);
}

/* --- the beginning --- */

static int open_datasets(struct daemon *d)
{
    int r = stock_datasets(&d->stock, d->config);
    stock_tell(&d->stock, &d->metrics);
    return r;
}

/* Signals are taken from here on, and heard as soon as the loop turns. */
static int open_loop(struct daemon *d)
{
    int r = uv_loop_init(&d->loop);
    if (r < 0)
        return err_set(r, "event loop: %s", uv_strerror(r));
    d->loop_open = true;
    d->turns = (struct turns){.loop = &d->loop,
                              .port = &d->port,
                              .metrics = &d->metrics,
                              .turn = turn,
                              .beat = feel_pulse,
                              .hint = d};
    r = turns_open(&d->turns);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(d->signals); i++) {
        uv_signal_init(&d->loop, &d->signals[i]);
        d->signals[i].data = d;
        if (r == 0)
            r = uv_signal_start(&d->signals[i], signals[i].heard, signals[i].number);
    }
    return r < 0 ? err_set(r, "event loop: %s", uv_strerror(r)) : 0;
}

static int open_memory(struct daemon *d)
{
    return stock_memory(&d->stock, d->config, &d->metrics, turns_wake, &d->turns);
}

static int open_port(struct daemon *d)
{
    int r = gate_open(&d->gate, d->config, &d->metrics, &d->port);
    return r < 0 ? r : port_open(&d->port, &d->config->listen, d->config->tap);
}

static int open_serve(struct daemon *d)
{
    struct serve_config config = {
        .protocol = {.datasets = d->stock.datasets,
                     .n_datasets = d->stock.n_datasets,
                     .sessions = d->stock.sessions,
                     .dispatch = d->stock.dispatch,
                     .metrics = &d->metrics,
                     .window = (uint32_t)d->config->window,
                     .window_bytes = (uint64_t)d->config->window_mib << 20,
                     .batch_bytes_max = (uint64_t)d->config->slot_mib << 20},
        .pool = d->stock.pool,
        .tap = d->port.tap != NULL,
        .wall_us = stat_wall_us,
        .send = port_send,
        .send_hint = &d->port,
        .wake = turns_wake,
        .wake_hint = &d->turns,
    };
    uint64_t *epoch = &config.protocol.server_epoch;
    if (getrandom(epoch, sizeof *epoch, 0) != sizeof *epoch)
        return err_set(-errno, "getrandom: %s", strerror(errno));
    return serve_new(&config, &d->serve);
}

static uint32_t workers(const struct daemon *d)
{
    uint32_t cores = uv_available_parallelism();
    return d->config->workers ? (uint32_t)d->config->workers : cores < CREW_MAX ? cores : CREW_MAX;
}

static int open_crew(struct daemon *d)
{
    uv_update_time(&d->loop); /* datasets may have taken their time */
    return crew_new(&(struct crew_config){.loop = &d->loop,
                                          .program = d->worker,
                                          .workers = workers(d),
                                          .pool = d->stock.pool,
                                          .gallery = d->stock.gallery,
                                          .metrics = &d->metrics,
                                          .deadline_s = d->config->deadline_s,
                                          .stall_s = d->config->stall_s,
                                          .recycle = (uint64_t)d->config->recycle,
                                          .memory_mib = (uint64_t)d->config->worker_mib,
                                          .done = dispatch_result,
                                          .done_hint = d->stock.dispatch,
                                          .fatal = worker_fatal,
                                          .fatal_hint = d},
                    &d->crew);
}

static int open_http(struct daemon *d)
{
    if (!d->config->http[0])
        return 0;
    d->health = (struct health){.look = look, .hint = d};
    return http_new(&(struct http_config){.loop = &d->loop,
                                          .address = d->config->http,
                                          .pages = health_pages,
                                          .n_pages = HEALTH_PAGES,
                                          .body_max = EXPOSITION_MAX,
                                          .hint = &d->health},
                    &d->http);
}

static int start_handles(struct daemon *d)
{
    uv_loop_t *loop = &d->loop;
    turns_start(&d->turns);
    uv_timer_init(loop, &d->status);
    uv_timer_init(loop, &d->watchdog);
    d->status.data = d->watchdog.data = d;
    uv_timer_start(&d->status, on_status, STATUS_MS, STATUS_MS);
    /* Four to a period: one that is left out because the machine was slow is not missed. */
    uint64_t watchdog_ms = notify_watchdog_us() / 4000;
    if (watchdog_ms > 0)
        uv_timer_start(&d->watchdog, on_watchdog, watchdog_ms, watchdog_ms);
    d->watch.loop = loop;
    d->watch.port = &d->port;
    d->watch.serve = d->serve;
    d->watch.metrics = &d->metrics;
    return watch_open(&d->watch);
}

/* When everything of our own is open. */
static int keep_descriptors(struct daemon *d)
{
    return link_accept_spare(workers(d) + SPARE_DESCRIPTORS);
}

static int begin(struct daemon *d)
{
    static int (*const steps[])(struct daemon * d) = {
        open_datasets, open_loop, open_memory,   open_port,        open_serve,
        open_crew,     open_http, start_handles, keep_descriptors,
    };
    process_prepare();
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        int r = steps[i](d);
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- the end --- */

/* Our own handles; the crew closes its own, and what slots wake goes last. */
static void close_handles(struct daemon *d)
{
    uv_handle_t *own[] = {(uv_handle_t *)&d->status, (uv_handle_t *)&d->watchdog};
    turns_stop(&d->turns);
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (own[i]->type != UV_UNKNOWN_HANDLE) /* the beginning came this far */
            uv_close(own[i], NULL);
    for (size_t i = 0; i < ARRAY_LEN(d->signals); i++)
        if (d->signals[i].type != UV_UNKNOWN_HANDLE)
            uv_close((uv_handle_t *)&d->signals[i], NULL);
    http_close(d->http);
    watch_close(&d->watch);
}

/* Order matters: no reader of the sockets, then the sockets (ZeroMQ gives the frames back), then
 * what lent them, then the workers that may write into slots, then the slots, then what their
 * giving back wakes. */
static void finish(struct daemon *d)
{
    if (d->loop_open)
        close_handles(d);
    port_close(&d->port);
    serve_free(d->serve);
    if (d->crew) {
        crew_close(d->crew);
        while (!crew_closed(d->crew))
            uv_run(&d->loop, UV_RUN_ONCE);
        crew_free(d->crew);
    }
    stock_close(&d->stock);
    if (d->loop_open) {
        turns_close(&d->turns);
        uv_run(&d->loop, UV_RUN_DEFAULT);
        uv_loop_close(&d->loop);
    }
    http_free(d->http);
}

int daemon_run(const struct config *config, const char *worker)
{
    struct daemon *d = calloc(1, sizeof *d);
    if (!d)
        return err_set(-ENOMEM, "no memory for the daemon");
    d->running = *config;
    d->config = &d->running;
    d->worker = worker;
    d->start_s = process_start();
    int r = begin(d);
    if (r < 0)
        life_fail(&d->life, r);
    else
        uv_run(&d->loop, UV_RUN_DEFAULT);
    finish(d); /* which may fail at things of its own */
    r = d->life.result;
    if (r < 0) {
        err_set(r, "%s", d->life.error);
    } else {
        char counts[512];
        metrics_line(&d->metrics, counts, sizeof counts);
        log_info("ended: %s", counts);
    }
    free(d);
    return r;
}
