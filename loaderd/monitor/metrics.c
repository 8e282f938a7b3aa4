/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: takes events, gives counters, log lines and a summary. What a peer can cause at will is
 * logged at debug only, so that it cannot flood the log. */
#include "loaderd/monitor/metrics.h"

#include "common/err.h"
#include "common/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* From a small JPEG's thumbnail to the default deadline. */
const double metrics_bounds[METRICS_BOUNDS] = {.0005, .001, .0025, .005, .01, .025, .05, .1,
                                               .25,   .5,   1,     2.5,  5,   10,   20};

struct metrics_dataset *metrics_dataset(struct metrics *m, const char *name)
{
    for (size_t i = 0; i < m->n_datasets; i++)
        if (strcmp(m->datasets[i].name, name) == 0)
            return &m->datasets[i];
    if (m->n_datasets == METRICS_DATASETS_MAX)
        return NULL;
    struct metrics_dataset *dataset = &m->datasets[m->n_datasets++];
    snprintf(dataset->name, sizeof dataset->name, "%s", name);
    return dataset;
}

void metrics_time(struct metrics_times *times, double seconds)
{
    size_t i = 0;
    while (i < METRICS_BOUNDS && seconds > metrics_bounds[i])
        i++;
    times->buckets[i]++;
    times->count++;
    times->sum += seconds;
}

void metrics_sent(struct metrics *m, const struct metrics_sent *sent)
{
    struct metrics_dataset *dataset = metrics_dataset(m, sent->dataset);
    m->batches++;
    m->samples += sent->samples;
    m->substituted += sent->substituted;
    m->bytes += sent->bytes;
    if (dataset) {
        dataset->samples += sent->samples;
        dataset->substituted += sent->substituted;
    }
}

void metrics_fault(struct metrics *m, const char *dataset, const struct item *item,
                   enum wire_fault fault, const char *text)
{
    struct metrics_dataset *row = metrics_dataset(m, dataset);
    m->faults[fault]++;
    if (row)
        row->faults[fault]++;
    log_warn("dataset %s: sample %" PRIu32 " is bad and will be substituted: %s: %s", dataset,
             item->sample, wire_fault_name(fault), text[0] ? text : item->path);
}

void metrics_quarantine(struct metrics *m, const char *dataset, const struct item *item,
                        uint32_t workers)
{
    m->quarantined++;
    log_warn("dataset %s: sample %" PRIu32 " ended %" PRIu32 " workers and is not tried again: %s",
             dataset, item->sample, workers, item->path);
}

void metrics_worker_exit(struct metrics *m, const struct metrics_exit *exit)
{
    char how[64];
    m->worker_exits++;
    m->worker_overdue += exit->end == WORKER_DEADLINE;
    m->worker_stuck += exit->end == WORKER_STUCK;
    m->worker_killed += exit->end == WORKER_KILLED;
    if (exit->end == WORKER_DEADLINE)
        snprintf(how, sizeof how, "used too much processor time on one image");
    else if (exit->end == WORKER_STUCK)
        snprintf(how, sizeof how, "gave no answer for too long and was killed");
    else if (exit->end == WORKER_KILLED)
        snprintf(how, sizeof how, "was killed by somebody else (signal %d)", exit->signal);
    else if (exit->signal)
        snprintf(how, sizeof how, "died of signal %d", exit->signal);
    else
        snprintf(how, sizeof how, "exited with %" PRId64, exit->code);
    log_warn("worker %" PRIu32 " (pid %d) %s; a new one starts in %" PRIu64 " ms", exit->worker,
             exit->pid, how, exit->restart_ms);
}

void metrics_worker_start_failed(struct metrics *m, const char *text, uint64_t restart_ms)
{
    m->worker_starts_failed++;
    log_warn("%s; tried again in %" PRIu64 " ms", text, restart_ms);
}

void metrics_jam(struct metrics *m, const char *endpoint, uint64_t stood_ms)
{
    m->jams++;
    log_warn("every slot has been with peers that do not read for %" PRIu64
             " ms: all connections to %s are cut, who reads will be back",
             stood_ms, endpoint);
}

void metrics_turned_away(struct metrics *m, uint64_t total)
{
    int now = total > m->turned_away;
    m->turned_away = total;
    if (now && !m->turning_away)
        log_warn("peers are turned away: too few descriptors are left (ulimit -n, LimitNOFILE)");
    m->turning_away = now;
}

/* A power of two lies between them. */
static int doubled(uint64_t before, uint64_t now)
{
    while (now > 0 && (now & (now - 1)) != 0)
        now &= now - 1;
    return now > before;
}

void metrics_refused_peers(struct metrics *m, uint64_t refused, uint64_t failed, const char *last)
{
    if (doubled(m->auth_failures, refused))
        log_warn("%" PRIu64 " peers were refused for their keys; the last: %s", refused, last);
    if (doubled(m->handshake_failures, failed))
        log_warn("%" PRIu64 " handshakes of peers failed: without a key, with another loader's, or "
                 "no peers of ours",
                 failed);
    m->auth_failures = refused;
    m->handshake_failures = failed;
}

void metrics_internal(struct metrics *m, const char *text)
{
    m->internal++;
    if ((m->internal & (m->internal - 1)) == 0)
        log_warn("a request was refused (the %" PRIu64 ". of this kind): %s", m->internal, text);
}

void metrics_reload(struct metrics *m, bool done)
{
    m->reloads += done;
    m->reloads_failed += !done;
}

void metrics_stall(struct metrics *m, const char *why)
{
    m->stalls++;
    log_warn("the watchdog gets no sign of life (%" PRIu64 ". time): %s", m->stalls, why);
}

void metrics_bad_message(struct metrics *m, const char *text)
{
    m->bad_messages++;
    log_debug("message refused: %s", text);
}

void metrics_lost_edge(struct metrics *m)
{
    m->lost_edges++;
    log_warn("a message was found by the safety timer only (lost edge %" PRIu64 ")", m->lost_edges);
}

int metrics_line(const struct metrics *m, char *ret, size_t cap)
{
    uint64_t faults = 0;
    for (uint32_t i = 0; i < FAULT_KINDS; i++)
        faults += m->faults[i];
    return snprintf(ret, cap,
                    "%" PRIu64 " batches, %" PRIu64 " samples, %" PRIu64 " MiB sent; %" PRIu64
                    " bad images, %" PRIu64 " substitutions, %" PRIu64 " requests refused, %" PRIu64
                    " worker exits, %" PRIu64 " lost edges",
                    m->batches, m->samples, m->bytes >> 20, faults, m->substituted, m->refused,
                    m->worker_exits, m->lost_edges);
}
