/* SPDX-License-Identifier: Apache-2.0 */
/* stream: takes a loader's tap, gives omega as JSON lines on standard output. The tap sheds load
 * rather than wait for anybody; what was shed is told as {"gap":{...}}, a bad sample that another
 * one stands in for as {"substituted":{...}}. */
#include "common/auto.h"
#include "common/err.h"
#include "tools/inspect/feed/feed.h"
#include "tools/inspect/feed/filter.h"
#include "tools/inspect/inspect.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct options {
    struct feed_options feed;
    struct filter filter;
    int64_t count;
};

static const struct usage_option rows[] = {
    {"format", "jsonl", 'f', "one JSON object a view: the only format"},
    FILTER_OPTIONS,
    {"count", "N", 'c', "end after N views (default: go on)"},
    FEED_OPTIONS,
};

const struct usage inspect_stream_usage = {
    .name = "stream",
    .program = "augstream-inspect",
    .summary = "omega as it flows, from a loader's tap, a line of JSON a view",
    .operands = "ENDPOINT",
    .about =
        "Prints the omega of every view that a loader sends to anybody. ENDPOINT is the loader's "
        "tap: tcp://HOST:PORT or ipc://PATH. The tap sheds load rather than wait for a slow "
        "listener; what was shed is printed as {\"gap\":{\"batches\":N}}. A bad sample in whose "
        "place "
        "another one stands is told before the views of its batch, as "
        "{\"substituted\":{...}}. " FILTER_ABOUT,
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&inspect_stream_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : feed_option(&o->feed, key, optarg);
        rc = rc ? rc : filter_option(&o->filter, key, optarg);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
        if (key == 'f' && strcmp(optarg, "jsonl"))
            return err_set(-EINVAL, "--format %s: jsonl is the only format", optarg);
        if (key == 'c' && (rc = inspect_number("count", optarg, 1, INT64_MAX, &o->count)) < 0)
            return rc;
    }
    return optind + 1 == argc ? 0 : err_set(-EINVAL, "stream needs one ENDPOINT");
}

/* Whose picture is at a position of the batch, in place of whose, and why. */
static void substitutions_print(const struct wire_batch *b)
{
    for (uint32_t i = 0; i < b->n_substituted; i++) {
        const struct wire_substitution *s = &b->substituted[i];
        printf("{\"substituted\":{\"epoch\":%" PRIu32 ",\"batch\":%" PRIu32 ",\"position\":%" PRIu32
               ",\"bad\":%" PRIu32 ",\"reason\":\"%s\",\"sample\":%" PRIu32 "}}\n",
               b->epoch, b->index, s->position, s->sample, wire_fault_name(s->fault),
               b->omega[s->position].sample);
    }
}

/* Prints one tap message's views, at most *left of them. */
static int views_print(const struct wire_message *tap, const struct filter *filter, int64_t *left)
{
    const struct wire_batch *b = &tap->tap.batch;
    substitutions_print(b);
    for (uint32_t i = 0; i < b->n_views * b->n_samples && *left; i++) {
        char line[1024];
        struct param_view view;
        param_view_at(tap, i, &view);
        if (!filter_view(filter, tap, &view))
            continue;
        --*left;
        const struct omega_place place = {view.epoch, view.batch, view.view, view.size, view.label};
        omega_json(view.omega, &place, line, sizeof line);
        if (puts(line) < 0)
            return err_set(-EPIPE, "standard output is closed");
    }
    return fflush(stdout) ? err_set(-EPIPE, "standard output is closed") : 0;
}

/* What is missing, or whose life begins. */
static void gap_print(const struct feed_event *event)
{
    if (event->kind == FEED_RESTART)
        printf("{\"restart\":{\"batches\":%" PRIu64 "}}\n", event->gap);
    else
        printf("{\"gap\":{\"batches\":%" PRIu64 "}}\n", event->gap);
}

static int stream(struct feed *feed, const struct options *o, const volatile int *stop)
{
    int64_t left = o->count ? o->count : -1;
    int rc = 0;
    while (!rc && left && !*stop) {
        struct feed_event event;
        rc = feed_next(feed, -1, &event);
        if (rc < 0)
            break;
        if (event.kind == FEED_GAP || event.kind == FEED_RESTART)
            gap_print(&event);
        else if (event.kind == FEED_BATCH)
            rc = views_print(event.tap, &o->filter, &left);
    }
    return rc;
}

int inspect_stream(int argc, char **argv)
{
    struct options o = {0};
    struct feed_config config;
    struct feed *feed = NULL;
    const volatile int *stop = feed_stop_by_signal();
    int rc = parse(argc, argv, &o);
    if (!rc)
        rc = feed_configure(&o.feed, argv[optind], stop, &config);
    if (rc)
        return inspect_parsed(rc);
    rc = feed_open(&config, &feed);
    if (!rc)
        rc = stream(feed, &o, stop);
    feed_close(feed);
    return rc ? inspect_fail(rc) : EXIT_OK;
}
