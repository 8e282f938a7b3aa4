/* SPDX-License-Identifier: Apache-2.0 */
/* watch: takes the port's descriptors and the time, gives turns of the loop and cut links. */
#include "loaderd/daemon/watch.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>

/* Empty on purpose: it only ends the loop's sleep, and the check phase does the work. */
static void on_message(uv_poll_t *handle, int status, int events)
{
    (void)handle;
    (void)status;
    (void)events;
}

static int watch_link(struct watch *watch, uint32_t link)
{
    uv_poll_t *poll = &watch->links[link].polls[watch->links[link].now];
    int r = uv_poll_init(watch->loop, poll, link_fd(watch->port->links[link]));
    if (r == 0)
        r = uv_poll_start(poll, UV_READABLE, on_message);
    return r < 0 ? err_set(r, "event loop: %s", uv_strerror(r)) : 0;
}

int watch_open(struct watch *watch)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < watch->port->n_links; i++)
        r = watch_link(watch, i);
    return r;
}

static void cut(struct watch *watch, uint32_t link, uint64_t now_ms)
{
    unsigned *now = &watch->links[link].now;
    metrics_jam(watch->metrics, watch->port->endpoints[link], JAM_MAX_MS);
    uv_close((uv_handle_t *)&watch->links[link].polls[*now], NULL);
    *now = !*now;
    watch->links[link].reopens_ms = now_ms + WATCH_REOPEN_MS;
    port_cut(watch->port, link);
    serve_link_cut(watch->serve, link);
}

static int reopen(struct watch *watch, uint32_t link, uint64_t now_ms)
{
    int r = port_reopen(watch->port, link);
    if (r == -EADDRINUSE && now_ms < watch->links[link].reopens_ms)
        return 0; /* at a later turn */
    watch->links[link].reopens_ms = 0;
    return r < 0 ? r : watch_link(watch, link);
}

int watch_turn(struct watch *watch, uint64_t now_ms)
{
    int r = 0;
    bool jam =
        jam_turn(&watch->jam, serve_jammed(watch->serve), serve_arrived(watch->serve), now_ms);
    for (uint32_t i = 0; r == 0 && i < watch->port->n_links; i++) {
        if (jam && serve_link_holds(watch->serve, i))
            cut(watch, i, now_ms);
        if (watch->links[i].reopens_ms)
            r = reopen(watch, i, now_ms);
    }
    return r;
}

void watch_close(struct watch *watch)
{
    for (uint32_t i = 0; i < PORT_LINKS_MAX; i++)
        for (size_t k = 0; k < ARRAY_LEN(watch->links[i].polls); k++) {
            uv_handle_t *poll = (uv_handle_t *)&watch->links[i].polls[k];
            if (poll->type != UV_UNKNOWN_HANDLE && !uv_is_closing(poll))
                uv_close(poll, NULL);
        }
}
