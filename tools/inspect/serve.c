/* SPDX-License-Identifier: Apache-2.0 */
/* serve: takes a loader's tap or a record, gives a page for a browser. One thread that goes round:
 * what the feed has, what browsers ask. A listener of the tap like any other: it cannot slow loader
 * or trainer. */
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/stat.h"
#include "tools/inspect/feed/feed.h"
#include "tools/inspect/inspect.h"
#include "tools/inspect/number.h"
#include "tools/inspect/serve/desk.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAIT_MS = 20, /* for browsers, between looks at the feed ... */
    BUSY_MS = 1,  /* ... of which more than so many batches came: a tap holds few */
    BUSY_BATCHES = 2,
    RETRY_MS = 2000, /* before a feed that has failed is opened again */
};
/* At the feed, between looks at browsers, seconds. A record could be read on and on: it gets as
 * long as the wait, so that it takes half a core until it has been read. */
static const double turn_tap = .05, turn_record = .02;

struct options {
    const char *from, *bind;
    int64_t port;
    struct feed_options feed;
    struct filter filter;
    struct source_options source;
};

static const struct usage_option rows[] = {
    {"port", "N", 'n',
     "where the page is: a port of this machine; 0: any that is free (default 0)"},
    {"bind", "ADDRESS", 'b',
     "listen there, an address in numbers: anybody who reaches it sees the page (default "
     "127.0.0.1)"},
    {"server", "KEY", 'K', "the loader's public key, or its file, where its tap wants keys"},
    {"secret", "FILE", 'P', "the file of our secret key for it (default: a fresh key)"},
    SOURCE_OPTIONS,
    FILTER_OPTIONS,
};

const struct usage inspect_serve_usage = {
    .name = "serve",
    .program = "augstream-inspect",
    .summary = "a page that shows the stream, or a record, in a browser",
    .operands = "ENDPOINT|FILE",
    .about =
        "Shows what a loader tells its tap, or what a record has, on a page for a browser: whether "
        "the loader is there, its rates, gaps and bad samples, the views of samples with their "
        "crop boxes and parameters, and each parameter's histogram beside its law. The address of "
        "the page is printed on standard output. " FEED_FROM "\n"
        "With the images at hand, the page shows pictures: each view is rendered again, from its "
        "omega, when somebody looks at it. " SOURCE_ABOUT " Without, it draws outlines.\n"
        "The page is for this machine only. To see it from another one, let ssh carry it: "
        "ssh -L 8080:127.0.0.1:PORT HOST, then http://localhost:8080/. With --bind everybody on "
        "that network can look; nobody can change anything.\n" FILTER_ABOUT
        " Filters pick what is looked at; rates are of all, and the figures of all of a session.",
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&inspect_serve_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : feed_option(&o->feed, key, optarg);
        if (!rc)
            rc = filter_option(&o->filter, key, optarg);
        if (!rc)
            rc = source_option(&o->source, key, optarg);
        if (!rc && key == 'n')
            rc = number_whole("port", optarg, 0, UINT16_MAX, &o->port);
        else if (!rc && key == 'b')
            o->bind = optarg;
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
    }
    if (optind + 1 != argc)
        return err_set(-EINVAL, "serve needs one ENDPOINT or FILE");
    o->from = argv[optind];
    return source_told(&o->source) ? source_check(&o->source, "serve") : 0;
}

struct serve {
    const volatile int *stop;
    struct feed_config config;
    struct feed *feed;
    double closed; /* when the feed failed */
    struct site *site;
    int wait_ms; /* for browsers */
    struct desk desk;
};

/* The feed has failed: said once, shown on the page, and tried again. */
static void feed_failed(struct serve *s)
{
    if (strcmp(s->desk.trouble, err_text())) {
        snprintf(s->desk.trouble, sizeof s->desk.trouble, "%s", err_text());
        log_warn("%s", s->desk.trouble);
    }
    s->desk.there = false;
    s->desk.read = s->desk.reel != NULL; /* it goes on behind damage, and fails at its end */
    s->closed = stat_now();
    if (!s->desk.reel) {
        feed_close(s->feed);
        s->feed = NULL;
    }
}

static int event_take(struct serve *s, const struct feed_event *event)
{
    const double now = s->desk.reel ? 0 : desk_now();
    switch (event->kind) {
    case FEED_BATCH:
        return state_batch(s->desk.state, event->tap,
                           now > 0 ? now : 1e-6 * (double)event->tap->tap.at_us);
    case FEED_GAP:
        state_gap(s->desk.state, event->gap, now);
        break;
    case FEED_RESTART:
        state_restart(s->desk.state, now);
        if (event->gap)
            state_gap(s->desk.state, event->gap, now);
        break;
    default:
        break;
    }
    return 0;
}

/* What the feed has by now, for as long as its turn is. */
static int feed_turn(struct serve *s)
{
    const double until = stat_now() + (s->desk.reel ? turn_record : turn_tap);
    uint64_t last = 0;
    uint32_t batches = 0;
    s->wait_ms = WAIT_MS;
    if (!s->feed && stat_now() - s->closed < 1e-3 * RETRY_MS)
        return 0;
    if (!s->feed && feed_open(&s->config, &s->feed)) {
        feed_failed(s);
        return 0;
    }
    do {
        struct feed_event event;
        int rc = feed_next(s->feed, 0, &event);
        if (rc && rc != -ENODATA) {
            feed_failed(s);
            return 0;
        }
        s->desk.there = feed_there(s->feed);
        s->desk.read = rc || event.kind == FEED_WAIT;
        if (s->desk.read)
            break;
        if (event.kind == FEED_BATCH) {
            last = event.tap->tap.sequence;
            batches++;
        }
        rc = event_take(s, &event);
        if (rc)
            return rc;
        if (!s->desk.reel)
            s->desk.trouble[0] = '\0';
    } while (stat_now() < until);
    if (s->desk.reel && last > reel_info(s->desk.reel)->last)
        reel_refresh(s->desk.reel);
    if (!s->desk.reel && batches > BUSY_BATCHES)
        s->wait_ms = BUSY_MS;
    return 0;
}

static int serve_open(struct serve *s, const struct options *o)
{
    const struct filter *filter = filter_any(&o->filter) ? &o->filter : NULL;
    const struct site_config site = {o->bind, (uint16_t)o->port, desk_answer, &s->desk};
    int rc = feed_configure(&o->feed, o->from, s->stop, &s->config);
    s->config.follow = true;
    if (!rc)
        rc = feed_open(&s->config, &s->feed);
    if (!rc && feed_is_record(s->feed))
        rc = reel_open(o->from, filter, &s->desk.reel);
    if (!rc)
        rc = state_new(s->desk.reel, filter, &s->desk.state);
    if (!rc)
        rc = pictures_new(source_told(&o->source) ? &o->source : NULL, &s->desk.pictures);
    if (!rc)
        rc = site_open(&site, &s->site);
    s->desk.from = o->from;
    s->desk.began = desk_now();
    return rc;
}

static void serve_done(struct serve *s)
{
    site_close(s->site);
    pictures_free(s->desk.pictures);
    state_free(s->desk.state);
    reel_close(s->desk.reel);
    feed_close(s->feed);
}

int inspect_serve(int argc, char **argv)
{
    struct serve s = {0};
    struct options o = {0};
    int rc = parse(argc, argv, &o);
    if (rc)
        return inspect_parsed(rc);
    s.stop = feed_stop_by_signal();
    rc = serve_open(&s, &o);
    if (!rc) {
        if (!site_loopback(s.site))
            log_warn("%s: whoever reaches this address can look; nothing is encrypted",
                     site_address(s.site));
        printf("%s\n", site_address(s.site));
        fflush(stdout);
    }
    while (!rc && !*s.stop) {
        rc = feed_turn(&s);
        if (!rc)
            rc = site_run(s.site, s.wait_ms);
    }
    serve_done(&s);
    return rc ? inspect_fail(rc) : EXIT_OK;
}
