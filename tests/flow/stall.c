/* SPDX-License-Identifier: Apache-2.0 */
/* stall: what a trainer that stands still (SIGSTOP) costs the loader and the other trainer. First
 * one receiver of two is stopped for a while: prints by how much the loader's memory grew
 * meanwhile, which may be 2 % (pages are touched late), and whether both go on afterwards. Then
 * windows by turns in which the other one is alone and in which there is a stopped one beside it:
 * prints the rate with it as a part of the rate alone, the median of the pairs. stall [--seconds S]
 * [--pairs N] [--window-ms MS] [--rate-min PERCENT] LOADERD */
#include "herd.h"

#include "common/auto.h"
#include "common/stat.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SAMPLES = 240,
    BATCH = 64,
    WARM = 40,           /* batches before anything is measured: every slot has been used */
    PATIENCE_MS = 60000, /* without a batch */
    GROWTH_MAX_PERCENT = 2,
};

static struct herd herd;
/* No worker is replaced meanwhile: that, and what it costs, is soak's. */
static struct herd_loader loader = {
    .herd = &herd,
    .name = "a",
    .folder = "set",
    .lines = "workers: 2\nslots: 12\nslot_mib: 4\nwindow: 4\nrecycle: 0"};
static struct herd_receiver receivers[2]; /* the one that runs, the one that is stopped */

static void begin(uint32_t number)
{
    struct herd_receiver_config config;
    herd_receiver_config(&loader, 1 + number, BATCH, &config);
    herd_receiver_start(&receivers[number], &config);
}

static uint32_t next_of(uint32_t n)
{
    struct herd_record record;
    uint32_t i = herd_next(receivers, n, PATIENCE_MS, &record);
    if (i == n)
        herd_fail("no batch came");
    return i;
}

/* Until each of n receivers has `more` batches more than it has. */
static void take(uint32_t n, uint64_t more)
{
    uint64_t goal[2] = {receivers[0].got + more, n > 1 ? receivers[1].got + more : 0};
    while (receivers[0].got < goal[0] || (n > 1 && receivers[1].got < goal[1]))
        next_of(n);
}

/* Batches a second of the first receiver. */
static double rate(double window_s)
{
    struct herd_record first, record = {0};
    if (herd_next(receivers, 1, PATIENCE_MS, &first) != 0)
        herd_fail("no batch came");
    uint64_t begin = receivers[0].got;
    for (record.at_s = first.at_s; record.at_s < first.at_s + window_s;)
        if (herd_next(receivers, 1, PATIENCE_MS, &record) != 0)
            herd_fail("no batch came");
    return (double)(receivers[0].got - begin) / (record.at_s - first.at_s);
}

/* The second receiver, when it has taken batches and asked for more, is stopped. */
static void begin_stopped(void)
{
    begin(1);
    take(2, 10);
    kill(receivers[1].pid, SIGSTOP);
}

static double measure_memory(double stop_s)
{
    struct herd_held before, after;
    take(2, WARM);
    kill(receivers[1].pid, SIGSTOP);
    take(1, WARM);
    herd_hold(&loader, &before);
    uint64_t got = receivers[0].got;
    for (double end_s = stat_now() + stop_s; stat_now() < end_s;)
        take(1, 1);
    herd_hold(&loader, &after);
    printf("stopped for %.1f s, the other one took %" PRIu64 " batches meanwhile\n", stop_s,
           receivers[0].got - got);
    printf("private %" PRIu64 " -> %" PRIu64 " KiB, shared %" PRIu64 " -> %" PRIu64 " KiB\n",
           before.private_kib, after.private_kib, before.shared_kib, after.shared_kib);
    if (after.daemon_fds != before.daemon_fds || after.daemon_threads != before.daemon_threads)
        herd_fail("the daemon's descriptors or threads are not those from before");
    kill(receivers[1].pid, SIGCONT);
    take(2, WARM); /* both go on */
    double was = (double)(before.private_kib + before.shared_kib);
    return ((double)(after.private_kib + after.shared_kib) - was) / was;
}

static double measure_rate(uint32_t pairs, double window_s)
{
    double *kept = calloc(pairs, sizeof *kept);
    if (!kept)
        herd_fail("no memory");
    for (uint32_t i = 0; i < pairs; i++) {
        double both[2];
        for (uint32_t k = 0; k < 2; k++) {
            uint32_t stopped = (i + k) % 2; /* which is first alternates */
            if (stopped)
                begin_stopped();
            take(1, 5);
            both[stopped] = rate(window_s);
            herd_receiver_kill(&receivers[1]);
        }
        kept[i] = both[1] / both[0];
        printf("pair %" PRIu32 ": alone %.1f, with a stopped one %.1f batches/s\n", i, both[0],
               both[1]);
    }
    double median = herd_quantile(kept, pairs, .5);
    free(kept);
    return median;
}

int main(int argc, char **argv)
{
    uint64_t seconds = 3, pairs = 1, window_ms = 300, rate_min = 0;
    const struct herd_option options[] = {{"seconds", &seconds},
                                          {"pairs", &pairs},
                                          {"window-ms", &window_ms},
                                          {"rate-min", &rate_min}};
    if (herd_options(argc, argv, options, ARRAY_LEN(options)) != 1 || pairs < 1)
        herd_fail("usage: stall [--seconds S] [--pairs N] [--window-ms MS] [--rate-min PERCENT] "
                  "LOADERD");
    herd_begin(&herd, argv[1]);
    herd_plant(&herd, "set", SAMPLES, false);
    herd_loader_start(&loader);
    begin(0);
    begin(1);
    double growth = measure_memory((double)seconds);
    herd_receiver_kill(&receivers[1]);
    double kept = measure_rate((uint32_t)pairs, (double)window_ms * 1e-3);
    herd_receiver_kill(&receivers[0]);
    herd_loader_end(&loader);
    herd_end(&herd);
    printf("memory_growth %.4f\nrate_kept %.3f\n", growth, kept);
    return growth * 100 > GROWTH_MAX_PERCENT || kept * 100 < (double)rate_min;
}
