/* SPDX-License-Identifier: Apache-2.0 */
/* worker: takes tasks from the daemon, gives pixels, omegas and checksums in slots. One per
 * process: here, and nowhere else, image bytes of unknown origin meet decoders. The daemon is
 * trusted, yet a task that would write outside its slot is refused. Does not log. */
#include "loaderd/crew/worker.h"

#include "common/err.h"
#include "common/stat.h"
#include "loaderd/batch/slot.h"
#include "loaderd/crew/task.h"
#include "loaderd/decode/decode.h"
#include "loaderd/render.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

static_assert((int)TASK_SIDE_MAX == (int)DECODE_SIDE_MAX, "the daemon and decode agree");

struct worker {
    const struct worker_config *config;
    struct render *render;
    bool known[SESSIONS_MAX];
    struct spec specs[SESSIONS_MAX];
};

union record {
    uint32_t kind;
    struct task_spec spec;
    struct task_render render;
};

static int keep_spec(struct worker *worker, const struct task_spec *task)
{
    if (task->session >= SESSIONS_MAX)
        return err_set(-EBADMSG, "task: session %u", task->session);
    int r = spec_check(&task->spec);
    if (r < 0)
        return r;
    worker->specs[task->session] = task->spec;
    worker->known[task->session] = true;
    return 0;
}

/* Where the task's views, omegas and checksums go; -EBADMSG when that is not inside one slot. */
static int place(const struct worker *worker, const struct task_render *task,
                 struct render_task *ret)
{
    const struct worker_config *config = worker->config;
    if (task->session >= SESSIONS_MAX || !worker->known[task->session])
        return err_set(-EBADMSG, "task: unknown session %u", task->session);
    const struct spec *spec = &worker->specs[task->session];
    if (task->n_samples > spec->batch || task->position >= task->n_samples ||
        task->slot >= config->slots)
        return err_set(-EBADMSG, "task: position %u of %u in slot %u", task->position,
                       task->n_samples, task->slot);
    struct slot_layout layout;
    slot_layout(spec, task->n_samples, &layout);
    if (layout.bytes > config->slot_bytes)
        return err_set(-EBADMSG, "task: %zu bytes do not fit in a slot", layout.bytes);
    unsigned char *slot = config->base + task->slot * config->slot_bytes;
    struct omega *omega = (struct omega *)(slot + layout.omega);
    uint32_t *check = (uint32_t *)(slot + layout.check);
    *ret = (struct render_task){
        .item = &task->item, .spec = spec, .epoch = task->epoch, .batch = task->batch};
    for (uint32_t v = 0; v < spec->n_views; v++) {
        ret->out[v] = slot + layout.view[v] + task->position * layout.image[v];
        const size_t at = (size_t)v * task->n_samples + task->position;
        ret->omega[v] = omega + at;
        ret->check[v] = check + at;
    }
    return 0;
}

static int answer(const struct worker *worker, const struct task_done *done)
{
    for (;;) {
        ssize_t n = send(worker->config->socket, done, sizeof *done, MSG_NOSIGNAL);
        if (n == sizeof *done)
            return 0;
        if (n < 0 && errno != EINTR)
            return err_set(-errno, "socket: %s", strerror(errno));
    }
}

static bool is_inside(const struct worker *worker, uint64_t at, uint64_t bytes)
{
    const size_t all = worker->config->cache_bytes;
    return bytes <= all && at <= all - bytes;
}

/* What the task may use of the cache; -EBADMSG where that is not in its memory. */
static int find_cached(const struct worker *worker, const struct task_cache *task,
                       struct render_cache *ret)
{
    *ret = (struct render_cache){.used = false};
    for (uint32_t i = 0; i < TASK_REDUCTIONS; i++) {
        if (!(task->have >> i & 1))
            continue;
        const uint64_t rows = ((uint64_t)task->h + (1u << i) - 1) >> i;
        const uint64_t cols = ((uint64_t)task->w + (1u << i) - 1) >> i;
        if (task->w < 1 || task->h < 1 || task->w > DECODE_SIDE_MAX || task->h > DECODE_SIDE_MAX ||
            !is_inside(worker, task->at[i], 3 * rows * cols))
            return err_set(-EBADMSG, "task: a picture outside the cache");
        ret->whole[i] = worker->config->cache + task->at[i];
        ret->picture = (struct picture){.w = task->w, .h = task->h, .reduce_max = task->reduce_max};
    }
    if (!is_inside(worker, task->fill, task->fill_bytes))
        return err_set(-EBADMSG, "task: room outside the cache");
    if (task->fill_bytes > 0) {
        ret->fill = worker->config->cache + task->fill;
        ret->fill_bytes = (size_t)task->fill_bytes;
    }
    return 0;
}

/* Starts the clock for the next image. It counts this process's time on a processor alone, so what
 * else the machine does changes no verdict; and it need not be stopped, for waiting takes none. */
static int start_clock(const struct worker *worker)
{
    const uint64_t ms = worker->config->cpu_ms;
    const struct itimerval limit = {
        .it_value = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)}};
    if (ms == 0 || setitimer(ITIMER_PROF, &limit, NULL) == 0)
        return 0;
    return err_set(-errno, "setitimer: %s", strerror(errno));
}

static int render(struct worker *worker, const struct task_render *task)
{
    struct render_task where;
    struct render_cache cache;
    int r = place(worker, task, &where);
    if (r == 0)
        r = find_cached(worker, &task->cache, &cache);
    if (r == 0)
        r = start_clock(worker);
    if (r < 0)
        return r;
    struct task_done done = {.kind = TASK_DONE, .ticket = task->ticket};
    enum wire_fault fault = FAULT_NONE;
    where.cache = &cache;
    const double begin_s = stat_now();
    done.code = render_sample(worker->render, &where, &fault);
    done.spent_us = (uint32_t)((stat_now() - begin_s) * 1e6);
    if (done.code < 0)
        snprintf(done.text, sizeof done.text, "%s", err_text());
    if (done.code == -EBADMSG)
        done.fault = fault;
    done.cached = (struct task_cached){.used = cache.used,
                                       .w = cache.filled_picture.w,
                                       .h = cache.filled_picture.h,
                                       .reduce = cache.filled_reduce,
                                       .reduce_max = cache.filled_picture.reduce_max,
                                       .filled = cache.filled,
                                       .wanted = cache.wanted};
    return answer(worker, &done);
}

static int serve(struct worker *worker)
{
    int r = answer(worker, &(struct task_done){.kind = TASK_READY});
    while (r == 0) {
        union record record;
        ssize_t n = recv(worker->config->socket, &record, sizeof record, 0);
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(-errno, "socket: %s", strerror(errno));
        if (n == sizeof record.spec && record.kind == TASK_SPEC)
            r = keep_spec(worker, &record.spec);
        else if (n == sizeof record.render && record.kind == TASK_RENDER &&
                 memchr(record.render.item.path, 0, sizeof record.render.item.path))
            r = render(worker, &record.render);
        else
            r = err_set(-EBADMSG, "task: %zd bytes that are none", n);
    }
    return r == -EPIPE || r == -ECONNRESET ? 0 : r; /* the daemon has gone: nobody to tell */
}

int worker_run(const struct worker_config *config)
{
    static struct worker worker; /* the specs are too much for a stack */
    worker = (struct worker){.config = config};
    int r = render_new(&worker.render);
    if (r < 0)
        return r;
    r = serve(&worker);
    render_free(worker.render);
    return r;
}
