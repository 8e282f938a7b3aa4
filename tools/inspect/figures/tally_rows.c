/* SPDX-License-Identifier: Apache-2.0 */
/* tally_rows: takes a tally, gives its rows: figures, bars, and a test of each against its law.
 * Reads the tally alone, so it may be asked while the tally grows. */
#include "tools/inspect/figures/pvalue.h"
#include "tools/inspect/figures/sorted.h"
#include "tools/inspect/figures/tally_private.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    DRAWS = 2, /* reference draws for each view of the reservoir: with two a test has two thirds of
                  its views' worth, with one a half, and sorting takes what there is of time */
    KOLMOGOROV_LEAST = 8, /* values; Stephens' correction is for such as these and more */
    CELL_LEAST = 5,       /* expected of a class, the usual bound for chi-square */
};

/* Numbers of the reservoir, or of its reference draws. They are floats by nature (params[]). */
struct sample {
    float *value;
    size_t n;
};

/* --- tests --- */

static void test_uniform(struct tally_row *row, const struct sample *is)
{
    double gap = 0;
    for (size_t i = 0; i < is->n; i++) {
        const double below = law_cdf(&row->law, (double)is->value[i]), n = (double)is->n;
        gap = fmax(gap, fmax(below - (double)i / n, (double)(i + 1) / n - below));
    }
    row->gap = gap;
    row->tested = is->n;
    if (row->outside > 0) {
        row->test = TALLY_CERTAIN;
        row->p = 0;
    } else if (is->n >= KOLMOGOROV_LEAST) {
        row->test = TALLY_KOLMOGOROV;
        row->p = pvalue_kolmogorov(gap, (double)is->n);
    }
}

static void test_drawn(struct tally_row *row, const struct sample *is, const struct sample *as)
{
    const double n = (double)is->n, m = (double)as->n;
    row->tested = is->n;
    if (is->n < KOLMOGOROV_LEAST || as->n < KOLMOGOROV_LEAST)
        return;
    row->gap = sorted_distance(is->value, is->n, as->value, as->n);
    const bool fixed = as->value[0] == as->value[as->n - 1];
    row->test = fixed && row->gap == 0 ? TALLY_CERTAIN : TALLY_SMIRNOV;
    row->p = pvalue_kolmogorov(row->gap, n * m / (n + m));
}

static void test_constant(struct tally_row *row)
{
    const double is = (double)(float)row->law.low;
    row->test = TALLY_CERTAIN;
    row->tested = row->n;
    row->p = row->min == is && row->max == is;
    row->gap = row->p == 1 ? 0 : 1;
}

static void test_classes(struct tally_row *row)
{
    const struct law *law = &row->law;
    size_t possible = 0;
    bool impossible = false;
    for (size_t i = 0; i < law->classes; i++) {
        const double share = (double)row->bar[i] / (double)row->n;
        row->gap = fmax(row->gap, fabs(share - law->share[i]));
        possible += law->share[i] > 0;
        impossible = impossible || (law->share[i] <= 0 && row->bar[i] > 0);
    }
    row->tested = row->n;
    if (possible < 2 || impossible) {
        row->test = TALLY_CERTAIN;
        row->p = !impossible;
    } else if (law->kind == LAW_BIT) {
        row->test = TALLY_BINOMIAL;
        row->p = pvalue_binomial(row->bar[1], row->n, law->share[1]);
    } else {
        const double p = pvalue_counts(row->bar, law->share, law->classes, CELL_LEAST);
        row->test = isnan(p) ? TALLY_UNTESTED : TALLY_CHI;
        row->p = isnan(p) ? 1 : p;
    }
}

/* --- a row --- */

static void bars_expected(struct tally_row *row, const struct sample *as)
{
    const struct law *law = &row->law;
    if (law->kind == LAW_UNIFORM)
        for (size_t i = 0; i < row->bars; i++)
            row->expected[i] = 1.0 / (double)row->bars;
    else if (law->kind == LAW_BIT || law->kind == LAW_CLASSES)
        memcpy(row->expected, law->share, law->classes * sizeof law->share[0]);
    else if (law->kind == LAW_DRAWN)
        for (size_t i = 0; i < as->n; i++) {
            const double at =
                ((double)as->value[i] - law->low) / (law->high - law->low) * (double)row->bars;
            if (at >= 0 && at <= (double)row->bars)
                row->expected[(size_t)fmin(at, (double)row->bars - 1)] += 1.0 / (double)as->n;
        }
}

static void row_quantiles(struct tally_row *row, const struct sample *is, const struct sample *as)
{
    static const double share[TALLY_QUANTILES] = {0.05, 0.25, 0.5, 0.75, 0.95};
    const struct law *law = &row->law;
    for (size_t i = 0; i < TALLY_QUANTILES; i++) {
        if (is->n > 0)
            row->quantile[i] = sorted_quantile(is->value, is->n, share[i]);
        if (law->kind == LAW_UNIFORM)
            row->expected_quantile[i] = law->low + share[i] * (law->high - law->low);
        else if (as->n > 0)
            row->expected_quantile[i] = sorted_quantile(as->value, as->n, share[i]);
    }
}

/* is, as: sorted; as has none but where the law is known by drawing. */
static void row_fill(struct tally_row *row, const struct cell *cell, const struct sample *is,
                     const struct sample *as)
{
    row->law = cell->law;
    row->n = cell->stat.count;
    row->mean = cell->stat.mean;
    row->deviation = stat_deviation(&cell->stat);
    row->min = cell->stat.min;
    row->max = cell->stat.max;
    row->bars = cell->law.classes ? cell->law.classes : cell->per_bar > 0 ? (size_t)TALLY_BARS : 0;
    memcpy(row->bar, cell->bar, row->bars * sizeof row->bar[0]);
    row->outside = cell->outside;
    row->p = 1;
    row_quantiles(row, is, as);
    bars_expected(row, as);
    if (row->n == 0)
        return;
    switch (cell->law.kind) {
    case LAW_NONE:
        break;
    case LAW_UNIFORM:
        test_uniform(row, is);
        break;
    case LAW_CONSTANT:
        test_constant(row);
        break;
    case LAW_BIT:
    case LAW_CLASSES:
        test_classes(row);
        break;
    case LAW_DRAWN:
        test_drawn(row, is, as);
        break;
    }
}

/* --- all rows --- */

/* Memory for a row's numbers. */
struct desk {
    struct omega *drawn;    /* [2][kept][DRAWS]: of the pair; of another view [1] is unused */
    float *is, *as, *spare; /* [kept], [kept][DRAWS], [kept][DRAWS] */
    float *targets, *drawn_targets; /* [kept][TARGETS], [kept][DRAWS][TARGETS]; or NULL */
};

static void desk_done(struct desk *desk)
{
    free(desk->drawn);
    free(desk->is);
    free(desk->as);
    free(desk->spare);
    free(desk->targets);
    free(desk->drawn_targets);
}

static int desk_init(struct desk *desk, size_t kept, bool pair)
{
    *desk = (struct desk){
        .drawn = malloc(2 * kept * DRAWS * sizeof *desk->drawn),
        .is = malloc(kept * sizeof *desk->is),
        .as = malloc(kept * DRAWS * sizeof *desk->as),
        .spare = malloc(kept * DRAWS * sizeof *desk->spare),
    };
    if (pair) {
        desk->targets = malloc(kept * TARGETS * sizeof *desk->targets);
        desk->drawn_targets = malloc(kept * DRAWS * TARGETS * sizeof *desk->drawn_targets);
    }
    const bool all = desk->drawn && desk->is && desk->as && desk->spare &&
                     (!pair || (desk->targets && desk->drawn_targets));
    if (!all)
        desk_done(desk);
    return all ? 0 : err_set(-ENOMEM, "out of memory");
}

static void sort(const struct desk *desk, struct sample *is, struct sample *as)
{
    sorted_make(is->value, is->n, desk->spare);
    sorted_make(as->value, as->n, desk->spare);
}

static bool kept_has(const struct tally *t, size_t i, uint32_t views)
{
    return (t->has[i] & views) == views;
}

/* Reference draws of view v for the sources of the reservoir; stream: no other call's. */
static void draw_all(const struct tally *t, uint32_t v, uint32_t stream, struct omega *ret)
{
    struct law_dice dice = {t->seed ^ (UINT64_C(0x5eed0000) + stream) << 32};
    for (size_t i = 0; i < t->kept; i++) {
        const struct omega *o = &t->omega[i * t->n_views];
        for (size_t d = 0; d < DRAWS; d++)
            law_draw(&t->laws[v], &dice, o->source_w, o->source_h, &ret[i * DRAWS + d]);
    }
}

static void take(const struct tally *t, enum figure f, const struct omega *o, struct sample *to)
{
    double value;
    if (figure_read(&t->figures, f, o, &value))
        to->value[to->n++] = (float)value;
}

static void view_row(const struct tally *t, uint32_t v, enum figure f, const struct desk *desk,
                     struct tally_row *row)
{
    const struct cell *cell = &t->cells[v][f];
    struct sample is = {.value = desk->is}, as = {.value = desk->as};
    for (size_t i = 0; i < t->kept; i++) {
        if (!kept_has(t, i, 1u << v))
            continue;
        take(t, f, &t->omega[i * t->n_views + v], &is);
        for (size_t d = 0; d < DRAWS && cell->law.kind == LAW_DRAWN; d++)
            take(t, f, &desk->drawn[i * DRAWS + d], &as);
    }
    sort(desk, &is, &as);
    row->name = figure_name(f);
    row->view = (int32_t)v;
    row->figure = f;
    row->views = t->views[v];
    row_fill(row, cell, &is, &as);
    const bool per_batch = t->laws[v].jitter.order_per_batch;
    if (f == FIGURE_ORDER && per_batch && t->order_mixed[v] > 0) {
        row->test = TALLY_CERTAIN;
        row->p = 0;
    }
    law_words(&row->law, f, t->told ? &t->laws[v] : NULL, row->words, sizeof row->words);
}

/* All targets of the reservoir's pairs and of their reference draws, pair by pair. Returns how many
 * pairs there are. */
static size_t targets_read(const struct tally *t, const struct desk *desk)
{
    const struct omega *second = desk->drawn + (size_t)t->kept * DRAWS;
    size_t n = 0;
    for (size_t i = 0; i < t->kept; i++) {
        if (!kept_has(t, i, 3))
            continue;
        const struct omega *o = &t->omega[i * t->n_views];
        target_read(&o[0], &t->laws[0], &o[1], &t->laws[1], desk->targets + n * TARGETS);
        for (size_t d = 0; d < DRAWS; d++)
            target_read(&desk->drawn[i * DRAWS + d], &t->laws[0], &second[i * DRAWS + d],
                        &t->laws[1], desk->drawn_targets + (n * DRAWS + d) * TARGETS);
        n++;
    }
    return n;
}

static void target_row(const struct tally *t, size_t target, size_t pairs, const struct desk *desk,
                       struct tally_row *row)
{
    const struct cell *cell = &t->targets[target];
    struct sample is = {desk->is, pairs}, as = {desk->as, 0};
    for (size_t i = 0; i < pairs; i++)
        is.value[i] = desk->targets[i * TARGETS + target];
    if (cell->law.kind == LAW_DRAWN)
        as.n = pairs * DRAWS;
    for (size_t i = 0; i < as.n; i++)
        as.value[i] = desk->drawn_targets[i * TARGETS + target];
    sort(desk, &is, &as);
    row->name = target_name(target);
    row->view = TALLY_PAIR;
    row->figure = (int32_t)target;
    row->views = t->pairs;
    row_fill(row, cell, &is, &as);
    row->variance = t->both[target].count ? t->both[target].m2 / (double)t->both[target].count : 0;
    law_words(&row->law, FIGURES, NULL, row->words, sizeof row->words);
}

int tally_rows(const struct tally *t, struct tally_row **ret, size_t *ret_n)
{
    const bool pair = t->told && t->n_views >= 2;
    const size_t n = (size_t)t->n_views * FIGURES + (pair ? TARGETS : 0);
    const size_t kept = t->kept ? t->kept : 1;
    struct tally_row *rows = calloc(n, sizeof *rows), *row = rows;
    struct desk desk;
    if (!rows)
        return err_set(-ENOMEM, "out of memory");
    int rc = desk_init(&desk, kept, pair);
    if (rc) {
        free(rows);
        return rc;
    }
    for (uint32_t v = 0; v < t->n_views; v++) {
        if (t->told)
            draw_all(t, v, v, desk.drawn);
        for (int f = 0; f < FIGURES; f++)
            view_row(t, v, (enum figure)f, &desk, row++);
    }
    if (pair) { /* other draws than those of the views, so that no two tests lean on the same */
        draw_all(t, 0, OMEGA_VIEWS_MAX, desk.drawn);
        draw_all(t, 1, OMEGA_VIEWS_MAX + 1, desk.drawn + (size_t)t->kept * DRAWS);
        const size_t pairs = targets_read(t, &desk);
        for (size_t i = 0; i < TARGETS; i++)
            target_row(t, i, pairs, &desk, row++);
    }
    desk_done(&desk);
    *ret = rows;
    *ret_n = n;
    return 0;
}

/* --- verdicts --- */

const char *tally_test_name(enum tally_test test)
{
    static const char *const names[] = {
        [TALLY_UNTESTED] = "untested",
        [TALLY_KOLMOGOROV] = "Kolmogorov-Smirnov",
        [TALLY_SMIRNOV] = "Kolmogorov-Smirnov, two samples",
        [TALLY_BINOMIAL] = "binomial",
        [TALLY_CHI] = "chi-square",
        [TALLY_CERTAIN] = "certain",
    };
    return names[test];
}

static bool by_chance(const struct tally_row *row)
{
    return row->test != TALLY_UNTESTED && row->test != TALLY_CERTAIN;
}

/* The smallest p has all tests as company, the next one fewer, and so on; the first that may be
 * chance ends it. */
size_t tally_judge(struct tally_row *rows, size_t n, double level, size_t *ret_tests)
{
    size_t tests = 0, wrong = 0;
    for (size_t i = 0; i < n; i++) {
        rows[i].wrong = rows[i].test == TALLY_CERTAIN && rows[i].p == 0;
        wrong += rows[i].wrong;
        tests += by_chance(&rows[i]);
    }
    for (size_t left = tests; left > 0; left--) {
        struct tally_row *least = NULL;
        for (size_t i = 0; i < n; i++)
            if (by_chance(&rows[i]) && !rows[i].wrong && (!least || rows[i].p < least->p))
                least = &rows[i];
        if (least->p > level / (double)left)
            break;
        least->wrong = true;
        wrong++;
    }
    *ret_tests = tests;
    return wrong;
}

static double entropy(const uint64_t *count, size_t n)
{
    double all = 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        all += (double)count[i];
    for (size_t i = 0; i < n; i++)
        sum -= count[i] ? (double)count[i] / all * log((double)count[i] / all) : 0;
    return sum;
}

double tally_trivial(const struct tally *t, enum augself_kind kind)
{
    if (t->pairs == 0)
        return NAN;
    if (kind == AUGSELF_ROTATION)
        return entropy(t->turns, FIGURE_TURNS);
    double sum = 0, n = 0;
    for (size_t i = 0; i < TARGETS; i++) {
        if (target_kind(i) != kind)
            continue;
        if (kind == AUGSELF_FLIP) /* the same for (0,1) and (1,0) */
            return entropy(t->targets[i].bar, 2);
        sum += t->both[i].m2 / (double)t->both[i].count;
        n++;
    }
    return sum / n;
}
