/* SPDX-License-Identifier: Apache-2.0 */
/* record: takes a feed, gives a record of it on disk: whole batches, as they were told. Ends well
 * at a signal; what has come by then is in the file. */
#include "proto/record.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/stat.h"
#include "tools/inspect/feed/feed.h"
#include "tools/inspect/feed/filter.h"
#include "tools/inspect/inspect.h"
#include "tools/inspect/number.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_MS = 500 };
static const double FLUSH_EVERY_S = 10, TELL_EVERY_S = 0.5;

struct options {
    struct feed_options feed;
    struct filter filter;
    const char *out;
    int64_t count;
};

static const struct usage_option rows[] = {
    {"out", "FILE", 'o', "the record, a new file", USAGE_REQUIRED},
    {"count", "N", 'c', "end once N views are in it (default: go on)"},
    FILTER_OPTIONS,
    FEED_OPTIONS,
};

const struct usage inspect_record_usage = {
    .name = "record",
    .program = "augstream-inspect",
    .summary = "omega as it flows into a file, which stream, stats, replay and others read",
    .operands = "ENDPOINT|FILE",
    .about =
        "Writes what a loader's tap tells into a record: every batch's omega, labels and checksums "
        "of pixels, the recipe's law and the dataset's fingerprint; no pixels. " FEED_FROM
        " A record's batches are whole: with options that choose views, a batch is in it when one "
        "of its views is meant. What the tap shed is missing in the record as well, and shows "
        "there as a gap. Ctrl-C and SIGTERM end it well; what came until then is kept, and after "
        "kill -9 what came until 10 s before.\n\n" FILTER_ABOUT,
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&inspect_record_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : feed_option(&o->feed, key, optarg);
        rc = rc ? rc : filter_option(&o->filter, key, optarg);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
        if (key == 'o')
            o->out = optarg;
        else if (key == 'c')
            rc = number_whole("count", optarg, 1, INT64_MAX, &o->count);
        if (rc < 0)
            return rc;
    }
    if (!o->out)
        return err_set(-EINVAL, "record needs --out FILE");
    return optind + 1 == argc ? 0 : err_set(-EINVAL, "record needs one ENDPOINT or FILE");
}

/* What is told of it, now and then and at the end. */
struct tale {
    bool terminal, open; /* open: a line without its end stands there */
    double told_s, flushed_s;
    uint64_t batches, views;
    uint64_t gaps, missing, restarts;
};

static void line_tell(struct tale *t)
{
    if (!t->terminal || stat_now() - t->told_s < TELL_EVERY_S)
        return;
    t->told_s = stat_now();
    fprintf(stderr, "\r%" PRIu64 " batches, %" PRIu64 " views, %" PRIu64 " missing\033[K",
            t->batches, t->views, t->missing);
    fflush(stderr);
    t->open = true;
}

static void line_end(struct tale *t)
{
    if (t->open)
        fputc('\n', stderr);
    t->open = false;
}

/* Whether one of its views is meant. */
static bool is_meant(const struct filter *filter, const struct wire_message *tap)
{
    const struct wire_batch *b = &tap->tap.batch;
    if (!filter_any(filter))
        return true;
    for (uint32_t i = 0; i < b->n_views * b->n_samples; i++) {
        struct param_view view;
        param_view_at(tap, i, &view);
        if (filter_view(filter, tap, &view))
            return true;
    }
    return false;
}

static int take(struct record_writer *writer, const struct feed_event *event,
                const struct options *o, struct tale *t)
{
    if (event->kind == FEED_GAP || event->kind == FEED_RESTART) {
        t->gaps += event->gap > 0;
        t->missing += event->gap;
        t->restarts += event->kind == FEED_RESTART;
        return 0;
    }
    if (event->kind != FEED_BATCH || !is_meant(&o->filter, event->tap))
        return 0;
    int rc = record_add(writer, event->tap);
    if (rc == 0) {
        t->batches++;
        t->views += event->tap->tap.batch.n_views * event->tap->tap.batch.n_samples;
    }
    return rc;
}

/* A feed that fails ends the record as well as one that is at its end does. */
static int record(struct feed *feed, struct record_writer *writer, const struct options *o,
                  struct tale *t, const volatile int *stop)
{
    const uint64_t wanted = o->count ? (uint64_t)o->count : UINT64_MAX;
    int rc = 0;
    t->flushed_s = stat_now();
    while (!rc && !*stop && t->views < wanted) {
        struct feed_event event;
        rc = feed_next(feed, LOOK_MS, &event);
        if (!rc)
            rc = take(writer, &event, o, t);
        if (!rc && stat_now() - t->flushed_s > FLUSH_EVERY_S) {
            rc = record_flush(writer);
            t->flushed_s = stat_now();
        }
        line_tell(t);
    }
    line_end(t);
    return rc == -ENODATA ? 0 : rc;
}

static void summarise(const struct options *o, const struct tale *t)
{
    struct stat st;
    printf("%s: %" PRIu64 " batches, %" PRIu64 " views", o->out, t->batches, t->views);
    if (t->views && stat(o->out, &st) == 0)
        printf(", %lld bytes, %.1f a view", (long long)st.st_size,
               (double)st.st_size / (double)t->views);
    printf("; %" PRIu64 " gaps, %" PRIu64 " batches missing", t->gaps, t->missing);
    if (t->restarts)
        printf(", %" PRIu64 " times another loader's life", t->restarts);
    putchar('\n');
    fflush(stdout);
}

/* Keeps the first failure, closes the file whatever it was, and leaves none that has nothing in it
 * because something failed. */
static int finish(struct record_writer *writer, const struct options *o, const struct tale *t,
                  int rc)
{
    char why[ERR_TEXT_MAX];
    if (rc < 0 && t->batches == 0) {
        record_drop(writer);
        return rc;
    }
    snprintf(why, sizeof why, "%s", err_text());
    const int closed = record_close(writer);
    if (rc == 0)
        rc = closed;
    else
        err_set(rc, "%s", why);
    if (closed == 0)
        summarise(o, t);
    return rc;
}

int inspect_record(int argc, char **argv)
{
    struct options o = {0};
    struct tale tale = {.terminal = isatty(STDERR_FILENO)};
    struct feed_config config;
    struct feed *feed = NULL;
    struct record_writer *writer = NULL;
    const volatile int *stop = feed_stop_by_signal();
    int rc = parse(argc, argv, &o);
    if (!rc)
        rc = feed_configure(&o.feed, argv[optind], stop, &config);
    if (rc)
        return inspect_parsed(rc);
    rc = feed_open(&config, &feed);
    if (!rc)
        rc = record_create(o.out, &writer);
    if (!rc) {
        rc = record(feed, writer, &o, &tale, stop);
        rc = finish(writer, &o, &tale, rc);
    }
    feed_close(feed);
    return rc ? inspect_fail(rc) : EXIT_OK;
}
