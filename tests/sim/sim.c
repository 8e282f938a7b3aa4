/* SPDX-License-Identifier: Apache-2.0 */
/* sim: both ends of the wire, whole but for sockets, clocks and processes, through thousands of
 * lives full of faults. A session is one life of one trainer.
 *   sim [--sessions N] [--seed S]    worlds S, S+1, ... until N sessions were lived
 *   sim --plant NAME ...             with a fault planted in the code: see plant.h
 *   sim --self-test                  every planted fault must be found
 * Exits 1 at the first broken promise, with the seed that shows it again. */
#include "common/auto.h"
#include "common/log.h"
#include "common/stat.h"
#include "tests/sim/plant.h"
#include "tests/sim/world.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SELF_TEST_SESSIONS = 3000 };

static const char *const fault_names[WORLD_FAULTS] = {
    [WORLD_BREAK] = "breaks",
    [WORLD_STALL] = "stalls",
    [WORLD_LOADER_CRASH] = "loader crashes",
    [WORLD_LOADER_PAUSE] = "loader pauses",
    [WORLD_LOADER_DRAIN] = "drains",
    [WORLD_TRAINER_CRASH] = "trainer crashes",
    [WORLD_TRAINER_PAUSE] = "trainer pauses",
    [WORLD_TRAINER_LEAP] = "clock leaps",
};

static void print_counts(const struct world_counts *c, double took_s)
{
    printf("%" PRIu64 " sessions in %" PRIu64 " worlds, %.0f simulated seconds in %.1f s\n",
           c->sessions, c->worlds, c->simulated_s, took_s);
    printf("%" PRIu64 " batches, each once, in order and whole; %" PRIu64
           " samples substituted, %" PRIu64 " runs refused for another dataset\n",
           c->batches, c->substituted, c->refused_runs);
    for (int f = 0; f < WORLD_FAULTS; f++)
        printf("%" PRIu64 " %s%s", c->faults[f], fault_names[f],
               f + 1 < WORLD_FAULTS ? ", " : "\n");
    printf("%" PRIu64 " messages lost, %" PRIu64 " spoilt, %" PRIu64 " doubled, %" PRIu64
           " found a full queue, %" PRIu64 " a peer gone\n",
           c->lost, c->flipped, c->doubled, c->full, c->unreachable);
    printf("%" PRIu64 " workers died, %" PRIu64 " failed, %" PRIu64 " jams cut, %" PRIu64
           " batches shared\n",
           c->nodes.deaths, c->nodes.troubles, c->nodes.jams, c->nodes.shared);
    printf("%" PRIu64 " asked again, %" PRIu64 " late, %" PRIu64 " with a wrong CRC, %" PRIu64
           " unreadable, %" PRIu64 " refused\n",
           c->rerequests, c->late, c->crc_errors, c->unreadable, c->nodes.refused);
    printf("from peace to the end at most %.1f s\n", c->slowest_s);
}

static int run(const char *program, uint64_t seed, uint64_t sessions, bool quiet)
{
    struct world_counts counts = {0};
    char broken[512];
    double begin_s = stat_now();
    for (uint64_t s = seed; counts.sessions < sessions; s++)
        if (world_run(s, &counts, broken, sizeof broken) < 0) {
            if (!quiet)
                printf("seed %" PRIu64 ": %s\nagain: %s%s%s --sessions 1 --seed %" PRIu64 "\n", s,
                       broken, program, plant_planted() ? " --plant " : "",
                       plant_planted() ? plant_planted() : "", s);
            return 1;
        }
    if (!quiet)
        print_counts(&counts, stat_now() - begin_s);
    return 0;
}

/* Each in a process of its own: some end in an assertion of the code itself. */
static int self_test(const char *program, uint64_t seed)
{
    int missed = 0;
    for (size_t i = 0; plants[i].name; i++) {
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            const struct rlimit none = {0, 0};
            setrlimit(RLIMIT_CORE, &none);
            if (!freopen("/dev/null", "w", stderr) || plant(plants[i].name) < 0)
                _exit(0);
            _exit(run(program, seed, SELF_TEST_SESSIONS, true));
        }
        int status = 0;
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        bool found = pid > 0 && (WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
        printf("%-20s %s: %s\n", plants[i].name, plants[i].what, found ? "found" : "MISSED");
        missed += !found;
    }
    return missed > 0;
}

static int usage(const char *program)
{
    fprintf(stderr, "usage: %s [--sessions N] [--seed S] [--plant NAME | --self-test]\n", program);
    for (size_t i = 0; plants[i].name; i++)
        fprintf(stderr, "    %-20s %s\n", plants[i].name, plants[i].what);
    return 64;
}

int main(int argc, char **argv)
{
    uint64_t seed = 1, sessions = 1000;
    bool self = false;
    log_open("sim", LOG_ERROR + 0);
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--self-test") == 0)
            self = true;
        else if (!value)
            return usage(argv[0]);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--sessions") == 0)
            sessions = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--plant") != 0 || plant(argv[++i]) < 0)
            return usage(argv[0]);
    }
    return self ? self_test(argv[0], seed) : run(argv[0], seed, sessions, false);
}
