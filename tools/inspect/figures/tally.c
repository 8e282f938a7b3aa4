/* SPDX-License-Identifier: Apache-2.0 */
/* tally: takes batches' omega, adds up what is asked of them. tally_rows.c makes figures and tests
 * of it. Allocates in tally_new alone. */
#include "tools/inspect/figures/tally_private.h"

#include "common/auto.h"
#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REPEAT_PLACES = 2 * TALLY_REPEATS };

/* --- a batch that has been told before --- */

static uint64_t batch_name(const struct wire_batch *batch)
{
    uint64_t name;
    memcpy(&name, batch->session, sizeof name); /* a digest: as good as drawn */
    struct law_dice dice = {name ^ ((uint64_t)batch->epoch << 32 | batch->index)};
    return law_dice_word(&dice) | 1;
}

static bool repeats_find(const uint64_t *place, uint64_t name, uint64_t *ret)
{
    uint64_t at = name >> 1;
    for (;; at++) {
        at &= REPEAT_PLACES - 1;
        if (place[at] == name || place[at] == 0)
            break;
    }
    *ret = at;
    return place[at] == name;
}

/* False when it was there. */
static bool repeats_add(struct repeats *r, uint64_t name)
{
    uint64_t at;
    if (repeats_find(r->place[1], name, &at) || repeats_find(r->place[0], name, &at))
        return false;
    r->place[0][at] = name;
    if (++r->n == TALLY_REPEATS) {
        uint64_t *older = r->place[1];
        memset(older, 0, REPEAT_PLACES * sizeof *older);
        r->place[1] = r->place[0];
        r->place[0] = older;
        r->n = 0;
    }
    return true;
}

/* --- the reservoir --- */

/* Which of the samples to come is the next to go in: Li's algorithm L (ACM Trans. on Mathematical
 * Software 20, 1994), one draw for each that goes in and none for the others. */
static void reservoir_skip(struct tally *t)
{
    t->weight *= exp(log1p(-law_dice_unit(&t->dice)) / t->kept_max);
    t->next +=
        1 + (uint64_t)fmin(0x1p62, floor(log1p(-law_dice_unit(&t->dice)) / log1p(-t->weight)));
}

/* The place of one more sample, or -1. */
static int64_t reservoir_place(struct tally *t)
{
    const uint64_t number = t->seen++;
    if (t->kept < t->kept_max) {
        if (t->kept + 1 == t->kept_max) {
            t->weight = 1;
            t->next = number;
            reservoir_skip(t);
        }
        return t->kept++;
    }
    if (number != t->next)
        return -1;
    reservoir_skip(t);
    return (int64_t)(law_dice_unit(&t->dice) * t->kept_max);
}

/* --- adding --- */

static inline void cell_add(struct cell *cell, double value)
{
    stat_add(&cell->stat, value);
    const double at = (value - cell->law.low) * cell->per_bar;
    const double bars = cell->law.classes ? (double)cell->law.classes : TALLY_BARS;
    if (!(at >= -cell->slack && at <= bars + cell->slack))
        cell->outside++;
    else
        cell->bar[(int)fmin(fmax(at, 0), bars - 1)]++;
}

static void view_add(struct tally *t, uint32_t v, const struct omega *o)
{
    t->views[v]++;
    t->info.views++;
    for (int f = 0; f < FIGURES; f++) {
        double value;
        if (figure_read(&t->figures, (enum figure)f, o, &value) &&
            !(f == FIGURE_ORDER && t->laws[v].jitter.order_per_batch))
            cell_add(&t->cells[v][f], value);
    }
}

/* One order for all of a batch. */
static void order_add(struct tally *t, uint32_t v, const struct omega *omega, uint32_t n,
                      const bool *keep)
{
    const struct omega *first = NULL;
    bool mixed = false;
    for (uint32_t i = 0; i < n; i++) {
        if ((keep && !keep[i]) || !omega[i].jitter.applied)
            continue;
        if (!first)
            first = &omega[i];
        mixed = mixed || memcmp(first->jitter.order, omega[i].jitter.order, JITTER_OPS) != 0;
    }
    double value;
    if (!first || !figure_read(&t->figures, FIGURE_ORDER, first, &value))
        return;
    cell_add(&t->cells[v][FIGURE_ORDER], value);
    t->order_batches[v]++;
    t->order_mixed[v] += mixed;
}

static void pair_add(struct tally *t, const struct omega *a, const struct omega *b)
{
    float there[TARGETS], back[TARGETS];
    target_read(a, &t->laws[0], b, &t->laws[1], there);
    target_read(b, &t->laws[1], a, &t->laws[0], back);
    t->pairs++;
    for (size_t i = 0; i < TARGETS; i++) {
        cell_add(&t->targets[i], (double)there[i]);
        stat_add(&t->both[i], (double)there[i]);
        stat_add(&t->both[i], (double)back[i]);
        if (target_kind(i) == AUGSELF_ROTATION) {
            t->turns[(int)there[i]]++;
            t->turns[(int)back[i]]++;
        }
    }
}

static void sample_add(struct tally *t, const struct wire_batch *batch, uint32_t i,
                       const bool *keep)
{
    const uint32_t n = batch->n_samples;
    uint16_t has = 0;
    for (uint32_t v = 0; v < t->n_views; v++)
        if (!keep || keep[v * n + i]) {
            view_add(t, v, &batch->omega[v * n + i]);
            has = (uint16_t)(has | 1u << v);
        }
    if (has == 0)
        return;
    if (t->told && (has & 3) == 3)
        pair_add(t, &batch->omega[i], &batch->omega[n + i]);
    const int64_t place = reservoir_place(t);
    if (place < 0)
        return;
    t->has[place] = has;
    for (uint32_t v = 0; v < t->n_views; v++)
        t->omega[place * t->n_views + v] = batch->omega[v * n + i];
}

int tally_add(struct tally *t, const struct wire_batch *batch, const bool *keep)
{
    const uint64_t before = t->info.views;
    const uint32_t n = batch->n_samples;
    if (batch->n_views != t->n_views)
        return err_set(-EBADMSG, "a batch of %u views among batches of %u", batch->n_views,
                       t->n_views);
    if (!repeats_add(&t->repeats, batch_name(batch))) {
        t->info.repeated++;
        return 0;
    }
    t->info.batches++;
    memset(t->stand_in, 0, n * sizeof t->stand_in[0]);
    for (uint32_t i = 0; i < batch->n_substituted; i++)
        t->stand_in[batch->substituted[i].position] = true;
    for (uint32_t i = 0; i < n; i++) {
        if (t->stand_in[i])
            t->info.stand_ins++;
        else
            sample_add(t, batch, i, keep);
    }
    for (uint32_t v = 0; v < t->n_views; v++)
        if (t->laws[v].jitter.order_per_batch)
            order_add(t, v, batch->omega + v * n, n, keep ? keep + v * n : NULL);
    return (int)(t->info.views - before);
}

struct tally_info tally_info(const struct tally *t)
{
    return t->info;
}

/* --- life --- */

static void cell_init(struct cell *cell)
{
    const struct law *law = &cell->law;
    if (law->classes)
        cell->per_bar = 1;
    else if (law->low < law->high)
        cell->per_bar = TALLY_BARS / (law->high - law->low);
    cell->slack = 1e-6 * fmax(1, fmax(fabs(law->low), fabs(law->high)) * cell->per_bar);
    if (law->classes)
        cell->law.low = 0;
}

int tally_new(const struct tally_config *config, struct tally **ret)
{
    const uint32_t n_views = config->n_views;
    assert(n_views >= 1 && n_views <= OMEGA_VIEWS_MAX && config->kept <= TALLY_KEPT);
    struct tally *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(-ENOMEM, "out of memory");
    figures_init(&t->figures);
    t->n_views = n_views;
    t->kept_max = config->kept ? config->kept : TALLY_KEPT;
    if (t->kept_max > TALLY_VIEWS / n_views)
        t->kept_max = TALLY_VIEWS / n_views;
    t->seed = config->seed;
    t->dice.state = config->seed;
    t->told = config->laws != NULL;
    if (t->told)
        memcpy(t->laws, config->laws, n_views * sizeof t->laws[0]);
    t->cells = calloc(n_views, sizeof *t->cells);
    t->omega = malloc((size_t)t->kept_max * n_views * sizeof *t->omega);
    t->has = calloc(t->kept_max, sizeof *t->has);
    for (int i = 0; i < 2; i++)
        t->repeats.place[i] = calloc(REPEAT_PLACES, sizeof *t->repeats.place[i]);
    if (!t->cells || !t->omega || !t->has || !t->repeats.place[0] || !t->repeats.place[1]) {
        tally_free(t);
        return err_set(-ENOMEM, "out of memory");
    }
    for (uint32_t v = 0; v < n_views; v++)
        for (int f = 0; f < FIGURES; f++) {
            law_of((enum figure)f, t->told ? &t->laws[v] : NULL, &t->cells[v][f].law);
            cell_init(&t->cells[v][f]);
        }
    const bool pair = t->told && n_views >= 2;
    for (size_t i = 0; i < TARGETS; i++) {
        law_of_target(i, pair ? &t->laws[0] : NULL, pair ? &t->laws[1] : NULL, &t->targets[i].law);
        cell_init(&t->targets[i]);
    }
    *ret = t;
    return 0;
}

void tally_free(struct tally *t)
{
    if (!t)
        return;
    free(t->cells);
    free(t->omega);
    free(t->has);
    free(t->repeats.place[0]);
    free(t->repeats.place[1]);
    free(t);
}
