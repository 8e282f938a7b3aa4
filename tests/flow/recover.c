/* SPDX-License-Identifier: Apache-2.0 */
/* recover: how long a receiver with one loader waits when that is killed: from SIGKILL to the first
 * batch that the new one made, with the new one started at once. Prints the middle one of all kills
 * and the one that 1 of 100 exceeds.
 *   recover [--kills N] [--p99-max-ms MS] LOADERD */
#include "herd.h"

#include "common/auto.h"
#include "common/stat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 120, BATCH = 16, PATIENCE_MS = 60000 };

static struct herd herd;
static struct herd_loader loader = {
    .herd = &herd, .name = "a", .folder = "set", .lines = "workers: 2\nslots: 8\nslot_mib: 4"};
static struct herd_receiver receiver;

/* The n batches that come next; when the last one came. */
static double take(uint32_t n)
{
    struct herd_record record = {0};
    herd_grant(&receiver, n);
    for (uint32_t i = 0; i < n; i++)
        if (herd_next(&receiver, 1, PATIENCE_MS, &record) != 0)
            herd_fail("no batch came");
    return record.at_s;
}

int main(int argc, char **argv)
{
    uint64_t kills = 5, p99_max_ms = 0;
    const struct herd_option options[] = {{"kills", &kills}, {"p99-max-ms", &p99_max_ms}};
    if (herd_options(argc, argv, options, ARRAY_LEN(options)) != 1 || kills < 1)
        herd_fail("usage: recover [--kills N] [--p99-max-ms MS] LOADERD");
    double *took_ms = calloc(kills, sizeof *took_ms);
    if (!took_ms)
        herd_fail("no memory");
    herd_begin(&herd, argv[1]);
    herd_plant(&herd, "set", SAMPLES, true);
    herd_loader_start(&loader);
    struct herd_receiver_config config;
    herd_receiver_config(&loader, 1, BATCH, &config);
    config.credited = true;
    config.window = 1;
    herd_receiver_start(&receiver, &config);
    for (uint64_t i = 0; i < kills; i++) {
        take(4);
        double killed_s = stat_now();
        herd_loader_kill(&loader);
        herd_loader_start(&loader);
        /* With a window of 1 the old one can have been asked for two batches: the next, and the one
         * after it once that came. The third is the new one's. */
        took_ms[i] = (take(3) - killed_s) * 1e3;
    }
    herd_receiver_kill(&receiver);
    herd_loader_end(&loader);
    herd_end(&herd);
    double p50 = herd_quantile(took_ms, kills, .5), p99 = herd_quantile(took_ms, kills, .99);
    printf("kills %" PRIu64 "\nrecovery_p50_ms %.0f\nrecovery_p99_ms %.0f\n", kills, p50, p99);
    free(took_ms);
    return p99_max_ms > 0 && p99 > (double)p99_max_ms;
}
