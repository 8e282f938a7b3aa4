/* SPDX-License-Identifier: Apache-2.0 */
/* bench_render: what rendering costs, against one plain libjpeg-turbo decode of the same files.
 *
 * The tasks: rig.h. One core: this process, one sample after the other; of each file the decode, A
 * and B follow each other in turning order, so that a drift of the clock meets all three. All
 * cores: worker processes as the daemon runs them, teams of one, two and all in turn. Every pass
 * draws other omegas; a figure is the median of the passes. Prints `name value unit`; the files of
 * 64 pixels have the prefix px64_. */
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/stat.h"
#include "tests/bench/figure.h"
#include "tests/bench/plain.h"
#include "tests/bench/rig.h"
#include "tests/bench/team.h"
#include "tests/unit/real_data.h"

#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PASSES = 9,
    FILES_MOST = 960, /* of a set */
    PASS_BATCHES = 4, /* of samples, at least: one pass's draws are a fair share of the law */
    SIZE_MIN = 8,
};
static const double pass_s = 0.5; /* of one core, at least, about */
static const double team_s = 0.8; /* what one worker takes for one pass, about */

/* The figures' names. */
static const struct {
    const char *ms, *views_per_s, *decodes, *all;
} names[TASKS] = {
    {"task_a_ms", "task_a_views_per_s", "task_a_decodes", "task_a_views_per_s_all"},
    {"task_b_ms", "task_b_views_per_s", "task_b_decodes", "task_b_views_per_s_all"},
};

/* The sets that are measured when none is named. */
static const struct set {
    const char *tar, *prefix;
    uint32_t size;
} sets[] = {{"fullsize.tar", "", 224}, {"pretrain64.tar", "px64_", 64}};

/* Seconds and how often, of one pass. */
struct clocks {
    double decode_s, task_s[TASKS];
    uint32_t samples;
};

static void plain_freep(struct plain **plain)
{
    plain_free(*plain);
}

/* One pass: so many times over all photos; of each the plain decode and the tasks. */
static int run_pass(struct rig *rig, struct plain *plain, uint32_t first, uint32_t samples,
                    struct clocks *clocks)
{
    *clocks = (struct clocks){0};
    const uint32_t n = rig->photos.n;
    for (uint32_t i = first; i < first + samples; i++) {
        for (uint32_t s = 0; s <= TASKS; s++) {
            const uint32_t step = (s + i + i / n) % (TASKS + 1);
            const double from = stat_now();
            const int rc = step == TASKS ? plain_decode(plain, &rig->photos.list[i % n])
                                         : rig_render(rig, (int)step, i, i / n, false);
            *(step == TASKS ? &clocks->decode_s : &clocks->task_s[step]) += stat_now() - from;
            if (rc < 0)
                return rc;
        }
        clocks->samples++;
    }
    return 0;
}

static void print_one_core(const struct rig *rig, const struct clocks *passes)
{
    struct figure decode = {0}, ms[TASKS] = {0}, views[TASKS] = {0}, decodes[TASKS] = {0};
    for (uint32_t pass = 0; pass < rig->passes; pass++) {
        const struct clocks *c = &passes[pass];
        figure_add(&decode, 1e3 * c->decode_s / c->samples);
        for (int t = 0; t < TASKS; t++) {
            figure_add(&ms[t], 1e3 * c->task_s[t] / c->samples);
            figure_add(&views[t], rig->specs[t].n_views * c->samples / c->task_s[t]);
            figure_add(&decodes[t], c->task_s[t] / c->decode_s);
        }
    }
    figure_print(&decode, rig->prefix, "decode_ms", "ms");
    for (int t = 0; t < TASKS; t++) {
        figure_print(&ms[t], rig->prefix, names[t].ms, "ms");
        figure_print(&views[t], rig->prefix, names[t].views_per_s, "views/s");
        figure_print(&decodes[t], rig->prefix, names[t].decodes, "ratio");
    }
}

/* Pass 0 warms caches and memory, and tells how many samples make a pass long enough: *ret_samples.
 * ret_task_s: seconds of one sample, in the last pass. */
static int bench_one_core(struct rig *rig, uint32_t *ret_samples, double ret_task_s[TASKS])
{
    static struct clocks passes[FIGURE_PASSES_MAX];
    auto_with(plain_freep) struct plain *plain = NULL;
    int rc = plain_new(&plain);
    if (rc < 0)
        return rc;
    const uint32_t n = rig->photos.n;
    uint32_t samples = (RIG_BATCH * PASS_BATCHES + n - 1) / n * n;
    const double from = stat_now();
    rc = run_pass(rig, plain, 0, samples, &passes[0]);
    samples *= 1 + (uint32_t)(pass_s / (stat_now() - from));
    for (uint32_t pass = 0; rc == 0 && pass < rig->passes; pass++)
        rc = run_pass(rig, plain, (pass + 1) * samples, samples, &passes[pass]);
    if (rc < 0)
        return rc;
    print_one_core(rig, passes);
    *ret_samples = samples;
    for (int t = 0; t < TASKS; t++)
        ret_task_s[t] = passes[rig->passes - 1].task_s[t] / samples;
    return 0;
}

/* How two processes that only decode scale: the most that this machine gives to anybody. */
static int bench_decode_together(struct rig *rig)
{
    struct figure scaling = {0}, all = {0};
    const uint32_t n = rig->photos.n;
    double one_s = plain_decode_together(&rig->photos, 1, 1);
    if (one_s < 0)
        return (int)one_s;
    const uint32_t times = 1 + (uint32_t)(team_s / one_s);
    for (uint32_t pass = 0; pass < rig->passes; pass++) {
        one_s = plain_decode_together(&rig->photos, 1, times);
        const double two_s = plain_decode_together(&rig->photos, 2, times);
        const double all_s =
            rig->cores == 2 ? two_s : plain_decode_together(&rig->photos, rig->cores, times);
        if (one_s < 0 || two_s < 0 || all_s < 0)
            return -ECHILD;
        figure_add(&scaling, 2 * one_s / two_s);
        figure_add(&all, rig->cores * n * times / all_s);
    }
    figure_print(&all, rig->prefix, "decode_per_s_all", "images/s");
    figure_print(&scaling, rig->prefix, "decode_scaling_2", "ratio");
    return 0;
}

/* A program of the build tree, from this one's place in it (tests/bench). */
static const char *worker_program(void)
{
    static char path[4096 + 64];
    char self[4096];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    snprintf(path, sizeof path, "%s/../../loaderd/augstream-loaderd-worker", dirname(self));
    return path;
}

enum { TEAM_ONE, TEAM_TWO, TEAM_ALL, TEAMS };

static int run_teams(struct rig *rig, struct team *const teams[TEAMS], const double task_s[TASKS])
{
    struct figure all[TASKS] = {0}, scaling[TASKS] = {0};
    for (uint32_t pass = 0; pass <= rig->passes; pass++) {
        for (int t = 0; t < TASKS; t++) {
            const uint32_t n = (uint32_t)(team_s / task_s[t]) + RIG_BATCH;
            double s[TEAMS];
            for (int k = 0; k < TEAMS; k++) {
                s[k] = k > 0 && teams[k] == teams[k - 1] ? s[k - 1] : team_run(teams[k], t, n);
                if (s[k] < 0)
                    return (int)s[k];
            }
            if (pass == 0)
                continue;
            figure_add(&all[t], rig->specs[t].n_views * n / s[TEAM_ALL]);
            figure_add(&scaling[t], s[TEAM_ONE] / s[TEAM_TWO]);
        }
    }
    for (int t = 0; t < TASKS; t++)
        figure_print(&all[t], rig->prefix, names[t].all, "views/s");
    if (rig->cores < 2) {
        fprintf(stderr, "bench_render: one core only: no scaling_2\n");
        return 0;
    }
    figure_print(&scaling[TASK_A], rig->prefix, "scaling_2", "ratio");
    figure_print(&scaling[TASK_B], rig->prefix, "task_b_scaling_2", "ratio");
    return 0;
}

static int bench_all_cores(struct rig *rig, const double task_s[TASKS])
{
    const char *program = worker_program();
    struct team_config config[TEAMS];
    struct team *teams[TEAMS] = {NULL};
    const uint32_t workers[TEAMS] = {1, rig->cores < 2 ? 1 : 2, rig->cores};
    int rc = 0;
    for (int k = 0; rc == 0 && k < TEAMS; k++) {
        config[k] = (struct team_config){.program = program,
                                         .workers = workers[k],
                                         .photos = &rig->photos,
                                         .specs = rig->specs,
                                         .n_specs = TASKS};
        if (k > 0 && workers[k] == workers[k - 1])
            teams[k] = teams[k - 1];
        else
            rc = team_new(&config[k], &teams[k]);
    }
    if (rc == 0)
        rc = run_teams(rig, teams, task_s);
    for (int k = TEAMS - 1; k >= 0; k--)
        if (k == 0 || teams[k] != teams[k - 1])
            team_free(teams[k]);
    return rc;
}

static int run_set(const char *path, const struct set *set, uint32_t passes, uint32_t cores)
{
    static struct rig rig;
    const struct rig_config config = {.path = path,
                                      .prefix = set->prefix,
                                      .files_most = FILES_MOST,
                                      .size = set->size,
                                      .passes = passes,
                                      .cores = cores};
    double task_s[TASKS] = {0};
    uint32_t samples = 0;
    int rc = rig_open(&rig, &config);
    if (rc == 0) {
        figure_print_value(rig.photos.n, set->prefix, "files", "files");
        figure_print_value(set->size, set->prefix, "view_size", "px");
        figure_print_value(cores, set->prefix, "cores", "cores");
        rc = bench_one_core(&rig, &samples, task_s);
    }
    rc = rc < 0 ? rc : bench_omega(&rig, samples);
    rc = rc < 0 ? rc : bench_decode_together(&rig);
    rc = rc < 0 ? rc : bench_all_cores(&rig, task_s);
    rig_close(&rig);
    return rc;
}

static int run_default_sets(uint32_t passes, uint32_t cores)
{
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        const char *path = real_data(sets[i].tar);
        if (!path)
            exit(REAL_DATA_SKIP);
        const int rc = run_set(path, &sets[i], passes, cores);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static bool number(const char *text, uint32_t min, uint32_t max, uint32_t *ret)
{
    char *end;
    const unsigned long value = strtoul(text, &end, 10);
    *ret = (uint32_t)value;
    return end != text && !*end && value >= min && value <= max;
}

static const char usage[] =
    "usage: bench_render [--passes N] [--cores N] [--size PX] [--prefix WORD] [FOLDER|TAR]\n"
    "Without FOLDER or TAR: fullsize.tar (views of 224 px) and pretrain64.tar (64 px, px64_) of\n"
    "the folder of real images (AUGSTREAM_DATA).\n\n"
    "task A: two views with SimSiam's whole chain; task B: one view, crop and flip. *_decodes: in\n"
    "plain libjpeg-turbo decodes of the same files. omega_cost: packing, sending and receiving\n"
    "task A's records, with less without, over rendering; omega_draw_cost: drawing them, which\n"
    "any loader must do.\n";

int main(int argc, char **argv)
{
    static const struct option options[] = {{"passes", required_argument, NULL, 'n'},
                                            {"cores", required_argument, NULL, 'c'},
                                            {"size", required_argument, NULL, 's'},
                                            {"prefix", required_argument, NULL, 'p'},
                                            {0}};
    cpu_set_t allowed;
    uint32_t cores =
        sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? (uint32_t)CPU_COUNT(&allowed) : 1;
    struct set set = {.prefix = "", .size = 224};
    uint32_t passes = PASSES;
    bool good = true;
    for (int which; good && (which = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        if (which == 'n')
            good = number(optarg, 1, FIGURE_PASSES_MAX, &passes);
        else if (which == 'c')
            good = number(optarg, 1, 256, &cores);
        else if (which == 's')
            good = number(optarg, SIZE_MIN, OMEGA_VIEW_MAX, &set.size);
        else if (which == 'p')
            set.prefix = optarg;
        else
            good = false;
    }
    if (!good || argc - optind > 1) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    log_open("bench_render", LOG_INFO);
#ifndef __OPTIMIZE__
    fputs("bench_render: built without optimization: these are no figures\n", stderr);
#endif
    const int rc = optind < argc ? run_set(argv[optind], &set, passes, cores)
                                 : run_default_sets(passes, cores);
    if (rc < 0)
        fprintf(stderr, "bench_render: %s\n", err_text());
    return err_exit(rc);
}
