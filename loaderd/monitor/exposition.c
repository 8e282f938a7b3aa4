/* SPDX-License-Identifier: Apache-2.0 */
/* exposition: takes figures, gives text. Each row says where its value lies, or which function
 * writes its samples when it has labels. Names by Prometheus' practice: base units, _total. */
#include "loaderd/monitor/exposition.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "augstream_loaderd_"

/* Where the text grows. One that is full stays full. */
struct text {
    char *at;
    size_t left;
    bool full;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text->at, text->left, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= text->left) {
        text->full = true;
        return;
    }
    text->at += n;
    text->left -= (size_t)n;
}

/* A label's value: a backslash, a quote and a line feed are escaped. */
static void add_escaped(struct text *text, const char *value)
{
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            add(text, "\\%c", *value);
        else if (*value == '\n')
            add(text, "\\n");
        else
            add(text, "%c", *value);
    }
}

enum type { COUNTER, GAUGE, HISTOGRAM };

static const char *const type_names[] = {"counter", "gauge", "histogram"};

/* In what the offset leads to. */
enum kind {
    OF_METRICS, /* uint64_t in struct metrics */
    OF_FIGURES, /* uint64_t in struct exposition */
    OF_SECONDS, /* double in struct exposition */
    OF_TIMES,   /* struct metrics_times in struct metrics */
    BY_LABELS,  /* write: the samples, with labels */
};

struct row {
    const char *name;
    enum type type;
    const char *help;
    enum kind kind;
    size_t offset;
    const char *labels; /* their names, for people */
    void (*write)(struct text *text, const char *name, const struct exposition *figures);
};

/* --- samples with labels --- */

struct labelled {
    const char *value;
    uint64_t n;
};

static void add_labelled(struct text *text, const char *name, const char *label,
                         const struct labelled *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add(text, "%s{%s=\"%s\"} %" PRIu64 "\n", name, label, rows[i].value, rows[i].n);
}

static void write_build(struct text *text, const char *name, const struct exposition *figures)
{
    (void)figures;
    add(text, "%s{version=\"%s\"} 1\n", name, AUGSTREAM_VERSION);
}

static void write_insecure(struct text *text, const char *name, const struct exposition *figures)
{
    add(text, "%s %d\n", name, figures->metrics->insecure != 0);
}

static void write_requests(struct text *text, const char *name, const struct exposition *f)
{
    const struct labelled rows[] = {
        {"waiting", f->waiting}, {"working", f->working}, {"ready", f->ready}};
    add_labelled(text, name, "stage", rows, ARRAY_LEN(rows));
}

static void write_slots(struct text *text, const char *name, const struct exposition *f)
{
    const struct labelled rows[] = {{"idle", f->slots_idle}, {"taken", f->slots_taken}};
    add_labelled(text, name, "state", rows, ARRAY_LEN(rows));
}

static void write_workers(struct text *text, const char *name, const struct exposition *f)
{
    const struct labelled rows[] = {{"idle", f->workers_idle},
                                    {"busy", f->workers_busy},
                                    {"starting", f->workers_starting},
                                    {"down", f->workers_down}};
    add_labelled(text, name, "state", rows, ARRAY_LEN(rows));
}

static void write_restarts(struct text *text, const char *name, const struct exposition *f)
{
    const struct metrics *m = f->metrics;
    const struct labelled rows[] = {
        {"deadline", m->worker_overdue},
        {"stuck", m->worker_stuck},
        {"killed", m->worker_killed},
        {"exit", m->worker_exits - m->worker_overdue - m->worker_stuck - m->worker_killed},
        {"recycled", m->worker_recycled},
        {"start_failed", m->worker_starts_failed},
    };
    add_labelled(text, name, "reason", rows, ARRAY_LEN(rows));
}

static void write_reloads(struct text *text, const char *name, const struct exposition *f)
{
    const struct labelled rows[] = {{"done", f->metrics->reloads},
                                    {"refused", f->metrics->reloads_failed}};
    add_labelled(text, name, "result", rows, ARRAY_LEN(rows));
}

static void write_dataset(struct text *text, const char *name, const struct metrics_dataset *d,
                          uint64_t n)
{
    add(text, "%s{dataset=\"", name);
    add_escaped(text, d->name);
    add(text, "\"} %" PRIu64 "\n", n);
}

#define WRITE_DATASETS(field)                                                                      \
    static void write_##field(struct text *text, const char *name, const struct exposition *f)     \
    {                                                                                              \
        for (size_t i = 0; i < f->metrics->n_datasets; i++)                                        \
            write_dataset(text, name, &f->metrics->datasets[i], f->metrics->datasets[i].field);    \
    }
WRITE_DATASETS(size)
WRITE_DATASETS(samples)
WRITE_DATASETS(substituted)

static void write_faults(struct text *text, const char *name, const struct exposition *f)
{
    for (size_t i = 0; i < f->metrics->n_datasets; i++) {
        const struct metrics_dataset *dataset = &f->metrics->datasets[i];
        for (uint32_t fault = FAULT_NONE + 1; fault < FAULT_KINDS; fault++) {
            add(text, "%s{dataset=\"", name);
            add_escaped(text, dataset->name);
            add(text, "\",reason=\"%s\"} %" PRIu64 "\n", wire_fault_name((enum wire_fault)fault),
                dataset->faults[fault]);
        }
    }
}

static void write_times(struct text *text, const char *name, const struct metrics_times *times)
{
    uint64_t n = 0;
    for (size_t i = 0; i < METRICS_BOUNDS; i++) {
        n += times->buckets[i];
        add(text, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, metrics_bounds[i], n);
    }
    add(text, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, times->count);
    add(text, "%s_sum %.9g\n%s_count %" PRIu64 "\n", name, times->sum, name, times->count);
}

/* --- the table --- */

#define M(field) OF_METRICS, offsetof(struct metrics, field), NULL, NULL
#define T(field) OF_TIMES, offsetof(struct metrics, field), NULL, NULL
#define F(field) OF_FIGURES, offsetof(struct exposition, field), NULL, NULL
#define S(field) OF_SECONDS, offsetof(struct exposition, field), NULL, NULL
#define L(labels, write) BY_LABELS, 0, labels, write

static const struct row rows[] = {
    {PREFIX "build_info", GAUGE, "The program's version; always 1.", L("version", write_build)},
    {PREFIX "serving", GAUGE, "1 while requests are taken, 0 while starting or draining.",
     F(serving)},
    /* what leaves */
    {PREFIX "batches_sent_total", COUNTER, "Batches handed to trainers' queues.", M(batches)},
    {PREFIX "sent_bytes_total", COUNTER, "Pixels of these batches.", M(bytes)},
    {PREFIX "shared_requests_total", COUNTER,
     "Requests that were answered by a batch being made for another one.", M(shared)},
    {PREFIX "kept_hits_total", COUNTER, "Requests answered by a batch that others had before.",
     M(kept_hits)},
    {PREFIX "cache_hits_total", COUNTER, "Samples whose decoded picture was there.", M(cache_hits)},
    {PREFIX "cache_misses_total", COUNTER, "Samples that had to be decoded, the cache being on.",
     M(cache_misses)},
    {PREFIX "cache_bytes", GAUGE, "Decoded pictures that are there now.", M(cache_bytes)},
    {PREFIX "cache_evictions_total", COUNTER, "Pictures dropped of datasets not in use.",
     M(cache_evictions)},
    {PREFIX "sends_delayed_total", COUNTER, "Batches that waited for room in a trainer's queue.",
     M(sends_delayed)},
    /* datasets */
    {PREFIX "dataset_samples", GAUGE, "Samples that a dataset has.", L("dataset", write_size)},
    {PREFIX "samples_sent_total", COUNTER, "Samples in batches sent.", L("dataset", write_samples)},
    {PREFIX "samples_substituted_total", COUNTER,
     "Samples in batches sent that stood in for bad ones.", L("dataset", write_substituted)},
    {PREFIX "bad_samples_total", COUNTER, "Samples found bad, each counted once.",
     L("dataset, reason", write_faults)},
    {PREFIX "quarantined_samples_total", COUNTER, "Samples not tried again: they ended workers.",
     M(quarantined)},
    /* who asks */
    {PREFIX "peers", GAUGE, "Trainers and tools that are not known to have left.", F(peers)},
    {PREFIX "peers_gone_total", COUNTER, "Peers found gone with requests outstanding.",
     M(peers_gone)},
    {PREFIX "sessions", GAUGE, "Different pairs of recipe and dataset being served.", F(sessions)},
    {PREFIX "requests", GAUGE, "Batches asked for and not yet sent.", L("stage", write_requests)},
    {PREFIX "requests_refused_total", COUNTER, "Requests answered with an error.", M(refused)},
    {PREFIX "bad_messages_total", COUNTER, "Messages that could not be understood.",
     M(bad_messages)},
    {PREFIX "internal_errors_total", COUNTER, "Requests refused for trouble of the loader's own.",
     M(internal)},
    {PREFIX "replies_lost_total", COUNTER, "Short answers that found a peer's queue full.",
     M(replies_lost)},
    {PREFIX "jams_total", COUNTER, "Times that peers who do not read were cut off.", M(jams)},
    {PREFIX "connections_refused_total", COUNTER, "Connections closed for want of descriptors.",
     M(turned_away)},
    {PREFIX "auth_failures_total", COUNTER,
     "Connections refused, and messages, of keys that may not.", M(auth_failures)},
    {PREFIX "handshake_failures_total", COUNTER, "Other connections that never came to stand.",
     M(handshake_failures)},
    {PREFIX "insecure", GAUGE, "1 when tcp endpoints let everybody in.", BY_LABELS, 0, NULL,
     write_insecure},
    /* who works */
    {PREFIX "render_seconds", HISTOGRAM, "Decoding and augmenting one sample, by a worker's clock.",
     T(render)},
    {PREFIX "workers", GAUGE, "Worker processes.", L("state", write_workers)},
    {PREFIX "worker_restarts_total", COUNTER, "Worker processes replaced.",
     L("reason", write_restarts)},
    {PREFIX "slots", GAUGE, "Batches that memory is made for; taken: being made, sent, or kept.",
     L("state", write_slots)},
    {PREFIX "slot_bytes", GAUGE, "Memory of one slot.", F(slot_bytes)},
    /* how it runs */
    {PREFIX "loop_lag_seconds", HISTOGRAM, "How late the event loop looks at its clock.",
     T(loop_lag)},
    {PREFIX "lost_edges_total", COUNTER, "Messages found by the safety timer only: a bug.",
     M(lost_edges)},
    {PREFIX "stalls_total", COUNTER, "Signs of life that the watchdog was not given.", M(stalls)},
    {PREFIX "reloads_total", COUNTER, "SIGHUPs: all was read again, or some of it refused.",
     L("result", write_reloads)},
    /* the process, by the names that every exporter uses */
    {"process_cpu_seconds_total", COUNTER, "Time on a processor.", S(process.cpu_s)},
    {"process_start_time_seconds", GAUGE, "Start, since 1970.", S(process.start_s)},
    {"process_resident_memory_bytes", GAUGE, "Resident memory, shared slots included.",
     F(process.resident_bytes)},
    {"process_virtual_memory_bytes", GAUGE, "Address space.", F(process.virtual_bytes)},
    {"process_open_fds", GAUGE, "Open descriptors.", F(process.descriptors)},
    {"process_max_fds", GAUGE, "Descriptors that may be open.", F(process.descriptors_max)},
    {"process_threads", GAUGE, "Threads.", F(process.threads)},
};

static void write_row(struct text *text, const struct row *row, const struct exposition *figures)
{
    const char *metrics = (const char *)figures->metrics + row->offset;
    const char *figure = (const char *)figures + row->offset;
    add(text, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
        type_names[row->type]);
    switch (row->kind) {
    case OF_METRICS:
        add(text, "%s %" PRIu64 "\n", row->name, *(const uint64_t *)metrics);
        break;
    case OF_FIGURES:
        add(text, "%s %" PRIu64 "\n", row->name, *(const uint64_t *)figure);
        break;
    case OF_SECONDS:
        add(text, "%s %.17g\n", row->name, *(const double *)figure);
        break;
    case OF_TIMES:
        write_times(text, row->name, (const struct metrics_times *)metrics);
        break;
    case BY_LABELS:
        row->write(text, row->name, figures);
        break;
    }
}

static int written(const struct text *text, const char *begin)
{
    return text->full ? err_set(-ENOSPC, "the figures do not fit") : (int)(text->at - begin);
}

int exposition_write(const struct exposition *figures, char *ret, size_t cap)
{
    struct text text = {.at = ret, .left = cap};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        write_row(&text, &rows[i], figures);
    return written(&text, ret);
}

int exposition_list(char *ret, size_t cap)
{
    struct text text = {.at = ret, .left = cap};
    add(&text, "| metric | type | labels | |\n|---|---|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        add(&text, "| `%s` | %s | %s | %s |\n", rows[i].name, type_names[rows[i].type],
            rows[i].labels ? rows[i].labels : "", rows[i].help);
    return written(&text, ret);
}
