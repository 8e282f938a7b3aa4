/* SPDX-License-Identifier: Apache-2.0 */
/* turns: takes what the loop sees, says when a turn is due. Knows of the sockets only whether they
 * have more. */
#include "loaderd/daemon/turns.h"

#include "common/auto.h"
#include "common/err.h"

static void turn(struct turns *turns)
{
    turns->last_turn_ms = uv_now(turns->loop);
    turns->turn(turns->hint, turns->last_turn_ms);
}

static void on_woken(uv_async_t *handle)
{
    (void)handle;
}

static void on_awake(uv_idle_t *handle)
{
    (void)handle;
}

static void on_prepare(uv_prepare_t *handle)
{
    struct turns *turns = handle->data;
    if (port_ready(turns->port))
        uv_idle_start(&turns->awake, on_awake);
}

static void on_check(uv_check_t *handle)
{
    struct turns *turns = handle->data;
    uv_idle_stop(&turns->awake);
    turn(turns);
}

static void on_timer(uv_timer_t *timer)
{
    turn(timer->data);
}

/* A message that is there while the file descriptor says nothing would have slept on. */
static void on_safety(uv_timer_t *timer)
{
    struct turns *turns = timer->data;
    const uint64_t now = uv_now(turns->loop), since = now - turns->last_safety_ms;
    turns->last_safety_ms = now;
    turns->beat(turns->hint, now, since > TURNS_SAFETY_MS ? since - TURNS_SAFETY_MS : 0);
    if (now - turns->last_turn_ms < TURNS_SAFETY_MS / 2)
        return;
    for (uint32_t n = port_lost_edges(turns->port); n > 0; n--)
        metrics_lost_edge(turns->metrics);
    turn(turns);
}

int turns_open(struct turns *turns)
{
    int r = uv_async_init(turns->loop, &turns->waker, on_woken);
    return r < 0 ? err_set(r, "event loop: %s", uv_strerror(r)) : 0;
}

void turns_start(struct turns *turns)
{
    uv_loop_t *loop = turns->loop;
    uv_timer_t *timers[] = {&turns->safety, &turns->soon, &turns->often};
    for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
        uv_timer_init(loop, timers[i]);
        timers[i]->data = turns;
    }
    uv_timer_start(&turns->safety, on_safety, TURNS_SAFETY_MS, TURNS_SAFETY_MS);
    turns->last_safety_ms = uv_now(loop);
    uv_prepare_init(loop, &turns->prepare);
    uv_check_init(loop, &turns->check);
    uv_idle_init(loop, &turns->awake);
    turns->prepare.data = turns->check.data = turns->awake.data = turns;
    uv_prepare_start(&turns->prepare, on_prepare);
    uv_check_start(&turns->check, on_check);
}

void turns_wake(void *hint)
{
    struct turns *turns = hint;
    uv_async_send(&turns->waker);
}

void turns_soon(struct turns *turns)
{
    if (!uv_is_active((uv_handle_t *)&turns->soon))
        uv_timer_start(&turns->soon, on_timer, TURNS_SOON_MS, 0);
}

void turns_often(struct turns *turns)
{
    uv_timer_start(&turns->often, on_timer, TURNS_SOON_MS, TURNS_SOON_MS);
}

static void close_handle(uv_handle_t *handle)
{
    if (handle->type != UV_UNKNOWN_HANDLE && !uv_is_closing(handle)) /* it was opened */
        uv_close(handle, NULL);
}

void turns_stop(struct turns *turns)
{
    uv_handle_t *own[] = {
        (uv_handle_t *)&turns->prepare, (uv_handle_t *)&turns->check, (uv_handle_t *)&turns->awake,
        (uv_handle_t *)&turns->safety,  (uv_handle_t *)&turns->soon,  (uv_handle_t *)&turns->often,
    };
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        close_handle(own[i]);
}

void turns_close(struct turns *turns)
{
    close_handle((uv_handle_t *)&turns->waker);
}
