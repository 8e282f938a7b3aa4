/* SPDX-License-Identifier: Apache-2.0 */
/* weights_pair: takes two files' weights, finds what is not the same in them, prints it. */
#include "common/err.h"
#include "tools/inspect/tensors/text.h"
#include "tools/inspect/tensors/weights.h"
#include "trainer/recipe_difference.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 100, RECIPE_MAX = 64 << 10 /* bytes: a recipe of ours has five */ };

/* --- weighing --- */

static double key_of(const struct weights_row *row, enum weights_order order)
{
    if (!row->shape_same)
        return INFINITY;
    return order == WEIGHTS_BY_MAX ? row->apart.max : row->apart.relative;
}

static int farther(const void *a, const void *b, void *order)
{
    const struct weights_row *x = a, *y = b;
    const double p = key_of(x, *(enum weights_order *)order);
    const double q = key_of(y, *(enum weights_order *)order);
    if (p != q)
        return p > q ? -1 : 1;
    return strcmp(x->a ? x->a->name : x->b->name, y->a ? y->a->name : y->b->name);
}

int weights_pair_new(const struct weights *a, const struct weights *b, enum weights_order order,
                     struct weights_pair *ret)
{
    *ret = (struct weights_pair){.a = a, .b = b};
    ret->row = calloc(a->n + b->n + 1, sizeof *ret->row);
    if (!ret->row)
        return err_set(-ENOMEM, "out of memory: %zu tensors", a->n + b->n);
    for (size_t i = 0; i < a->n; i++) {
        struct weights_row *row = &ret->row[ret->n++];
        row->a = a->weight[i].tensor;
        row->b = safetensors_find(b->st, row->a->name);
        row->shape_same = row->b && sums_shape_same(row->a, row->b);
        if (row->shape_same)
            sums_apart(row->a, row->b, &row->apart);
    }
    for (size_t i = 0; i < b->n; i++)
        if (!safetensors_find(a->st, b->weight[i].tensor->name))
            ret->row[ret->n++].b = b->weight[i].tensor;
    if (order == WEIGHTS_BY_MAX || order == WEIGHTS_BY_DIFFERENCE)
        qsort_r(ret->row, ret->n, sizeof *ret->row, farther, &order);
    return 0;
}

void weights_pair_done(struct weights_pair *pair)
{
    free(pair->row);
    *pair = (struct weights_pair){0};
}

bool weights_pair_same(const struct weights_pair *pair)
{
    for (size_t i = 0; i < pair->n; i++)
        if (!pair->row[i].apart.same)
            return false;
    return true;
}

bool weights_pair_recipes(const struct weights_pair *pair, const char **ret_a, const char **ret_b)
{
    *ret_a = safetensors_get_meta(pair->a->st, "recipe");
    *ret_b = safetensors_get_meta(pair->b->st, "recipe");
    return *ret_a && *ret_b && strlen(*ret_a) <= RECIPE_MAX && strlen(*ret_b) <= RECIPE_MAX;
}

/* --- what the files say of themselves --- */

struct saying {
    const struct safetensors *other;
    bool second; /* only what the first has not */
    bool any;
    FILE *out;
};

static void said(const char *value, char ret[TEXT_MAX])
{
    text_line(value ? value : "-", value ? strlen(value) : 1, 36, ret);
}

static void meta_row(void *hint, const char *key, const char *value)
{
    struct saying *s = hint;
    const char *other = safetensors_get_meta(s->other, key);
    char name[TEXT_MAX], mine[TEXT_MAX], theirs[TEXT_MAX];
    const bool apart = !other || (!s->second && strcmp(value, other) != 0);
    if (!apart || strcmp(key, "recipe") == 0 || strcmp(key, "crc32c") == 0)
        return;
    if (!s->any)
        fprintf(s->out, "\nmetadata             a%-36sb\n", "");
    s->any = true;
    text_line(key, strlen(key), 18, name);
    said(value, mine);
    said(other, theirs);
    fprintf(s->out, "  %-18s %-36s %s\n", name, s->second ? theirs : mine,
            s->second ? mine : theirs);
}

static void metadata(const struct weights_pair *pair, FILE *out)
{
    struct saying s = {.other = pair->b->st, .out = out};
    safetensors_each_meta(pair->a->st, meta_row, &s);
    s.other = pair->a->st;
    s.second = true;
    safetensors_each_meta(pair->b->st, meta_row, &s);
}

static void part_row(void *hint, const struct recipe_part *part)
{
    struct saying *s = hint;
    char name[TEXT_MAX], there[TEXT_MAX] = "-", here[TEXT_MAX] = "-";
    if (!s->any)
        fprintf(s->out, "\nrecipe                           a%-30sb\n", "");
    s->any = true;
    text_name(part->key, 30, name);
    if (part->there)
        text_line(part->there, part->there_bytes, 30, there);
    if (part->here)
        text_line(part->here, part->here_bytes, 34, here);
    fprintf(s->out, "  %-30s %-30s %s\n", name, there, here);
}

static void recipes(const struct weights_pair *pair, FILE *out)
{
    struct saying s = {.out = out};
    const char *there, *here;
    if (weights_pair_recipes(pair, &there, &here))
        recipe_compare(there, here, part_row, &s);
    else if (there && here)
        fputs("\nrecipes: too long to be compared\n", out);
    else if (there || here)
        fprintf(out, "\nrecipe: only %c keeps one\n", there ? 'a' : 'b');
}

/* --- the tensors --- */

/* "F32 [64,3,7,7]" */
static void side(const struct safetensor *t, char ret[TEXT_MAX])
{
    char shape[TEXT_MAX];
    text_shape(t, shape);
    snprintf(ret, TEXT_MAX, "%.8s %.300s", safetensors_dtype_name(t->dtype), shape);
}

static void alone(const struct weights_pair *pair, bool first, FILE *out)
{
    size_t n = 0;
    for (size_t i = 0; i < pair->n; i++)
        n += first ? !pair->row[i].b : !pair->row[i].a;
    if (n > 0)
        fprintf(out, "\nonly in %c: %zu tensor%s\n", first ? 'a' : 'b', n, n == 1 ? "" : "s");
    for (size_t i = 0; i < pair->n; i++) {
        const struct safetensor *t = first ? pair->row[i].a : pair->row[i].b;
        char name[TEXT_MAX], text[TEXT_MAX], line[TEXT_MAX];
        if ((first ? pair->row[i].b : pair->row[i].a))
            continue;
        text_name(t->name, 60, name);
        side(t, text);
        text_line(text, strlen(text), 36, line);
        fprintf(out, "  %-60s %s\n", name, line);
    }
}

static void shapes(const struct weights_pair *pair, FILE *out)
{
    bool any = false;
    for (size_t i = 0; i < pair->n; i++) {
        const struct weights_row *row = &pair->row[i];
        char name[TEXT_MAX], a[TEXT_MAX], b[TEXT_MAX], there[TEXT_MAX], here[TEXT_MAX];
        if (!row->a || !row->b || row->shape_same)
            continue;
        if (!any)
            fprintf(out, "\nof another shape                               a%-25sb\n", "");
        any = true;
        text_name(row->a->name, 44, name);
        side(row->a, a);
        side(row->b, b);
        text_line(a, strlen(a), 25, there);
        text_line(b, strlen(b), 26, here);
        fprintf(out, "  %-44s %-25s %s\n", name, there, here);
    }
}

static void apart_row(const struct weights_row *row, FILE *out)
{
    char name[TEXT_MAX], types[TEXT_MAX], shape[TEXT_MAX], line[TEXT_MAX];
    const char *type = safetensors_dtype_name(row->a->dtype);
    const char *other = safetensors_dtype_name(row->b->dtype);
    snprintf(types, sizeof types, "%s%s%s", type, row->a->dtype == row->b->dtype ? "" : "/",
             row->a->dtype == row->b->dtype ? "" : other);
    text_name(row->a->name, 38, name);
    text_shape(row->a, shape);
    text_line(shape, strlen(shape), 17, line);
    fprintf(out, "  %-38s %-8.8s %-17s %9.3g %9.3g ", name, types, line, row->apart.max,
            row->apart.relative);
    if (isnan(row->apart.cosine))
        fprintf(out, "%10s\n", "-");
    else
        fprintf(out, "%10.7f\n", row->apart.cosine);
    if (row->apart.skipped > 0)
        fprintf(out,
                "    NOT FINITE in one or both: %zu pairs of numbers; the figures are of the "
                "others\n",
                row->apart.skipped);
}

static void numbers(const struct weights_pair *pair, FILE *out)
{
    size_t same = 0, both = 0;
    bool any = false;
    for (size_t i = 0; i < pair->n; i++) {
        const struct weights_row *row = &pair->row[i];
        both += row->shape_same;
        same += row->apart.same;
        if (!row->shape_same || row->apart.same)
            continue;
        if (!any)
            fprintf(out, "\n  %-38s %-8s %-17s %9s %9s %10s\n", "tensors that differ", "type",
                    "shape", "max |a-b|", "relative", "cosine");
        any = true;
        apart_row(row, out);
    }
    fprintf(out, "\n%zu of %zu tensors of the same name and shape are the same, bit for bit\n",
            same, both);
}

int weights_pair_tell(const struct weights_pair *pair, FILE *out)
{
    const struct weights *sides[] = {pair->a, pair->b};
    for (size_t i = 0; i < 2; i++)
        fprintf(out, "%c  %s: %" PRIu64 " bytes, %zu tensors; %s\n", i ? 'b' : 'a', sides[i]->path,
                sides[i]->bytes, sides[i]->n, weights_seal_text(sides[i]));
    metadata(pair, out);
    recipes(pair, out);
    alone(pair, true, out);
    alone(pair, false, out);
    shapes(pair, out);
    numbers(pair, out);
    return ferror(out) ? err_set(-EIO, "output: write failed") : 0;
}
