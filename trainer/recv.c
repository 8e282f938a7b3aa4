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
#include "trainer/recipe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 100 /* at most so long without a look at the clock and the stop flag */ };
static const double REFUSED_AGAIN_S = 1.0; /* until a loader that refused us is tried again */

struct recv {
    char client[WIRE_NAME_MAX];
    struct embed *embed; /* a loan; or NULL */
    struct loader_io io;
    struct fetch *fetch;
    struct link_context *context;
    struct link *links[CONF_LIST_MAX];
    uint32_t n_links;
    void (*tell)(void *hint, const char *text);
    void *tell_hint;
    const char *refusal[CONF_LIST_MAX]; /* what a loader's handshake last failed for, or NULL ... */
    double again_s[CONF_LIST_MAX];      /* ... and when it is tried again; 0: it is not due */
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

/* A matter of keys, which the user is told at once, and once. It is tried again all the same: keys
 * may be added at the other end. */
static void refused(struct recv *r, uint32_t i)
{
    char endpoint[LINK_ENDPOINT_MAX], text[ERR_TEXT_MAX];
    const char *why = link_refusal(r->links[i]);
    r->again_s[i] = stat_now() + REFUSED_AGAIN_S;
    if (r->refusal[i] == why || !r->tell ||
        link_endpoint(r->links[i], endpoint, sizeof endpoint) < 0)
        return;
    r->refusal[i] = why;
    snprintf(text, sizeof text, "%s: %s", endpoint, why);
    r->tell(r->tell_hint, text);
}

static enum link_event io_event(void *hint, uint32_t loader)
{
    struct recv *r = hint;
    enum link_event event;
    while ((event = link_event(r->links[loader])) == LINK_REFUSED)
        refused(r, loader);
    if (event == LINK_CONNECTED) {
        r->refusal[loader] = NULL;
        r->again_s[loader] = 0;
    }
    if (r->again_s[loader] > 0 && stat_now() >= r->again_s[loader]) {
        r->again_s[loader] = 0;
        (void)link_again(r->links[loader]);
    }
    return event;
}

/* The guard of our end towards loader i. */
static int guard(const struct recipe_keys *keys, size_t i, size_t n, struct link_guard *ret)
{
    *ret = (struct link_guard){0};
    if (!keys || (keys->server.n == 0 && keys->secret[0] == 0))
        return 0;
    if (keys->server.n != 1 && keys->server.n != n)
        return err_set(-EINVAL, "data.curve.server: one key is wanted, or one for each loader");
    int rc = link_key_given(keys->server.v[keys->server.n == 1 ? 0 : i], ret->server);
    if (rc < 0) {
        char why[ERR_TEXT_MAX];
        snprintf(why, sizeof why, "%s", err_text());
        return err_set(-EINVAL, "data.curve.server: neither a key nor a file with one: %s", why);
    }
    ret->curve = true;
    return keys->secret[0] ? link_key_read_secret(keys->secret, false, &ret->key)
                           : link_key_make(&ret->key);
}

static int connect_to(struct recv *r, const struct recv_config *config, size_t i)
{
    struct link_guard ours = {0};
    const char *endpoint = config->endpoints->v[i];
    int rc =
        strncmp(endpoint, "tcp:", 4) == 0 ? guard(config->keys, i, config->endpoints->n, &ours) : 0;
    if (rc == 0) {
        link_context_guard(r->context, &ours);
        rc = link_dealer_connect(r->context, endpoint, &r->links[i]);
    }
    explicit_bzero(&ours, sizeof ours);
    return rc;
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
    r->tell = config->tell;
    r->tell_hint = config->tell_hint;
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
        rc = connect_to(r, config, i);
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
