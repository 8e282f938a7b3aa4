/* SPDX-License-Identifier: Apache-2.0 */
/* daemon: takes a configuration, gives a running loader. One turn of serve follows each poll of the
 * event loop, in the check phase, whatever woke it: a peer's message, a worker's answer, a slot
 * that came back. ZeroMQ's file descriptor only tells that something changed, so before the loop
 * sleeps the prepare phase asks the links themselves, and an idle handle keeps the loop awake while
 * there is more. Does not know the protocol. */
#include "loaderd/daemon.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/notify.h"
#include "loaderd/batch/dispatch.h"
#include "loaderd/batch/slot.h"
#include "loaderd/crew/crew.h"
#include "loaderd/serve/serve.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

enum {
    SAFETY_MS = 100,
    RETRY_MS = 10, /* while a peer's queue is full */
    STATUS_MS = 1000,
    DRAIN_MS = 25000,     /* for what peers have asked for */
    DRAIN_SENT_MS = 5000, /* of these, for ZeroMQ to pass on the last frames */
    WORKER_PATH_MAX = 4096,
};

enum daemon_state { DAEMON_STARTING, DAEMON_RUNNING, DAEMON_DRAINING, DAEMON_ENDED };

struct daemon {
    const struct config *config;
    enum daemon_state state;
    int result;
    char error[ERR_TEXT_MAX];
    char status[1024]; /* the last one told to the service manager */
    char worker[WORKER_PATH_MAX];

    struct metrics metrics;
    struct dataset datasets[WIRE_DATASETS_MAX];
    struct sessions *sessions;
    struct pool *pool;
    struct dispatch *dispatch;
    struct crew *crew;
    struct link_context *context;
    struct link *links[SERVE_LINKS_MAX];
    uint32_t n_links;
    struct link *tap;
    struct serve *serve;

    uv_loop_t loop;
    bool loop_open;
    uint64_t last_turn_ms;
    uint64_t drain_end_ms;
    uv_async_t slot_back;
    uv_poll_t polls[SERVE_LINKS_MAX];
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t awake;
    uv_timer_t safety, retry, status_timer, watchdog, drain;
    uv_signal_t terminate, interrupt;
};

/* --- the loop --- */

static void end(struct daemon *d, int result)
{
    if (d->state == DAEMON_ENDED)
        return;
    d->state = DAEMON_ENDED;
    d->result = result;
    if (result < 0)
        snprintf(d->error, sizeof d->error, "%s", err_text());
    uv_stop(&d->loop);
}

static void tell_status(struct daemon *d)
{
    char text[sizeof d->status], counts[512];
    metrics_line(&d->metrics, counts, sizeof counts);
    snprintf(text, sizeof text,
             "STATUS=%s%" PRIu32 " peers, %zu sessions, %" PRIu32 " requests outstanding; %s",
             d->state == DAEMON_DRAINING ? "draining; " : "", serve_peers(d->serve),
             sessions_count(d->sessions), serve_outstanding(d->serve), counts);
    if (strcmp(text, d->status) == 0)
        return;
    memcpy(d->status, text, sizeof text);
    if (notify_send(text) < 0)
        log_debug("%s", err_text());
}

static void become_ready(struct daemon *d)
{
    d->state = DAEMON_RUNNING;
    for (uint32_t i = 0; i < d->n_links; i++)
        log_info("serving on %s", d->config->listen.v[i]);
    if (notify_send("READY=1") < 0)
        log_warn("%s", err_text());
    tell_status(d);
}

/* All requests are answered: the last frames get a moment to leave. */
static void drain_step(struct daemon *d)
{
    uint64_t now = uv_now(&d->loop);
    if (serve_idle(d->serve) && d->drain_end_ms > now + DRAIN_SENT_MS)
        d->drain_end_ms = now + DRAIN_SENT_MS;
    bool sent = serve_idle(d->serve) && pool_idle(d->pool) == pool_slots(d->pool);
    if (!sent && now >= d->drain_end_ms)
        log_warn("shutting down with %" PRIu32 " requests unanswered", serve_outstanding(d->serve));
    if (sent || now >= d->drain_end_ms)
        end(d, 0);
}

static void on_retry(uv_timer_t *timer);

static void turn(struct daemon *d)
{
    serve_turn(d->serve);
    d->last_turn_ms = uv_now(&d->loop);
    if (serve_stalled(d->serve) && !uv_is_active((uv_handle_t *)&d->retry))
        uv_timer_start(&d->retry, on_retry, RETRY_MS, 0);
    if (d->state == DAEMON_STARTING && crew_complete(d->crew))
        become_ready(d);
    if (d->state == DAEMON_DRAINING)
        drain_step(d);
}

/* Empty on purpose: these only end the loop's sleep, and the check phase does the work. */
static void on_message(uv_poll_t *handle, int status, int events)
{
    (void)handle;
    (void)status;
    (void)events;
}

static void on_slot_back(uv_async_t *handle)
{
    (void)handle;
}

static void on_awake(uv_idle_t *handle)
{
    (void)handle;
}

static void on_prepare(uv_prepare_t *handle)
{
    struct daemon *d = handle->data;
    if (serve_ready(d->serve))
        uv_idle_start(&d->awake, on_awake);
}

static void on_check(uv_check_t *handle)
{
    struct daemon *d = handle->data;
    uv_idle_stop(&d->awake);
    turn(d);
}

static void on_retry(uv_timer_t *timer)
{
    turn(timer->data);
}

/* A message that is there while the file descriptor says nothing would have slept on: an edge was
 * lost. Asked for only after the loop has been quiet, or it would count what has just come. */
static void on_safety(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    if (uv_now(&d->loop) - d->last_turn_ms < SAFETY_MS / 2)
        return;
    for (uint32_t i = 0; i < d->n_links; i++) {
        struct pollfd fd = {.fd = link_fd(d->links[i]), .events = POLLIN};
        if (poll(&fd, 1, 0) == 0 && link_ready(d->links[i]))
            metrics_lost_edge(&d->metrics);
    }
    turn(d);
}

static void on_status(uv_timer_t *timer)
{
    tell_status(timer->data);
}

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    if (notify_send("WATCHDOG=1") < 0)
        log_debug("%s", err_text());
}

static void on_drain(uv_timer_t *timer)
{
    turn(timer->data);
}

static void on_signal(uv_signal_t *handle, int signal)
{
    struct daemon *d = handle->data;
    if (d->state == DAEMON_DRAINING || d->state == DAEMON_STARTING) {
        log_note("signal %d: ending now", signal);
        end(d, 0);
        return;
    }
    log_note("signal %d: finishing %" PRIu32 " requests", signal, serve_outstanding(d->serve));
    d->state = DAEMON_DRAINING;
    d->drain_end_ms = uv_now(&d->loop) + DRAIN_MS;
    if (notify_send("STOPPING=1") < 0)
        log_warn("%s", err_text());
    serve_drain(d->serve);
    uv_timer_start(&d->drain, on_drain, RETRY_MS, RETRY_MS);
}

/* --- the beginning --- */

static void slot_is_back(void *hint) /* ZeroMQ's thread calls */
{
    uv_async_send(hint);
}

static void worker_fatal(void *hint, int code)
{
    end(hint, code);
}

/* Beside this program (a build tree), or where it was installed. */
static int find_worker(struct daemon *d)
{
    static const char name[] = "augstream-loaderd-worker";
    char self[WORKER_PATH_MAX - sizeof name];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = 0;
        char *slash = strrchr(self, '/');
        if (slash)
            slash[1] = 0;
        snprintf(d->worker, sizeof d->worker, "%s%s", self, name);
        if (access(d->worker, X_OK) == 0)
            return 0;
    }
    snprintf(d->worker, sizeof d->worker, "%s/%s", AUGSTREAM_LIBEXECDIR, name);
    if (access(d->worker, X_OK) == 0)
        return 0;
    return err_set(-ENOENT, "%s is neither beside this program nor in %s", name,
                   AUGSTREAM_LIBEXECDIR);
}

static int open_datasets(struct daemon *d)
{
    for (size_t i = 0; i < d->config->n_datasets; i++) {
        const struct config_dataset *c = &d->config->datasets[i];
        struct dataset *dataset = &d->datasets[i];
        int r = dataset_open(dataset, c->name, c->format, c->path);
        if (r < 0)
            return r;
        log_info("dataset %s: %" PRIu64 " samples, %" PRIu32 " classes, %" PRIu64
                 " other files left out",
                 c->name, dataset->source->samples, dataset->source->classes,
                 dataset->source->ignored);
    }
    return 0;
}

static int open_memory(struct daemon *d)
{
    const struct config *config = d->config;
    size_t pixels = (size_t)config->slot_mib << 20;
    int r = pool_new(&(struct pool_config){.slots = (uint32_t)config->slots,
                                           .slot_bytes = pixels + SLOT_EXTRA,
                                           .on_free = slot_is_back,
                                           .hint = &d->slot_back},
                     &d->pool);
    if (r == 0)
        r = sessions_new(&(struct session_config){.datasets = d->datasets,
                                                  .n_datasets = config->n_datasets,
                                                  .slot_pixels = pixels,
                                                  .bad_rate_max = config->bad_rate_max},
                         &d->sessions);
    if (r == 0)
        r = dispatch_new(&(struct dispatch_config){.pool = d->pool,
                                                   .sessions = d->sessions,
                                                   .metrics = &d->metrics},
                         &d->dispatch);
    return r;
}

static int open_links(struct daemon *d)
{
    _Static_assert((int)CONF_LIST_MAX <= (int)SERVE_LINKS_MAX, "each endpoint has its place");
    int r = link_context_new(&d->context);
    for (size_t i = 0; r == 0 && i < d->config->listen.n; i++) {
        r = link_router_bind(d->context, d->config->listen.v[i], &d->links[i]);
        if (r == 0)
            d->n_links++;
    }
    if (r == 0 && d->config->tap[0])
        r = link_pub_bind(d->context, d->config->tap, &d->tap);
    return r;
}

static int open_crew(struct daemon *d)
{
    uint32_t cores = uv_available_parallelism();
    uv_update_time(&d->loop); /* datasets may have taken their time */
    return crew_new(&(struct crew_config){.loop = &d->loop,
                                          .program = d->worker,
                                          .workers = d->config->workers
                                                         ? (uint32_t)d->config->workers
                                                     : cores < CREW_MAX ? cores
                                                                        : CREW_MAX,
                                          .pool = d->pool,
                                          .metrics = &d->metrics,
                                          .deadline_s = d->config->deadline_s,
                                          .memory_mib = (uint64_t)d->config->worker_mib,
                                          .done = dispatch_result,
                                          .done_hint = d->dispatch,
                                          .fatal = worker_fatal,
                                          .fatal_hint = d},
                    &d->crew);
}

static int open_serve(struct daemon *d)
{
    struct serve_config config = {
        .n_links = d->n_links,
        .tap = d->tap,
        .pool = d->pool,
        .datasets = d->datasets,
        .n_datasets = d->config->n_datasets,
        .sessions = d->sessions,
        .dispatch = d->dispatch,
        .crew = d->crew,
        .metrics = &d->metrics,
        .window = (uint32_t)d->config->window,
        .batch_bytes_max = (uint64_t)d->config->slot_mib << 20,
    };
    memcpy(config.links, d->links, sizeof d->links);
    if (getrandom(&config.server_epoch, sizeof config.server_epoch, 0) !=
        sizeof config.server_epoch)
        return err_set(-errno, "getrandom: %s", strerror(errno));
    return serve_new(&config, &d->serve);
}

static int start_handles(struct daemon *d)
{
    uv_loop_t *loop = &d->loop;
    uv_timer_t *timers[] = {&d->safety, &d->retry, &d->status_timer, &d->watchdog, &d->drain};
    for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
        uv_timer_init(loop, timers[i]);
        timers[i]->data = d;
    }
    uv_timer_start(&d->safety, on_safety, SAFETY_MS, SAFETY_MS);
    uv_timer_start(&d->status_timer, on_status, STATUS_MS, STATUS_MS);
    uint64_t watchdog_ms = notify_watchdog_us() / 2000;
    if (watchdog_ms > 0)
        uv_timer_start(&d->watchdog, on_watchdog, watchdog_ms, watchdog_ms);
    uv_prepare_init(loop, &d->prepare);
    uv_check_init(loop, &d->check);
    uv_idle_init(loop, &d->awake);
    d->prepare.data = d->check.data = d->awake.data = d;
    uv_prepare_start(&d->prepare, on_prepare);
    uv_check_start(&d->check, on_check);
    uv_signal_init(loop, &d->terminate);
    uv_signal_init(loop, &d->interrupt);
    d->terminate.data = d->interrupt.data = d;
    int r = uv_signal_start(&d->terminate, on_signal, SIGTERM);
    if (r == 0)
        r = uv_signal_start(&d->interrupt, on_signal, SIGINT);
    for (uint32_t i = 0; r == 0 && i < d->n_links; i++) {
        r = uv_poll_init(loop, &d->polls[i], link_fd(d->links[i]));
        if (r == 0)
            r = uv_poll_start(&d->polls[i], UV_READABLE, on_message);
    }
    return r < 0 ? err_set(r, "event loop: %s", uv_strerror(r)) : 0;
}

static int open_loop(struct daemon *d)
{
    int r = uv_loop_init(&d->loop);
    if (r < 0)
        return err_set(r, "event loop: %s", uv_strerror(r));
    d->loop_open = true;
    r = uv_async_init(&d->loop, &d->slot_back, on_slot_back);
    return r < 0 ? err_set(r, "event loop: %s", uv_strerror(r)) : 0;
}

/* libzmq ends the process when an ipc listener runs out of descriptors: take all that are allowed.
 */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int begin(struct daemon *d)
{
    static int (*const steps[])(struct daemon * d) = {
        find_worker, open_datasets, open_loop,  open_memory,
        open_links,  open_crew,     open_serve, start_handles,
    };
    signal(SIGPIPE, SIG_IGN);
    raise_descriptors();
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        int r = steps[i](d);
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- the end --- */

/* Our own handles; the crew closes its own, and slot_back goes last. */
static void close_handles(struct daemon *d)
{
    uv_handle_t *own[] = {
        (uv_handle_t *)&d->prepare,      (uv_handle_t *)&d->check,    (uv_handle_t *)&d->awake,
        (uv_handle_t *)&d->safety,       (uv_handle_t *)&d->retry,    (uv_handle_t *)&d->drain,
        (uv_handle_t *)&d->status_timer, (uv_handle_t *)&d->watchdog, (uv_handle_t *)&d->terminate,
        (uv_handle_t *)&d->interrupt,
    };
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (own[i]->type != UV_UNKNOWN_HANDLE) /* the beginning came this far */
            uv_close(own[i], NULL);
    for (uint32_t i = 0; i < d->n_links; i++)
        if (d->polls[i].type != UV_UNKNOWN_HANDLE)
            uv_close((uv_handle_t *)&d->polls[i], NULL);
}

/* Order matters: no reader of the sockets, then the sockets (ZeroMQ gives the slots back), then the
 * workers that may write into slots, then the slots, then what their giving back wakes. */
static void finish(struct daemon *d)
{
    if (d->loop_open)
        close_handles(d);
    serve_free(d->serve);
    for (uint32_t i = 0; i < d->n_links; i++)
        link_close(d->links[i]);
    link_close(d->tap);
    link_context_free(d->context);
    if (d->crew) {
        crew_close(d->crew);
        while (!crew_closed(d->crew))
            uv_run(&d->loop, UV_RUN_ONCE);
        crew_free(d->crew);
    }
    dispatch_free(d->dispatch);
    sessions_free(d->sessions);
    pool_free(d->pool);
    if (d->loop_open) {
        if (d->slot_back.type != UV_UNKNOWN_HANDLE)
            uv_close((uv_handle_t *)&d->slot_back, NULL);
        uv_run(&d->loop, UV_RUN_DEFAULT);
        uv_loop_close(&d->loop);
    }
    for (size_t i = 0; i < WIRE_DATASETS_MAX; i++)
        if (d->datasets[i].source)
            dataset_done(&d->datasets[i]);
}

int daemon_run(const struct config *config)
{
    struct daemon *d = calloc(1, sizeof *d);
    if (!d)
        return err_set(-ENOMEM, "no memory for the daemon");
    d->config = config;
    int r = begin(d);
    if (r == 0) {
        uv_run(&d->loop, UV_RUN_DEFAULT);
        r = d->result;
        if (r < 0)
            err_set(r, "%s", d->error);
    }
    char text[ERR_TEXT_MAX]; /* the end may fail at things of its own */
    snprintf(text, sizeof text, "%s", err_text());
    finish(d);
    if (r == 0) {
        char counts[512];
        metrics_line(&d->metrics, counts, sizeof counts);
        log_info("ended: %s", counts);
    } else {
        err_set(r, "%s", text);
    }
    free(d);
    return r;
}

int daemon_check(const struct config *config)
{
    for (size_t i = 0; i < config->n_datasets; i++) {
        const struct config_dataset *c = &config->datasets[i];
        struct dataset dataset = {0};
        int r = dataset_open(&dataset, c->name, c->format, c->path);
        if (r < 0)
            return r;
        printf("%s: %" PRIu64 " samples, %" PRIu32 " classes, %" PRIu64 " other files left out\n",
               c->name, dataset.source->samples, dataset.source->classes, dataset.source->ignored);
        dataset_done(&dataset);
    }
    return 0;
}
