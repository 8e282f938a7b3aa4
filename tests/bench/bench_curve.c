/* SPDX-License-Identifier: Apache-2.0 */
/* bench_curve: what keys cost on the wire. One process sends batches to N others over tcp of this
 * machine, as a loader does that has them ready: in frames of their own, a window of them asked
 * ahead; with CURVE and without in turns, medians.
 *   bench_curve [TRAINERS [TURNS]] */
#include "common/auto.h"
#include "common/err.h"
#include "common/stat.h"
#include "proto/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FRAMES = 2, /* of a batch */
    BATCH_BYTES = FRAMES * WIRE_FRAME_MAX,
    BATCHES = 48, /* a turn, of all trainers together */
    WINDOW = 4,
    TRAINERS_MAX = 16,
    TURNS_MAX = 25,
    PATIENCE_MS = 60000,
};

static uint8_t batch[BATCH_BYTES];
static struct link_key server, client;
static struct link_message got;

static void check(int r)
{
    if (r >= 0)
        return;
    fprintf(stderr, "bench_curve: %s\n", err_text());
    exit(1);
}

static void tell(void *hint, const char *text)
{
    (void)hint;
    (void)text;
}

static void given_back(void *data, void *hint)
{
    (void)data;
    (void)hint;
}

static void wait_for(struct link *link)
{
    int r = link_wait(&link, 1, PATIENCE_MS);
    check(r == 0 ? err_set(-ETIMEDOUT, "nothing came") : r);
}

/* In a process of its own: takes so many batches from the endpoint that comes by fd. */
static void take(int fd, bool curve, int batches)
{
    char endpoint[LINK_ENDPOINT_MAX];
    struct link_guard guard = {.curve = curve, .key = client};
    struct link_context *context;
    struct link *link;
    if (read(fd, endpoint, sizeof endpoint) != sizeof endpoint)
        exit(1);
    memcpy(guard.server, server.public_key, LINK_KEY_BYTES);
    check(link_context_new(&context));
    link_context_guard(context, &guard);
    check(link_dealer_connect(context, endpoint, &link));
    for (int i = 0; i < WINDOW && i < batches; i++)
        check(link_send(link, NULL, "get", 3, NULL, 0));
    for (int i = 0; i < batches;) {
        wait_for(link);
        int r = link_receive(link, &got);
        if (r == -EAGAIN)
            continue;
        check(r);
        if (got.n_frames != FRAMES || got.frames[1].len != WIRE_FRAME_MAX)
            check(err_set(-EBADMSG, "no batch"));
        i++;
        if (i == batches || i + WINDOW <= batches)
            check(link_send(link, NULL, i < batches ? "get" : "end", 3, NULL, 0));
    }
    link_message_done(&got);
    link_close(link);
    link_context_free(context);
    exit(0);
}

struct turn {
    double mb_per_s, cpu_s_per_gb; /* of the sender */
};

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* From the first request to the last trainer's end. */
static struct turn serve(struct link *link, int trainers, int each)
{
    const struct link_frame frames[FRAMES] = {
        {.data = batch, .len = WIRE_FRAME_MAX, .free = given_back},
        {.data = batch + WIRE_FRAME_MAX, .len = WIRE_FRAME_MAX, .free = given_back}};
    double begun_s = 0, cpu_begun_s = cpu_s();
    for (int ended = 0; ended < trainers;) {
        wait_for(link);
        int r = link_receive(link, &got);
        if (r == -EAGAIN)
            continue;
        check(r);
        if (begun_s == 0)
            begun_s = stat_now();
        if (memcmp(got.body, "end", 3) == 0)
            ended++;
        else
            check(link_send(link, &got.peer, "batch", 5, frames, FRAMES));
    }
    const double mb = (double)trainers * each * BATCH_BYTES / 1e6;
    return (struct turn){mb / (stat_now() - begun_s), (cpu_s() - cpu_begun_s) / mb * 1e3};
}

static struct turn one_turn(bool curve, int trainers)
{
    char endpoint[LINK_ENDPOINT_MAX] = "";
    const struct link_guard guard = {.curve = curve, .key = server};
    struct link_context *context;
    struct link_auth *auth;
    struct link *link;
    bool gone;
    const int each = BATCHES / trainers;
    int fds[TRAINERS_MAX][2];
    for (int i = 0; i < trainers; i++) { /* before ZeroMQ has a thread here */
        if (pipe(fds[i]) < 0)
            exit(1);
        if (fork() == 0)
            take(fds[i][0], curve, each);
    }
    check(link_context_new(&context));
    check(link_context_admit(context, &auth));
    check(link_auth_load(auth, "any", tell, NULL, &gone));
    link_context_guard(context, &guard);
    check(link_router_bind(context, "tcp://127.0.0.1:*", &link));
    check(link_endpoint(link, endpoint, sizeof endpoint));
    for (int i = 0; i < trainers; i++)
        if (write(fds[i][1], endpoint, sizeof endpoint) < 0)
            exit(1);
    struct turn turn = serve(link, trainers, each);
    for (int i = 0; i < trainers; i++) {
        int status;
        if (wait(&status) < 0 || status != 0)
            check(err_set(-EIO, "a trainer failed"));
        close(fds[i][0]);
        close(fds[i][1]);
    }
    link_message_done(&got);
    link_close(link);
    link_context_free(context);
    return turn;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, by_value);
    return values[n / 2];
}

int main(int argc, char **argv)
{
    const int trainers = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1;
    const int turns = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 5;
    static double rate[2][TURNS_MAX], cpu[2][TURNS_MAX];
    if (trainers < 1 || trainers > TRAINERS_MAX || turns < 1 || turns > TURNS_MAX) {
        fprintf(stderr, "usage: bench_curve [TRAINERS (1..%d) [TURNS (1..%d)]]\n", TRAINERS_MAX,
                TURNS_MAX);
        return 64;
    }
    memset(batch, 0x5a, sizeof batch);
    check(link_key_make(&server));
    check(link_key_make(&client));
    for (int t = 0; t < turns; t++)
        for (int curve = 0; curve < 2; curve++) {
            struct turn turn = one_turn(curve, trainers);
            rate[curve][t] = turn.mb_per_s;
            cpu[curve][t] = turn.cpu_s_per_gb;
        }
    const double plain = median(rate[0], turns), keyed = median(rate[1], turns);
    printf("plain %.0f MB/s\ncurve %.0f MB/s\ncurve_vs_plain %.3f ratio\n", plain, keyed,
           keyed / plain);
    printf("plain_sender_cpu %.2f s/GB\ncurve_sender_cpu %.2f s/GB\n", median(cpu[0], turns),
           median(cpu[1], turns));
    return 0;
}
