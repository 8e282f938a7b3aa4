/* SPDX-License-Identifier: Apache-2.0 */
/* stream: takes a feed, gives its omega as lines on standard output: those of the views that are
 * meant, and what is missing between them. */
#include "common/auto.h"
#include "common/err.h"
#include "tools/inspect/feed/line.h"
#include "tools/inspect/inspect.h"
#include "tools/inspect/number.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

enum { LOOK_MS = 500 /* so often it is seen whether anybody reads */ };

struct options {
    struct feed_options feed;
    struct filter filter;
    enum line_format format;
    int64_t count;
};

static const struct usage_option rows[] = {
    LINE_OPTION,
    {"count", "N", 'c', "end after N views were printed (default: go on)"},
    FILTER_OPTIONS,
    FEED_OPTIONS,
};

const struct usage inspect_stream_usage = {
    .name = "stream",
    .program = "augstream-inspect",
    .summary = "omega as it flows, from a loader's tap or a record, a line a view",
    .operands = "ENDPOINT|FILE",
    .about = "Prints the omega of every view that a loader sends to anybody. " FEED_FROM
             " The tap sheds load rather than wait for a slow listener; what is missing is told "
             "where it is missing, and so is a loader that was started anew. A bad sample in whose "
             "place another one stands is told before the views of its batch.\n\n" FILTER_ABOUT,
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
        if (key == 'f')
            rc = line_format_parse(optarg, &o->format);
        else if (key == 'c')
            rc = number_whole("count", optarg, 1, INT64_MAX, &o->count);
        if (rc < 0)
            return rc;
    }
    return optind + 1 == argc ? 0 : err_set(-EINVAL, "stream needs one ENDPOINT or FILE");
}

static int stream(struct feed *feed, const struct options *o, const volatile int *stop)
{
    struct line line = {.format = o->format, .out = stdout, .repeat = line_repeat(stdout)};
    uint64_t left = o->count ? (uint64_t)o->count : UINT64_MAX;
    int rc = 0;
    while (!rc && left && !*stop) {
        struct feed_event event;
        const int fed = feed_next(feed, LOOK_MS, &event);
        if (!fed && event.kind == FEED_BATCH)
            left -= line_batch(&line, event.tap, &o->filter, left);
        else if (!fed && event.kind != FEED_WAIT)
            line_missing(&line, &event);
        rc = line_flush(&line);
        if (!rc)
            rc = fed;
    }
    return rc < 0 && rc != -ENODATA ? rc
                                    : 0; /* a reader who has seen enough ends it as --count does */
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
