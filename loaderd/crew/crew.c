/* SPDX-License-Identifier: Apache-2.0 */
/* crew: takes tasks, gives them to whoever has least to do. There is one place more than there are
 * workers: a worker that has done its share goes on until a fresh one stands in the free place,
 * then finishes what it holds, ends, and leaves its place free. */
#include "loaderd/crew/crew.h"

#include "common/err.h"
#include "loaderd/crew/berth.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum {
    TURN_MIN_MS = 20, /* of the timer that looks for stuck workers */
    TURN_MAX_MS = 1000,
};
static_assert((int)CREW_DEPTH == (int)BERTH_DEPTH, "a berth holds what the crew promises");

struct crew {
    struct crew_config config;
    struct berth_kit kit;
    uint32_t places;       /* config.workers and the free one */
    uint32_t closed_turns; /* of the timer, since crew_close was called */
    bool timer_open;
    uv_timer_t timer;
    struct berth berths[]; /* places */
};

static void on_done(void *hint, const struct crew_result *result)
{
    struct crew *crew = hint;
    crew->config.done(crew->config.done_hint, result);
}

static void on_fatal(void *hint, int code)
{
    struct crew *crew = hint;
    crew->config.fatal(crew->config.fatal_hint, code);
}

static bool berths_closed(const struct crew *crew)
{
    for (uint32_t i = 0; i < crew->places; i++)
        if (!berth_closed(&crew->berths[i]))
            return false;
    return true;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct crew *crew = handle->data;
    crew->timer_open = false;
}

/* The timer is the last handle to go: it ends workers that do not end by themselves. */
static void on_berth_closed(void *hint)
{
    struct crew *crew = hint;
    if (crew->kit.closing && berths_closed(crew))
        uv_close((uv_handle_t *)&crew->timer, on_timer_closed);
}

/* A fresh worker stands: one whose share is done need take no more. */
static void on_ready(void *hint)
{
    struct crew *crew = hint;
    struct berth *oldest = NULL;
    uint32_t up = 0;
    crew->kit.stood = crew->kit.stood || crew_complete(crew);
    for (uint32_t i = 0; i < crew->places; i++) {
        struct berth *berth = &crew->berths[i];
        up += berth->state == BERTH_UP;
        if (berth->state == BERTH_UP && (!oldest || berth->taken > oldest->taken))
            oldest = berth;
    }
    if (up > crew->config.workers)
        berth_leave(oldest);
}

/* A worker has done its share: a fresh one comes into the free place, if there is one now. */
static void send_for_fresh(struct crew *crew)
{
    for (uint32_t i = 0; i < crew->places; i++)
        if (crew->berths[i].state == BERTH_FREE) {
            berth_fill(&crew->berths[i]);
            return;
        }
}

static void on_timer(uv_timer_t *timer)
{
    struct crew *crew = timer->data;
    crew->closed_turns += crew->kit.closing;
    for (uint32_t i = 0; i < crew->places; i++) {
        if (!crew->kit.closing)
            berth_turn(&crew->berths[i]);
        else if (crew->closed_turns * crew->kit.turn_ms > BERTH_CLOSE_MAX_MS)
            berth_kill(&crew->berths[i]);
    }
}

static uint32_t turn_of(double stall_s)
{
    const double turn_ms = stall_s * 1e3 / 8;
    return turn_ms < TURN_MIN_MS   ? TURN_MIN_MS
           : turn_ms > TURN_MAX_MS ? TURN_MAX_MS
                                   : (uint32_t)turn_ms;
}

int crew_new(const struct crew_config *config, struct crew **ret)
{
    assert(config->workers >= 1 && config->workers <= CREW_MAX);
    const uint32_t places = config->workers + 1;
    struct crew *crew = calloc(1, sizeof *crew + places * sizeof crew->berths[0]);
    if (!crew)
        return err_set(-ENOMEM, "no memory for %u workers", config->workers);
    crew->config = *config;
    crew->places = places;
    crew->kit = (struct berth_kit){.loop = config->loop,
                                   .program = config->program,
                                   .pool = config->pool,
                                   .gallery = config->gallery,
                                   .metrics = config->metrics,
                                   .deadline_s = config->deadline_s,
                                   .stall_s = config->stall_s,
                                   .memory_mib = config->memory_mib,
                                   .turn_ms = turn_of(config->stall_s),
                                   .hint = crew,
                                   .ready = on_ready,
                                   .done = on_done,
                                   .fatal = on_fatal,
                                   .closed = on_berth_closed};
    berth_kit_words(&crew->kit);
    uv_timer_init(config->loop, &crew->timer);
    crew->timer.data = crew;
    crew->timer_open = true;
    uv_timer_start(&crew->timer, on_timer, crew->kit.turn_ms, crew->kit.turn_ms);
    for (uint32_t i = 0; i < places; i++)
        berth_init(&crew->berths[i], &crew->kit, i);
    *ret = crew;
    for (uint32_t i = 0; i < config->workers; i++) {
        int r = berth_start(&crew->berths[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

bool crew_complete(const struct crew *crew)
{
    uint32_t up = 0;
    for (uint32_t i = 0; i < crew->places; i++)
        up += crew->berths[i].state == BERTH_UP;
    return up >= crew->config.workers;
}

void crew_signs(const struct crew *crew, struct crew_signs *ret)
{
    *ret = (struct crew_signs){0};
    for (uint32_t i = 0; i < crew->places; i++) {
        const struct berth *berth = &crew->berths[i];
        const bool up = berth->state == BERTH_UP || berth->state == BERTH_LEAVING;
        const uint64_t overdue_ms = berth_overdue_ms(berth);
        ret->down += berth->state == BERTH_DOWN || berth->state == BERTH_DYING;
        ret->starting += berth->state == BERTH_STARTING;
        ret->busy += berth_busy(berth);
        ret->idle += up && !berth_busy(berth);
        if (overdue_ms > ret->overdue_ms)
            ret->overdue_ms = overdue_ms;
    }
}

int crew_submit(void *hint, const struct session *session, const struct task_render *task)
{
    struct crew *crew = hint;
    struct berth *berth = NULL;
    for (uint32_t i = 0; i < crew->places; i++) {
        struct berth *other = &crew->berths[i];
        if (other->state == BERTH_UP && other->flying < BERTH_DEPTH &&
            (!berth || other->flying < berth->flying))
            berth = other;
    }
    if (!berth || berth_give(berth, session, task) < 0)
        return -EAGAIN;
    if (crew->config.recycle > 0 && berth->taken >= crew->config.recycle)
        send_for_fresh(crew);
    return 0;
}

void crew_close(struct crew *crew)
{
    crew->kit.closing = true;
    for (uint32_t i = 0; i < crew->places; i++)
        berth_close(&crew->berths[i]);
}

bool crew_closed(const struct crew *crew)
{
    return crew->kit.closing && !crew->timer_open && berths_closed(crew);
}

void crew_free(struct crew *crew)
{
    assert(!crew || crew_closed(crew));
    free(crew);
}
