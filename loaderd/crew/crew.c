/* SPDX-License-Identifier: Apache-2.0 */
/* crew: takes tasks, gives results. A worker answers its tasks in order, so the oldest unanswered
 * one is the one it was working on when it died. Workers end when their socket closes, and by the
 * kernel's hand when the daemon dies (PR_SET_PDEATHSIG).
 *
 * There is one place more than there are workers: a worker that has done its share goes on until a
 * fresh one stands in the free place, then finishes what it holds, ends, and leaves its place free.
 *
 * Time is counted in turns of the timer, not by the clock: when the daemon itself was stopped, or
 * the whole machine was, no worker was slow. */
#include "loaderd/crew/crew.h"

#include "common/auto.h"
#include "common/err.h"
#include "loaderd/crew/ending.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RESTART_FIRST_MS = 50,
    RESTART_MAX_MS = 5000,
    START_MAX_MS = 30000, /* from spawn to TASK_READY */
    TURN_MIN_MS = 20,     /* of the timer that looks for stuck workers */
    TURN_MAX_MS = 1000,
    START_DEATHS_MAX = 3, /* of one worker before it was ready */
    CLOSE_MAX_MS = 2000,  /* from the socket's closing to SIGKILL */
};

enum worker_state {
    WORKER_SPARE,    /* the free place */
    WORKER_DOWN,     /* waits for its restart */
    WORKER_STARTING, /* runs; TASK_READY has not come */
    WORKER_UP,
    WORKER_LEAVING, /* has done its share: takes no more, finishes what it holds */
    WORKER_DYING,   /* its end has been seen or asked for; the exit is awaited */
};

/* A task that a worker holds. */
struct flight {
    uint64_t ticket;
    struct gallery_ticket cached;
};

struct worker {
    struct crew *crew;
    uint32_t number;
    enum worker_state state;
    enum worker_reason reason;
    bool was_ready;    /* in this life */
    bool process_open; /* the handles that are open */
    bool poll_open;
    int fd;
    uint32_t failures;      /* in a row */
    uint32_t turns;         /* of the timer since the start or the last sign of life */
    uint64_t taken;         /* tasks, since its start */
    uint32_t first, flying; /* ring of flights */
    struct flight flights[CREW_DEPTH];
    uint64_t known[SESSIONS_MAX]; /* generation of each session whose spec it holds */
    uv_process_t process;
    uv_poll_t poll;
    uv_timer_t restart;
};

struct crew {
    struct crew_config config;
    bool stood; /* all were ready at once */
    bool closing;
    uint32_t open;         /* handles */
    uint32_t places;       /* config.workers and the free one */
    uint32_t turn_ms;      /* the timer's */
    uint32_t closed_turns; /* of it, since crew_close was called */
    uv_timer_t timer;
    /* for the program */
    char slots[16], slot_bytes[24], memory[24], parent[16], cpu_ms[24];
    char cache_slots[16], cache_bytes[24];
    struct worker workers[]; /* places */
};

static int worker_start(struct worker *worker);

static void result(struct crew *crew, const struct crew_result *result)
{
    if (!crew->closing)
        crew->config.done(crew->config.done_hint, result);
}

/* The pause before a worker's next start. */
static uint64_t restart_ms(const struct worker *worker)
{
    uint32_t doublings = worker->failures < 8 ? worker->failures : 8;
    uint64_t ms = (uint64_t)RESTART_FIRST_MS << doublings;
    return ms < RESTART_MAX_MS ? ms : RESTART_MAX_MS;
}

static void schedule_restart(struct worker *worker);

static void on_restart(uv_timer_t *timer)
{
    struct worker *worker = timer->data;
    if (worker_start(worker) == 0)
        return;
    metrics_worker_start_failed(worker->crew->config.metrics, err_text(), restart_ms(worker));
    schedule_restart(worker);
}

/* Once nothing of the worker's last life is open. */
static void schedule_restart(struct worker *worker)
{
    if (worker->process_open || worker->poll_open)
        return;
    if (worker->reason == REASON_SHARE) {
        worker->state = WORKER_SPARE;
        return;
    }
    worker->state = WORKER_DOWN;
    if (!worker->crew->closing) {
        uv_timer_start(&worker->restart, on_restart, restart_ms(worker), 0);
        worker->failures++;
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct crew *crew = handle->data;
    crew->open--;
}

/* The timer is the last handle to go: it ends workers that do not end by themselves. */
static void handle_closed(struct crew *crew)
{
    crew->open--;
    if (crew->closing && crew->open == 1)
        uv_close((uv_handle_t *)&crew->timer, on_timer_closed);
}

static void on_restart_closed(uv_handle_t *handle)
{
    struct worker *worker = handle->data;
    handle_closed(worker->crew);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct worker *worker = handle->data;
    close(take_fd(&worker->fd));
    worker->poll_open = false;
    handle_closed(worker->crew);
    schedule_restart(worker);
}

static void on_process_closed(uv_handle_t *handle)
{
    struct worker *worker = handle->data;
    worker->process_open = false;
    handle_closed(worker->crew);
    schedule_restart(worker);
}

static void kill_worker(struct worker *worker, enum worker_reason reason)
{
    if (reason != REASON_NONE)
        worker->reason = reason;
    if (worker->process_open && !uv_is_closing((uv_handle_t *)&worker->process))
        uv_process_kill(&worker->process, SIGKILL);
    worker->state = WORKER_DYING;
}

/* Its socket's end is what a worker waits for. */
static void dismiss(struct worker *worker)
{
    worker->reason = REASON_SHARE;
    worker->state = WORKER_DYING;
    uv_poll_stop(&worker->poll);
    shutdown(worker->fd, SHUT_RDWR);
}

/* A fresh worker stands: one whose share is done need take no more. */
static void relieve(struct crew *crew)
{
    struct worker *oldest = NULL;
    uint32_t up = 0;
    for (uint32_t i = 0; i < crew->places; i++) {
        struct worker *worker = &crew->workers[i];
        up += worker->state == WORKER_UP;
        if (worker->state == WORKER_UP && (!oldest || worker->taken > oldest->taken))
            oldest = worker;
    }
    if (up <= crew->config.workers)
        return;
    oldest->state = WORKER_LEAVING;
    if (oldest->flying == 0)
        dismiss(oldest);
}

/* A worker has done its share: a fresh one comes into the free place, if there is one now. */
static void send_for_fresh(struct crew *crew)
{
    for (uint32_t i = 0; i < crew->places; i++) {
        struct worker *worker = &crew->workers[i];
        if (worker->state != WORKER_SPARE)
            continue;
        worker->failures = 0;
        on_restart(&worker->restart);
        return;
    }
}

/* False when the worker says what it cannot know: it is out of its mind. */
static bool take_answer(struct worker *worker, const struct task_done *done)
{
    struct crew *crew = worker->crew;
    if (done->kind == TASK_READY && worker->state == WORKER_STARTING) {
        worker->state = WORKER_UP;
        worker->was_ready = true;
        worker->turns = 0;
        crew->stood = crew->stood || crew_complete(crew);
        relieve(crew);
        return true;
    }
    if (done->kind != TASK_DONE || worker->flying == 0 ||
        done->ticket != worker->flights[worker->first].ticket || done->fault >= FAULT_KINDS ||
        done->code > 0 || (done->code == -EBADMSG) != (done->fault != FAULT_NONE) ||
        !memchr(done->text, 0, sizeof done->text))
        return false;
    const struct gallery_ticket *cached = &worker->flights[worker->first].cached;
    if (crew->config.gallery && !gallery_settle(crew->config.gallery, cached, &done->cached)) {
        worker->flights[worker->first].cached.offered = false; /* it is settled */
        return false;
    }
    worker->first = (worker->first + 1) % CREW_DEPTH;
    worker->flying--;
    worker->failures = 0;
    worker->turns = 0;
    metrics_time(&crew->config.metrics->render, done->spent_us * 1e-6);
    if (worker->state == WORKER_LEAVING && worker->flying == 0)
        dismiss(worker);
    result(crew, &(struct crew_result){.ticket = done->ticket,
                                       .code = done->code,
                                       .fault = (enum wire_fault)done->fault,
                                       .text = done->text});
    return true;
}

/* All answers that are there. False at the socket's end and after nonsense. */
static bool take_answers(struct worker *worker)
{
    for (;;) {
        struct task_done done;
        ssize_t n = recv(worker->fd, &done, sizeof done, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n <= 0)
            return false; /* its exit tells why */
        if (n != sizeof done || !take_answer(worker, &done)) {
            worker->reason = REASON_NONSENSE;
            return false;
        }
        if (worker->reason == REASON_SHARE)
            return true;
    }
}

static void on_answer(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct worker *worker = poll->data;
    if (status == 0 && take_answers(worker))
        return;
    uv_poll_stop(poll); /* its exit follows, or is made to follow */
    kill_worker(worker, REASON_NONE);
}

/* What it held, newest first, so that returned tasks stand in their old order again: the oldest was
 * in work, the others go back untouched. */
static void give_back(struct worker *worker, enum worker_end end)
{
    while (worker->flying > 0) {
        worker->flying--;
        uint32_t at = (worker->first + worker->flying) % CREW_DEPTH;
        const struct flight *flight = &worker->flights[at];
        struct crew_result r = {.ticket = flight->ticket, .code = -ECANCELED, .text = ""};
        if (worker->crew->config.gallery)
            gallery_settle(worker->crew->config.gallery, &flight->cached, NULL);
        if (worker->flying == 0) {
            r = ending_result(end);
            r.ticket = flight->ticket;
        }
        result(worker->crew, &r);
    }
}

/* A worker that is killed while the crew is starting (when memory is short, say) tells nothing of
 * its program yet; one that exits by itself, is too slow, or dies each time does. One that was
 * ready has shown that its program works. */
static bool is_chance(const struct worker *worker, int signal)
{
    return worker->was_ready || (signal != 0 && worker->reason != REASON_STUCK &&
                                 worker->failures + 1 < START_DEATHS_MAX);
}

static void on_exit_process(uv_process_t *process, int64_t code, int signal)
{
    struct worker *worker = process->data;
    struct crew *crew = worker->crew;
    if (worker->state != WORKER_DYING)
        take_answers(worker); /* it may have answered before its end */
    const enum worker_end end = ending_of(worker->reason, signal);
    worker->state = WORKER_DYING;
    give_back(worker, end);
    if (worker->reason == REASON_SHARE) {
        crew->config.metrics->worker_recycled++;
    } else if (!crew->closing) {
        metrics_worker_exit(crew->config.metrics,
                            &(struct metrics_exit){.worker = worker->number,
                                                   .pid = process->pid,
                                                   .code = code,
                                                   .signal = signal,
                                                   .end = end,
                                                   .restart_ms = restart_ms(worker)});
        if (!crew->stood && !is_chance(worker, signal))
            crew->config.fatal(crew->config.fatal_hint,
                               err_set(-ECHILD, "%s: a worker ended before it was ready (%s %d)",
                                       crew->config.program, signal ? "signal" : "exit code",
                                       signal ? signal : (int)code));
    }
    uv_close((uv_handle_t *)&worker->poll, on_poll_closed);
    uv_close((uv_handle_t *)&worker->process, on_process_closed);
}

static int spawn(struct worker *worker, int child_fd)
{
    struct crew *crew = worker->crew;
    char *args[] = {(char *)crew->config.program,
                    "--slots",
                    crew->slots,
                    "--slot-bytes",
                    crew->slot_bytes,
                    "--memory-mib",
                    crew->memory,
                    "--parent",
                    crew->parent,
                    "--cpu-ms",
                    crew->cpu_ms,
                    "--cache-slots",
                    crew->cache_slots,
                    "--cache-slot-bytes",
                    crew->cache_bytes,
                    NULL};
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        [TASK_FD_SOCKET] = {.flags = UV_INHERIT_FD, .data.fd = child_fd},
        [TASK_FD_POOL] = {.flags = UV_INHERIT_FD, .data.fd = pool_fd(crew->config.pool)},
        [TASK_FD_CACHE] = {.flags = UV_IGNORE},
    };
    if (crew->config.gallery)
        stdio[TASK_FD_CACHE] = (uv_stdio_container_t){.flags = UV_INHERIT_FD,
                                                      .data.fd = gallery_fd(crew->config.gallery)};
    uv_process_options_t options = {
        .exit_cb = on_exit_process,
        .file = crew->config.program,
        .args = args,
        .stdio_count = ARRAY_LEN(stdio),
        .stdio = stdio,
    };
    worker->process.data = worker;
    return uv_spawn(crew->config.loop, &worker->process, &options);
}

static int worker_start(struct worker *worker)
{
    struct crew *crew = worker->crew;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return err_set(-errno, "worker %u: socketpair: %s", worker->number, strerror(errno));
    auto_close int ours = ends[0];
    auto_close int theirs = ends[1];
    worker->reason = REASON_NONE;
    worker->was_ready = false;
    worker->taken = 0;
    worker->first = worker->flying = 0;
    memset(worker->known, 0, sizeof worker->known);
    worker->poll.data = worker;
    int r = uv_poll_init(crew->config.loop, &worker->poll, ours);
    if (r < 0)
        return err_set(r, "worker %u: uv_poll_init: %s", worker->number, uv_strerror(r));
    worker->fd = take_fd(&ours); /* closed with the handle from here on */
    worker->poll_open = true;
    crew->open++;
    r = spawn(worker, theirs);
    worker->process_open = true; /* uv_spawn makes the handle even when it fails */
    crew->open++;
    if (r < 0) {
        err_set(r, "%s: cannot be started: %s", crew->config.program, uv_strerror(r));
        worker->state = WORKER_DYING;
        uv_close((uv_handle_t *)&worker->poll, on_poll_closed);
        uv_close((uv_handle_t *)&worker->process, on_process_closed);
        return r;
    }
    worker->state = WORKER_STARTING;
    return uv_poll_start(&worker->poll, UV_READABLE, on_answer);
}

/* Whether a worker that owes an answer has been silent for too long. The answer may be there
 * already, so it is looked for first. */
static bool is_stuck(struct worker *worker, uint64_t limit_ms)
{
    const struct crew *crew = worker->crew;
    if ((uint64_t)worker->turns * crew->turn_ms <= limit_ms)
        return false;
    take_answers(worker);
    return (uint64_t)worker->turns * crew->turn_ms > limit_ms;
}

static void watch_worker(struct worker *worker)
{
    const struct crew *crew = worker->crew;
    const bool starting = worker->state == WORKER_STARTING;
    const bool owes =
        (worker->state == WORKER_UP || worker->state == WORKER_LEAVING) && worker->flying > 0;
    const bool ending = worker->state == WORKER_DYING && worker->reason == REASON_SHARE;
    worker->turns = starting || owes || ending ? worker->turns + 1 : 0;
    if (ending && (uint64_t)worker->turns * crew->turn_ms > CLOSE_MAX_MS)
        kill_worker(worker, REASON_NONE);
    if ((starting && is_stuck(worker, START_MAX_MS)) ||
        (owes && is_stuck(worker, (uint64_t)(crew->config.stall_s * 1e3))))
        kill_worker(worker, REASON_STUCK);
}

static void on_timer(uv_timer_t *timer)
{
    struct crew *crew = timer->data;
    crew->closed_turns += crew->closing;
    for (uint32_t i = 0; i < crew->places; i++) {
        if (!crew->closing)
            watch_worker(&crew->workers[i]);
        else if (crew->closed_turns * crew->turn_ms > CLOSE_MAX_MS)
            kill_worker(&crew->workers[i], REASON_NONE);
    }
}

int crew_new(const struct crew_config *config, struct crew **ret)
{
    assert(config->workers >= 1 && config->workers <= CREW_MAX);
    const uint32_t places = config->workers + 1;
    struct crew *crew = calloc(1, sizeof *crew + places * sizeof crew->workers[0]);
    if (!crew)
        return err_set(-ENOMEM, "no memory for %u workers", config->workers);
    crew->config = *config;
    crew->places = places;
    snprintf(crew->slots, sizeof crew->slots, "%u", pool_slots(config->pool));
    snprintf(crew->slot_bytes, sizeof crew->slot_bytes, "%zu", pool_slot_bytes(config->pool));
    snprintf(crew->memory, sizeof crew->memory, "%" PRIu64, config->memory_mib);
    snprintf(crew->parent, sizeof crew->parent, "%d", getpid());
    snprintf(crew->cache_slots, sizeof crew->cache_slots, "%d",
             config->gallery ? GALLERY_CHUNKS : 0);
    snprintf(crew->cache_bytes, sizeof crew->cache_bytes, "%zu",
             config->gallery ? gallery_chunk_bytes(config->gallery) : 0);
    snprintf(crew->cpu_ms, sizeof crew->cpu_ms, "%.0f", config->deadline_s * 1e3);
    uv_timer_init(config->loop, &crew->timer);
    crew->timer.data = crew;
    crew->open = 1;
    const double turn_ms = config->stall_s * 1e3 / 8;
    crew->turn_ms = turn_ms < TURN_MIN_MS   ? TURN_MIN_MS
                    : turn_ms > TURN_MAX_MS ? TURN_MAX_MS
                                            : (uint32_t)turn_ms;
    uv_timer_start(&crew->timer, on_timer, crew->turn_ms, crew->turn_ms);
    for (uint32_t i = 0; i < places; i++) {
        struct worker *worker = &crew->workers[i];
        worker->crew = crew;
        worker->number = i;
        worker->fd = -1;
        worker->restart.data = worker;
        uv_timer_init(config->loop, &worker->restart);
        crew->open++;
    }
    *ret = crew;
    for (uint32_t i = 0; i < config->workers; i++) {
        int r = worker_start(&crew->workers[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

bool crew_complete(const struct crew *crew)
{
    uint32_t up = 0;
    for (uint32_t i = 0; i < crew->places; i++)
        up += crew->workers[i].state == WORKER_UP;
    return up >= crew->config.workers;
}

void crew_signs(const struct crew *crew, struct crew_signs *ret)
{
    const uint64_t stall_ms = (uint64_t)(crew->config.stall_s * 1e3);
    *ret = (struct crew_signs){0};
    for (uint32_t i = 0; i < crew->places; i++) {
        const struct worker *worker = &crew->workers[i];
        const bool up = worker->state == WORKER_UP || worker->state == WORKER_LEAVING;
        const bool busy = up && worker->flying > 0;
        const uint64_t limit_ms = busy ? stall_ms : START_MAX_MS;
        const uint64_t silent_ms = (uint64_t)worker->turns * crew->turn_ms;
        ret->down += worker->state == WORKER_DOWN || worker->state == WORKER_DYING;
        ret->starting += worker->state == WORKER_STARTING;
        ret->busy += busy;
        ret->idle += up && !busy;
        if ((busy || worker->state == WORKER_STARTING) && silent_ms > limit_ms &&
            silent_ms - limit_ms > ret->overdue_ms)
            ret->overdue_ms = silent_ms - limit_ms;
    }
}

/* One record, whole or not at all. A full or broken socket is met again at the next turn or by the
 * exit that follows. */
static int give(struct worker *worker, const void *record, size_t bytes)
{
    ssize_t n = send(worker->fd, record, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n == (ssize_t)bytes ? 0 : -EAGAIN;
}

int crew_submit(void *hint, const struct session *session, const struct task_render *task)
{
    struct crew *crew = hint;
    struct worker *worker = NULL;
    for (uint32_t i = 0; i < crew->places; i++) {
        struct worker *other = &crew->workers[i];
        if (other->state == WORKER_UP && other->flying < CREW_DEPTH &&
            (!worker || other->flying < worker->flying))
            worker = other;
    }
    if (!worker)
        return -EAGAIN;
    if (worker->known[session->index] != session->generation) {
        struct task_spec spec = {
            .kind = TASK_SPEC, .session = session->index, .spec = session->spec};
        if (give(worker, &spec, sizeof spec) < 0)
            return -EAGAIN;
        worker->known[session->index] = session->generation;
    }
    struct flight flight = {.ticket = task->ticket};
    struct task_render whole = *task;
    whole.cache = (struct task_cache){.have = 0};
    if (crew->config.gallery && task->item.coding == ITEM_FILE && session->dataset)
        gallery_offer(crew->config.gallery, session->dataset->key, task->item.sample,
                      uv_now(crew->config.loop), &flight.cached, &whole.cache);
    if (give(worker, &whole, sizeof whole) < 0) {
        if (crew->config.gallery)
            gallery_settle(crew->config.gallery, &flight.cached, NULL);
        return -EAGAIN;
    }
    if (worker->flying == 0)
        worker->turns = 0;
    if (++worker->taken >= crew->config.recycle && crew->config.recycle > 0)
        send_for_fresh(crew);
    worker->flights[(worker->first + worker->flying++) % CREW_DEPTH] = flight;
    return 0;
}

void crew_close(struct crew *crew)
{
    crew->closing = true;
    for (uint32_t i = 0; i < crew->places; i++) {
        struct worker *worker = &crew->workers[i];
        worker->state = WORKER_DYING;
        uv_close((uv_handle_t *)&worker->restart, on_restart_closed);
        if (worker->poll_open && !uv_is_closing((uv_handle_t *)&worker->poll)) {
            uv_poll_stop(&worker->poll);
            shutdown(worker->fd, SHUT_RDWR); /* the worker reads its end and ends */
        }
    }
}

bool crew_closed(const struct crew *crew)
{
    return crew->closing && crew->open == 0;
}

void crew_free(struct crew *crew)
{
    assert(!crew || crew_closed(crew));
    free(crew);
}
