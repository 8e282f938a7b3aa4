/* SPDX-License-Identifier: Apache-2.0 */
/* exposition: the loader's figures as text for Prometheus (its text format 0.0.4): one table has a
 * row for each metric. Any thread; no state, no allocation. */
#ifndef AUGSTREAM_LOADERD_EXPOSITION_H
#define AUGSTREAM_LOADERD_EXPOSITION_H

#include "loaderd/monitor/metrics.h"

#include <stddef.h>
#include <stdint.h>

/* Of the process alone; its workers are others. */
struct exposition_process {
    double cpu_s, start_s; /* start: since 1970 */
    uint64_t resident_bytes, virtual_bytes;
    uint64_t descriptors, descriptors_max, threads;
};

/* What is counted, and how things stand. */
struct exposition {
    const struct metrics *metrics; /* a loan */
    uint64_t peers, sessions;
    uint64_t waiting, working, ready; /* requests by stage */
    uint64_t slots_idle, slots_taken;
    uint64_t slot_bytes; /* of each */
    uint64_t workers_idle, workers_busy, workers_starting, workers_down;
    uint64_t serving; /* 1: requests are taken */
    struct exposition_process process;
};

enum { EXPOSITION_MAX = 256 << 10 /* bytes: every dataset with the longest name has room */ };

/* Whole families, a line feed at the end. Returns the length; -ENOSPC when cap is too small. */
int exposition_write(const struct exposition *figures, char *ret, size_t cap);

/* The same families as a table for the manual: "| name | type | labels | help |". */
int exposition_list(char *ret, size_t cap);

#endif
