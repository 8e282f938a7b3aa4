/* SPDX-License-Identifier: Apache-2.0 */
/* storm: two loaders, two receivers with seeds of their own, and blows: loaders killed and started
 * anew at once, workers killed, loaders and workers stopped and let go on some blows later, in an
 * order that the seed fixes. The next blow falls when batches have come, or when none came for a
 * while because both loaders are down or stopped. Afterwards one loader that nobody disturbs makes
 * the same batches. Prints what was done and how many batches were lost, doubled and mismatched;
 * exit code 1 unless all are 0.
 *   storm [--loader-kills N] [--worker-kills N] [--stops N] [--seed S] [--plant K] [--curve 1]
 * LOADERD
 * --curve 1: over tcp, encrypted, with keys on both sides.
 * --plant makes something be wrong, which must be found: 1 a receiver drops a batch, 2 one takes a
 * batch twice, 3 a loader's dataset has other pixels under the same names and sizes. */
#include "herd.h"

#include "common/auto.h"
#include "common/stat.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOADERS = 2,
    RECEIVERS = 2,
    SAMPLES = 120,
    BATCH = 8,
    WINDOW = 3,
    GRANT = 8, /* batches for each receiver, for each blow */
    POLL_MS = 10,
    STANDSTILL_MS = 1500, /* without any batch: the next blow falls */
    END_MS = 60000,       /* without any batch, when no more blows fall: they are lost */
    STOP_BLOWS_MAX = 3,   /* a stop ends after at most so many blows */
};

enum blow { KILL_LOADER, KILL_WORKER, STOP, BLOWS };
enum plant { PLANT_NONE, PLANT_DROP, PLANT_DOUBLE, PLANT_PIXELS, PLANTS };

/* What came at one position. */
struct place {
    uint32_t times;
    uint8_t digest[DIGEST_BYTES];
};

struct storm {
    uint64_t wanted[BLOWS], seed, plant, curve; /* from the command line */
    uint64_t blows, batches;                    /* of them all; for each receiver */
    struct herd herd;
    struct herd_loader loaders[LOADERS];
    struct herd_receiver receivers[RECEIVERS];
    struct herd_dice dice;
    struct place *places[RECEIVERS]; /* [batches] */
    uint64_t last[RECEIVERS];        /* position that came last */
    uint64_t came, unordered, standstills, done[BLOWS];
    struct {
        pid_t pid;  /* 0: nobody; else a worker, or the loader itself */
        bool whole; /* it is the loader */
        uint32_t loader, blows;
    } stopped[STOP_BLOWS_MAX];
};

static void receiver_begin(struct storm *s, struct herd_receiver *receiver, uint32_t number,
                           uint32_t loaders)
{
    struct herd_receiver_config config = {
        .window = WINDOW, .deadline_s = 1, .batches = s->batches, .credited = loaders > 1};
    herd_spec(s->seed * RECEIVERS + number, BATCH, &config.spec);
    herd_receiver_keys(&s->herd, &config);
    config.endpoints.n = loaders;
    for (uint32_t i = 0; i < loaders; i++)
        herd_endpoint(&s->loaders[i], config.endpoints.v[i], CONF_STR_MAX);
    if (loaders > 1 && number == 0 && s->plant == PLANT_DROP)
        config.fault = HERD_DROP;
    if (loaders > 1 && number == 0 && s->plant == PLANT_DOUBLE)
        config.fault = HERD_DOUBLE;
    herd_receiver_start(receiver, &config);
}

/* --- what comes --- */

/* Takes records until `n` more have come, or none came for the time. False then. */
static bool take(struct storm *s, uint64_t n, int patience_ms)
{
    for (uint64_t end = s->came + n; s->came < end;) {
        struct herd_record record;
        uint32_t i = herd_next(s->receivers, RECEIVERS, patience_ms, &record);
        if (i < RECEIVERS) {
            if (record.position >= s->batches)
                herd_fail("batch %" PRIu64 " came, of %" PRIu64, record.position, s->batches);
            struct place *place = &s->places[i][record.position];
            s->unordered += record.position < s->last[i];
            s->last[i] = record.position;
            place->times++;
            memcpy(place->digest, record.digest, DIGEST_BYTES);
            s->came++;
        } else if (s->receivers[0].pid == 0 && s->receivers[1].pid == 0) {
            return false;
        } else if (s->receivers[0].pid && s->receivers[1].pid) {
            return false; /* the time is over, not a receiver */
        }
    }
    return true;
}

/* --- blows --- */

static void let_go(struct storm *s, uint32_t at)
{
    struct herd_loader *loader = &s->loaders[s->stopped[at].loader];
    if (s->stopped[at].whole)
        herd_loader_stop(loader, false);
    else
        kill(s->stopped[at].pid, SIGCONT); /* a worker; it may have died meanwhile */
    s->stopped[at].pid = 0;
}

/* A loader has died. A worker of it that was stopped before it could ask to die with its loader is
 * let go on: it sees then that it is alone. */
static void forget_stopped(struct storm *s, uint32_t loader)
{
    for (uint32_t i = 0; i < STOP_BLOWS_MAX; i++) {
        if (s->stopped[i].pid == 0 || s->stopped[i].loader != loader)
            continue;
        if (!s->stopped[i].whole)
            kill(s->stopped[i].pid, SIGCONT);
        s->stopped[i].pid = 0;
    }
}

/* One more blow has fallen. */
static void age_stopped(struct storm *s, bool all)
{
    for (uint32_t i = 0; i < STOP_BLOWS_MAX; i++)
        if (s->stopped[i].pid && (all || s->stopped[i].blows-- == 0))
            let_go(s, i);
}

/* A worker of one of the loaders, beginning with one by lot: a loader that was just started has
 * none for a moment. */
static pid_t choose_worker(struct storm *s, uint32_t *ret_loader)
{
    uint32_t first = herd_roll(&s->dice, LOADERS), lot = herd_roll(&s->dice, 1u << 16);
    for (double end_s = stat_now() + END_MS * 1e-3; stat_now() < end_s;) {
        for (uint32_t i = 0; i < LOADERS; i++) {
            pid_t workers[16];
            uint32_t at = (first + i) % LOADERS;
            uint32_t n = herd_children(s->loaders[at].pid, workers, ARRAY_LEN(workers));
            *ret_loader = at;
            if (n > 0)
                return workers[lot % n];
        }
        age_stopped(s, true); /* a loader that is stopped starts none */
    }
    herd_fail("no loader has a worker");
}

/* Three of four kills fall on a loader that serves, the others whenever it may be: while it starts,
 * most of the time. One that is stopped is not waited for. */
static void await_victim(struct storm *s, uint32_t at)
{
    if (herd_roll(&s->dice, 4) == 0)
        return;
    double end_s = stat_now() + END_MS * 1e-3;
    while (!s->loaders[at].stopped && !herd_loader_serves(&s->loaders[at]) && stat_now() < end_s)
        take(s, 1, POLL_MS);
    take(s, 1 + herd_roll(&s->dice, GRANT), STANDSTILL_MS);
}

static bool strike(struct storm *s, enum blow blow)
{
    uint32_t at = herd_roll(&s->dice, LOADERS);
    switch (blow) {
    case KILL_LOADER:
        await_victim(s, at);
        herd_loader_kill(&s->loaders[at]);
        forget_stopped(s, at);
        herd_loader_start(&s->loaders[at]);
        return true;
    case KILL_WORKER:
        return kill(choose_worker(s, &at), SIGKILL) == 0;
    default: {
        bool whole = herd_roll(&s->dice, 2) == 0 && !s->loaders[at].stopped;
        pid_t pid = whole ? s->loaders[at].pid : choose_worker(s, &at);
        uint32_t free = 0;
        while (s->stopped[free].pid)
            free++; /* there is one: a stop lasts fewer blows than there are places */
        if (whole)
            herd_loader_stop(&s->loaders[at], true);
        else if (kill(pid, SIGSTOP) < 0)
            return false;
        s->stopped[free].pid = pid;
        s->stopped[free].whole = whole;
        s->stopped[free].loader = at;
        s->stopped[free].blows = herd_roll(&s->dice, STOP_BLOWS_MAX - 1);
        return true;
    }
    }
}

/* Every blow that is asked for, in an order by lot. */
static enum blow *shuffle(struct storm *s)
{
    enum blow *order = calloc(s->blows, sizeof *order);
    if (!order)
        herd_fail("no memory");
    uint64_t n = 0;
    for (uint32_t blow = 0; blow < BLOWS; blow++)
        for (uint64_t i = 0; i < s->wanted[blow]; i++)
            order[n++] = (enum blow)blow;
    for (; n > 1; n--) {
        uint32_t k = herd_roll(&s->dice, (uint32_t)n);
        enum blow other = order[k];
        order[k] = order[n - 1];
        order[n - 1] = other;
    }
    return order;
}

static void rage(struct storm *s)
{
    auto_free enum blow *order = shuffle(s);
    for (uint64_t i = 0; i < s->blows; i++) {
        for (uint32_t r = 0; r < RECEIVERS; r++)
            herd_grant(&s->receivers[r], GRANT);
        if (!take(s, 1 + herd_roll(&s->dice, GRANT), STANDSTILL_MS))
            s->standstills++;
        age_stopped(s, false);
        if (strike(s, order[i]))
            s->done[order[i]]++;
    }
    age_stopped(s, true);
    for (uint32_t r = 0; r < RECEIVERS; r++)
        herd_grant(&s->receivers[r], (uint32_t)(s->batches - s->blows * GRANT));
    while (take(s, 1, END_MS))
        continue;
}

/* --- judgement --- */

static uint64_t judge_lost(const struct storm *s, uint64_t *ret_doubled)
{
    uint64_t lost = 0;
    *ret_doubled = 0;
    for (uint32_t r = 0; r < RECEIVERS; r++) {
        for (uint64_t p = 0; p < s->batches; p++) {
            lost += s->places[r][p].times == 0;
            *ret_doubled += s->places[r][p].times > 1;
        }
    }
    return lost;
}

/* One loader, undisturbed, makes them all again. Also says whether the two receivers' batches
 * differ, and batches of a receiver among themselves: else nothing would be compared. */
static uint64_t judge_mismatched(struct storm *s)
{
    uint64_t mismatched = 0;
    uint8_t last[DIGEST_BYTES] = {0};
    herd_loader_start(&s->loaders[0]);
    for (uint32_t r = 0; r < RECEIVERS; r++) {
        struct herd_receiver reference;
        struct herd_record record;
        receiver_begin(s, &reference, r, 1);
        while (herd_next(&reference, 1, END_MS, &record) == 0) {
            const struct place *place = &s->places[r][record.position];
            mismatched += place->times && memcmp(place->digest, record.digest, DIGEST_BYTES) != 0;
            if (memcmp(last, record.digest, DIGEST_BYTES) == 0)
                herd_fail("two batches are the same: nothing is compared here");
            memcpy(last, record.digest, DIGEST_BYTES);
        }
        if (reference.got != s->batches)
            herd_fail("the undisturbed loader made %" PRIu64 " batches of %" PRIu64, reference.got,
                      s->batches);
        if (r == 0 && reference.counts->substituted == 0)
            herd_fail("no sample was substituted: the bad images are not there");
    }
    herd_loader_end(&s->loaders[0]);
    return mismatched;
}

static void print_counts(const struct storm *s, double took_s)
{
    struct recv_counts sum = {0};
    for (uint32_t r = 0; r < RECEIVERS; r++) {
        const struct recv_counts *c = s->receivers[r].counts;
        sum.batches += c->batches;
        sum.rerequests += c->rerequests;
        sum.disconnects += c->disconnects;
        sum.substituted += c->substituted;
        sum.late += c->late;
    }
    printf("seed %" PRIu64 ": %" PRIu64 " loader kills, %" PRIu64 " worker kills, %" PRIu64
           " stops in %.1f s; %" PRIu64 " blows fell at a standstill\n",
           s->seed, s->done[KILL_LOADER], s->done[KILL_WORKER], s->done[STOP], took_s,
           s->standstills);
    printf("%" PRIu64 " batches, %" PRIu64 " samples substituted, %" PRIu64
           " requests made again, %" PRIu64 " disconnects, %" PRIu64 " late answers\n",
           sum.batches, sum.substituted, sum.rerequests, sum.disconnects, sum.late);
}

static void begin(struct storm *s)
{
    static const char *const names[LOADERS] = {"a", "b"};
    for (uint32_t i = 0; i < LOADERS; i++) { /* each with a copy of its own, as two machines */
        s->loaders[i] = (struct herd_loader){.herd = &s->herd,
                                             .name = names[i],
                                             .folder = i == 0 ? "one" : "two",
                                             .lines = "workers: 2\nslots: 8\nslot_mib: 4"};
        if (s->curve)
            s->loaders[i].port = herd_port();
        herd_plant(&s->herd, s->loaders[i].folder, SAMPLES, true);
        if (i == 1 && s->plant == PLANT_PIXELS)
            herd_falsify(&s->herd, s->loaders[i].folder);
        herd_loader_start(&s->loaders[i]);
    }
    for (uint32_t r = 0; r < RECEIVERS; r++) {
        s->places[r] = calloc(s->batches, sizeof *s->places[r]);
        if (!s->places[r])
            herd_fail("no memory");
        receiver_begin(s, &s->receivers[r], r, LOADERS);
    }
}

int main(int argc, char **argv)
{
    static struct storm s = {.wanted = {20, 8, 8}, .seed = 1};
    const struct herd_option options[] = {
        {"loader-kills", &s.wanted[KILL_LOADER]},
        {"worker-kills", &s.wanted[KILL_WORKER]},
        {"stops", &s.wanted[STOP]},
        {"seed", &s.seed},
        {"plant", &s.plant},
        {"curve", &s.curve},
    };
    if (herd_options(argc, argv, options, ARRAY_LEN(options)) != 1 || s.plant >= PLANTS)
        herd_fail("usage: storm [--loader-kills N] [--worker-kills N] [--stops N] [--seed S] "
                  "[--plant 0..3] [--curve 0|1] LOADERD");
    s.dice.state = s.seed;
    s.blows = s.wanted[KILL_LOADER] + s.wanted[KILL_WORKER] + s.wanted[STOP];
    s.batches = s.blows * GRANT + SAMPLES / BATCH;
    herd_begin(&s.herd, argv[1]);
    if (s.curve)
        herd_keys(&s.herd);
    begin(&s);
    double begin_s = stat_now();
    rage(&s);
    double took_s = stat_now() - begin_s;
    for (uint32_t i = 0; i < LOADERS; i++) /* what is left of them ends well */
        herd_loader_end(&s.loaders[i]);
    uint64_t doubled, lost = judge_lost(&s, &doubled), mismatched = judge_mismatched(&s);
    print_counts(&s, took_s);
    printf("lost %" PRIu64 " batches\ndoubled %" PRIu64 " batches\nmismatched %" PRIu64
           " batches\nunordered %" PRIu64 " batches\n",
           lost, doubled, mismatched, s.unordered);
    for (uint32_t r = 0; r < RECEIVERS; r++) {
        herd_receiver_kill(&s.receivers[r]);
        free(s.places[r]);
    }
    herd_end(&s.herd);
    return lost + doubled + mismatched + s.unordered > 0;
}
