/* SPDX-License-Identifier: Apache-2.0 */
/* bench_render: what rendering costs, against one plain libjpeg-turbo decode of the same files.
 *
 *   task A  two views: crop, flip, jitter, grayscale, blur (SimSiam's chain)
 *   task B  one view: crop and flip only
 *
 * One core: this process, one sample after the other; of each file the decode, A and B follow each
 * other in turning order, so that a drift of the clock meets all three. All cores: worker processes
 * as the daemon runs them, teams of one, two and all in turn. Every pass draws other omegas; a
 * figure is the median of the passes. Prints `name value unit`; the files of 64 pixels have the
 * prefix px64_. */
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/stat.h"
#include "loaderd/batch/slot.h"
#include "loaderd/render.h"
#include "tests/bench/figure.h"
#include "tests/bench/photos.h"
#include "tests/bench/plain.h"
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
    BATCH = 64,       /* samples whose omegas are packed together */
    PASS_BATCHES = 4, /* of samples, at least: one pass's draws are a fair share of the law */
    SIZE_MIN = 8,
};
static const double pass_s = 0.5; /* of one core, at least, about */
static const double team_s = 0.8; /* what one worker takes for one pass, about */

enum { TASK_A, TASK_B, TASKS };
static const struct {
    uint32_t views;
    bool colour;
    const char *ms, *views_per_s, *decodes, *all; /* the figures' names */
} tasks[TASKS] = {
    {2, true, "task_a_ms", "task_a_views_per_s", "task_a_decodes", "task_a_views_per_s_all"},
    {1, false, "task_b_ms", "task_b_views_per_s", "task_b_decodes", "task_b_views_per_s_all"},
};

/* The sets that are measured when none is named. */
static const struct set {
    const char *tar, *prefix;
    uint32_t size;
} sets[] = {{"fullsize.tar", "", 224}, {"pretrain64.tar", "px64_", 64}};

struct bench {
    const char *prefix;
    uint32_t passes, cores;
    struct photos photos;
    struct spec specs[TASKS];
    struct render *render;
    struct plain *plain;
    struct wire *wire;
    uint8_t *pixels; /* the views of one batch, as slot_layout says */
    struct omega omega[TASKS][OMEGA_VIEWS_MAX * BATCH];
    struct slot_layout layout[TASKS];
};

/* Seconds and how often, of one pass. */
struct clocks {
    double decode_s, task_s[TASKS], draw_s, pack_s;
    uint32_t samples, packed;
};

static void spec_fill(struct spec *spec, int task, uint32_t size)
{
    *spec = (struct spec){.dataset = "bench", .seed = 1, .batch = BATCH};
    spec->n_views = tasks[task].views;
    for (uint32_t v = 0; v < spec->n_views; v++) {
        struct view_spec *law = &spec->views[v];
        *law = (struct view_spec){
            .size = size, .scale = {0.2, 1}, .ratio = {0.75, 4.0 / 3}, .flip = 0.5};
        law->blur.kernel = 1;
        if (!tasks[task].colour)
            continue;
        law->jitter.p = 0.8;
        law->jitter.brightness = law->jitter.contrast = law->jitter.saturation = 0.4;
        law->jitter.hue = 0.1;
        law->grayscale = 0.2;
        law->blur.p = 0.5;
        law->blur.sigma[0] = 0.1;
        law->blur.sigma[1] = 2;
        law->blur.kernel = size / 10 | 1; /* a tenth of the view, odd: 23 of 224, 7 of 64 */
    }
}

static int render_one(struct bench *bench, int task, uint32_t i, uint32_t epoch)
{
    const struct spec *spec = &bench->specs[task];
    const uint32_t sample = i % bench->photos.n, position = i % BATCH;
    static struct item item;
    item = (struct item){.sample = sample, .label = -1, .coding = ITEM_FILE};
    snprintf(item.path, sizeof item.path, "%s", bench->photos.list[sample].path);
    struct render_task where = {.item = &item, .spec = spec, .epoch = epoch};
    const struct slot_layout *layout = &bench->layout[task];
    for (uint32_t v = 0; v < spec->n_views; v++) {
        where.out[v] = bench->pixels + layout->view[v] + position * layout->image[v];
        where.omega[v] = &bench->omega[task][v * BATCH + position];
    }
    enum wire_fault fault;
    return render_sample(bench->render, &where, &fault);
}

/* Draws task A's omegas of one sample once more. It must give what was recorded. */
static int draw_again(const struct bench *bench, uint32_t i, uint32_t epoch)
{
    const struct spec *spec = &bench->specs[TASK_A];
    for (uint32_t v = 0; v < spec->n_views; v++) {
        const struct omega *record = &bench->omega[TASK_A][v * BATCH + i % BATCH];
        const struct omega_key key = {
            .seed = spec->seed, .epoch = epoch, .sample = i % bench->photos.n, .view = v};
        struct omega omega;
        omega_draw(&spec->views[v], &key, record->source_w, record->source_h, &omega);
        if (omega.crop_left != record->crop_left || omega.crop_top != record->crop_top ||
            omega.jitter.hue != record->jitter.hue || omega.blur.sigma != record->blur.sigma)
            return err_set(-EIO, "the omega on record is not the one that is drawn");
    }
    return 0;
}

/* Packs a whole batch's header, the omegas of task A in it, as the daemon sends it. */
static int pack(const struct bench *bench)
{
    static const int64_t labels[BATCH];
    static struct wire_message message;
    const struct spec *spec = &bench->specs[TASK_A];
    message = (struct wire_message){.type = WIRE_BATCH};
    message.batch = (struct wire_batch){.n_samples = BATCH,
                                        .n_views = spec->n_views,
                                        .omega = bench->omega[TASK_A],
                                        .labels = labels};
    for (uint32_t v = 0; v < spec->n_views; v++) {
        const size_t image = bench->layout[TASK_A].image[v];
        const uint32_t images = slot_frame_images(image);
        message.batch.sizes[v] = spec->views[v].size;
        for (uint32_t i = 0; i < BATCH; i += images)
            message.batch.frames[message.batch.n_frames++].bytes =
                (uint32_t)((BATCH - i < images ? BATCH - i : images) * image);
    }
    const void *bytes;
    size_t len;
    return wire_pack(bench->wire, &message, &bytes, &len);
}

static int timed_step(struct bench *bench, struct clocks *clocks, int step, uint32_t i,
                      uint32_t epoch)
{
    const double from = stat_now();
    if (step == TASKS) {
        const int rc = plain_decode(bench->plain, &bench->photos.list[i % bench->photos.n]);
        clocks->decode_s += stat_now() - from;
        return rc;
    }
    int rc = render_one(bench, step, i, epoch);
    const double rendered = stat_now();
    clocks->task_s[step] += rendered - from;
    if (rc < 0 || step != TASK_A)
        return rc;
    rc = draw_again(bench, i, epoch);
    clocks->draw_s += stat_now() - rendered;
    return rc;
}

/* One pass: so many times over all photos. */
static int run_pass(struct bench *bench, uint32_t pass, uint32_t times, struct clocks *clocks)
{
    *clocks = (struct clocks){0};
    const uint32_t n = bench->photos.n;
    for (uint32_t i = 0; i < n * times; i++) {
        const uint32_t epoch = pass * times + i / n;
        for (uint32_t s = 0; s <= TASKS; s++) {
            const int step = (int)((s + i + pass) % (TASKS + 1));
            const int rc = timed_step(bench, clocks, step, i, epoch);
            if (rc < 0)
                return rc;
        }
        clocks->samples++;
        if (i % BATCH != BATCH - 1)
            continue;
        const double from = stat_now();
        const int rc = pack(bench);
        if (rc < 0)
            return rc;
        clocks->pack_s += stat_now() - from;
        clocks->packed += BATCH;
    }
    return 0;
}

/* ret_task_s: the median seconds of one sample. */
static int bench_one_core(struct bench *bench, double ret_task_s[TASKS])
{
    struct figure decode = {0}, ms[TASKS] = {0}, views[TASKS] = {0}, decodes[TASKS] = {0};
    struct figure draw = {0}, record = {0}, cost = {0};
    const uint32_t n = bench->photos.n;
    uint32_t times = (BATCH * PASS_BATCHES + n - 1) / n;
    for (uint32_t pass = 0; pass <= bench->passes; pass++) {
        struct clocks c;
        const double from = stat_now();
        const int rc = run_pass(bench, pass, times, &c);
        if (rc < 0)
            return rc;
        if (pass == 0) { /* warms caches and memory, and tells how many times make a pass */
            times *= 1 + (uint32_t)(pass_s / (stat_now() - from));
            continue;
        }
        figure_add(&decode, 1e3 * c.decode_s / c.samples);
        for (int t = 0; t < TASKS; t++) {
            figure_add(&ms[t], 1e3 * c.task_s[t] / c.samples);
            figure_add(&views[t], tasks[t].views * c.samples / c.task_s[t]);
            figure_add(&decodes[t], c.task_s[t] / c.decode_s);
        }
        const double n_views = tasks[TASK_A].views;
        const double draw_s = c.draw_s / c.samples, pack_s = c.pack_s / c.packed;
        figure_add(&draw, 1e6 * draw_s / n_views);
        figure_add(&record, 1e6 * pack_s / n_views);
        figure_add(&cost, (draw_s + pack_s) / (c.task_s[TASK_A] / c.samples - draw_s));
    }
    figure_print(&decode, bench->prefix, "decode_ms", "ms");
    for (int t = 0; t < TASKS; t++) {
        figure_print(&ms[t], bench->prefix, tasks[t].ms, "ms");
        figure_print(&views[t], bench->prefix, tasks[t].views_per_s, "views/s");
        figure_print(&decodes[t], bench->prefix, tasks[t].decodes, "ratio");
        ret_task_s[t] = figure_median(&ms[t]) / 1e3;
    }
    figure_print(&draw, bench->prefix, "omega_draw_us", "us/view");
    figure_print(&record, bench->prefix, "omega_pack_us", "us/view");
    figure_print(&cost, bench->prefix, "omega_cost", "fraction");
    return 0;
}

/* How two processes that only decode scale: the most that this machine gives to anybody. */
static int bench_decode_together(struct bench *bench)
{
    struct figure scaling = {0}, all = {0};
    const uint32_t n = bench->photos.n;
    double one_s = plain_decode_together(&bench->photos, 1, 1);
    if (one_s < 0)
        return (int)one_s;
    const uint32_t times = 1 + (uint32_t)(team_s / one_s);
    for (uint32_t pass = 0; pass < bench->passes; pass++) {
        one_s = plain_decode_together(&bench->photos, 1, times);
        const double two_s = plain_decode_together(&bench->photos, 2, times);
        const double all_s =
            bench->cores == 2 ? two_s : plain_decode_together(&bench->photos, bench->cores, times);
        if (one_s < 0 || two_s < 0 || all_s < 0)
            return -ECHILD;
        figure_add(&scaling, 2 * one_s / two_s);
        figure_add(&all, bench->cores * n * times / all_s);
    }
    figure_print(&all, bench->prefix, "decode_per_s_all", "images/s");
    figure_print(&scaling, bench->prefix, "decode_scaling_2", "ratio");
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

static int run_teams(struct bench *bench, struct team *const teams[TEAMS],
                     const double task_s[TASKS])
{
    struct figure all[TASKS] = {0}, scaling[TASKS] = {0};
    for (uint32_t pass = 0; pass <= bench->passes; pass++) {
        for (int t = 0; t < TASKS; t++) {
            const uint32_t n = (uint32_t)(team_s / task_s[t]) + BATCH;
            double s[TEAMS];
            for (int k = 0; k < TEAMS; k++) {
                s[k] = k > 0 && teams[k] == teams[k - 1] ? s[k - 1] : team_run(teams[k], t, n);
                if (s[k] < 0)
                    return (int)s[k];
            }
            if (pass == 0)
                continue;
            figure_add(&all[t], tasks[t].views * n / s[TEAM_ALL]);
            figure_add(&scaling[t], s[TEAM_ONE] / s[TEAM_TWO]);
        }
    }
    for (int t = 0; t < TASKS; t++)
        figure_print(&all[t], bench->prefix, tasks[t].all, "views/s");
    if (bench->cores < 2) {
        fprintf(stderr, "bench_render: one core only: no scaling_2\n");
        return 0;
    }
    figure_print(&scaling[TASK_A], bench->prefix, "scaling_2", "ratio");
    figure_print(&scaling[TASK_B], bench->prefix, "task_b_scaling_2", "ratio");
    return 0;
}

static int bench_all_cores(struct bench *bench, const double task_s[TASKS])
{
    const char *program = worker_program();
    struct team_config config[TEAMS];
    struct team *teams[TEAMS] = {NULL};
    const uint32_t workers[TEAMS] = {1, bench->cores < 2 ? 1 : 2, bench->cores};
    int rc = 0;
    for (int k = 0; rc == 0 && k < TEAMS; k++) {
        config[k] = (struct team_config){.program = program,
                                         .workers = workers[k],
                                         .photos = &bench->photos,
                                         .specs = bench->specs,
                                         .n_specs = TASKS};
        if (k > 0 && workers[k] == workers[k - 1])
            teams[k] = teams[k - 1];
        else
            rc = team_new(&config[k], &teams[k]);
    }
    if (rc == 0)
        rc = run_teams(bench, teams, task_s);
    for (int k = TEAMS - 1; k >= 0; k--)
        if (k == 0 || teams[k] != teams[k - 1])
            team_free(teams[k]);
    return rc;
}

static int bench_open(struct bench *bench, const char *path, uint32_t size)
{
    size_t bytes = 0;
    for (int t = 0; t < TASKS; t++) {
        spec_fill(&bench->specs[t], t, size);
        slot_layout(&bench->specs[t], BATCH, &bench->layout[t]);
        bytes = bench->layout[t].bytes > bytes ? bench->layout[t].bytes : bytes;
        for (uint32_t v = 0; v < bench->specs[t].n_views; v++) {
            const int rc = view_spec_check(&bench->specs[t].views[v]);
            if (rc < 0)
                return rc;
        }
    }
    bench->pixels = malloc(bytes);
    if (!bench->pixels)
        return err_set(-ENOMEM, "no memory for a batch");
    int rc = photos_open(path, FILES_MOST, &bench->photos);
    rc = rc < 0 ? rc : plain_new(&bench->plain);
    rc = rc < 0 ? rc : render_new(&bench->render);
    return rc < 0 ? rc : wire_new(BATCH * OMEGA_VIEWS_MAX, &bench->wire);
}

static void bench_close(struct bench *bench)
{
    wire_free(bench->wire);
    render_free(bench->render);
    plain_free(bench->plain);
    photos_close(&bench->photos);
    free(bench->pixels);
}

static int run_set(const char *path, const struct set *set, uint32_t passes, uint32_t cores)
{
    static struct bench bench;
    bench = (struct bench){.prefix = set->prefix, .passes = passes, .cores = cores};
    double task_s[TASKS];
    int rc = bench_open(&bench, path, set->size);
    if (rc == 0) {
        figure_print_value(bench.photos.n, set->prefix, "files", "files");
        figure_print_value(set->size, set->prefix, "view_size", "px");
        figure_print_value(cores, set->prefix, "cores", "cores");
        rc = bench_one_core(&bench, task_s);
    }
    if (rc == 0)
        rc = bench_decode_together(&bench);
    if (rc == 0)
        rc = bench_all_cores(&bench, task_s);
    bench_close(&bench);
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
    "the folder of real images (AUGSTREAM_DATA).\n";

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
