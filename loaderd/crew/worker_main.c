/* SPDX-License-Identifier: Apache-2.0 */
/* worker_main: augstream-loaderd-worker, started by augstream-loaderd only: takes a socket, a pool
 * and limits, serves until the socket closes. It dies with the daemon, dumps no core, and cannot
 * take more memory than it was given. */
#include "common/err.h"
#include "common/log.h"
#include "common/pool.h"
#include "loaderd/crew/task.h"
#include "loaderd/crew/worker.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* The sanitizers keep terabytes of address space for themselves. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

enum { SLOTS, SLOT_BYTES, MEMORY_MIB, PARENT, CPU_MS, CACHE_SLOTS, CACHE_SLOT_BYTES, NUMBERS };

static const struct option options[] = {
    {"slots", required_argument, NULL, SLOTS},
    {"slot-bytes", required_argument, NULL, SLOT_BYTES},
    {"memory-mib", required_argument, NULL, MEMORY_MIB},
    {"parent", required_argument, NULL, PARENT},
    {"cpu-ms", required_argument, NULL, CPU_MS},
    {"cache-slots", required_argument, NULL, CACHE_SLOTS},
    {"cache-slot-bytes", required_argument, NULL, CACHE_SLOT_BYTES},
    {0},
};

/* Bounds of each, in the order of the options. */
static const struct {
    uint64_t min, max;
} bounds[NUMBERS] = {
    [SLOTS] = {1, POOL_SLOTS_MAX},
    [SLOT_BYTES] = {1, UINT64_C(1) << 32},
    [MEMORY_MIB] = {1, UINT64_C(1) << 24},
    [PARENT] = {1, INT32_MAX},
    [CPU_MS] = {1, INT32_MAX},
    [CACHE_SLOTS] = {0, POOL_SLOTS_MAX}, /* 0: no cache */
    [CACHE_SLOT_BYTES] = {0, UINT64_C(1) << 40},
};

static int numbers_read(int argc, char **argv, uint64_t *ret)
{
    bool given[NUMBERS] = {false};
    int which;
    while ((which = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (which >= NUMBERS)
            return err_set(-EINVAL, "unknown option");
        char *end;
        errno = 0;
        ret[which] = strtoull(optarg, &end, 10);
        if (errno || *end || end == optarg || ret[which] < bounds[which].min ||
            ret[which] > bounds[which].max)
            return err_set(-EINVAL, "--%s %s: not in bounds", options[which].name, optarg);
        given[which] = true;
    }
    for (int i = 0; i < NUMBERS; i++)
        if (!given[i])
            return err_set(-EINVAL, "this program is started by augstream-loaderd, not by hand");
    return 0;
}

/* Signals of the terminal or of a service manager are the daemon's business. */
static int confine(const uint64_t *numbers)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return err_set(-errno, "prctl: %s", strerror(errno));
    if ((uint64_t)getppid() != numbers[PARENT])
        return err_set(-ESRCH, "the daemon has gone");
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_IGN);
    signal(TASK_DEADLINE_SIGNAL, SIG_DFL);
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return err_set(-errno, "setrlimit: %s", strerror(errno));
#ifndef SANITIZED
    rlim_t bytes = (rlim_t)(numbers[MEMORY_MIB] << 20) + numbers[SLOTS] * numbers[SLOT_BYTES] +
                   numbers[CACHE_SLOTS] * numbers[CACHE_SLOT_BYTES];
    if (setrlimit(RLIMIT_AS, &(struct rlimit){bytes, bytes}) < 0)
        return err_set(-errno, "setrlimit: %s", strerror(errno));
#endif
    return 0;
}

static int run(const uint64_t *numbers)
{
    int r = confine(numbers);
    if (r < 0)
        return r;
    void *base, *cache = NULL;
    uint32_t slots = (uint32_t)numbers[SLOTS];
    size_t slot_bytes = (size_t)numbers[SLOT_BYTES];
    uint32_t cache_slots = (uint32_t)numbers[CACHE_SLOTS];
    size_t cache_slot_bytes = (size_t)numbers[CACHE_SLOT_BYTES];
    r = pool_map(TASK_FD_POOL, slots, slot_bytes, &base);
    if (r < 0)
        return r;
    if (cache_slots > 0)
        r = pool_map(TASK_FD_CACHE, cache_slots, cache_slot_bytes, &cache);
    if (r == 0)
        r = worker_run(&(struct worker_config){.socket = TASK_FD_SOCKET,
                                               .base = base,
                                               .slots = slots,
                                               .slot_bytes = slot_bytes,
                                               .cache = cache,
                                               .cache_bytes = cache_slots * cache_slot_bytes,
                                               .cpu_ms = numbers[CPU_MS]});
    pool_unmap(cache, cache_slots, cache_slot_bytes);
    pool_unmap(base, slots, slot_bytes);
    return r;
}

int main(int argc, char **argv)
{
    uint64_t numbers[NUMBERS] = {0};
    log_open("augstream-loaderd-worker", LOG_INFO);
    if (numbers_read(argc, argv, numbers) < 0) {
        log_error("%s", err_text());
        return EXIT_USAGE;
    }
    int r = run(numbers);
    if (r < 0)
        log_error("%s", err_text());
    return err_exit(r);
}
