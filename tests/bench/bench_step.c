/* SPDX-License-Identifier: Apache-2.0 */
/* bench_step: the time of a whole training step (normalise, forward, losses, backward, optimiser)
 * on pixels in memory: no loader, no socket. bench_step [--set KEY=VALUE ...] [--warm N] [--steps
 * N] KEY is any key of a recipe. Prints step_ms (median), step_best_ms, step_cpu_ms (median;
 * processor time of all threads), images_per_s (of the median) and memory_mib (the process's peak).
 */
#include "common/auto.h"
#include "common/err.h"
#include "common/rng.h"
#include "common/stat.h"
#include "trainer/model.h"
#include "trainer/ops/spin.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
    SETS_MAX = 64,
    STEPS_MAX = 10000,
    SOURCE_SIDE = 160, /* pixels of the made-up images that crops are drawn in */
};

struct bench {
    struct recipe recipe;
    struct spec spec;
    struct ops *ops;
    struct model *model;
    struct model_batch batch;
    uint8_t *pixels;     /* [V][N][S][S][3] */
    struct omega *omega; /* [V][N] */
    int64_t *labels;     /* [N] */
};

struct arguments {
    const char *sets[SETS_MAX];
    size_t n_sets;
    long warm, steps;
};

static void bench_done(struct bench *b)
{
    model_free(b->model);
    ops_close(b->ops);
    free(b->pixels);
    free(b->omega);
    free(b->labels);
}

/* A batch as recv gives it: one run of rows a view, omega drawn by the recipe's own laws. */
static int make_batch(struct bench *b)
{
    const struct spec *spec = &b->spec;
    size_t rows = (size_t)spec->n_views * spec->batch;
    size_t view_bytes = (size_t)spec->views[0].size * spec->views[0].size * 3;
    b->pixels = malloc(rows * view_bytes);
    b->omega = calloc(rows, sizeof *b->omega);
    b->labels = calloc(spec->batch, sizeof *b->labels);
    if (!b->pixels || !b->omega || !b->labels)
        return err_set(-ENOMEM, "no memory for a batch");
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = spec->seed, .purpose = RNG_TEST});
    for (size_t i = 0; i < rows * view_bytes; i++)
        b->pixels[i] = (uint8_t)rng_u32(&rng);
    for (size_t i = 0; i < rows; i++) {
        uint32_t view = (uint32_t)(i / spec->batch);
        const struct omega_key key = {
            .seed = spec->seed, .sample = (uint32_t)(i % spec->batch), .view = view};
        omega_draw(&spec->views[view], &key, SOURCE_SIDE, SOURCE_SIDE, &b->omega[i]);
    }
    b->batch.omega = b->omega;
    b->batch.labels = b->labels;
    b->batch.n_runs = spec->n_views;
    for (uint32_t v = 0; v < spec->n_views; v++)
        b->batch.run[v] =
            (struct encoder_run){b->pixels + v * spec->batch * view_bytes, (int32_t)spec->batch};
    return 0;
}

static int bench_init(struct bench *b, const struct arguments *a)
{
    int rc = recipe_load(&b->recipe, NULL, a->sets, a->n_sets);
    if (rc < 0)
        return rc;
    recipe_spec(&b->recipe, &b->spec);
    rc = ops_open(b->recipe.device.ops, (int)b->recipe.device.threads, &b->ops);
    if (rc == 0)
        rc = ops_set_dtype(b->ops, (enum dtype)b->recipe.device.dtype);
    if (rc == 0)
        rc = model_new(&b->recipe, b->ops, &b->model);
    return rc < 0 ? rc : make_batch(b);
}

static int step(struct bench *b)
{
    struct model_losses losses;
    int rc = model_gradients(b->model, &b->batch);
    if (rc == 0)
        rc = model_update(b->model, &(struct rates){0.01F, 0.01F, 0.99F, false});
    return rc < 0 ? rc : model_losses(b->model, &losses);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double cpu_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int run(struct bench *b, const struct arguments *a)
{
    auto_free double *ms = calloc((size_t)a->steps, sizeof *ms);
    auto_free double *cpu_ms = calloc((size_t)a->steps, sizeof *cpu_ms);
    if (!ms || !cpu_ms)
        return err_set(-ENOMEM, "no memory for %ld times", a->steps);
    for (long i = -a->warm; i < a->steps; i++) {
        double begin_s = stat_now(), cpu_s = cpu_now();
        int rc = step(b);
        if (rc < 0)
            return rc;
        if (i < 0)
            continue;
        ms[i] = 1e3 * (stat_now() - begin_s);
        cpu_ms[i] = 1e3 * (cpu_now() - cpu_s);
    }
    qsort(ms, (size_t)a->steps, sizeof *ms, ascending);
    qsort(cpu_ms, (size_t)a->steps, sizeof *cpu_ms, ascending);
    double median = ms[a->steps / 2];
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("step_ms %.3f ms\nstep_best_ms %.3f ms\nstep_cpu_ms %.3f ms\n", median, ms[0],
           cpu_ms[a->steps / 2]);
    printf("images_per_s %.1f images/s\nmemory_mib %.1f MiB\n",
           1e3 * (double)b->spec.batch / median, (double)usage.ru_maxrss / 1024);
    return 0;
}

static long parse_count(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && !*end && value <= STEPS_MAX ? value : -1;
}

/* -1: go on; else the exit code. */
static int parse_arguments(int argc, char **argv, struct arguments *a)
{
    static const struct option options[] = {{"set", required_argument, NULL, 's'},
                                            {"warm", required_argument, NULL, 'w'},
                                            {"steps", required_argument, NULL, 'n'},
                                            {0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        if (c == 's' && a->n_sets < SETS_MAX)
            a->sets[a->n_sets++] = optarg;
        else if (c == 'w')
            a->warm = parse_count(optarg);
        else if (c == 'n')
            a->steps = parse_count(optarg);
        else
            return EXIT_USAGE;
    }
    if (optind == argc && a->warm >= 0 && a->steps >= 1)
        return -1;
    fprintf(stderr, "usage: bench_step [--set KEY=VALUE ...] [--warm N] [--steps N]\n");
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    static struct bench bench; /* too large for a stack */
    struct arguments a = {
        .sets = {"run.name=bench", "data.dataset=bench", "data.loaders=ipc://bench"},
        .n_sets = 3,
        .warm = 3,
        .steps = 10,
    };
    spin_limit(argv);
    int code = parse_arguments(argc, argv, &a);
    if (code >= 0)
        return code;
    int rc = bench_init(&bench, &a);
    if (rc == 0)
        rc = run(&bench, &a);
    if (rc < 0)
        fprintf(stderr, "bench_step: %s\n", err_text());
    bench_done(&bench);
    return err_exit(rc);
}
