/* SPDX-License-Identifier: Apache-2.0 */
/* guard: see guard.h. Takes losses, features and weights; gives a verdict in words. Thread: the one
 * that trains. Owner: train. Changes nothing, logs nothing: train does. */
#include "trainer/watch/guard.h"

#include "common/auto.h"
#include "common/err.h"
#include "trainer/watch/rank.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 256 }; /* images that the rank is taken over */

/* Warned of once; again after it was well: above its bound by this factor. */
static const double well_again = 1.5;

struct guard {
    const struct recipe *recipe;
    struct model *model;
    struct rank *rank;
    int32_t rows;
    float *features; /* host [rows][D] */
    double rank_last;
    bool ranked;         /* in this step */
    bool told_nonfinite; /* warned of already */
    bool told_spread, told_rank;
    char warning[GUARD_TEXT_MAX];
    struct model_losses before; /* those of the last step that was well */
};

static void free_at(struct guard **guard)
{
    guard_free(*guard);
}

int guard_new(const struct recipe *recipe, struct model *model, struct guard **ret)
{
    auto_with(free_at) struct guard *g = calloc(1, sizeof *g);
    if (!g)
        return err_set(-ENOMEM, "guard: out of memory");
    g->recipe = recipe;
    g->model = model;
    g->rank_last = -1;
    int64_t batch = recipe->data.batch;
    g->rows = (int32_t)(batch < ROWS_MAX ? batch : ROWS_MAX);
    if (recipe->guard.every > 0) {
        int32_t d = model_features(model);
        g->features = malloc((size_t)g->rows * (size_t)d * sizeof *g->features);
        if (!g->features)
            return err_set(-ENOMEM, "guard: out of memory");
        int rc = rank_new(g->rows, d, &g->rank);
        if (rc < 0)
            return rc;
    }
    *ret = take_ptr(&g);
    return 0;
}

void guard_free(struct guard *g)
{
    if (!g)
        return;
    rank_free(g->rank);
    free(g->features);
    free(g);
}

const char *guard_warning(const struct guard *g)
{
    return g->warning[0] ? g->warning : NULL;
}

bool guard_rank(const struct guard *g, double *ret)
{
    if (g->ranked)
        *ret = g->rank_last;
    return g->ranked;
}

double guard_rank_last(const struct guard *g)
{
    return g->rank_last;
}

/* An end or a warning, as the recipe says. Of two things in one step the first is told. */
__attribute__((format(printf, 4, 5))) static int verdict(struct guard *g, int does, bool *told,
                                                         const char *format, ...)
{
    char text[GUARD_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (does == GUARD_STOP)
        return err_set(-EDOM, "%s; training stopped", text);
    if (does == GUARD_WARN && !*told && !g->warning[0]) {
        snprintf(g->warning, sizeof g->warning, "%s", text);
        *told = true;
    }
    return 0;
}

/* --- losses --- */

/* What item was in the last step that was well; NaN before there was one. */
static double value_before(const struct guard *g, uint32_t item)
{
    return item < g->before.n ? (double)g->before.item[item].value : (double)NAN;
}

/* The parts of the total that are no numbers, by name: "simsiam (-0.91 before), augself.color
 * (...)". Returns how many there are. */
static uint32_t broken_parts(const struct guard *g, const struct model_losses *losses, char *to,
                             size_t cap)
{
    uint32_t broken = 0;
    size_t used = 0;
    to[0] = 0;
    for (uint32_t i = 1; i < losses->n; i++) { /* the first is the total */
        double value = (double)losses->item[i].value, before = value_before(g, i);
        if (losses->item[i].score || isfinite(value))
            continue;
        broken++;
        int n = snprintf(to + used, cap - used, "%s%s is %g", used ? ", " : "",
                         losses->item[i].name, value);
        if (isfinite(before) && n > 0 && used + (size_t)n < cap)
            n += snprintf(to + used + (size_t)n, cap - used - (size_t)n, " (%.4g before)", before);
        used = n > 0 && used + (size_t)n < cap ? used + (size_t)n : cap - 1;
    }
    return broken;
}

static int check_losses(struct guard *g, uint64_t step, uint64_t saved,
                        const struct model_losses *losses)
{
    uint32_t values = 0;
    for (uint32_t i = 1; i < losses->n; i++)
        values += !losses->item[i].score;
    char parts[GUARD_TEXT_MAX / 2];
    uint32_t broken = broken_parts(g, losses, parts, sizeof parts);
    if (broken == 0 && isfinite(losses->item[0].value)) {
        g->before = *losses;
        g->told_nonfinite = false;
        return 0;
    }
    const char *cause = broken == 0        ? "the total overflowed"
                        : broken == values ? "the features themselves are no numbers: a lower "
                                             "optim.base_lr or some optim.warmup may help"
                                           : "the features are numbers, that head's outputs are "
                                             "not: a lower optim.base_lr or weight of it may help";
    return verdict(g, g->recipe->guard.non_finite, &g->told_nonfinite,
                   "step %" PRIu64 ": %s: %s (last checkpoint: step %" PRIu64 ")", step,
                   broken ? parts : "loss is no number", cause, saved);
}

/* --- collapse --- */

static int check_spread(struct guard *g, uint64_t step, const struct model_losses *losses)
{
    double least = g->recipe->guard.spread;
    for (uint32_t i = 0; i < losses->n; i++) {
        double value = (double)losses->item[i].value;
        if (strcmp(losses->item[i].name, "spread") != 0)
            continue;
        if (value < least)
            return verdict(g, g->recipe->guard.collapse, &g->told_spread,
                           "step %" PRIu64 ": the features' spread is %.3f, below guard.spread "
                           "%g: they are collapsing to one point",
                           step, value, least);
        g->told_spread = g->told_spread && value < well_again * least;
    }
    return 0;
}

static int check_rank(struct guard *g, uint64_t step)
{
    if (!g->rank || step % (uint64_t)g->recipe->guard.every != 0)
        return 0;
    int rc = model_view_features(g->model, g->rows, g->features);
    if (rc < 0)
        return rc;
    g->rank_last = rank_effective(g->rank, g->features);
    g->ranked = true;
    double least = g->recipe->guard.rank;
    if (g->rank_last < least)
        return verdict(g, g->recipe->guard.collapse, &g->told_rank,
                       "step %" PRIu64 ": the features' effective rank is %.2f, below guard.rank "
                       "%g: they are collapsing into few directions of %" PRId32,
                       step, g->rank_last, least, model_features(g->model));
    g->told_rank = g->told_rank && g->rank_last < well_again * least;
    return 0;
}

int guard_step(struct guard *g, uint64_t step, uint64_t saved, const struct model_losses *losses)
{
    g->warning[0] = 0;
    g->ranked = false;
    int rc = check_losses(g, step, saved, losses);
    if (rc == 0)
        rc = check_spread(g, step, losses);
    return rc < 0 ? rc : check_rank(g, step);
}

/* --- what a checkpoint would hold --- */

static bool all_finite(const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

static int broken_net(const char *name, uint64_t step, uint64_t saved)
{
    return err_set(
        -EDOM,
        "step %" PRIu64 ": %s holds what is no number, so it makes no checkpoint; "
        "training stopped, a lower optim.base_lr may help (last checkpoint: step %" PRIu64 ")",
        step, name, saved);
}

int guard_net(struct net *net, uint64_t step, uint64_t saved)
{
    size_t most = 1;
    for (size_t i = 0; i < net->n_params; i++)
        most = net->param[i].count > most ? net->param[i].count : most;
    for (size_t i = 0; i < net->n_buffers; i++)
        most = (size_t)net->buffer[i].count > most ? (size_t)net->buffer[i].count : most;
    auto_free float *host = malloc(most * sizeof *host);
    if (!host)
        return err_set(-ENOMEM, "guard: out of memory");
    for (size_t i = 0; i < net->n_params; i++) {
        const struct param *p = &net->param[i];
        int rc = net_store(net, p, p->w, host);
        if (rc < 0 || !all_finite(host, p->count))
            return rc < 0 ? rc : broken_net(p->name, step, saved);
    }
    for (size_t i = 0; i < net->n_buffers; i++) {
        const struct buffer *b = &net->buffer[i];
        size_t count = b->data ? (size_t)b->count : 0;
        int rc = count ? net->ops->download(net->ops, host, b->data, count * sizeof *host) : 0;
        if (rc < 0 || !all_finite(host, count))
            return rc < 0 ? rc : broken_net(b->name, step, saved);
    }
    return 0;
}
