/* SPDX-License-Identifier: Apache-2.0 */
/* soak: what a loader that has served for long holds. Two receivers take batches of a dataset with
 * bad images in it while workers are replaced after each share of images; then trainers come and
 * go; then the loader is told again and again to read its configuration. Memory may not grow by
 * more than 2 % once it is warm, descriptors and threads not at all, and nobody is disconnected.
 *   soak [--images N] [--clients N] [--hangups N] [--recycle N] LOADERD */
#include "herd.h"

#include "common/auto.h"
#include "common/stat.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAMPLES = 960,
    BATCH = 32,
    WORKERS = 2,
    AHEAD = 8,           /* batches that a receiver may take before they are counted */
    LOOKS = 200,         /* at memory, over all images */
    LOOKS_AT_REST = 20,  /* that must agree */
    PATIENCE_MS = 60000, /* without a batch */
    STEADY_S = 30,       /* for what comes and goes to have gone */
    GROWTH_MAX_PERCENT = 2,
};

static struct herd herd;
static char lines[128];
static struct herd_loader loader = {.herd = &herd, .name = "a", .folder = "set", .lines = lines};
static struct herd_receiver receivers[2];

/* Takes one of either receiver, which may take one more instead: so they are never far ahead. */
static void next_batch(void)
{
    struct herd_record record;
    uint32_t i = herd_next(receivers, ARRAY_LEN(receivers), PATIENCE_MS, &record);
    if (i == ARRAY_LEN(receivers))
        herd_fail("no batch came");
    herd_grant(&receivers[i], 1);
}

/* What is held, look after look: of the daemon and its largest worker, for a machine that is slow
 * to start workers may never have just WORKERS of them. */
struct looks {
    double kib[LOOKS];
    size_t n;
};

static void look(struct looks *looks)
{
    struct herd_held held;
    herd_hold(&loader, &held);
    if (looks->n < LOOKS)
        looks->kib[looks->n++] = (double)(held.daemon_kib + held.worker_kib + held.shared_kib);
}

/* By what nine looks of ten find at most: most may fall on workers that have just begun and are
 * small, one now and then on a moment that asks for more. */
static double growth(struct looks *warm, struct looks *late, const char *of)
{
    if (warm->n == 0 || late->n == 0)
        herd_fail("nobody looked");
    double was = herd_quantile(warm->kib, warm->n, .9), is = herd_quantile(late->kib, late->n, .9);
    printf("held before half of the %s: %.0f KiB, after: %.0f KiB\n", of, was, is);
    return is / was - 1;
}

/* Whether every worker stands, with the same descriptors and threads. */
static bool same(const struct herd_held *held, const struct herd_held *wanted)
{
    return held->workers == WORKERS && held->daemon_fds == wanted->daemon_fds &&
           held->worker_fds == wanted->worker_fds &&
           held->daemon_threads == wanted->daemon_threads &&
           held->worker_threads == wanted->worker_threads;
}

/* What is held when nobody comes or goes: the same, look after look, once the loader is warm. */
static struct herd_held rest(void)
{
    struct herd_held held = {0}, now;
    for (uint32_t i = 0; i < LOOKS; i++)
        next_batch();
    for (uint32_t looks = 0; looks < LOOKS_AT_REST; looks++) {
        next_batch();
        herd_hold(&loader, &now);
        if (!same(&now, &held))
            looks = 0;
        held = now;
    }
    return held;
}

/* Waits until what came has gone again: what stays never does. */
static struct herd_held steady(const struct herd_held *wanted)
{
    struct herd_held held;
    double end_s = stat_now() + STEADY_S;
    do {
        next_batch();
        herd_hold(&loader, &held);
    } while (stat_now() < end_s && !same(&held, wanted));
    return held;
}

static void assert_same(const char *after, const struct herd_held *was)
{
    struct herd_held is = steady(was);
    printf("after %s: private %" PRIu64 " KiB, shared %" PRIu64 " KiB, descriptors %" PRIu32
           " and %" PRIu32 ", threads %" PRIu32 " and %" PRIu32 " (daemon, worker)\n",
           after, is.private_kib, is.shared_kib, is.daemon_fds, is.worker_fds, is.daemon_threads,
           is.worker_threads);
    if (!same(&is, was))
        herd_fail("before it was: %" PRIu32 " workers, descriptors %" PRIu32 " and %" PRIu32
                  ", threads %" PRIu32 " and %" PRIu32,
                  was->workers, was->daemon_fds, was->worker_fds, was->daemon_threads,
                  was->worker_threads);
}

/* From a fifth of the images to a half, and from there on. */
static double serve(uint64_t images)
{
    static struct looks warm, late;
    uint64_t batches = images / BATCH;
    for (uint64_t i = 0, n = 0; i < batches; i++) {
        next_batch();
        if (i * LOOKS / batches < n)
            continue;
        n++;
        if (i >= batches / 5)
            look(i < batches / 2 ? &warm : &late);
    }
    return growth(&warm, &late, "images");
}

/* Trainers that stay for two batches each, all with sessions of their own. */
static double churn(uint64_t clients)
{
    static struct looks warm, late;
    for (uint64_t i = 0; i < clients; i++) {
        struct herd_receiver_config config;
        herd_receiver_config(&loader, 100 + i, BATCH, &config);
        herd_visit(&config, 2);
        next_batch(); /* the others go on */
        if (i >= clients / 5)
            look(i < clients / 2 ? &warm : &late);
    }
    return growth(&warm, &late, "clients");
}

/* Of both receivers: connections lost, and batches that had to be asked for again. */
static void interruptions(uint64_t *ret_disconnects, uint64_t *ret_again)
{
    *ret_disconnects = receivers[0].counts->disconnects + receivers[1].counts->disconnects;
    *ret_again = receivers[0].counts->rerequests + receivers[1].counts->rerequests;
}

int main(int argc, char **argv)
{
    uint64_t images = 12000, clients = 60, hangups = 40, recycle = 2000;
    const struct herd_option options[] = {
        {"images", &images}, {"clients", &clients}, {"hangups", &hangups}, {"recycle", &recycle}};
    if (herd_options(argc, argv, options, ARRAY_LEN(options)) != 1 || images < 100 * BATCH ||
        clients < 10)
        herd_fail("usage: soak [--images N] [--clients N] [--hangups N] [--recycle N] LOADERD");
    snprintf(lines, sizeof lines, "workers: %d\nslots: 12\nslot_mib: 4\nrecycle: %" PRIu64, WORKERS,
             recycle);
    herd_begin(&herd, argv[1]);
    herd_plant(&herd, "set", SAMPLES, true);
    herd_loader_start(&loader);
    for (uint32_t i = 0; i < ARRAY_LEN(receivers); i++) {
        struct herd_receiver_config config;
        herd_receiver_config(&loader, 1 + i, BATCH, &config);
        config.credited = true;
        herd_receiver_start(&receivers[i], &config);
        herd_grant(&receivers[i], AHEAD);
    }
    struct herd_held was = rest();
    assert_same("the start", &was);
    double grown = serve(images);
    assert_same("the images", &was);
    double churned = churn(clients);
    assert_same("the clients", &was);
    uint64_t lost[2], again[2];
    interruptions(&lost[0], &again[0]);
    for (uint64_t i = 0; i < hangups; i++) {
        kill(loader.pid, SIGHUP);
        for (uint32_t k = 0; k < ARRAY_LEN(receivers); k++)
            next_batch();
    }
    assert_same("the hangups", &was);
    interruptions(&lost[1], &again[1]);
    for (uint32_t i = 0; i < ARRAY_LEN(receivers); i++)
        herd_receiver_kill(&receivers[i]);
    herd_loader_end(&loader);
    herd_end(&herd);
    printf("images %" PRIu64 "\nmemory_growth %.4f\nclients %" PRIu64 "\nclients_growth %.4f\n"
           "hangups %" PRIu64 "\ndisconnects_at_hangups %" PRIu64
           "\nasked_again_at_hangups %" PRIu64 "\n",
           images, grown, clients, churned, hangups, lost[1] - lost[0], again[1] - again[0]);
    return grown * 100 > GROWTH_MAX_PERCENT || churned * 100 > GROWTH_MAX_PERCENT ||
           lost[1] > lost[0] || again[1] > again[0];
}
