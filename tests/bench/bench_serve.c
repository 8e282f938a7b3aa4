/* SPDX-License-Identifier: Apache-2.0 */
/* bench_serve: batches through a real loader: worker processes, the daemon, its socket and the
 * trainer's own recv; nothing is trained.
 *     bench_serve [--set KEY=VALUE ...] [--pass SECONDS]
 * KEY is any key of a recipe; the loader is an embedded one of data.path and data.format with
 * data.workers workers. After a second of warming up it prints "ready"; then each line on standard
 * input is one pass of about SECONDS, for which it prints `SECONDS VIEWS`. Ends with its input. */
#include "common/err.h"
#include "common/stat.h"
#include "trainer/loaders.h"
#include "trainer/recv.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { SETS_MAX = 64 };

struct bench {
    struct recipe recipe;
    struct spec spec;
    struct loaders loaders;
    struct recv *recv;
};

struct arguments {
    const char *sets[SETS_MAX];
    size_t n_sets;
    double pass_s;
};

static int bench_init(struct bench *b, const struct arguments *a)
{
    int rc = recipe_load(&b->recipe, NULL, a->sets, a->n_sets);
    if (rc < 0)
        return rc;
    recipe_spec(&b->recipe, &b->spec);
    rc = loaders_open(&b->recipe, NULL, &b->loaders);
    if (rc < 0)
        return rc;
    const struct recv_config config = {.spec = &b->spec,
                                       .endpoints = &b->loaders.endpoints,
                                       .window = (uint32_t)b->recipe.data.window,
                                       .deadline_s = b->recipe.data.deadline,
                                       .retry_s = b->recipe.data.retry,
                                       .epochs = UINT32_MAX,
                                       .embed = b->loaders.embed};
    return recv_open(&config, &b->recv);
}

static void bench_done(struct bench *b)
{
    recv_close(b->recv);
    loaders_close(&b->loaders);
}

static int take_batch(struct bench *b, uint64_t *views)
{
    struct recv_batch batch;
    int rc = recv_next(b->recv, NULL, &batch);
    if (rc < 0)
        return rc;
    *views += (uint64_t)batch.header->n_views * batch.header->n_samples;
    recv_release(b->recv, &batch);
    return 0;
}

/* Batches for that long, at least one; how long it took and how many views they have. Those that
 * were made while nobody asked go first and do not count. */
static int pass(struct bench *b, double seconds, double *ret_s, uint64_t *ret_views)
{
    uint64_t views = 0;
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i <= b->recipe.data.window; i++)
        rc = take_batch(b, &views);
    const double begin_s = stat_now();
    views = 0;
    while (rc == 0 && (views == 0 || stat_now() - begin_s < seconds))
        rc = take_batch(b, &views);
    if (rc < 0)
        return rc;
    *ret_s = stat_now() - begin_s;
    *ret_views = views;
    return 0;
}

static int run(struct bench *b, const struct arguments *a)
{
    double s;
    uint64_t views;
    int rc = pass(b, 1, &s, &views);
    if (rc < 0)
        return rc;
    puts("ready");
    fflush(stdout);
    for (int c; (c = getchar()) != EOF;) {
        if (c != '\n')
            continue;
        rc = pass(b, a->pass_s, &s, &views);
        if (rc < 0)
            return rc;
        printf("%.6f %llu\n", s, (unsigned long long)views);
        fflush(stdout);
    }
    return 0;
}

/* -1: go on; else the exit code. */
static int parse_arguments(int argc, char **argv, struct arguments *a)
{
    static const struct option options[] = {
        {"set", required_argument, NULL, 's'}, {"pass", required_argument, NULL, 'p'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        if (c == 's' && a->n_sets < SETS_MAX)
            a->sets[a->n_sets++] = optarg;
        else if (c == 'p')
            a->pass_s = strtod(optarg, NULL);
        else
            return EXIT_USAGE;
    }
    if (optind == argc && a->pass_s > 0 && a->pass_s <= 100)
        return -1;
    fprintf(stderr, "usage: bench_serve [--set KEY=VALUE ...] [--pass SECONDS]\n");
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    static struct bench bench; /* too large for a stack */
    struct arguments a = {
        .sets = {"run.name=bench", "data.dataset=bench", "data.loaders=embedded"},
        .n_sets = 3,
        .pass_s = 2,
    };
    int code = parse_arguments(argc, argv, &a);
    if (code >= 0)
        return code;
    int rc = bench_init(&bench, &a);
    if (rc == 0)
        rc = run(&bench, &a);
    if (rc < 0)
        fprintf(stderr, "bench_serve: %s\n", err_text());
    bench_done(&bench);
    return err_exit(rc);
}
