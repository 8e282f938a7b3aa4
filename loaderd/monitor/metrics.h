/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: counts what happened, and says in the log what a person should know: every warning of
 * the running daemon has its counter here. The daemon's thread. */
#ifndef AUGSTREAM_LOADERD_METRICS_H
#define AUGSTREAM_LOADERD_METRICS_H

#include "loaderd/source/source.h"
#include "proto/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Times by size: buckets[i] counts those up to metrics_bounds[i] seconds and above the bound
 * before; the last bucket has no bound. */
enum { METRICS_BOUNDS = 15, METRICS_DATASETS_MAX = WIRE_DATASETS_MAX };
extern const double metrics_bounds[METRICS_BOUNDS];

struct metrics_times {
    uint64_t buckets[METRICS_BOUNDS + 1];
    uint64_t count;
    double sum; /* seconds */
};

struct metrics_dataset {
    char name[WIRE_NAME_MAX];
    uint64_t size;                /* samples that it has */
    uint64_t samples;             /* sent */
    uint64_t substituted;         /* of these */
    uint64_t faults[FAULT_KINDS]; /* bad samples, each counted once */
};

struct metrics {
    uint64_t batches, samples, bytes; /* sent */
    uint64_t substituted;             /* samples of these */
    uint64_t shared;                  /* requests answered by a batch already being made */
    uint64_t kept_hits;               /* requests answered by a batch that others had before */
    uint64_t cache_hits;              /* samples whose decoded picture was there */
    uint64_t cache_misses;            /* samples that had to be decoded, the cache being on */
    uint64_t cache_bytes;             /* of pictures that are there now */
    uint64_t cache_evictions;         /* pictures of datasets that were not used any more */
    uint64_t faults[FAULT_KINDS];     /* bad samples, each once; struct dataset has its own */
    uint64_t quarantined;             /* of these, not tried again: they ended workers */
    uint64_t refused;                 /* requests answered with Error */
    uint64_t bad_messages;            /* of these, not understood */
    uint64_t internal;                /* of these, for trouble of our own */
    uint64_t replies_lost;            /* small replies that a peer's full queue had no room for */
    uint64_t sends_delayed;           /* batches that waited for room in a peer's queue */
    uint64_t peers_gone;              /* found gone with requests outstanding */
    uint64_t jams;                    /* all slots stood with peers that did not read */
    uint64_t turned_away;             /* connections closed for want of descriptors */
    uint64_t worker_exits;            /* not asked for */
    uint64_t worker_overdue;          /* of these, for too much processor time on one image */
    uint64_t worker_stuck;            /* of these, without an answer for too long */
    uint64_t worker_killed;           /* of these, by somebody else */
    uint64_t worker_recycled;         /* replaced when their share was done */
    uint64_t worker_starts_failed;    /* of a new one in place of an old one */
    uint64_t lost_edges;              /* messages that only the safety timer found: must stay 0 */
    uint64_t reloads, reloads_failed; /* by SIGHUP: taken, refused */
    uint64_t stalls;                  /* pings that the watchdog was not given */
    uint64_t auth_failures;           /* connections, and messages, of keys that may not */
    uint64_t handshake_failures;      /* others that never came to an end */
    int turning_away;                 /* the last second was such a one */
    int insecure;                     /* tcp endpoints let everybody in */
    struct metrics_times render;      /* decoding and augmenting a sample, as workers report it */
    struct metrics_times loop_lag;    /* how late the loop looks at its clock */
    size_t n_datasets;
    struct metrics_dataset datasets[METRICS_DATASETS_MAX];
};

/* A dataset's row, begun with its first mention; NULL when there is no room. */
struct metrics_dataset *metrics_dataset(struct metrics *m, const char *name);

void metrics_time(struct metrics_times *times, double seconds);

/* A batch has left for its trainer. */
struct metrics_sent {
    const char *dataset;
    uint32_t samples, substituted;
    uint64_t bytes;
};
void metrics_sent(struct metrics *m, const struct metrics_sent *sent);

/* A sample was found bad for the first time. */
void metrics_fault(struct metrics *m, const char *dataset, const struct item *item,
                   enum wire_fault fault, const char *text);

/* A sample ended so many workers, one after the other: no other one is given it. */
void metrics_quarantine(struct metrics *m, const char *dataset, const struct item *item,
                        uint32_t workers);

/* What a worker's end says; only the first two say it of the image it was working on. */
enum worker_end {
    WORKER_CRASHED,
    WORKER_DEADLINE, /* too much processor time on one image */
    WORKER_STUCK,    /* no answer for too long, by the clock */
    WORKER_KILLED,   /* by somebody else: the kernel when memory is short, a person */
};

/* A worker process ended unasked (status as waitpid's: code, or the signal). */
struct metrics_exit {
    uint32_t worker;
    int pid;
    int64_t code;
    int signal;
    enum worker_end end;
    uint64_t restart_ms;
};
void metrics_worker_exit(struct metrics *m, const struct metrics_exit *exit);

/* err_text() says why a worker could not be started. */
void metrics_worker_start_failed(struct metrics *m, const char *text, uint64_t restart_ms);

/* Peers that held every slot for so long are cut off, with all others of their endpoint. */
void metrics_jam(struct metrics *m, const char *endpoint, uint64_t stood_ms);

/* So many connections were turned away since the start; asked every second or so, and logged when
 * it begins. */
void metrics_turned_away(struct metrics *m, uint64_t total);

/* So many peers were refused, and so many handshakes failed, since the start; asked every second or
 * so. Whoever likes can cause both: told at the first, and when they have doubled. */
void metrics_refused_peers(struct metrics *m, uint64_t refused, uint64_t failed, const char *last);

/* A request is refused for trouble of our own. The trainer asks again and again: the first of them
 * is logged, the second, the fourth, the eighth ... */
void metrics_internal(struct metrics *m, const char *text);

/* SIGHUP was heard: all was read again, or some of it refused. */
void metrics_reload(struct metrics *m, bool done);

/* The watchdog is due and gets no ping. */
void metrics_stall(struct metrics *m, const char *why);

void metrics_bad_message(struct metrics *m, const char *text);
void metrics_lost_edge(struct metrics *m);

/* One line: "12 batches, 3072 samples ..." Returns the length, as snprintf. */
int metrics_line(const struct metrics *m, char *ret, size_t cap);

#endif
