/* SPDX-License-Identifier: Apache-2.0 */
/* berth: takes tasks, gives results. Workers end when their socket closes, and by the kernel's hand
 * when the daemon dies (PR_SET_PDEATHSIG). Time is counted in turns of the crew's timer, not by the
 * clock: when the daemon itself was stopped, or the whole machine was, no worker was slow. */
#include "loaderd/crew/berth.h"

#include "common/auto.h"
#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RESTART_FIRST_MS = 50,
    RESTART_MAX_MS = 5000,
    START_DEATHS_MAX = 3, /* of one worker before it was ready */
};

void berth_kit_words(struct berth_kit *kit)
{
    snprintf(kit->slots, sizeof kit->slots, "%u", pool_slots(kit->pool));
    snprintf(kit->slot_bytes, sizeof kit->slot_bytes, "%zu", pool_slot_bytes(kit->pool));
    snprintf(kit->memory, sizeof kit->memory, "%" PRIu64, kit->memory_mib);
    snprintf(kit->parent, sizeof kit->parent, "%d", getpid());
    snprintf(kit->cache_slots, sizeof kit->cache_slots, "%d", kit->gallery ? GALLERY_CHUNKS : 0);
    snprintf(kit->cache_bytes, sizeof kit->cache_bytes, "%zu",
             kit->gallery ? gallery_chunk_bytes(kit->gallery) : 0);
    snprintf(kit->cpu_ms, sizeof kit->cpu_ms, "%.0f", kit->deadline_s * 1e3);
}

static void result(struct berth_kit *kit, const struct crew_result *result)
{
    if (!kit->closing)
        kit->done(kit->hint, result);
}

/* The pause before a worker's next start. */
static uint64_t restart_ms(const struct berth *berth)
{
    uint32_t doublings = berth->failures < 8 ? berth->failures : 8;
    uint64_t ms = (uint64_t)RESTART_FIRST_MS << doublings;
    return ms < RESTART_MAX_MS ? ms : RESTART_MAX_MS;
}

static void schedule_restart(struct berth *berth);

static void on_restart(uv_timer_t *timer)
{
    struct berth *berth = timer->data;
    if (berth_start(berth) == 0)
        return;
    metrics_worker_start_failed(berth->kit->metrics, err_text(), restart_ms(berth));
    schedule_restart(berth);
}

/* Once nothing of the worker's last life is open. */
static void schedule_restart(struct berth *berth)
{
    if (berth->process_open || berth->poll_open)
        return;
    if (berth->reason == REASON_SHARE) {
        berth->state = BERTH_FREE;
        return;
    }
    berth->state = BERTH_DOWN;
    if (!berth->kit->closing) {
        uv_timer_start(&berth->restart, on_restart, restart_ms(berth), 0);
        berth->failures++;
    }
}

static void on_restart_closed(uv_handle_t *handle)
{
    struct berth *berth = handle->data;
    berth->restart_open = false;
    berth->kit->closed(berth->kit->hint);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct berth *berth = handle->data;
    close(take_fd(&berth->fd));
    berth->poll_open = false;
    berth->kit->closed(berth->kit->hint);
    schedule_restart(berth);
}

static void on_process_closed(uv_handle_t *handle)
{
    struct berth *berth = handle->data;
    berth->process_open = false;
    berth->kit->closed(berth->kit->hint);
    schedule_restart(berth);
}

static void kill_worker(struct berth *berth, enum worker_reason reason)
{
    if (reason != REASON_NONE)
        berth->reason = reason;
    if (berth->process_open && !uv_is_closing((uv_handle_t *)&berth->process))
        uv_process_kill(&berth->process, SIGKILL);
    berth->state = BERTH_DYING;
}

/* Its socket's end is what a worker waits for. */
static void dismiss(struct berth *berth)
{
    berth->reason = REASON_SHARE;
    berth->state = BERTH_DYING;
    uv_poll_stop(&berth->poll);
    shutdown(berth->fd, SHUT_RDWR);
}

/* False when the worker says what it cannot know: it is out of its mind. */
static bool take_answer(struct berth *berth, const struct task_done *done)
{
    struct berth_kit *kit = berth->kit;
    if (done->kind == TASK_READY && berth->state == BERTH_STARTING) {
        berth->state = BERTH_UP;
        berth->was_ready = true;
        berth->turns = 0;
        kit->ready(kit->hint);
        return true;
    }
    if (done->kind != TASK_DONE || berth->flying == 0 ||
        done->ticket != berth->flights[berth->first].ticket || done->fault >= FAULT_KINDS ||
        done->code > 0 || (done->code == -EBADMSG) != (done->fault != FAULT_NONE) ||
        !memchr(done->text, 0, sizeof done->text))
        return false;
    const struct gallery_ticket *cached = &berth->flights[berth->first].cached;
    if (kit->gallery && !gallery_settle(kit->gallery, cached, &done->cached)) {
        berth->flights[berth->first].cached.offered = false; /* it is settled */
        return false;
    }
    berth->first = (berth->first + 1) % BERTH_DEPTH;
    berth->flying--;
    berth->failures = 0;
    berth->turns = 0;
    metrics_time(&kit->metrics->render, done->spent_us * 1e-6);
    if (berth->state == BERTH_LEAVING && berth->flying == 0)
        dismiss(berth);
    result(kit, &(struct crew_result){.ticket = done->ticket,
                                      .code = done->code,
                                      .fault = (enum wire_fault)done->fault,
                                      .text = done->text});
    return true;
}

/* All answers that are there. False at the socket's end and after nonsense. */
static bool take_answers(struct berth *berth)
{
    for (;;) {
        struct task_done done;
        ssize_t n = recv(berth->fd, &done, sizeof done, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n <= 0)
            return false; /* its exit tells why */
        if (n != sizeof done || !take_answer(berth, &done)) {
            berth->reason = REASON_NONSENSE;
            return false;
        }
        if (berth->reason == REASON_SHARE)
            return true;
    }
}

static void on_answer(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct berth *berth = poll->data;
    if (status == 0 && take_answers(berth))
        return;
    uv_poll_stop(poll); /* its exit follows, or is made to follow */
    kill_worker(berth, REASON_NONE);
}

/* What it held, newest first, so that returned tasks stand in their old order again: the oldest was
 * in work, the others go back untouched. */
static void give_back(struct berth *berth, enum worker_end end)
{
    while (berth->flying > 0) {
        berth->flying--;
        uint32_t at = (berth->first + berth->flying) % BERTH_DEPTH;
        const struct berth_flight *flight = &berth->flights[at];
        struct crew_result r = {.ticket = flight->ticket, .code = -ECANCELED, .text = ""};
        if (berth->kit->gallery)
            gallery_settle(berth->kit->gallery, &flight->cached, NULL);
        if (berth->flying == 0) {
            r = ending_result(end);
            r.ticket = flight->ticket;
        }
        result(berth->kit, &r);
    }
}

/* A worker that is killed while the crew is starting (when memory is short, say) tells nothing of
 * its program yet; one that exits by itself, is too slow, or dies each time does. One that was
 * ready has shown that its program works. */
static bool is_chance(const struct berth *berth, int signal)
{
    return berth->was_ready ||
           (signal != 0 && berth->reason != REASON_STUCK && berth->failures + 1 < START_DEATHS_MAX);
}

static void on_exit_process(uv_process_t *process, int64_t code, int signal)
{
    struct berth *berth = process->data;
    struct berth_kit *kit = berth->kit;
    if (berth->state != BERTH_DYING)
        take_answers(berth); /* it may have answered before its end */
    const enum worker_end end = ending_of(berth->reason, signal);
    berth->state = BERTH_DYING;
    give_back(berth, end);
    if (berth->reason == REASON_SHARE) {
        kit->metrics->worker_recycled++;
    } else if (!kit->closing) {
        metrics_worker_exit(kit->metrics, &(struct metrics_exit){.worker = berth->number,
                                                                 .pid = process->pid,
                                                                 .code = code,
                                                                 .signal = signal,
                                                                 .end = end,
                                                                 .restart_ms = restart_ms(berth)});
        if (!kit->stood && !is_chance(berth, signal))
            kit->fatal(kit->hint, err_set(-ECHILD, "%s: a worker ended before it was ready (%s %d)",
                                          kit->program, signal ? "signal" : "exit code",
                                          signal ? signal : (int)code));
    }
    uv_close((uv_handle_t *)&berth->poll, on_poll_closed);
    uv_close((uv_handle_t *)&berth->process, on_process_closed);
}

static int spawn(struct berth *berth, int child_fd)
{
    struct berth_kit *kit = berth->kit;
    char *args[] = {(char *)kit->program, "--slots",
                    kit->slots,           "--slot-bytes",
                    kit->slot_bytes,      "--memory-mib",
                    kit->memory,          "--parent",
                    kit->parent,          "--cpu-ms",
                    kit->cpu_ms,          "--cache-slots",
                    kit->cache_slots,     "--cache-slot-bytes",
                    kit->cache_bytes,     NULL};
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        [TASK_FD_SOCKET] = {.flags = UV_INHERIT_FD, .data.fd = child_fd},
        [TASK_FD_POOL] = {.flags = UV_INHERIT_FD, .data.fd = pool_fd(kit->pool)},
        [TASK_FD_CACHE] = {.flags = UV_IGNORE},
    };
    if (kit->gallery)
        stdio[TASK_FD_CACHE] =
            (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = gallery_fd(kit->gallery)};
    uv_process_options_t options = {
        .exit_cb = on_exit_process,
        .file = kit->program,
        .args = args,
        .stdio_count = ARRAY_LEN(stdio),
        .stdio = stdio,
    };
    berth->process.data = berth;
    return uv_spawn(kit->loop, &berth->process, &options);
}

int berth_start(struct berth *berth)
{
    struct berth_kit *kit = berth->kit;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return err_set(-errno, "worker %u: socketpair: %s", berth->number, strerror(errno));
    auto_close int ours = ends[0];
    auto_close int theirs = ends[1];
    berth->reason = REASON_NONE;
    berth->was_ready = false;
    berth->taken = 0;
    berth->first = berth->flying = 0;
    memset(berth->known, 0, sizeof berth->known);
    berth->poll.data = berth;
    int r = uv_poll_init(kit->loop, &berth->poll, ours);
    if (r < 0)
        return err_set(r, "worker %u: uv_poll_init: %s", berth->number, uv_strerror(r));
    berth->fd = take_fd(&ours); /* closed with the handle from here on */
    berth->poll_open = true;
    r = spawn(berth, theirs);
    berth->process_open = true; /* uv_spawn makes the handle even when it fails */
    if (r < 0) {
        err_set(r, "%s: cannot be started: %s", kit->program, uv_strerror(r));
        berth->state = BERTH_DYING;
        uv_close((uv_handle_t *)&berth->poll, on_poll_closed);
        uv_close((uv_handle_t *)&berth->process, on_process_closed);
        return r;
    }
    berth->state = BERTH_STARTING;
    return uv_poll_start(&berth->poll, UV_READABLE, on_answer);
}

/* Whether a worker that owes an answer has been silent for too long. The answer may be there
 * already, so it is looked for first. */
static bool is_stuck(struct berth *berth, uint64_t limit_ms)
{
    const struct berth_kit *kit = berth->kit;
    if ((uint64_t)berth->turns * kit->turn_ms <= limit_ms)
        return false;
    take_answers(berth);
    return (uint64_t)berth->turns * kit->turn_ms > limit_ms;
}

bool berth_busy(const struct berth *berth)
{
    return (berth->state == BERTH_UP || berth->state == BERTH_LEAVING) && berth->flying > 0;
}

void berth_turn(struct berth *berth)
{
    const struct berth_kit *kit = berth->kit;
    const bool starting = berth->state == BERTH_STARTING;
    const bool owes = berth_busy(berth);
    const bool ending = berth->state == BERTH_DYING && berth->reason == REASON_SHARE;
    berth->turns = starting || owes || ending ? berth->turns + 1 : 0;
    if (ending && (uint64_t)berth->turns * kit->turn_ms > BERTH_CLOSE_MAX_MS)
        kill_worker(berth, REASON_NONE);
    if ((starting && is_stuck(berth, BERTH_START_MAX_MS)) ||
        (owes && is_stuck(berth, (uint64_t)(kit->stall_s * 1e3))))
        kill_worker(berth, REASON_STUCK);
}

/* One record, whole or not at all. A full or broken socket is met again at the next turn or by the
 * exit that follows. */
static int give(struct berth *berth, const void *record, size_t bytes)
{
    ssize_t n = send(berth->fd, record, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n == (ssize_t)bytes ? 0 : -EAGAIN;
}

int berth_give(struct berth *berth, const struct session *session, const struct task_render *task)
{
    const struct berth_kit *kit = berth->kit;
    assert(berth->state == BERTH_UP && berth->flying < BERTH_DEPTH);
    if (berth->known[session->index] != session->generation) {
        struct task_spec spec = {
            .kind = TASK_SPEC, .session = session->index, .spec = session->spec};
        if (give(berth, &spec, sizeof spec) < 0)
            return -EAGAIN;
        berth->known[session->index] = session->generation;
    }
    struct berth_flight flight = {.ticket = task->ticket};
    struct task_render whole = *task;
    whole.cache = (struct task_cache){.have = 0};
    if (kit->gallery && task->item.coding == ITEM_FILE && session->dataset)
        gallery_offer(kit->gallery, session->dataset->key, task->item.sample, uv_now(kit->loop),
                      &flight.cached, &whole.cache);
    if (give(berth, &whole, sizeof whole) < 0) {
        if (kit->gallery)
            gallery_settle(kit->gallery, &flight.cached, NULL);
        return -EAGAIN;
    }
    if (berth->flying == 0)
        berth->turns = 0;
    berth->taken++;
    berth->flights[(berth->first + berth->flying++) % BERTH_DEPTH] = flight;
    return 0;
}

uint64_t berth_overdue_ms(const struct berth *berth)
{
    const struct berth_kit *kit = berth->kit;
    const bool busy = berth_busy(berth);
    const uint64_t limit_ms = busy ? (uint64_t)(kit->stall_s * 1e3) : BERTH_START_MAX_MS;
    const uint64_t silent_ms = (uint64_t)berth->turns * kit->turn_ms;
    if (!busy && berth->state != BERTH_STARTING)
        return 0;
    return silent_ms > limit_ms ? silent_ms - limit_ms : 0;
}

void berth_init(struct berth *berth, struct berth_kit *kit, uint32_t number)
{
    berth->kit = kit;
    berth->number = number;
    berth->fd = -1;
    berth->restart.data = berth;
    uv_timer_init(kit->loop, &berth->restart);
    berth->restart_open = true;
}

void berth_fill(struct berth *berth)
{
    assert(berth->state == BERTH_FREE);
    berth->failures = 0;
    on_restart(&berth->restart);
}

void berth_leave(struct berth *berth)
{
    assert(berth->state == BERTH_UP);
    berth->state = BERTH_LEAVING;
    if (berth->flying == 0)
        dismiss(berth);
}

void berth_kill(struct berth *berth)
{
    kill_worker(berth, REASON_NONE);
}

void berth_close(struct berth *berth)
{
    berth->state = BERTH_DYING;
    uv_close((uv_handle_t *)&berth->restart, on_restart_closed);
    if (berth->poll_open && !uv_is_closing((uv_handle_t *)&berth->poll)) {
        uv_poll_stop(&berth->poll);
        shutdown(berth->fd, SHUT_RDWR); /* the worker reads its end and ends */
    }
}

bool berth_closed(const struct berth *berth)
{
    return !berth->restart_open && !berth->poll_open && !berth->process_open;
}
