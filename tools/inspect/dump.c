/* SPDX-License-Identifier: Apache-2.0 */
/* dump: takes a record, gives its omega as lines on standard output, from its beginning or of one
 * step or sample; or what the file is. */
#include "common/auto.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/plain.h"
#include "proto/record.h"
#include "tools/inspect/feed/line.h"
#include "tools/inspect/inspect.h"
#include "tools/inspect/number.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

struct options {
    struct filter filter;
    enum line_format format;
    int64_t count, step, epoch; /* step, epoch: -1: not asked for */
    bool info;
};

static const struct usage_option rows[] = {
    LINE_OPTION,
    {"count", "N", 'c', "end after N views were printed (default: all)"},
    {"step", "S", 's', "only step S; of a tap's record: the batch of this number"},
    {"epoch", "E", 'e', "with --sample I: only the first batch of epoch E that has sample I"},
    FILTER_OPTIONS,
    {"info", NULL, 'i', "what the file is and has in it, in place of its views"},
};

const struct usage inspect_dump_usage = {
    .name = "dump",
    .program = "augstream-inspect",
    .summary = "a record's omega, a line a view, or what is in the record",
    .operands = "FILE",
    .about = "Prints the omega of a record (docs/record.md): all of it, or what a step or a sample "
             "of an epoch had, which is found without reading the rest. A record that was cut off "
             "is read up to there; a damaged part is passed over with a word on standard error, "
             "and makes the exit code 65.\n\n" FILTER_ABOUT,
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

static int own_option(struct options *o, int key, const char *arg)
{
    switch (key) {
    case 'f':
        return line_format_parse(arg, &o->format);
    case 'c':
        return number_whole("count", arg, 1, INT64_MAX, &o->count);
    case 's':
        return number_whole("step", arg, 0, INT64_MAX, &o->step);
    case 'e':
        return number_whole("epoch", arg, 0, UINT32_MAX, &o->epoch);
    case 'i':
        o->info = true;
        return 0;
    default:
        return 0;
    }
}

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    const struct filter *f = &o->filter;
    for (int key; (key = usage_next(&inspect_dump_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : filter_option(&o->filter, key, optarg);
        if (rc == 0)
            rc = own_option(o, key, optarg);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
    }
    if (o->epoch >= 0 && (f->n_samples != 1 || f->samples[0][0] != f->samples[0][1]))
        return err_set(-EINVAL, "--epoch: one --sample I is wanted beside it");
    if (o->epoch >= 0 && o->step >= 0)
        return err_set(-EINVAL, "--epoch and --step: one of them");
    return optind + 1 == argc ? 0 : err_set(-EINVAL, "dump needs one FILE");
}

/* --- its views --- */

/* To the step or the sample, if one is asked for. */
static int seek(struct record *record, const struct options *o)
{
    if (o->step >= 0)
        return record_seek_step(record, (uint64_t)o->step);
    if (o->epoch >= 0)
        return record_seek_sample(record, (uint32_t)o->epoch, o->filter.samples[0][0]);
    return 0;
}

/* Whether what was asked for is over before this batch. */
static bool is_over(const struct options *o, const struct wire_message *tap, uint64_t batches)
{
    return (o->step >= 0 && tap->tap.sequence != (uint64_t)o->step) ||
           (o->epoch >= 0 && batches > 0);
}

static int print(struct feed *feed, const struct options *o, const volatile int *stop)
{
    struct line line = {.format = o->format, .out = stdout, .repeat = line_repeat(stdout)};
    uint64_t left = o->count ? (uint64_t)o->count : UINT64_MAX, batches = 0;
    int rc = seek(feed_record(feed), o);
    while (!rc && left && !*stop) {
        struct feed_event event;
        rc = feed_next(feed, -1, &event);
        if (rc || event.kind == FEED_WAIT)
            continue;
        if (event.kind == FEED_BATCH && is_over(o, event.tap, batches))
            break;
        if (event.kind == FEED_BATCH) {
            left -= line_batch(&line, event.tap, &o->filter, left);
            batches++;
        } else if (o->step < 0) {
            line_missing(&line, &event);
        }
        rc = line_flush(&line);
    }
    return rc < 0 && rc != -ENODATA ? rc : 0;
}

/* --- what it is --- */

static void row(const char *name)
{
    printf("%-11s ", name);
}

static void print_made(const struct record_info *info)
{
    const time_t made = (time_t)(info->made_at_us / 1000000);
    struct tm tm;
    char text[32] = "at an unknown time";
    if (info->made_at_us && gmtime_r(&made, &tm))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    row("written by");
    plain_put(stdout, info->program[0] ? info->program : "nobody who is named");
    printf(", %s\n", text);
}

static void print_counts(const struct record_info *info)
{
    const double views = info->views ? (double)info->views : 1;
    row("batches");
    printf("%" PRIu64 " in %" PRIu64 " blocks", info->batches, info->blocks);
    if (info->blocks)
        printf(", numbers %" PRIu64 " to %" PRIu64, info->first, info->last);
    putchar('\n');
    row("views");
    printf("%" PRIu64 "\n", info->views);
    row("bytes");
    printf("%" PRIu64 ", %.1f a view; as messages %" PRIu64 ", %.1f a view\n", info->stored_bytes,
           (double)info->stored_bytes / views, info->raw_bytes, (double)info->raw_bytes / views);
}

static void print_state(const struct record_info *info)
{
    row("index");
    puts(info->indexed ? "used" : "none that can be used: each block's head was read");
    row("state");
    if (info->damaged)
        printf("damaged at byte %" PRIu64 "\n", info->damaged_at);
    else if (info->cut)
        printf("not closed: cut off, or still written; whole up to byte %" PRIu64 "\n",
               info->cut_at);
    else
        puts("closed");
}

/* Of the first batch: what it was made from. */
static int print_first(struct record *record)
{
    static struct wire_message tap;
    char hex[2 * DIGEST_BYTES + 1];
    int rc = record_next(record, &tap);
    if (rc < 0)
        return rc == -ENODATA ? 0 : rc;
    row("dataset");
    plain_put(stdout, tap.tap.dataset);
    if (tap.tap.told_spec) {
        digest_hex(tap.tap.fingerprint, hex);
        printf(", fingerprint %s", hex);
    }
    putchar('\n');
    row("session");
    digest_hex(tap.tap.batch.session, hex);
    printf("%s", hex);
    if (tap.tap.told_spec)
        printf(", seed %" PRIu64, tap.tap.spec.seed);
    printf(", %u views of %u samples, %s\n", tap.tap.batch.n_views, tap.tap.batch.n_samples,
           tap.tap.batch.checks ? "with checksums" : "without checksums");
    return 0;
}

static int print_info(struct record *record)
{
    const struct record_info *info = record_info(record);
    print_made(info);
    print_counts(info);
    print_state(info);
    int rc = print_first(record);
    if (rc == 0 && info->damaged)
        rc = err_set(-EBADMSG, "the record is damaged at byte %" PRIu64, info->damaged_at);
    return rc;
}

int inspect_dump(int argc, char **argv)
{
    struct options o = {.step = -1, .epoch = -1};
    const volatile int *stop = feed_stop_by_signal();
    struct feed *feed = NULL;
    int rc = parse(argc, argv, &o);
    if (rc)
        return inspect_parsed(rc);
    const struct feed_config config = {.from = argv[optind], .stop = stop};
    rc = feed_open(&config, &feed);
    if (!rc && !feed_is_record(feed))
        rc = err_set(-EINVAL, "%s: dump reads a record; a tap is for stream", argv[optind]);
    if (!rc)
        rc = o.info ? print_info(feed_record(feed)) : print(feed, &o, stop);
    feed_close(feed);
    return rc ? inspect_fail(rc) : EXIT_OK;
}
