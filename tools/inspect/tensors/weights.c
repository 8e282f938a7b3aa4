/* SPDX-License-Identifier: Apache-2.0 */
/* weights: takes a path, gives the tensors asked for and their sums, in an order. */
#include "tools/inspect/tensors/weights.h"

#include "common/err.h"
#include "tools/inspect/tensors/element.h"
#include "tools/inspect/tensors/group.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *const weights_orders[WEIGHTS_ORDERS + 1] = {[WEIGHTS_BY_NAME] = "name",
                                                        [WEIGHTS_BY_FILE] = "file",
                                                        [WEIGHTS_BY_SIZE] = "size",
                                                        [WEIGHTS_BY_NORM] = "norm",
                                                        [WEIGHTS_BY_MAX] = "max",
                                                        [WEIGHTS_BY_DEVIATION] = "deviation",
                                                        [WEIGHTS_BY_DIFFERENCE] = "difference"};

bool weights_order_fits(enum weights_order order, int files)
{
    if (order == WEIGHTS_BY_NORM || order == WEIGHTS_BY_DEVIATION)
        return files == 1;
    return order != WEIGHTS_BY_DIFFERENCE || files == 2;
}

static int choose(struct weights *w, const char *name)
{
    const size_t all = safetensors_n(w->st);
    w->weight = calloc(all + 1, sizeof *w->weight);
    if (!w->weight)
        return err_set(-ENOMEM, "%s: out of memory", w->path);
    for (size_t i = 0; i < all; i++) {
        const struct safetensor *t = safetensors_at(w->st, i);
        if (!name || fnmatch(name, t->name, 0) == 0)
            w->weight[w->n++].tensor = t;
    }
    return name && w->n == 0 ? err_set(-ENOENT, "%s: no tensor is called %s", w->path, name) : 0;
}

int weights_open(struct weights *weights, const char *path, const char *name)
{
    struct stat st;
    weights->path = path;
    int rc = safetensors_open(path, &weights->st);
    if (rc < 0)
        return rc;
    weights->bytes = stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
    weights->momenta = group_momenta(weights->st);
    weights->seal = safetensors_get_meta(weights->st, "crc32c") ? WEIGHTS_SEALED : WEIGHTS_UNSEALED;
    if (safetensors_check_seal(weights->st) < 0) {
        weights->seal = WEIGHTS_BROKEN;
        snprintf(weights->why, sizeof weights->why, "%s", err_text());
    }
    return choose(weights, name);
}

void weights_done(struct weights *weights)
{
    free(weights->weight);
    safetensors_close(weights->st);
    *weights = (struct weights){0};
}

void weights_weigh(struct weights *weights)
{
    for (size_t i = 0; i < weights->n; i++)
        sums_of(weights->weight[i].tensor, &weights->weight[i].sums);
}

/* --- order --- */

/* Groups first, so that each stands together. */
static int by_name(const void *a, const void *b)
{
    const char *x = ((const struct weight *)a)->tensor->name;
    const char *y = ((const struct weight *)b)->tensor->name;
    char group[2][SAFETENSORS_NAME_MAX];
    snprintf(group[0], sizeof group[0], "%.*s", (int)group_length(x), x);
    snprintf(group[1], sizeof group[1], "%.*s", (int)group_length(y), y);
    const int apart = strverscmp(group[0], group[1]);
    return apart ? apart : strverscmp(x, y);
}

static int by_place(const struct weight *a, const struct weight *b)
{
    return a->tensor < b->tensor ? -1 : a->tensor > b->tensor;
}

/* The larger first, NaN last; where equal, as they lie in the file. */
static int larger(double x, double y, const void *a, const void *b)
{
    if (isnan(x) || isnan(y))
        return isnan(x) != isnan(y) ? (isnan(x) ? 1 : -1) : by_place(a, b);
    return x != y ? (x > y ? -1 : 1) : by_place(a, b);
}

static double largest(const struct sums *s)
{
    return fmax(fabs(s->min), fabs(s->max));
}

#define LARGEST_FIRST(name, figure)                                                                \
    static int name(const void *a, const void *b)                                                  \
    {                                                                                              \
        const struct weight *x = a, *y = b;                                                        \
        return larger(figure(x), figure(y), a, b);                                                 \
    }
#define SIZE(w) ((double)element_count((w)->tensor))
#define NORM(w) ((w)->sums.norm)
#define DEVIATION(w) ((w)->sums.deviation)
#define MAX(w) (largest(&(w)->sums))
LARGEST_FIRST(by_size, SIZE)
LARGEST_FIRST(by_norm, NORM)
LARGEST_FIRST(by_deviation, DEVIATION)
LARGEST_FIRST(by_max, MAX)

static int by_file(const void *a, const void *b)
{
    return by_place(a, b);
}

void weights_sort(struct weights *weights, enum weights_order order)
{
    static int (*const orders[WEIGHTS_ORDERS])(const void *, const void *) = {
        [WEIGHTS_BY_NAME] = by_name, [WEIGHTS_BY_FILE] = by_file,
        [WEIGHTS_BY_SIZE] = by_size, [WEIGHTS_BY_NORM] = by_norm,
        [WEIGHTS_BY_MAX] = by_max,   [WEIGHTS_BY_DEVIATION] = by_deviation};
    if (weights->n > 1 && orders[order])
        qsort(weights->weight, weights->n, sizeof *weights->weight, orders[order]);
}
