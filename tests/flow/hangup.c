/* SPDX-License-Identifier: Apache-2.0 */
/* hangup: a loader that is told again and again to read its list of clients, while it serves two
 * receivers over tcp with keys. Each SIGHUP is sent once the one before was obeyed, and batches are
 * taken all the while: nobody may be disconnected, or have to ask again.
 *   hangup [--hangups N] LOADERD */
#include "herd.h"

#include "common/auto.h"
#include "common/stat.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAMPLES = 96,
    BATCH = 8,
    AHEAD = 4,           /* batches that a receiver may take before they are counted */
    PATIENCE_MS = 60000, /* without a batch */
    PATIENCE_S = 60,     /* without a SIGHUP obeyed */
};

static struct herd herd;
static struct herd_loader loader = {
    .herd = &herd, .name = "a", .folder = "set", .lines = "workers: 1\nslots: 8\nslot_mib: 2"};
static struct herd_receiver receivers[2];

static void next_batch(void)
{
    struct herd_record record;
    uint32_t i = herd_next(receivers, ARRAY_LEN(receivers), PATIENCE_MS, &record);
    if (i == ARRAY_LEN(receivers))
        herd_fail("no batch came");
    herd_grant(&receivers[i], 1);
}

/* How often the loader has told that it read the list, at its start as well. */
static uint64_t lists_read(void)
{
    char path[128], line[512];
    uint64_t n = 0;
    snprintf(path, sizeof path, "%s/%s.log", herd.root, loader.name);
    auto_fclose FILE *in = fopen(path, "r");
    while (in && fgets(line, sizeof line, in))
        n += strstr(line, "keys may connect") != NULL;
    return n;
}

int main(int argc, char **argv)
{
    uint64_t hangups = 300, batches = 0;
    const struct herd_option options[] = {{"hangups", &hangups}};
    if (herd_options(argc, argv, options, ARRAY_LEN(options)) != 1)
        herd_fail("usage: hangup [--hangups N] LOADERD");
    herd_begin(&herd, argv[1]);
    herd_keys(&herd);
    loader.port = herd_port();
    herd_plant(&herd, "set", SAMPLES, false);
    herd_loader_start(&loader);
    for (uint32_t i = 0; i < ARRAY_LEN(receivers); i++) {
        struct herd_receiver_config config;
        herd_receiver_config(&loader, 1 + i, BATCH, &config);
        config.credited = true;
        herd_receiver_start(&receivers[i], &config);
        herd_grant(&receivers[i], AHEAD);
    }
    for (uint32_t i = 0; i < 4 * AHEAD; i++)
        next_batch();
    const uint64_t before = lists_read();
    uint64_t lost = receivers[0].counts->disconnects + receivers[1].counts->disconnects;
    uint64_t again = receivers[0].counts->rerequests + receivers[1].counts->rerequests;
    for (uint64_t i = 0; i < hangups; i++) {
        double end_s = stat_now() + PATIENCE_S;
        kill(loader.pid, SIGHUP);
        do {
            next_batch();
            batches++;
        } while (lists_read() <= before + i && stat_now() < end_s);
    }
    for (uint32_t i = 0; i < 4 * AHEAD; i++) /* what came of the last one would be seen here */
        next_batch();
    const uint64_t obeyed = lists_read() - before;
    lost = receivers[0].counts->disconnects + receivers[1].counts->disconnects - lost;
    again = receivers[0].counts->rerequests + receivers[1].counts->rerequests - again;
    for (uint32_t i = 0; i < ARRAY_LEN(receivers); i++)
        herd_receiver_kill(&receivers[i]);
    herd_loader_end(&loader);
    herd_end(&herd);
    printf("hangups %" PRIu64 "\nobeyed %" PRIu64 "\nbatches meanwhile %" PRIu64
           "\ndisconnects %" PRIu64 "\nasked_again %" PRIu64 "\n",
           hangups, obeyed, batches, lost, again);
    return obeyed != hangups || lost > 0 || again > 0;
}
