/* SPDX-License-Identifier: Apache-2.0 */
/* feed: takes a tap or a record, gives events. What is missing is seen from the sequence: it is
 * consecutive within a loader's life, and each life has a number of its own. One thread; owns the
 * socket, or the record. Looks into no omega. */
#include "tools/inspect/feed/feed.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/stat.h"
#include "proto/link.h"
#include "proto/record.h"
#include "tools/inspect/inspect.h"
#include "tools/inspect/number.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 200, TIMEOUT_DEFAULT_S = 10 };

struct feed {
    struct feed_config config;
    struct record *record; /* or NULL, and all of these: */
    struct link_context *context;
    struct link *link;
    struct wire *wire;
    struct link_message message;
    double away, useless; /* since when there is no loader, and since when nothing of use; 0: not */
    uint32_t n_damaged;   /* parts of the record */
    struct wire_message tap;
    bool steps; /* of a record: its numbers go on from loader to loader, so they are a trainer's
                   steps */
    bool heard; /* a batch has come: the next two are of it */
    uint64_t server, next;
    bool held; /* tap has been told of, but not given: it follows on its FEED_GAP or FEED_RESTART */
};

/* --- a tap --- */

/* What the tap of a loader with a key wants of us. */
static int bring_keys(struct feed *feed)
{
    struct link_guard guard = {.curve = true};
    if (!feed->config.server)
        return 0;
    int rc = link_key_given(feed->config.server, guard.server);
    if (!rc)
        rc = feed->config.secret ? link_key_read_secret(feed->config.secret, false, &guard.key)
                                 : link_key_make(&guard.key);
    if (!rc)
        link_context_guard(feed->context, &guard);
    explicit_bzero(&guard, sizeof guard);
    return rc;
}

static int tap_open(struct feed *feed)
{
    int rc = link_context_new(&feed->context);
    if (!rc)
        rc = bring_keys(feed);
    if (!rc)
        rc = link_sub_connect(feed->context, feed->config.from, &feed->link);
    if (!rc)
        rc = wire_new(WIRE_OMEGAS_MAX, &feed->wire);
    feed->away = stat_now();
    return rc;
}

static bool patient(const struct feed *feed, double since)
{
    return feed->config.follow || stat_now() - since <= (double)feed->config.timeout_s;
}

static bool stopped(const struct feed *feed)
{
    return feed->config.stop && *feed->config.stop;
}

/* How the connection is. -EACCES, -ETIMEDOUT. */
static int tap_events(struct feed *feed)
{
    for (enum link_event event; (event = link_event(feed->link)) != LINK_NOTHING;) {
        if (event == LINK_REFUSED)
            return err_set(-EACCES, "%s: %s", feed->config.from, link_refusal(feed->link));
        feed->away = event == LINK_CONNECTED ? 0 : stat_now();
    }
    if (feed->away > 0 && !patient(feed, feed->away))
        return err_set(-ETIMEDOUT, "%s: no loader answered for %lld s", feed->config.from,
                       (long long)feed->config.timeout_s);
    return 0;
}

/* The next message. -EAGAIN when there is none; -EBADMSG when it is none of a tap's. */
static int tap_receive(struct feed *feed)
{
    int rc = link_receive(feed->link, &feed->message);
    if (!rc)
        rc = wire_unpack(feed->wire, feed->message.body, feed->message.body_len, &feed->tap);
    if (!rc && feed->tap.type != WIRE_TAP)
        rc = err_set(-EBADMSG, "it is not a tap's");
    return rc;
}

/* A message that cannot be read costs what it told and no more: said once, until one can be. */
static int pass_over(struct feed *feed)
{
    if (feed->useless == 0) {
        feed->useless = stat_now();
        log_warn("%s: a message is passed over: %s", feed->config.from, err_text());
    }
    return patient(feed, feed->useless)
               ? 0
               : err_set(-EBADMSG, "%s: nothing that can be read came for %lld s",
                         feed->config.from, (long long)feed->config.timeout_s);
}

/* 1 with the next batch in feed->tap, 0 when none came within timeout_ms. */
static int tap_next(struct feed *feed, int timeout_ms)
{
    const double until = stat_now() + 1e-3 * timeout_ms;
    while (!stopped(feed)) {
        int rc = tap_receive(feed);
        if (!rc) {
            feed->useless = 0;
            return 1;
        }
        if (rc == -EBADMSG)
            rc = pass_over(feed);
        else if (rc == -EAGAIN || rc == -EINTR)
            rc = tap_events(feed);
        if (rc < 0)
            return rc;
        const double left_ms = timeout_ms < 0 ? POLL_MS : 1e3 * (until - stat_now());
        if (left_ms <= 0)
            return 0;
        rc = link_wait(&feed->link, 1, left_ms < POLL_MS ? (int)left_ms + 1 : POLL_MS);
        if (rc < 0 && rc != -EINTR)
            return rc;
    }
    return 0;
}

/* --- a record --- */

/* What follows a scheme is an endpoint; all else is a path. */
static bool is_endpoint(const char *from)
{
    return strstr(from, "://") != NULL;
}

static int open_record(struct feed *feed)
{
    int rc = record_open(feed->config.from, &feed->record);
    return rc != -ENOENT ? rc
                         : err_set(rc, "%s: neither a file nor tcp://host:port nor ipc://path",
                                   feed->config.from);
}

/* The end of what is in the file. */
static int record_end(struct feed *feed)
{
    const struct record_info *info = record_info(feed->record);
    if (info->cut)
        log_warn("%s: ends at byte %llu without having been closed: cut off, or still written",
                 feed->config.from, (unsigned long long)info->cut_at);
    if (!feed->n_damaged)
        return -ENODATA;
    return err_set(-EBADMSG, "%s: damaged parts that were passed over: %u", feed->config.from,
                   feed->n_damaged);
}

/* As tap_next; -ENODATA. A record that was closed grows no more. */
static int record_take(struct feed *feed, int timeout_ms)
{
    const double until = stat_now() + 1e-3 * timeout_ms;
    while (!stopped(feed)) {
        int rc = record_next(feed->record, &feed->tap);
        if (!rc)
            return 1;
        if (rc == -EBADMSG) { /* the next call goes on behind it */
            feed->n_damaged++;
            log_warn("%s", err_text());
            continue;
        }
        if (rc != -ENODATA)
            return rc;
        if (!feed->config.follow || !record_info(feed->record)->cut)
            return record_end(feed);
        const double left_ms = timeout_ms < 0 ? POLL_MS : 1e3 * (until - stat_now());
        if (left_ms <= 0)
            return 0;
        poll(NULL, 0, left_ms < POLL_MS ? (int)left_ms + 1 : POLL_MS);
    }
    return 0;
}

/* --- both --- */

int feed_open(const struct feed_config *config, struct feed **ret)
{
    struct feed *feed = calloc(1, sizeof *feed);
    if (!feed)
        return err_set(-ENOMEM, "out of memory");
    feed->config = *config;
    int rc = is_endpoint(config->from) ? tap_open(feed) : open_record(feed);
    if (rc < 0)
        feed_close(feed);
    else
        *ret = feed;
    return rc;
}

void feed_close(struct feed *feed)
{
    if (!feed)
        return;
    record_free(feed->record);
    link_message_done(&feed->message);
    wire_free(feed->wire);
    link_close(feed->link);
    link_context_free(feed->context);
    free(feed);
}

bool feed_is_record(const struct feed *feed)
{
    return feed->record != NULL;
}

bool feed_there(const struct feed *feed)
{
    return feed->away == 0;
}

struct record *feed_record(const struct feed *feed)
{
    return feed->record;
}

/* What is missing before the batch in feed->tap: an event of its own, or none. A trainer's record
 * has its steps in order, whichever loader a batch came from, and perhaps several batches a step.
 */
static bool missing(struct feed *feed, struct feed_event *ret)
{
    const uint64_t server = feed->tap.tap.server_epoch, sequence = feed->tap.tap.sequence;
    const bool on = sequence == feed->next || sequence + 1 == feed->next;
    if (feed->record && feed->heard && on && server != feed->server)
        feed->steps = true;
    const bool other =
        feed->heard && ((server != feed->server && !feed->steps) || (sequence < feed->next && !on));
    const uint64_t due = other ? 1 : feed->heard ? feed->next : sequence;
    *ret = (struct feed_event){.kind = other ? FEED_RESTART : FEED_GAP,
                               .gap = sequence > due ? sequence - due : 0};
    feed->heard = true;
    feed->server = server;
    feed->next = sequence + 1;
    return other || ret->gap > 0;
}

int feed_next(struct feed *feed, int timeout_ms, struct feed_event *ret)
{
    if (!feed->held) {
        int rc = feed->record ? record_take(feed, timeout_ms) : tap_next(feed, timeout_ms);
        if (rc <= 0) {
            *ret = (struct feed_event){.kind = FEED_WAIT};
            return rc;
        }
        feed->held = missing(feed, ret);
        if (feed->held)
            return 0;
    }
    feed->held = false;
    *ret = (struct feed_event){.kind = FEED_BATCH, .tap = &feed->tap};
    return 0;
}

/* --- from a command line --- */

int feed_option(struct feed_options *options, int key, const char *arg)
{
    int rc = 0;
    switch (key) {
    case 'F':
        options->follow = true;
        break;
    case 'T':
        rc = number_whole("timeout", arg, 1, 86400, &options->timeout_s);
        break;
    case 'K':
        options->server = arg;
        break;
    case 'P':
        options->secret = arg;
        break;
    default:
        return 0;
    }
    return rc < 0 ? rc : 1;
}

int feed_configure(const struct feed_options *options, const char *from, const volatile int *stop,
                   struct feed_config *ret)
{
    if (options->secret && !options->server)
        return err_set(-EINVAL, "--secret: the loader's own key is wanted as well: --server");
    if (options->follow && options->timeout_s)
        return err_set(-EINVAL, "--timeout: --follow never gives up");
    if (is_endpoint(from)) {
        int rc = endpoint_check(from, false);
        if (rc < 0)
            return rc;
    } else if (options->server || options->timeout_s) {
        return err_set(-EINVAL, "--%s: %s is a file, and no loader is asked",
                       options->server ? "server" : "timeout", from);
    }
    *ret = (struct feed_config){
        .from = from,
        .server = options->server,
        .secret = options->secret,
        .timeout_s = options->timeout_s ? options->timeout_s : TIMEOUT_DEFAULT_S,
        .follow = options->follow,
        .stop = stop,
    };
    return 0;
}

static volatile int stop_set;

static void on_stop(int signal)
{
    (void)signal;
    stop_set = 1;
}

const volatile int *feed_stop_by_signal(void)
{
    const struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &stop_set;
}
