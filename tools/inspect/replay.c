/* SPDX-License-Identifier: Apache-2.0 */
/* replay: takes a record (docs/record.md) and the images that it is of, renders its views again and
 * holds each against the checksum that the loader told of it. A view that differs is a line that
 * names the sample's file, and the parameter that is not as its law draws it, if there is one. */
#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"
#include "common/log.h"
#include "common/plain.h"
#include "common/stat.h"
#include "proto/record.h"
#include "tools/inspect/inspect.h"
#include "tools/inspect/number.h"
#include "tools/inspect/replay/again.h"
#include "tools/inspect/replay/drawn.h"
#include "tools/inspect/replay/keep.h"
#include "tools/progress.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    DATASETS_MAX = 16,      /* of one record */
    PROGRESS_FROM = 200000, /* views, where no terminal draws it over */
    DAMAGE_MAX = 1000,      /* damaged parts in a row */
};

struct options {
    struct source_options source;
    const char *record, *out, *png, *dataset;
    int64_t step, sample, epoch, threads; /* step, sample, epoch: -1: not told */
    bool changed;
};

static const struct usage_option rows[] = {
    {"step", "S", 's', "only step S (of a tap's record: message S)"},
    {"sample", "I", 'i', "only sample I, where it is first seen in the epoch --epoch"},
    {"epoch", "E", 'e', "of --sample: from 0"},
    {"dataset", "NAME", 'n', "only what the record has of this dataset"},
    SOURCE_OPTIONS,
    {"changed", NULL, 'c',
     "go on where the fingerprint tells that images have changed since: samples go by their "
     "number, and each is told by itself"},
    {"out", "FILE", 'o',
     "the views too, as batch writes them: safetensors, views U8 [V,N,H,W,3], labels I64 [N], "
     "samples I64 [N]; smaller views apart: small U8 [K,N,h,w,3]"},
    {"png", "FILE", 'p', "the views of the first 256 samples too, as a PNG picture"},
    {"threads", "N", 't', "1 to 256 (default: one for each core)"},
};

static const struct usage_section sections[] = {
    {"Examples",
     "    augstream-inspect replay runs/simsiam/omega/step-00000000.omega --config loaderd.yaml\n"
     "    augstream-inspect replay run.omega --step 1200 --data /data/flowers/train --png "
     "step.png\n"
     "    augstream-inspect replay run.omega --sample 17 --epoch 3 --recipe "
     "runs/simsiam/recipe.yaml"},
    {"Exit status",
     "0 when every view is the record's, 65 when one is not, could not be rendered or has no "
     "checksum to be held against (which --out and --png can do without)."},
};

const struct usage inspect_replay_usage = {
    .name = "replay",
    .program = "augstream-inspect",
    .summary = "recorded views rendered again, and held against the record",
    .operands = "FILE.omega",
    .about = "Renders the views of a record again from the source images and holds the checksum of "
             "each one's pixels against the one that the loader told. Prints a line for each view "
             "that differs, with the file of its sample and, where its omega is not what its law "
             "draws, the first parameter that is another; and a last line with the "
             "counts. " SOURCE_ABOUT,
    .options = rows,
    .n_options = ARRAY_LEN(rows),
    .sections = sections,
    .n_sections = ARRAY_LEN(sections),
};

static int option(struct options *o, int key, const char *arg)
{
    switch (key) {
    case 's':
        return number_whole("step", arg, 0, INT64_MAX, &o->step);
    case 'i':
        return number_whole("sample", arg, 0, UINT32_MAX, &o->sample);
    case 'e':
        return number_whole("epoch", arg, 0, UINT32_MAX, &o->epoch);
    case 'n':
        o->dataset = arg;
        return 0;
    case 'c':
        o->changed = true;
        return 0;
    case 'o':
        o->out = arg;
        return 0;
    case 'p':
        o->png = arg;
        return 0;
    case 't':
        return number_whole("threads", arg, 1, AGAIN_THREADS_MAX, &o->threads);
    default:
        return source_option(&o->source, key, arg);
    }
}

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&inspect_replay_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : option(o, key, optarg);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
    }
    if (optind + 1 != argc)
        return err_set(-EINVAL, "replay needs one FILE.omega");
    if ((o->sample < 0) != (o->epoch < 0))
        return err_set(-EINVAL, "replay: --sample and --epoch go together");
    if (o->step >= 0 && o->sample >= 0)
        return err_set(-EINVAL, "replay: --step or --sample, not both");
    o->record = argv[optind];
    return source_check(&o->source, "replay");
}

/* --- what it works with --- */

struct replayed {
    char name[WIRE_NAME_MAX];
    uint8_t fingerprint[DIGEST_BYTES];
    struct renderer *renderer;
    struct again *again;
};

struct replay {
    const struct options *o;
    struct record *record;
    struct wire_message *tap;
    struct replayed datasets[DATASETS_MAX];
    size_t n_datasets;
    struct keep keep;
    struct progress_line progress;
    /* views, but for damaged: parts of the record */
    uint64_t views, differ, failed, untold, otherwise, specless, passed, damaged;
    double seconds;
};

static unsigned threads_of(const struct options *o)
{
    long n = o->threads ? (long)o->threads : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > AGAIN_THREADS_MAX ? AGAIN_THREADS_MAX : (unsigned)n;
}

/* The images of the batch's dataset, opened when they are first met. */
static int dataset_find(struct replay *r, struct replayed **ret)
{
    const struct wire_message *tap = r->tap;
    for (size_t i = 0; i < r->n_datasets; i++)
        if (strcmp(r->datasets[i].name, tap->tap.dataset) == 0 &&
            memcmp(r->datasets[i].fingerprint, tap->tap.fingerprint, DIGEST_BYTES) == 0) {
            *ret = &r->datasets[i];
            return 0;
        }
    if (r->n_datasets == DATASETS_MAX)
        return err_set(-EINVAL, "%s: more than %d datasets: pick one by --dataset", r->o->record,
                       DATASETS_MAX);
    struct replayed *d = &r->datasets[r->n_datasets];
    const uint8_t *fingerprint = tap->tap.fingerprint;
    int rc = renderer_open(&r->o->source, tap->tap.dataset, r->o->changed ? NULL : fingerprint,
                           &d->renderer);
    if (!rc)
        rc = again_new(d->renderer, threads_of(r->o), &d->again);
    if (rc) {
        renderer_close(d->renderer);
        d->renderer = NULL;
        return err_set(rc, "dataset %s: %s", tap->tap.dataset, err_text());
    }
    snprintf(d->name, sizeof d->name, "%s", tap->tap.dataset);
    memcpy(d->fingerprint, fingerprint, DIGEST_BYTES);
    if (memcmp(renderer_fingerprint(d->renderer), fingerprint, DIGEST_BYTES) != 0)
        log_warn("dataset %s: the images are not all the record's: their fingerprint is another",
                 d->name);
    r->n_datasets++;
    *ret = d;
    return 0;
}

static void replay_done(struct replay *r)
{
    for (size_t i = 0; i < r->n_datasets; i++) {
        again_free(r->datasets[i].again);
        renderer_close(r->datasets[i].renderer);
    }
    keep_done(&r->keep);
    progress_end(&r->progress);
    record_free(r->record);
    free(r->tap);
}

/* --- what is told --- */

/* "step 12 epoch 0 batch 11 sample 345 view 1 flowers/a.jpg": view -1: of the whole sample. */
static void print_place(struct replay *r, const struct replayed *d, uint32_t i, int view)
{
    const struct wire_batch *b = &r->tap->tap.batch;
    const uint32_t sample = b->omega[i].sample;
    char name[1024], number[24] = "";
    renderer_name(d->renderer, sample, name, sizeof name);
    if (view >= 0)
        snprintf(number, sizeof number, " view %d", view);
    progress_pause(&r->progress);
    printf("step %" PRIu64 " epoch %" PRIu32 " batch %" PRIu32 " sample %" PRIu32 "%s ",
           r->tap->tap.sequence, b->epoch, b->index, sample, number);
    plain_put(stdout, name);
}

/* Why a view that differs does, as far as omega knows. */
static void print_blame(const struct replay *r, const struct again_result *result, uint32_t view,
                        uint32_t i)
{
    const struct wire_batch *b = &r->tap->tap.batch;
    const uint8_t flags = result->flags[(size_t)view * b->n_samples + i];
    char text[256];
    struct omega drawn;
    drawn_omega(r->tap, view, i, &drawn);
    drawn_text(&b->omega[(size_t)view * b->n_samples + i], &drawn, text, sizeof text);
    if (flags & AGAIN_OTHERWISE) {
        printf(": %s: %s%s\n", flags & AGAIN_DIFFERS ? "differs" : "the same pixels", text,
               flags & AGAIN_AS_DRAWN ? "; rendered as drawn it is the recorded view" : "");
        return;
    }
    for (uint32_t v = 0; r->tap->tap.spec.reduce && v < b->n_views; v++)
        if (result->flags[(size_t)v * b->n_samples + i] & AGAIN_OTHERWISE) {
            printf(": differs: omega is as drawn; view %" PRIu32 "'s is not, and the views of a "
                   "sample share how far it is reduced\n",
                   v);
            return;
        }
    printf(": differs: omega is as drawn: the image, or what renders it, has changed\n");
}

static void batch_tell(struct replay *r, const struct replayed *d,
                       const struct again_result *result)
{
    const struct wire_batch *b = &r->tap->tap.batch;
    for (uint32_t i = 0; i < b->n_samples; i++) {
        if (result->why[i]) {
            print_place(r, d, i, -1);
            printf(": not rendered: ");
            plain_put(stdout, result->why[i]);
            putchar('\n');
        }
        for (uint32_t v = 0; v < b->n_views; v++) {
            const uint8_t flags = result->flags[(size_t)v * b->n_samples + i];
            r->views += !(flags & AGAIN_LEFT);
            r->failed += (flags & AGAIN_FAILED) != 0;
            r->untold += (flags & AGAIN_UNTOLD) != 0;
            r->differ += (flags & AGAIN_DIFFERS) != 0;
            r->otherwise += (flags & AGAIN_OTHERWISE) != 0;
            if (flags & (AGAIN_DIFFERS | AGAIN_OTHERWISE) && !(flags & AGAIN_FAILED)) {
                print_place(r, d, i, (int)v);
                print_blame(r, result, v, i);
            }
        }
    }
}

static void sum_tell(const struct replay *r)
{
    const struct {
        uint64_t n;
        const char *what;
    } rest[] = {
        {r->failed, "not rendered"},
        {r->untold, "without a checksum"},
        {r->otherwise, "not as drawn"},
        {r->specless, "of an older loader, which tells no spec"},
        {r->passed, "of other datasets passed over"},
        {r->damaged, "damaged parts of the record"},
    };
    printf("%" PRIu64 " views, %" PRIu64 " differ", r->views, r->differ);
    for (size_t i = 0; i < ARRAY_LEN(rest); i++)
        if (rest[i].n)
            printf(", %" PRIu64 " %s", rest[i].n, rest[i].what);
    printf(", %.0f views/s\n", r->seconds > 0 ? (double)r->views / r->seconds : 0.0);
}

/* --- the work --- */

static bool keeps(const struct replay *r)
{
    return r->o->out || (r->o->png && r->keep.n < KEEP_SHEET_MAX);
}

/* Renders the batch in r->tap, tells of it and keeps it. */
static int batch_replay(struct replay *r)
{
    const struct wire_batch *b = &r->tap->tap.batch;
    if (r->o->dataset && strcmp(r->o->dataset, r->tap->tap.dataset) != 0) {
        r->passed += (uint64_t)b->n_views * b->n_samples;
        return 0;
    }
    if (!r->tap->tap.told_spec) {
        r->specless += (uint64_t)b->n_views * b->n_samples;
        return 0;
    }
    struct replayed *d = NULL;
    struct again_result result;
    uint8_t *pixels[OMEGA_VIEWS_MAX];
    bool wanted[WIRE_BATCH_MAX];
    const bool keep = keeps(r);
    for (uint32_t i = 0; i < b->n_samples; i++)
        wanted[i] = r->o->sample < 0 || b->omega[i].sample == (uint32_t)r->o->sample;
    int rc = dataset_find(r, &d);
    if (!rc && keep)
        rc = keep_room(&r->keep, r->tap, pixels);
    const double begun = stat_now();
    if (!rc)
        rc = again_batch(d->again, &(struct again_task){r->tap, wanted, keep ? pixels : NULL},
                         &result);
    if (rc)
        return rc;
    r->seconds += stat_now() - begun;
    batch_tell(r, d, &result);
    for (uint32_t i = 0; i < b->n_samples; i++)
        wanted[i] = wanted[i] && !(result.flags[i] & AGAIN_FAILED);
    if (keep)
        keep_batch(&r->keep, r->tap, wanted);
    progress_at(&r->progress, r->views);
    return 0;
}

/* Where the work begins, which is all of it where one batch is asked for. */
static int seek(struct replay *r)
{
    if (r->o->step >= 0)
        return record_seek_step(r->record, (uint64_t)r->o->step);
    if (r->o->sample >= 0)
        return record_seek_sample(r->record, (uint32_t)r->o->epoch, (uint32_t)r->o->sample);
    return 0;
}

static int record_replay(struct replay *r)
{
    const bool one = r->o->step >= 0 || r->o->sample >= 0;
    int rc = seek(r);
    if (rc)
        return rc;
    if (!one && (isatty(STDERR_FILENO) || record_info(r->record)->views > PROGRESS_FROM))
        progress_begin(&r->progress, "views", record_info(r->record)->views);
    for (unsigned damage = 0;;) {
        rc = record_next(r->record, r->tap);
        if (rc == -ENODATA)
            return 0;
        if (rc == -EBADMSG && !one && ++damage < DAMAGE_MAX) {
            progress_pause(&r->progress);
            log_warn("%s", err_text());
            r->damaged++;
            continue;
        }
        damage = 0;
        if (!rc)
            rc = batch_replay(r);
        if (rc || one)
            return rc;
    }
}

static void record_tell(const struct options *o, const struct record_info *info)
{
    if (info->cut)
        log_warn("%s: was not closed: whole up to byte %" PRIu64, o->record, info->cut_at);
    if (info->damaged)
        log_warn("%s: is damaged at byte %" PRIu64 ": nothing behind it can be found", o->record,
                 info->damaged_at);
}

static int files_write(struct replay *r)
{
    if ((r->o->out || r->o->png) && r->keep.n == 0)
        return err_set(-ENODATA, "%s: there is no view to write", r->o->record);
    int rc = r->o->png ? keep_draw(&r->keep, r->o->png) : 0; /* before keep_write takes them */
    if (!rc && r->o->out)
        rc = keep_write(&r->keep, r->o->out);
    return rc;
}

/* Whether every view is the record's. */
static bool all_well(const struct replay *r)
{
    const bool untold = r->untold && !r->o->out && !r->o->png;
    return r->views && !untold &&
           !(r->differ | r->failed | r->otherwise | r->specless | r->damaged);
}

static int run(const struct options *o, bool *ret_well)
{
    struct replay r = {.o = o, .tap = malloc(sizeof *r.tap)};
    int rc = r.tap ? 0 : err_set(-ENOMEM, "out of memory");
    if (!rc && o->out)
        rc = file_writable(o->out);
    if (!rc && o->png)
        rc = file_writable(o->png);
    if (!rc)
        rc = record_open(o->record, &r.record);
    if (!rc) {
        record_tell(o, record_info(r.record));
        rc = record_replay(&r);
    }
    progress_end(&r.progress);
    if (!rc)
        sum_tell(&r);
    if (!rc)
        rc = files_write(&r);
    *ret_well = !rc && all_well(&r);
    replay_done(&r);
    return rc;
}

int inspect_replay(int argc, char **argv)
{
    struct options o = {.step = -1, .sample = -1, .epoch = -1};
    bool well = false;
    int rc = parse(argc, argv, &o);
    if (rc)
        return inspect_parsed(rc);
    rc = run(&o, &well);
    return rc ? inspect_fail(rc) : well ? EXIT_OK : EXIT_DATA;
}
