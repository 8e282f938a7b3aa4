/* SPDX-License-Identifier: Apache-2.0 */
/* weights_tell: takes one file's weights, prints them: what the file says of itself, then a table,
 * in groups where they are in the order of names. Does not sort or weigh. */
#include "common/err.h"
#include "tools/inspect/tensors/element.h"
#include "tools/inspect/tensors/group.h"
#include "tools/inspect/tensors/text.h"
#include "tools/inspect/tensors/weights.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    WIDTH = 100,
    FIGURES_WIDTH = 5 * 10, /* min, max, mean, deviation, norm */
    ZEROS_WIDTH = 7,        /* " 100.0%" */
    NAME_MIN = 12,
    META_KEY = 9 /* the column of metadata's keys: as wide as "augself.r" */
};

/* --- what the file says of itself --- */

const char *weights_seal_text(const struct weights *weights)
{
    static const char *const texts[] = {[WEIGHTS_SEALED] = "sealed, and as it was written",
                                        [WEIGHTS_UNSEALED] = "not sealed",
                                        [WEIGHTS_BROKEN] = "sealed, and DAMAGED since"};
    return texts[weights->seal];
}

static size_t lines_of(const char *text)
{
    size_t n = 0;
    for (const char *end; (end = strchr(text, '\n')); text = end + 1)
        n++;
    return n + (*text != 0);
}

static void meta_row(void *hint, const char *key, const char *value)
{
    FILE *out = hint;
    char name[TEXT_MAX], line[TEXT_MAX];
    if (strcmp(key, "crc32c") == 0) /* told as the seal */
        return;
    text_line(key, strlen(key), 40, name);
    if (strcmp(key, "recipe") == 0)
        snprintf(line, sizeof line, "%zu lines; --recipe prints them", lines_of(value));
    else
        text_line(value, strlen(value), (size_t)WIDTH - 5 - strlen(name), line);
    fprintf(out, "  %-*s  %s\n", META_KEY, name, line);
}

static size_t numbers_of(const struct weights *w, size_t first, size_t n, size_t *ret_trained)
{
    size_t all = 0;
    *ret_trained = 0;
    for (size_t i = first; i < first + n; i++) {
        const size_t count = element_count(w->weight[i].tensor);
        all += count;
        *ret_trained += group_trained(w->st, w->momenta, w->weight[i].tensor) ? count : 0;
    }
    return all;
}

/* "12 tensors, 5344 numbers, of them 5300 trained" */
static void counts(const struct weights *w, size_t first, size_t n, FILE *out)
{
    size_t trained, all = numbers_of(w, first, n, &trained);
    fprintf(out, "%zu tensor%s, %zu number%s", n, n == 1 ? "" : "s", all, all == 1 ? "" : "s");
    if (trained > 0)
        fprintf(out, ", of them %zu trained", trained);
}

/* --- the table --- */

struct table {
    const struct weights *w;
    bool groups, zeros; /* whether there are headings, and a column of zeros */
    int name, dtype, shape;
    FILE *out;
};

static const char *row_name(const struct table *t, const struct weight *w)
{
    const size_t group = t->groups ? group_length(w->tensor->name) : 0;
    return group ? w->tensor->name + group + 1 : w->tensor->name;
}

static void widen(int *width, size_t needed)
{
    *width = (int)needed > *width ? (int)needed : *width;
}

/* Columns as wide as they need to be; a name takes what is left. */
static struct table table_plan(const struct weights *w, bool groups, FILE *out)
{
    struct table t = {
        .w = w, .groups = groups, .name = NAME_MIN, .dtype = 4, .shape = 5, .out = out};
    int names = 0;
    for (size_t i = 0; i < w->n; i++) {
        char shape[TEXT_MAX];
        text_shape(w->weight[i].tensor, shape);
        widen(&t.shape, strlen(shape));
        widen(&t.dtype, strlen(safetensors_dtype_name(w->weight[i].tensor->dtype)));
        widen(&names, strlen(row_name(&t, &w->weight[i])));
        t.zeros = t.zeros || w->weight[i].sums.zeros > 0;
    }
    t.shape = t.shape < 24 ? t.shape : 24;
    const int left = WIDTH - 4 - t.dtype - t.shape - FIGURES_WIDTH - (t.zeros ? ZEROS_WIDTH : 0);
    widen(&t.name, (size_t)(names < left ? names : left));
    return t;
}

static void head(const struct table *t)
{
    fprintf(t->out, "  %-*s %-*s %-*s %9s %9s %9s %9s %9s%s\n", t->name, "tensor", t->dtype, "type",
            t->shape, "shape", "min", "max", "mean", "deviation", "norm",
            t->zeros ? "  zeros" : "");
}

static void figure(double value, FILE *out)
{
    if (isnan(value))
        fprintf(out, " %9s", "-");
    else
        fprintf(out, " %9.3g", value);
}

static void row(const struct table *t, const struct weight *w)
{
    const struct sums *s = &w->sums;
    char name[TEXT_MAX], shape[TEXT_MAX], line[TEXT_MAX];
    text_name(row_name(t, w), (size_t)t->name, name);
    text_shape(w->tensor, shape);
    text_line(shape, strlen(shape), (size_t)t->shape, line);
    fprintf(t->out, "  %-*s %-*s %-*s", t->name, name, t->dtype,
            safetensors_dtype_name(w->tensor->dtype), t->shape, line);
    const double figures[] = {s->min, s->max, s->mean, s->deviation,
                              isnan(s->mean) ? (double)NAN : s->norm};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        figure(figures[i], t->out);
    if (t->zeros && s->zeros > 0)
        fprintf(t->out, " %5.1f%%", 100. * (double)s->zeros / (double)s->n);
    fputc('\n', t->out);
    if (s->nan + s->infinite > 0)
        fprintf(t->out,
                "    NOT FINITE: %zu of its %zu numbers (%zu NaN, %zu infinite); the "
                "figures are of the others\n",
                s->nan + s->infinite, s->n, s->nan, s->infinite);
}

/* The number of tensors from first on that are in its group. */
static size_t group_size(const struct weights *w, size_t first)
{
    const char *name = w->weight[first].tensor->name;
    const size_t length = group_length(name);
    size_t n = 1;
    while (first + n < w->n && group_length(w->weight[first + n].tensor->name) == length &&
           strncmp(w->weight[first + n].tensor->name, name, length) == 0)
        n++;
    return n;
}

static void group(const struct table *t, size_t first, size_t n)
{
    long double squares = 0;
    const char *name = t->w->weight[first].tensor->name;
    char line[TEXT_MAX];
    text_line(name, group_length(name), 60, line);
    for (size_t i = first; i < first + n; i++)
        squares += (long double)t->w->weight[i].sums.norm * t->w->weight[i].sums.norm;
    fprintf(t->out, "\n%s%s", line, line[0] ? ": " : "");
    counts(t->w, first, n, t->out);
    fprintf(t->out, ", norm %.4g\n", (double)sqrtl(squares));
    head(t);
    for (size_t i = first; i < first + n; i++)
        row(t, &t->w->weight[i]);
}

static void table(const struct weights *w, bool groups, FILE *out)
{
    const struct table t = table_plan(w, groups, out);
    if (groups) {
        for (size_t i = 0, n; i < w->n; i += n)
            group(&t, i, n = group_size(w, i));
        return;
    }
    fputc('\n', out);
    head(&t);
    for (size_t i = 0; i < w->n; i++)
        row(&t, &w->weight[i]);
}

static void unfinite(const struct weights *w, FILE *out)
{
    size_t tensors = 0;
    for (size_t i = 0; i < w->n; i++)
        tensors += w->weight[i].sums.nan + w->weight[i].sums.infinite > 0;
    if (tensors > 0)
        fprintf(out, "%zu tensor%s NUMBERS THAT ARE NOT FINITE\n", tensors,
                tensors == 1 ? " has" : "s have");
}

int weights_tell(const struct weights *weights, enum weights_order order, FILE *out)
{
    fprintf(out, "%s: %" PRIu64 " bytes; %s\n", weights->path, weights->bytes,
            weights_seal_text(weights));
    safetensors_each_meta(weights->st, meta_row, out);
    table(weights, order == WEIGHTS_BY_NAME, out);
    fputs("\nall: ", out);
    counts(weights, 0, weights->n, out);
    if (weights->n < safetensors_n(weights->st))
        fprintf(out, "; %zu more are not shown", safetensors_n(weights->st) - weights->n);
    fputc('\n', out);
    unfinite(weights, out);
    return ferror(out) ? err_set(-EIO, "output: write failed") : 0;
}
