/* SPDX-License-Identifier: Apache-2.0 */
/* onlooker: what those who listen to a loader's tap and then stand still (SIGSTOP) cost the loader
 * and the trainers. One is a bare SUB socket, one is augstream-inspect stream. Two receivers take
 * the same batches without them, and once more while both stand: every batch must come, in order,
 * the same, asked for once and in time; the loader's memory may have grown by 2 % at most (pages
 * are touched late). Then both go on: each must tell what was shed meanwhile, and of batches after
 * it. Prints the rate with the onlookers as a part of the rate without, the median of the pairs.
 * onlooker [--batches N] [--pairs N] [--rate-min PERCENT] LOADERD INSPECT */
#include "herd.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/stat.h"
#include "proto/link.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SAMPLES = 240,
    BATCH = 64,
    VIEWS = 2,
    RECEIVERS = 2,
    VISIT = 12,          /* batches: as many as there are slots, so that none is kept from before */
    VISITS_MAX = 1000,   /* until a listener has been heard of */
    PATIENCE_MS = 60000, /* without a batch */
    GROWTH_MAX_PERCENT = 2,
    BATCHES_MAX = 100000,
    PAIRS_MAX = 100,
};

static struct herd herd;
static char tap[128], lines[256];
/* No worker is replaced meanwhile: that, and what it costs, is soak's. */
static struct herd_loader loader = {.herd = &herd, .name = "a", .folder = "set", .lines = lines};

/* --- the trainers --- */

static uint8_t (*seen[RECEIVERS])[DIGEST_BYTES]; /* [batches]: what came the first time */

/* What may not happen to a receiver, whatever the machine does else. */
static void check_counts(const struct recv_counts *c)
{
    if (c->rerequests || c->crc_errors || c->disconnects || c->late || c->unreadable)
        herd_fail("a receiver asked again %" PRIu64 ", wrong sums %" PRIu64 ", disconnects %" PRIu64
                  ", late %" PRIu64 ", unreadable %" PRIu64,
                  c->rerequests, c->crc_errors, c->disconnects, c->late, c->unreadable);
}

static void begin(struct herd_receiver receivers[RECEIVERS], uint32_t batches)
{
    for (uint32_t i = 0; i < RECEIVERS; i++) {
        struct herd_receiver_config config;
        herd_receiver_config(&loader, 1 + i, BATCH, &config);
        config.batches = batches;
        config.blind = false;
        herd_receiver_start(&receivers[i], &config);
    }
}

/* One batch of receiver i has come. */
static void look_at(const struct herd_record *record, uint32_t i, uint64_t position, bool again)
{
    if (record->position != position)
        herd_fail("batch %" PRIu64 " in place of %" PRIu64, record->position, position);
    if (!again)
        memcpy(seen[i][position], record->digest, DIGEST_BYTES);
    else if (memcmp(seen[i][position], record->digest, DIGEST_BYTES) != 0)
        herd_fail("batch %" PRIu64 " is not what it was", position);
}

/* Each receiver takes its batches from the first on; from the first to the last of all, seconds. */
static double take(uint32_t batches, bool again)
{
    struct herd_receiver receivers[RECEIVERS];
    struct herd_record record;
    double first_s = 0, last_s = 0;
    uint32_t running = RECEIVERS;
    begin(receivers, batches);
    while (running > 0) {
        const uint32_t i = herd_next(receivers, RECEIVERS, PATIENCE_MS, &record);
        const uint32_t left = (receivers[0].pid != 0) + (receivers[1].pid != 0);
        if (i < RECEIVERS) {
            look_at(&record, i, receivers[i].got - 1, again);
            first_s = first_s > 0 ? first_s : record.at_s;
            last_s = record.at_s;
        } else if (left == running) {
            herd_fail("no batch came");
        }
        running = left;
    }
    for (uint32_t i = 0; i < RECEIVERS; i++) {
        if (receivers[i].got != batches)
            herd_fail("%" PRIu64 " batches came of %" PRIu32, receivers[i].got, batches);
        check_counts(receivers[i].counts);
    }
    return last_s - first_s;
}

/* --- those who listen --- */

struct listener {
    const char *name;
    uint32_t lines; /* that it writes of a batch */
    pid_t pid;
    char path[128]; /* what it writes: a line for each view, or `{"gap":...` */
    long at;        /* so much of that has been read */
    uint64_t views, gaps, shed;
};

static void listener_gap(FILE *out, uint64_t batches)
{
    fprintf(out, "{\"gap\":{\"batches\":%" PRIu64 "}}\n", batches);
}

/* A line for each message, which has passed wire_unpack; ends the process when the tap does not
 * say all that it should. */
static int listen_bare(FILE *out)
{
    static struct link_message in;
    static struct wire_message m;
    struct link_context *context;
    struct link *link;
    struct wire *wire;
    uint64_t next = 0;
    if (link_context_new(&context) < 0 || link_sub_connect(context, tap, &link) < 0 ||
        wire_new(VIEWS * BATCH, &wire) < 0)
        return 1;
    while (link_wait(&link, 1, -1) >= 0)
        while (link_receive(link, &in) == 0) {
            if (wire_unpack(wire, in.body, in.body_len, &m) < 0 || m.type != WIRE_TAP ||
                !m.tap.told_spec || !m.tap.at_us || !m.tap.batch.checks)
                return 1;
            if (next && m.tap.sequence != next)
                listener_gap(out, m.tap.sequence - next);
            next = m.tap.sequence + 1;
            fprintf(out, "batch %" PRIu64 "\n", m.tap.sequence);
            fflush(out);
        }
    return 1;
}

/* inspect: the program; NULL: a bare socket. */
static void listener_start(struct listener *l, const char *inspect)
{
    snprintf(l->path, sizeof l->path, "%s/%s.out", herd.root, l->name);
    fflush(stdout);
    l->pid = fork();
    if (l->pid < 0)
        herd_fail("fork: %s", strerror(errno));
    if (l->pid > 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    FILE *out = fopen(l->path, "w");
    if (!out)
        _exit(127);
    if (!inspect)
        _exit(listen_bare(out));
    if (dup2(fileno(out), STDOUT_FILENO) >= 0)
        execl(inspect, inspect, "stream", tap, "--format", "jsonl", (char *)NULL);
    _exit(127);
}

/* Reads on in what it has written. */
static void listener_read(struct listener *l)
{
    char line[2048];
    int status;
    auto_fclose FILE *f = fopen(l->path, "r");
    if (waitpid(l->pid, &status, WNOHANG) != 0)
        herd_fail("%s has ended with status %x", l->name, (unsigned)status);
    if (!f || fseek(f, l->at, SEEK_SET) < 0)
        return; /* it has not begun */
    while (fgets(line, sizeof line, f) && strchr(line, '\n')) {
        uint64_t batches;
        if (sscanf(line, "{\"gap\":{\"batches\":%" SCNu64, &batches) == 1) {
            l->gaps++;
            l->shed += batches;
        } else {
            l->views++;
        }
        l->at = ftell(f);
    }
}

/* Gives the loader something to tell, until the listener has told of so many more batches and gaps.
 */
static void await(struct listener *l, uint64_t batches, uint64_t gaps)
{
    const uint64_t views = l->views + batches * l->lines;
    struct herd_receiver_config config;
    herd_receiver_config(&loader, 99, BATCH, &config);
    gaps += l->gaps;
    for (uint32_t i = 0; l->views < views || l->gaps < gaps; i++) {
        if (i == VISITS_MAX)
            herd_fail("%s told of %" PRIu64 " batches and %" PRIu64 " gaps", l->name,
                      l->views / l->lines, l->gaps);
        herd_visit(&config, VISIT);
        listener_read(l);
    }
}

static void stop(struct listener *l)
{
    int status;
    if (kill(l->pid, SIGSTOP) < 0 || waitpid(l->pid, &status, WUNTRACED) != l->pid ||
        !WIFSTOPPED(status))
        herd_fail("%s cannot be stopped", l->name);
    listener_read(l);
}

/* It has told nothing while it stood; then it tells what it missed, and goes on. */
static void go_on(struct listener *l)
{
    const uint64_t views = l->views, gaps = l->gaps, shed = l->shed;
    listener_read(l);
    if (l->views != views || l->gaps != gaps)
        herd_fail("%s did not stand still", l->name);
    kill(l->pid, SIGCONT);
    await(l, 0, 1);
    await(l, 1, 0);
    printf("%s: shed %" PRIu64 " batches\n", l->name, l->shed - shed);
}

static void listener_end(struct listener *l, int signal)
{
    int status;
    kill(l->pid, signal);
    if (waitpid(l->pid, &status, 0) != l->pid || (signal == SIGTERM && status != 0))
        herd_fail("%s ended with status %x", l->name, (unsigned)status);
}

/* --- */

static void check_held(const struct herd_held *before, const struct herd_held *after)
{
    const uint64_t was = before->private_kib + before->shared_kib;
    const uint64_t is = after->private_kib + after->shared_kib;
    printf("private %" PRIu64 " -> %" PRIu64 " KiB, shared %" PRIu64 " -> %" PRIu64 " KiB\n",
           before->private_kib, after->private_kib, before->shared_kib, after->shared_kib);
    if (is * 100 > was * (100 + GROWTH_MAX_PERCENT))
        herd_fail("the loader holds more memory than before");
    if (after->daemon_fds != before->daemon_fds || after->daemon_threads != before->daemon_threads)
        herd_fail("the daemon's descriptors or threads are not those from before");
}

/* Batches without onlookers, and with ones that stand: the rate with them as a part of that
 * without.
 */
static double compare(const char *inspect, uint32_t batches)
{
    struct listener listeners[] = {{.name = "bare", .lines = 1},
                                   {.name = "inspect", .lines = VIEWS * BATCH}};
    struct herd_held before, after;
    const double alone_s = take(batches, true);
    for (uint32_t i = 0; i < ARRAY_LEN(listeners); i++)
        listener_start(&listeners[i], i ? inspect : NULL);
    for (uint32_t i = 0; i < ARRAY_LEN(listeners); i++)
        await(&listeners[i], 1, 0);
    for (uint32_t i = 0; i < ARRAY_LEN(listeners); i++)
        stop(&listeners[i]);
    herd_hold(&loader, &before);
    const double with_s = take(batches, true);
    herd_hold(&loader, &after);
    check_held(&before, &after);
    for (uint32_t i = 0; i < ARRAY_LEN(listeners); i++)
        go_on(&listeners[i]);
    listener_end(&listeners[0], SIGKILL);
    listener_end(&listeners[1], SIGTERM);
    return alone_s / with_s;
}

int main(int argc, char **argv)
{
    uint64_t batches = 150, pairs = 1, rate_min = 0;
    const struct herd_option options[] = {
        {"batches", &batches}, {"pairs", &pairs}, {"rate-min", &rate_min}};
    if (herd_options(argc, argv, options, ARRAY_LEN(options)) != 2 || batches < 1 ||
        batches > BATCHES_MAX || pairs < 1 || pairs > PAIRS_MAX)
        herd_fail("usage: onlooker [--batches N] [--pairs N] [--rate-min PERCENT] LOADERD INSPECT");
    herd_begin(&herd, argv[1]);
    herd_plant(&herd, "set", SAMPLES, false);
    snprintf(tap, sizeof tap, "ipc://%s/tap.sock", herd.root);
    snprintf(lines, sizeof lines,
             "workers: 2\nslots: %d\nslot_mib: 4\nwindow: 4\nrecycle: 0\ntap: %s", VISIT, tap);
    for (uint32_t i = 0; i < RECEIVERS; i++)
        if (!(seen[i] = calloc(batches, sizeof *seen[i])))
            herd_fail("no memory");
    herd_loader_start(&loader);
    take((uint32_t)batches, false);
    double kept[PAIRS_MAX];
    for (uint32_t i = 0; i < pairs; i++)
        kept[i] = compare(argv[2], (uint32_t)batches);
    herd_loader_end(&loader);
    herd_end(&herd);
    for (uint32_t i = 0; i < RECEIVERS; i++)
        free(seen[i]);
    const double median = herd_quantile(kept, pairs, .5);
    printf("rate_kept %.3f\n", median);
    return median * 100 < (double)rate_min;
}
