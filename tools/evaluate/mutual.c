/* SPDX-License-Identifier: Apache-2.0 */
/* mutual: what a frozen backbone's features tell of a picture's colours, as a lower bound of their
 * mutual information (critic.h). */
#include "common/auto.h"
#include "common/err.h"
#include "tools/evaluate/colours.h"
#include "tools/evaluate/critic.h"
#include "tools/evaluate/evaluate.h"
#include "tools/evaluate/numbers.h"
#include "tools/evaluate/score.h"
#include "tools/evaluate/sets.h"
#include "tools/evaluate/views.h"
#include "tools/progress.h"
#include "trainer/recv.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS_MAX = 100, PARTS_STREAM = 16 };

static const struct usage_option rows[] = {
    SETS_OPTIONS,
    {"images", "SET", 'i', "images that the critic is made from", USAGE_REQUIRED},
    {"test", "SET", 'e', "images that the bound is told of (default: a quarter of --images)"},
    {"bins", "N", 'c', "of a channel; the histogram has N^3 cells (2 to 16, default 8)"},
    {"batch", "N", 'n', "rows that are told apart: no bound is above log N (default 256)"},
    {"hidden", "N", 'w', "width of the critic's hidden layers (default 256)"},
    {"out", "N", 'o', "width of what is compared (default 64)"},
    {"steps", "N", 'k', "of training (default 1000)"},
    {"lr", "X", 'l', "learning rate at the start (default 0.1)"},
    {"temperature", "X", 't', "in training (default 0.1)"},
    {"seeds", "N", 'x', "how many critics, each with a seed of its own (default 3)"},
    {"seed", "N", 'r', "the first of them (default 0)"},
};

const struct usage evaluate_mutual_usage = {
    .name = "mutual",
    .program = "augstream-evaluate",
    .summary = "mutual information of colours and features, a lower bound",
    .operands = SETS_OPERANDS,
    .about =
        "Bounds from below what features Z tell of the joint colour histogram C of the pixels that "
        "the backbone saw: I(C;Z) >= log N - L_NCE, with a three-layer MLP on each side (InfoNCE). "
        "A critic is trained on some images, chosen on others, and its bound told of images that "
        "it has not seen; says the mean over seeds and their standard deviation. Features files "
        "need their views (`features --views`).\n\n" SETS_ABOUT,
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

struct options {
    struct sets_options sets;
    uint64_t bins, batch, hidden, out, steps, seeds, seed;
    double lr, temperature;
};

/* The numbers among the options: where each goes, and its bounds. */
static int number(struct options *o, int key, const char *arg)
{
    const struct {
        int key;
        struct numbers_law law;
        uint64_t *at;
    } numbers[] = {
        {'c', {"bins", 2, COLOURS_BINS_MAX, 1}, &o->bins},
        {'n', {"batch", 16, 4096, 1}, &o->batch},
        {'w', {"hidden", 1, 8192, 1}, &o->hidden},
        {'o', {"out", 1, 8192, 1}, &o->out},
        {'k', {"steps", 1, 1 << 24, 1}, &o->steps},
        {'x', {"seeds", 1, SEEDS_MAX, 1}, &o->seeds},
        {'r', {"seed", 0, UINT64_MAX - SEEDS_MAX, 1}, &o->seed},
    };
    size_t n;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (numbers[i].key == key)
            return numbers_of(&numbers[i].law, arg, numbers[i].at, &n);
    if (key == 'l')
        return numbers_positive("lr", arg, 1, &o->lr, &n);
    return key == 't' ? numbers_positive("temperature", arg, 1, &o->temperature, &n) : 0;
}

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&evaluate_mutual_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : sets_option(&o->sets, key, optarg);
        if (!rc)
            rc = number(o, key, optarg);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
        if (key == 'i')
            o->sets.names[0] = optarg;
        else if (key == 'e')
            o->sets.names[1] = optarg;
    }
    if (!o->sets.names[0])
        return err_set(-EINVAL, "mutual needs --images");
    o->sets.n = o->sets.names[1] ? 2 : 1;
    if (o->sets.n == 2 && strcmp(o->sets.names[0], o->sets.names[1]) == 0)
        return err_set(-EINVAL, "--test is --images, which the critic is made from: leave it out, "
                                "and a quarter is kept apart");
    return sets_operand(&o->sets, "mutual", argc, argv);
}

/* Everything of one run: table and cells 0 are --images', 1 --test's. */
struct run {
    struct options o;
    struct table tables[2];
    float *cells[2];                        /* [n][bins^3] */
    size_t datasets[2], n_datasets, passes; /* which tables come out of batches; passes so far */
    struct ops *ops;
    struct progress_line line;
};

/* --- colours --- */

static int cells_new(struct run *run, size_t which, size_t n)
{
    run->cells[which] = calloc(n, colours_cells((uint32_t)run->o.bins) * sizeof(float));
    return run->cells[which] ? 0 : err_set(-ENOMEM, "colours of %zu images: out of memory", n);
}

static void cells_put(struct run *run, size_t which, size_t row, const uint8_t *rgb, size_t pixels)
{
    uint32_t bins = (uint32_t)run->o.bins;
    colours_measure(rgb, pixels, bins, run->cells[which] + row * colours_cells(bins));
}

static int on_batch(void *hint, const struct recv_batch *batch, size_t first, size_t total)
{
    struct run *run = hint;
    run->passes += first == 0; /* datasets come one after the other */
    size_t which = run->datasets[run->passes - 1], side = batch->header->sizes[0];
    int rc = first == 0 ? cells_new(run, which, total) : 0;
    for (uint32_t i = 0; !rc && i < batch->model.n_runs; i++)
        for (size_t j = 0; !rc && j < (size_t)batch->model.run[i].rows; j++) {
            if (first >= total)
                rc = err_set(-EBADMSG, "more images than the dataset has");
            else
                cells_put(run, which, first++, batch->model.run[i].pixels + j * side * side * 3,
                          side * side);
        }
    return rc;
}

static int cells_read(struct run *run, size_t which)
{
    struct views views = {.n = 0};
    int rc = views_read(run->o.sets.names[which], run->tables[which].f.n, &views);
    if (!rc)
        rc = cells_new(run, which, views.n);
    for (size_t i = 0; !rc && i < views.n; i++)
        cells_put(run, which, i, views_at(&views, i), (size_t)views.side * (size_t)views.side);
    views_done(&views);
    return rc;
}

static int open_sets(struct run *run)
{
    struct sets_options *sets = &run->o.sets;
    for (size_t i = 0; i < sets->n; i++)
        if (!sets_is_file(sets->names[i]))
            run->datasets[run->n_datasets++] = i;
    sets->unlabelled = true;
    sets->on_batch = on_batch;
    sets->hint = run;
    int rc = sets_open(sets, run->tables);
    for (size_t i = 0; !rc && i < sets->n; i++)
        if (sets_is_file(sets->names[i]))
            rc = cells_read(run, i);
    return rc;
}

/* --- which rows are for what --- */

enum part { TRAIN, CHOOSE, MEASURE, PARTS };

/* Of --images a quarter is chosen by and a quarter measured; with --test, which is measured as a
 * whole, a fifth is chosen by. */
static void parts_count(const struct run *run, size_t ret[PARTS])
{
    const bool test = run->o.sets.n == 2;
    const size_t n = run->tables[0].f.n;
    ret[CHOOSE] = test ? n / 5 : n / 4;
    ret[MEASURE] = test ? run->tables[1].f.n : n / 4;
    ret[TRAIN] = n - ret[CHOOSE] - (test ? 0 : ret[MEASURE]);
}

static int parts_check(const struct run *run)
{
    static const char *const what[PARTS] = {"train on", "choose by", "measure"};
    size_t n[PARTS];
    parts_count(run, n);
    for (int i = 0; i < PARTS; i++)
        if (n[i] < run->o.batch)
            return err_set(-ENODATA,
                           "%s: %zu images are left to %s, a batch has %" PRIu64
                           ": a smaller --batch, or more images",
                           run->tables[i == MEASURE && run->o.sets.n == 2].name, n[i], what[i],
                           run->o.batch);
    return 0;
}

/* row: of --images all, in an order by the seed, then of --test all. */
static void parts_draw(const struct run *run, uint64_t seed, uint32_t *row,
                       struct critic_rows ret[PARTS])
{
    const size_t n = run->tables[0].f.n;
    size_t count[PARTS], at = 0;
    parts_count(run, count);
    critic_order(seed, PARTS_STREAM, 0, row, n);
    for (size_t i = n; run->o.sets.n == 2 && i < n + count[MEASURE]; i++)
        row[i] = (uint32_t)(i - n);
    for (int i = 0; i < PARTS; at += count[i++]) {
        size_t table = i == MEASURE && run->o.sets.n == 2;
        ret[i] =
            (struct critic_rows){{run->cells[table], run->tables[table].f.x}, row + at, count[i]};
    }
}

/* --- bounds --- */

static void at_step(void *hint, uint32_t steps)
{
    progress_at(hint, steps);
}

static int bound(struct run *run, uint64_t which, double *ret)
{
    const struct options *o = &run->o;
    const struct critic_config config = {
        .dims = {(int32_t)colours_cells((uint32_t)o->bins), (int32_t)run->tables[0].f.d},
        .batch = (int32_t)o->batch,
        .hidden = (int32_t)o->hidden,
        .out = (int32_t)o->out,
        .steps = (uint32_t)o->steps,
        .lr = o->lr,
        .weight_decay = 1e-4,
        .temperature = o->temperature,
        .seed = o->seed + which,
        .tell = at_step,
        .hint = &run->line,
    };
    size_t all = run->tables[0].f.n + (o->sets.n == 2 ? run->tables[1].f.n : 0);
    auto_free uint32_t *row = calloc(all, sizeof *row);
    if (!row)
        return err_set(-ENOMEM, "out of memory");
    struct critic_rows parts[PARTS];
    parts_draw(run, config.seed, row, parts);
    struct critic *critic = NULL;
    char label[64];
    snprintf(label, sizeof label, "critic %" PRIu64 " of %" PRIu64, which + 1, o->seeds);
    progress_begin(&run->line, label, o->steps);
    int rc = critic_new(run->ops, &config, &critic);
    if (!rc)
        rc = critic_train(critic, &parts[TRAIN], &parts[CHOOSE]);
    if (!rc)
        rc = critic_bound(critic, &parts[MEASURE], ret);
    progress_end(&run->line);
    critic_free(critic);
    return rc;
}

static bool one_colour(const struct run *run)
{
    const size_t cells = colours_cells((uint32_t)run->o.bins);
    for (size_t t = 0; t < run->o.sets.n; t++)
        for (size_t i = 0; i < run->tables[t].f.n; i++)
            if (memcmp(run->cells[0], run->cells[t] + i * cells, cells * sizeof(float)) != 0)
                return false;
    return true;
}

static int tell(const struct run *run, const double *bounds)
{
    const struct options *o = &run->o;
    struct scores s = {.n = 0};
    double mean = 0, square = 0;
    size_t n[PARTS];
    parts_count(run, n);
    for (uint64_t i = 0; i < o->seeds; i++)
        mean += bounds[i] / (double)o->seeds;
    for (uint64_t i = 0; i < o->seeds; i++)
        square += (bounds[i] - mean) * (bounds[i] - mean);
    const double deviation = o->seeds > 1 ? sqrt(square / ((double)o->seeds - 1)) : (double)NAN;
    char text[SCORE_TEXT_MAX];
    int rc = scores_add(&s, "mutual_information", mean, deviation, "nats");
    if (!rc)
        rc = scores_add(&s, "ceiling", log((double)o->batch), NAN, "nats");
    for (uint64_t i = 0; !rc && o->seeds <= SCORES_MAX / 2 && i < o->seeds; i++) {
        snprintf(text, sizeof text, "seed_%" PRIu64, o->seed + i);
        rc = scores_add(&s, text, bounds[i], NAN, "nats");
    }
    snprintf(text, sizeof text, "%zu to train on, %zu to choose by, %zu to measure", n[TRAIN],
             n[CHOOSE], n[MEASURE]);
    if (!rc)
        rc = scores_note(&s, "images", text);
    snprintf(text, sizeof text,
             "InfoNCE, N %" PRIu64 ", joint RGB histogram of %" PRIu64
             "^3 cells, MLPs of 3 layers, "
             "%" PRIu64 " wide, %" PRIu64 " out, %" PRIu64 " steps, lr %g, temperature %g",
             o->batch, o->bins, o->hidden, o->out, o->steps, o->lr, o->temperature);
    if (!rc)
        rc = scores_note(&s, "critic", text);
    if (!rc && one_colour(run))
        rc = scores_note(&s, "colours", "every picture has the same: there is nothing to know");
    return rc ? rc : scores_tell(&s, "mutual", o->sets.json);
}

static int measure(struct run *run)
{
    double bounds[SEEDS_MAX];
    int rc = parts_check(run);
    if (!rc) /* one thread: batches are small, and any machine rounds alike then */
        rc = ops_open("auto", 1, &run->ops);
    for (uint64_t i = 0; !rc && i < run->o.seeds; i++)
        rc = bound(run, i, &bounds[i]);
    return rc ? rc : tell(run, bounds);
}

int evaluate_mutual(int argc, char **argv)
{
    struct run run = {.o = {.bins = 8,
                            .batch = 256,
                            .hidden = 256,
                            .out = 64,
                            .steps = 1000,
                            .seeds = 3,
                            .lr = 0.1,
                            .temperature = 0.1}};
    int rc = parse(argc, argv, &run.o);
    if (rc)
        return evaluate_parsed(rc);
    rc = open_sets(&run);
    if (!rc)
        rc = measure(&run);
    if (run.ops)
        ops_close(run.ops);
    for (size_t i = 0; i < ARRAY_LEN(run.tables); i++) {
        table_done(&run.tables[i]);
        free(run.cells[i]);
    }
    return rc ? evaluate_fail(rc) : EXIT_OK;
}
