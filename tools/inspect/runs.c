/* SPDX-License-Identifier: Apache-2.0 */
/* runs: takes run folders, reads their metrics.jsonl, prints the runs side by side: for each epoch
 * the mean of every figure that the run logged. */
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "tools/inspect/inspect.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_MAX = 8, FIGURES_MAX = 24, EPOCHS_MAX = 1 << 16, NAME_MAX_BYTES = 32, ROWS = 16 };

const struct usage inspect_runs_usage = {
    .name = "runs",
    .program = "augstream-inspect",
    .summary = "training runs side by side: losses and accuracy, a table",
    .operands = "RUN_FOLDER ...",
    .about = "Prints up to 8 runs side by side, an epoch a row (of a long run, 16 evenly spread "
             "ones): the mean over the epoch of every figure in metrics.jsonl, '-' where there is "
             "none.",
};

/* Not figures of the model. */
static const char *const skipped[] = {"step", "epoch", "lr", "wait_s"};

struct figure {
    char name[NAME_MAX_BYTES];
    double *sum; /* [epochs] */
    uint32_t *count;
};

struct run {
    const char *folder;
    struct figure figure[FIGURES_MAX];
    size_t n_figures;
    size_t epochs;
};

static void run_done(struct run *run)
{
    for (size_t i = 0; i < run->n_figures; i++) {
        free(run->figure[i].sum);
        free(run->figure[i].count);
    }
}

/* The figure called name, made when it is new; NULL + err when there is no room. */
static struct figure *run_figure(struct run *run, const char *name)
{
    for (size_t i = 0; i < run->n_figures; i++)
        if (!strcmp(run->figure[i].name, name))
            return &run->figure[i];
    if (run->n_figures == FIGURES_MAX || strlen(name) >= NAME_MAX_BYTES) {
        err_set(-E2BIG, "%s/metrics.jsonl: figure %.40s: too many or too long", run->folder, name);
        return NULL;
    }
    struct figure *f = &run->figure[run->n_figures];
    f->sum = calloc(EPOCHS_MAX, sizeof *f->sum);
    f->count = calloc(EPOCHS_MAX, sizeof *f->count);
    run->n_figures++;
    if (!f->sum || !f->count) {
        err_set(-ENOMEM, "out of memory");
        return NULL;
    }
    memcpy(f->name, name, strlen(name) + 1);
    return f;
}

static int line_add(struct run *run, const json_t *line)
{
    json_int_t epoch = json_integer_value(json_object_get(line, "epoch"));
    if (epoch < 0 || epoch >= EPOCHS_MAX)
        return err_set(-EBADMSG, "%s/metrics.jsonl: epoch %lld", run->folder, (long long)epoch);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)line, name, value)
    {
        bool skip = !json_is_number(value);
        for (size_t i = 0; i < ARRAY_LEN(skipped); i++)
            skip |= !strcmp(name, skipped[i]);
        if (skip)
            continue;
        struct figure *f = run_figure(run, name);
        if (!f)
            return -E2BIG;
        f->sum[epoch] += json_number_value(value);
        f->count[epoch]++;
    }
    if ((size_t)epoch >= run->epochs)
        run->epochs = (size_t)epoch + 1;
    return 0;
}

static int run_read(struct run *run)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/metrics.jsonl", run->folder);
    auto_fclose FILE *in = fopen(path, "re");
    if (!in)
        return err_set(-errno, "%s: %s", path, strerror(errno));
    auto_free char *text = NULL;
    size_t capacity = 0;
    int rc = 0;
    for (unsigned long number = 1; !rc && getline(&text, &capacity, in) > 0; number++) {
        json_error_t error;
        json_t *line = json_loads(text, 0, &error);
        rc = json_is_object(line) ? line_add(run, line)
                                  : err_set(-EBADMSG, "%s:%lu: not a JSON object", path, number);
        json_decref(line);
    }
    if (!rc && !run->epochs)
        rc = err_set(-ENODATA, "%s: empty", path);
    return rc;
}

/* "augself.crop" is headed "crop": what is behind the dot tells. */
static const char *figure_head(const struct figure *f)
{
    const char *dot = strrchr(f->name, '.');
    return dot ? dot + 1 : f->name;
}

static int figure_width(const struct figure *f)
{
    int width = (int)strlen(figure_head(f));
    return width > 8 ? width : 8;
}

static void table_head(const struct run *runs, size_t n)
{
    printf("     ");
    for (size_t r = 0; r < n; r++) {
        int width = 0;
        for (size_t i = 0; i < runs[r].n_figures; i++)
            width += figure_width(&runs[r].figure[i]) + 2;
        const char *slash = strrchr(runs[r].folder, '/');
        printf("  | %-*s", width - 2, slash && slash[1] ? slash + 1 : runs[r].folder);
    }
    printf("\nepoch");
    for (size_t r = 0; r < n; r++) {
        printf("  |");
        for (size_t i = 0; i < runs[r].n_figures; i++)
            printf("%s%*s", i ? "  " : " ", figure_width(&runs[r].figure[i]),
                   figure_head(&runs[r].figure[i]));
    }
    putchar('\n');
}

static void table_row(const struct run *runs, size_t n, size_t epoch)
{
    printf("%5zu", epoch);
    for (size_t r = 0; r < n; r++) {
        printf("  |");
        for (size_t i = 0; i < runs[r].n_figures; i++) {
            const struct figure *f = &runs[r].figure[i];
            char text[32] = "-";
            if (f->count[epoch]) {
                double mean = f->sum[epoch] / f->count[epoch];
                snprintf(text, sizeof text, "%.*f", mean >= 100 ? 0 : 4, mean);
            }
            printf("%s%*s", i ? "  " : " ", figure_width(f), text);
        }
    }
    putchar('\n');
}

int inspect_runs(int argc, char **argv)
{
    int key = usage_next(&inspect_runs_usage, argc, argv);
    if (key == USAGE_TOLD)
        return EXIT_OK;
    size_t n = (size_t)(argc - optind), epochs = 0;
    if (key == 0 && (n < 1 || n > RUNS_MAX))
        key = err_set(-EINVAL, "runs needs 1 to %d run folders", RUNS_MAX);
    if (key < 0) {
        log_error("%s", err_text());
        return EXIT_USAGE;
    }
    struct run runs[RUNS_MAX] = {0};
    int rc = 0;
    for (size_t r = 0; !rc && r < n; r++) {
        runs[r].folder = argv[(size_t)optind + r];
        rc = run_read(&runs[r]);
        epochs = runs[r].epochs > epochs ? runs[r].epochs : epochs;
    }
    if (!rc) {
        table_head(runs, n);
        size_t rows = epochs < ROWS ? epochs : ROWS;
        for (size_t i = 0; i < rows; i++) /* evenly spread, first and last always */
            table_row(runs, n, rows > 1 ? i * (epochs - 1) / (rows - 1) : 0);
    }
    for (size_t r = 0; r < n; r++)
        run_done(&runs[r]);
    return rc ? inspect_fail(rc) : EXIT_OK;
}
