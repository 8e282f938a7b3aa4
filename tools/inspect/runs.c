/* SPDX-License-Identifier: Apache-2.0 */
/* runs: takes run folders, reads their metrics.jsonl, prints the runs side by side, a row wherever
 * one of them was scored: the score, and the mean of every loss since the row before. */
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "tools/inspect/inspect.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_MAX = 8, FIGURES_MAX = 48, MARKS_MAX = 4096, NAME_MAX_BYTES = 32, ROWS = 16 };

const struct usage inspect_runs_usage = {
    .name = "runs",
    .program = "augstream-inspect",
    .summary = "training runs side by side: losses and accuracy, a table",
    .operands = "RUN_FOLDER ...",
    .about =
        "Prints up to 8 runs side by side, a row at each nearest-neighbour score (at most 16 rows; "
        "without scores, evenly spread): the score, and the mean of every loss over the steps "
        "since the row before. What is not there shows '-'.",
};

/* Not figures of the model. */
static const char *const skipped[] = {"step",    "epoch",     "lr",        "images_per_s",
                                      "wait_s",  "data_s",    "forward_s", "augself_s",
                                      "optim_s", "backward_s"};

/* A figure at a step. A score is told after some of the steps, a loss at every one. */
struct point {
    uint64_t step;
    double value;
    uint32_t figure;
    bool score;
};

struct run {
    const char *folder;
    char figure[FIGURES_MAX][NAME_MAX_BYTES];
    uint32_t n_figures;
    struct point *point;
    size_t n_points, room;
};

/* The steps that a row ends at, rising. */
struct marks {
    uint64_t step[MARKS_MAX];
    size_t n;
};

/* --- reading --- */

/* The number of the figure called name, new or not; -errno when there is no room. */
static int run_figure(struct run *run, const char *name)
{
    for (uint32_t i = 0; i < run->n_figures; i++)
        if (!strcmp(run->figure[i], name))
            return (int)i;
    if (run->n_figures == FIGURES_MAX || strlen(name) >= NAME_MAX_BYTES)
        return err_set(-E2BIG, "%s/metrics.jsonl: figure %.40s: too many or too long", run->folder,
                       name);
    memcpy(run->figure[run->n_figures], name, strlen(name) + 1);
    return (int)run->n_figures++;
}

static int point_add(struct run *run, const struct point *point)
{
    if (run->n_points == run->room) {
        size_t room = run->room ? 2 * run->room : 1024;
        struct point *more = realloc(run->point, room * sizeof *more);
        if (!more)
            return err_set(-ENOMEM, "out of memory");
        run->point = more;
        run->room = room;
    }
    run->point[run->n_points++] = *point;
    return 0;
}

static bool is_skipped(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(skipped); i++)
        if (!strcmp(name, skipped[i]))
            return true;
    return false;
}

static int line_add(struct run *run, const json_t *line)
{
    json_int_t step = json_integer_value(json_object_get(line, "step"));
    if (step < 0)
        return err_set(-EBADMSG, "%s/metrics.jsonl: step %lld", run->folder, (long long)step);
    bool score = !json_object_get(line, "lr"); /* that of a step has one */
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)line, name, value)
    {
        if (!json_is_number(value) || is_skipped(name))
            continue;
        int figure = run_figure(run, name);
        if (figure < 0)
            return figure;
        int rc = point_add(run, &(struct point){(uint64_t)step, json_number_value(value),
                                                (uint32_t)figure, score});
        if (rc)
            return rc;
    }
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
    if (!rc && !run->n_points)
        rc = err_set(-ENODATA, "%s: empty", path);
    return rc;
}

/* --- choosing the rows --- */

/* False when it is full; a step that is there already needs no room. */
static bool mark_add(struct marks *marks, uint64_t step)
{
    size_t at = marks->n;
    while (at > 0 && marks->step[at - 1] >= step)
        at--;
    if (at < marks->n && marks->step[at] == step)
        return true;
    if (marks->n == MARKS_MAX)
        return false;
    memmove(marks->step + at + 1, marks->step + at, (marks->n - at) * sizeof *marks->step);
    marks->step[at] = step;
    marks->n++;
    return true;
}

/* Where a run was scored, or else evenly over the steps; the last step always; ROWS at most. */
static void rows_choose(const struct run *runs, size_t n, struct marks *rows)
{
    static struct marks scored;
    uint64_t last = 0;
    bool room = true;
    scored.n = rows->n = 0;
    for (size_t r = 0; r < n; r++)
        for (size_t i = 0; i < runs[r].n_points; i++) {
            const struct point *p = &runs[r].point[i];
            last = p->step > last ? p->step : last;
            room = room && (!p->score || mark_add(&scored, p->step));
        }
    if (!room || scored.n < 2) { /* too many to choose from, or nothing but the start */
        size_t first = scored.n && scored.step[0] == 0;
        scored.n = first;
        for (uint64_t i = 1; i <= ROWS - first; i++)
            mark_add(&scored, (last * i + ROWS - first - 1) / (ROWS - first));
    }
    mark_add(&scored, last);
    size_t shown = scored.n < ROWS ? scored.n : ROWS;
    for (size_t i = 0; i < shown; i++) /* evenly spread, first and last always */
        mark_add(rows, scored.step[shown > 1 ? i * (scored.n - 1) / (shown - 1) : 0]);
}

/* --- the table --- */

/* "augself.crop.r2" is headed "crop.r2", "knn_top1" "knn". */
static void figure_head(const char *name, char head[NAME_MAX_BYTES])
{
    const char *dot = strchr(name, '.');
    snprintf(head, NAME_MAX_BYTES, "%s", dot ? dot + 1 : name);
    head[strcspn(head, "_")] = 0;
}

static int figure_width(const char *name)
{
    char head[NAME_MAX_BYTES];
    figure_head(name, head);
    int width = (int)strlen(head);
    return width > 7 ? width : 7;
}

static void table_head(const struct run *runs, size_t n)
{
    printf("      ");
    for (size_t r = 0; r < n; r++) {
        int width = 0;
        for (uint32_t i = 0; i < runs[r].n_figures; i++)
            width += figure_width(runs[r].figure[i]) + 2;
        const char *slash = strrchr(runs[r].folder, '/');
        const char *name = slash && slash[1] ? slash + 1 : runs[r].folder;
        printf("  | %-*s", r + 1 < n ? width - 2 : 0, name);
    }
    printf("\n  step");
    for (size_t r = 0; r < n; r++) {
        printf("  |");
        for (uint32_t i = 0; i < runs[r].n_figures; i++) {
            char head[NAME_MAX_BYTES];
            figure_head(runs[r].figure[i], head);
            printf("%s%*s", i ? "  " : " ", figure_width(runs[r].figure[i]), head);
        }
    }
    putchar('\n');
}

/* A loss: its mean over the steps after `from` up to `to`. A score: the last one in there. */
static bool figure_value(const struct run *run, uint32_t figure, int64_t from, uint64_t to,
                         double *ret)
{
    double sum = 0, score = 0;
    size_t count = 0, scores = 0;
    for (size_t i = 0; i < run->n_points; i++) {
        const struct point *p = &run->point[i];
        if (p->figure != figure || (int64_t)p->step <= from || p->step > to)
            continue;
        if (p->score) {
            score = p->value;
            scores++;
        } else {
            sum += p->value;
            count++;
        }
    }
    *ret = scores ? score : count ? sum / (double)count : 0;
    return scores || count;
}

static void table_row(const struct run *runs, size_t n, int64_t from, uint64_t to)
{
    printf("%6" PRIu64, to);
    for (size_t r = 0; r < n; r++) {
        printf("  |");
        for (uint32_t i = 0; i < runs[r].n_figures; i++) {
            double value;
            char text[32] = "-";
            if (figure_value(&runs[r], i, from, to, &value))
                snprintf(text, sizeof text, "%.*f", value >= 100 ? 0 : 4, value);
            printf("%s%*s", i ? "  " : " ", figure_width(runs[r].figure[i]), text);
        }
    }
    putchar('\n');
}

static void table(const struct run *runs, size_t n)
{
    struct marks rows;
    rows_choose(runs, n, &rows);
    table_head(runs, n);
    for (size_t i = 0; i < rows.n; i++)
        table_row(runs, n, i ? (int64_t)rows.step[i - 1] : -1, rows.step[i]);
}

int inspect_runs(int argc, char **argv)
{
    int key = usage_next(&inspect_runs_usage, argc, argv);
    size_t n = (size_t)(argc - optind);
    if (key == 0 && (n < 1 || n > RUNS_MAX))
        key = err_set(-EINVAL, "runs needs 1 to %d run folders", RUNS_MAX);
    if (key)
        return inspect_parsed(key);
    struct run runs[RUNS_MAX] = {0};
    int rc = 0;
    for (size_t r = 0; !rc && r < n; r++) {
        runs[r].folder = argv[(size_t)optind + r];
        rc = run_read(&runs[r]);
    }
    if (!rc)
        table(runs, n);
    for (size_t r = 0; r < n; r++)
        free(runs[r].point);
    return rc ? inspect_fail(rc) : EXIT_OK;
}
