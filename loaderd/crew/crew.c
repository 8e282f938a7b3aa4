/* SPDX-License-Identifier: Apache-2.0 */
/* crew: takes tasks, gives results. A worker answers its tasks in order, so the oldest unanswered
 * one is the one it was working on when it died. Workers end when their socket closes, and by the
 * kernel's hand when the daemon dies (PR_SET_PDEATHSIG). */
#include "loaderd/crew/crew.h"

#include "common/auto.h"
#include "common/err.h"

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
    START_DEATHS_MAX = 3, /* of one worker before all were ready */
    CLOSE_MAX_MS = 2000,  /* from the socket's closing to SIGKILL */
};

enum worker_state {
    WORKER_DOWN,     /* waits for its restart */
    WORKER_STARTING, /* runs; TASK_READY has not come */
    WORKER_UP,
    WORKER_DYING, /* its end has been seen or asked for; the exit is awaited */
};

struct worker {
    struct crew *crew;
    uint32_t number;
    enum worker_state state;
    bool overdue;      /* killed at the deadline */
    bool process_open; /* the handles that are open */
    bool poll_open;
    int fd;
    uint32_t failures;      /* in a row */
    uint64_t since_ms;      /* the oldest task's, or the start's, begin */
    uint32_t first, flying; /* ring of tickets */
    uint64_t tickets[CREW_DEPTH];
    uint64_t known[SESSIONS_MAX]; /* generation of each session whose spec it holds */
    uv_process_t process;
    uv_poll_t poll;
    uv_timer_t restart;
};

struct crew {
    struct crew_config config;
    bool stood; /* all were ready at once */
    bool closing;
    uint32_t open;      /* handles */
    uint64_t closed_ms; /* when crew_close was called */
    uv_timer_t deadline;
    char slots[16], slot_bytes[24], memory[24], parent[16]; /* the program's arguments */
    struct worker workers[];                                /* config.workers */
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

/* The deadline timer is the last handle to go: it ends workers that do not end by themselves. */
static void handle_closed(struct crew *crew)
{
    crew->open--;
    if (crew->closing && crew->open == 1)
        uv_close((uv_handle_t *)&crew->deadline, on_timer_closed);
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

static void kill_worker(struct worker *worker)
{
    if (worker->process_open && !uv_is_closing((uv_handle_t *)&worker->process))
        uv_process_kill(&worker->process, SIGKILL);
    worker->state = WORKER_DYING;
}

/* False when the worker says what it cannot know: it is out of its mind. */
static bool take_answer(struct worker *worker, const struct task_done *done)
{
    struct crew *crew = worker->crew;
    if (done->kind == TASK_READY && worker->state == WORKER_STARTING) {
        worker->state = WORKER_UP;
        crew->stood = crew->stood || crew_complete(crew);
        return true;
    }
    if (done->kind != TASK_DONE || worker->flying == 0 ||
        done->ticket != worker->tickets[worker->first] || done->fault >= FAULT_KINDS ||
        done->code > 0 || (done->code == -EBADMSG) != (done->fault != FAULT_NONE) ||
        !memchr(done->text, 0, sizeof done->text))
        return false;
    worker->first = (worker->first + 1) % CREW_DEPTH;
    worker->flying--;
    worker->failures = 0;
    worker->since_ms = uv_now(crew->config.loop);
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
        if (n != sizeof done || !take_answer(worker, &done))
            return false;
    }
}

static void on_answer(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct worker *worker = poll->data;
    if (status == 0 && take_answers(worker))
        return;
    uv_poll_stop(poll); /* its exit follows, or is made to follow */
    kill_worker(worker);
}

/* What it held, newest first, so that returned tasks stand in their old order again: the oldest was
 * in work, the others go back untouched. */
static void give_back(struct worker *worker)
{
    while (worker->flying > 0) {
        worker->flying--;
        uint32_t at = (worker->first + worker->flying) % CREW_DEPTH;
        struct crew_result r = {.ticket = worker->tickets[at], .code = -ECANCELED, .text = ""};
        if (worker->flying == 0) {
            r.code = -EBADMSG;
            r.fault = worker->overdue ? FAULT_DEADLINE : FAULT_CRASH;
        }
        result(worker->crew, &r);
    }
}

/* A worker that is killed while the crew is starting (when memory is short, say) tells nothing of
 * its program yet; one that exits by itself, is too slow, or dies each time does. */
static bool is_chance(const struct worker *worker, int signal)
{
    return signal != 0 && !worker->overdue && worker->failures + 1 < START_DEATHS_MAX;
}

static void on_exit_process(uv_process_t *process, int64_t code, int signal)
{
    struct worker *worker = process->data;
    struct crew *crew = worker->crew;
    if (worker->state != WORKER_DYING)
        take_answers(worker); /* it may have answered before its end */
    worker->state = WORKER_DYING;
    give_back(worker);
    if (!crew->closing) {
        metrics_worker_exit(crew->config.metrics,
                            &(struct metrics_exit){.worker = worker->number,
                                                   .pid = process->pid,
                                                   .code = code,
                                                   .signal = signal,
                                                   .overdue = worker->overdue,
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
                    NULL};
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        [TASK_FD_SOCKET] = {.flags = UV_INHERIT_FD, .data.fd = child_fd},
        [TASK_FD_POOL] = {.flags = UV_INHERIT_FD, .data.fd = pool_fd(crew->config.pool)},
    };
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
    worker->overdue = false;
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
    worker->since_ms = uv_now(crew->config.loop);
    return uv_poll_start(&worker->poll, UV_READABLE, on_answer);
}

/* Whether a busy worker is late. When the daemon itself was held up the answer may be there
 * already, so it is looked for first. */
static bool is_overdue(struct worker *worker, uint64_t limit_ms)
{
    uint64_t now = uv_now(worker->crew->config.loop);
    if (now - worker->since_ms <= limit_ms)
        return false;
    take_answers(worker);
    bool busy = worker->state == WORKER_STARTING || worker->flying > 0;
    return busy && now - worker->since_ms > limit_ms;
}

static void on_deadline(uv_timer_t *timer)
{
    struct crew *crew = timer->data;
    uint64_t deadline_ms = (uint64_t)(crew->config.deadline_s * 1e3);
    for (uint32_t i = 0; i < crew->config.workers; i++) {
        struct worker *worker = &crew->workers[i];
        if (crew->closing) {
            if (uv_now(crew->config.loop) - crew->closed_ms > CLOSE_MAX_MS)
                kill_worker(worker);
        } else if ((worker->state == WORKER_STARTING && is_overdue(worker, START_MAX_MS)) ||
                   (worker->flying > 0 && worker->state == WORKER_UP &&
                    is_overdue(worker, deadline_ms))) {
            worker->overdue = true;
            kill_worker(worker);
        }
    }
}

int crew_new(const struct crew_config *config, struct crew **ret)
{
    assert(config->workers >= 1 && config->workers <= CREW_MAX);
    struct crew *crew = calloc(1, sizeof *crew + config->workers * sizeof crew->workers[0]);
    if (!crew)
        return err_set(-ENOMEM, "no memory for %u workers", config->workers);
    crew->config = *config;
    snprintf(crew->slots, sizeof crew->slots, "%u", pool_slots(config->pool));
    snprintf(crew->slot_bytes, sizeof crew->slot_bytes, "%zu", pool_slot_bytes(config->pool));
    snprintf(crew->memory, sizeof crew->memory, "%" PRIu64, config->memory_mib);
    snprintf(crew->parent, sizeof crew->parent, "%d", getpid());
    uv_timer_init(config->loop, &crew->deadline);
    crew->deadline.data = crew;
    crew->open = 1;
    double period_ms = config->deadline_s * 1e3 / 4;
    uint64_t period = period_ms < 20 ? 20 : period_ms > 1000 ? 1000 : (uint64_t)period_ms;
    uv_timer_start(&crew->deadline, on_deadline, period, period);
    for (uint32_t i = 0; i < config->workers; i++) {
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
    for (uint32_t i = 0; i < crew->config.workers; i++)
        if (crew->workers[i].state != WORKER_UP)
            return false;
    return true;
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
    for (uint32_t i = 0; i < crew->config.workers; i++) {
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
    if (give(worker, task, sizeof *task) < 0)
        return -EAGAIN;
    if (worker->flying == 0)
        worker->since_ms = uv_now(crew->config.loop);
    worker->tickets[(worker->first + worker->flying++) % CREW_DEPTH] = task->ticket;
    return 0;
}

void crew_close(struct crew *crew)
{
    crew->closing = true;
    crew->closed_ms = uv_now(crew->config.loop);
    for (uint32_t i = 0; i < crew->config.workers; i++) {
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
