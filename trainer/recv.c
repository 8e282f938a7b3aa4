/* SPDX-License-Identifier: Apache-2.0 */
/* recv: takes a spec and endpoints, gives batches in order. Keeps the sockets, the waiting and the
 * clock; what is asked of whom and what becomes of an answer is fetch's affair. The caller's
 * thread. */
#include "trainer/recv.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/stat.h"
#include "trainer/embed.h"
#include "trainer/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAIT_MS = 100 /* at most so long without a look at the clock and the stop flag */ };

struct recv {
    char client[WIRE_NAME_MAX];
    struct embed *embed; /* a loan; or NULL */
    struct loader_io io;
    struct fetch *fetch;
    struct link_context *context;
    struct link *links[CONF_LIST_MAX];
    uint32_t n_links;
};

/* --- what fetch reaches the loaders by --- */

static int io_send(void *hint, uint32_t loader, const void *body, size_t len)
{
    const struct recv *r = hint;
    return link_send(r->links[loader], NULL, body, len, NULL, 0);
}

static int io_receive(void *hint, uint32_t loader, struct link_message *message)
{
    const struct recv *r = hint;
    return link_receive(r->links[loader], message);
}

static void io_release(void *hint, struct link_message *message)
{
    (void)hint;
    link_message_done(message);
}

static enum link_event io_event(void *hint, uint32_t loader)
{
    const struct recv *r = hint;
    return link_event(r->links[loader]);
}

static int io_check(void *hint)
{
    const struct recv *r = hint;
    return r->embed ? embed_check(r->embed) : 0;
}

/* --- batches --- */

/* Waits for something to come, but looks up now and then. */
static int wait_some(struct recv *r, const volatile int *stop)
{
    if (stop && *stop)
        return err_set(-EINTR, "stopped by a signal");
    int rc = link_wait(r->links, r->n_links, WAIT_MS);
    return rc < 0 && rc != -EINTR ? rc : 0;
}

int recv_next(struct recv *r, const volatile int *stop, struct recv_batch *ret)
{
    double begin_s = stat_now();
    int rc = fetch_resume(r->fetch);
    if (rc < 0)
        return rc;
    for (double now_s = begin_s;; now_s = stat_now()) {
        rc = fetch_turn(r->fetch, now_s);
        if (rc == 0)
            rc = fetch_lend(r->fetch, ret);
        if (rc == 0)
            break;
        if (rc == -EAGAIN)
            rc = wait_some(r, stop);
        if (rc < 0)
            return rc;
    }
    fetch_counts(r->fetch)->wait_s += stat_now() - begin_s;
    return 0;
}

void recv_release(struct recv *r, struct recv_batch *batch)
{
    fetch_release(r->fetch, batch);
}

const struct recv_info *recv_info(const struct recv *r)
{
    return fetch_info(r->fetch);
}

const struct recv_counts *recv_counts(const struct recv *r)
{
    return fetch_counts(r->fetch);
}

/* --- the beginning and the end --- */

static int wait_settled(struct recv *r, const volatile int *stop)
{
    for (;;) {
        int rc = fetch_turn(r->fetch, stat_now());
        if (rc < 0 || fetch_settled(r->fetch))
            return rc;
        rc = wait_some(r, stop);
        if (rc < 0)
            return rc;
    }
}

static void close_fn(struct recv **recv)
{
    recv_close(*recv);
}

int recv_open(const struct recv_config *config, struct recv **ret)
{
    auto_with(close_fn) struct recv *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(-ENOMEM, "recv: out of memory");
    r->embed = config->embed;
    r->io = (struct loader_io){.send = io_send,
                               .receive = io_receive,
                               .release = io_release,
                               .event = io_event,
                               .hint = r};
    snprintf(r->client, sizeof r->client, "augstream-trainer/%d", (int)getpid());
    const struct fetch_config fetch = {
        .wanted = config, .io = &r->io, .client = r->client, .check = io_check, .check_hint = r};
    int rc = fetch_new(&fetch, &r->fetch);
    if (rc == 0)
        rc = link_context_new(&r->context);
    for (size_t i = 0; rc == 0 && i < config->endpoints->n; i++) {
        rc = link_dealer_connect(r->context, config->endpoints->v[i], &r->links[i]);
        r->n_links += rc == 0;
    }
    if (rc == 0)
        rc = wait_settled(r, config->stop);
    if (rc < 0)
        return rc;
    *ret = take_ptr(&r);
    return 0;
}

void recv_close(struct recv *r)
{
    if (!r)
        return;
    fetch_free(r->fetch);
    for (uint32_t i = 0; i < r->n_links; i++)
        link_close(r->links[i]);
    link_context_free(r->context);
    free(r);
}
