/* SPDX-License-Identifier: Apache-2.0 */
/* episode: see episode.h. Takes labels and features, gives rows and accuracies. Draws on any
 * thread, scores on all of them. Reads and writes no file. */
#include "tools/evaluate/episode.h"

#include "common/err.h"
#include "common/rng.h"
#include "tools/evaluate/ovr.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A row and its class, for sorting. */
struct labelled {
    int64_t label;
    uint32_t row;
};

static int by_label(const void *a, const void *b)
{
    const struct labelled *x = a, *y = b;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    return x->row < y->row ? -1 : 1;
}

/* The rows sorted by label, as classes; those with no more than law.shots rows fall away. */
static int group(const char *name, const struct labelled *sorted, size_t n, struct episodes *e)
{
    uint32_t largest = 0, filled = 0, kept_largest = 0;
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && sorted[to].label == sorted[from].label; to++)
            ;
        const uint32_t count = (uint32_t)(to - from);
        largest = count > largest ? count : largest;
        if (count <= e->law.shots) {
            e->left_out++;
            continue;
        }
        kept_largest = count > kept_largest ? count : kept_largest;
        e->labels[e->n_classes] = sorted[from].label;
        e->first[e->n_classes++] = filled;
        for (size_t i = from; i < to; i++)
            e->rows[filled++] = sorted[i].row;
        e->first[e->n_classes] = filled;
    }
    if (!e->n_classes)
        return err_set(-ENODATA,
                       "%s: no class has more than %u images, which %u shots need: the largest "
                       "has %u",
                       name, e->law.shots, e->law.shots, largest);
    if (e->n_classes < e->law.ways)
        return err_set(-ENODATA,
                       "%s: %u classes have more than %u images (%u have fewer): too few for %u "
                       "ways",
                       name, e->n_classes, e->law.shots, e->left_out, e->law.ways);
    e->scratch = kept_largest > e->n_classes ? kept_largest : e->n_classes;
    return 0;
}

int episodes_open(const char *name, const int64_t *labels, size_t n, const struct episode_law *law,
                  struct episodes *ret)
{
    struct episodes e = {.law = *law};
    if (!n || n > INT32_MAX)
        return err_set(-ENODATA, "%s: episodes of %zu images", name, n);
    for (size_t i = 0; i < n; i++)
        if (labels[i] < 0)
            return err_set(-EBADMSG, "%s: row %zu has no label", name, i);
    struct labelled *sorted = malloc(n * sizeof *sorted);
    e.labels = malloc(n * sizeof *e.labels);
    e.first = malloc((n + 1) * sizeof *e.first);
    e.rows = malloc(n * sizeof *e.rows);
    int rc = 0;
    if (!sorted || !e.labels || !e.first || !e.rows)
        rc = err_set(-ENOMEM, "out of memory");
    if (!rc) {
        for (size_t i = 0; i < n; i++)
            sorted[i] = (struct labelled){labels[i], (uint32_t)i};
        qsort(sorted, n, sizeof *sorted, by_label);
        rc = group(name, sorted, n, &e);
    }
    free(sorted);
    if (rc)
        episodes_done(&e);
    else
        *ret = e;
    return rc;
}

void episodes_done(struct episodes *e)
{
    free(e->labels);
    free(e->first);
    free(e->rows);
    *e = (struct episodes){0};
}

int episode_new(const struct episodes *e, struct episode *ret)
{
    const size_t ways = e->law.ways;
    struct episode made = {
        .classes = malloc(ways * sizeof *made.classes),
        .support = malloc(ways * e->law.shots * sizeof *made.support),
        .query = malloc(ways * e->law.queries * sizeof *made.query),
        .scratch = malloc(e->scratch * sizeof *made.scratch),
    };
    if (!made.classes || !made.support || !made.query || !made.scratch) {
        episode_done(&made);
        return err_set(-ENOMEM, "out of memory");
    }
    *ret = made;
    return 0;
}

void episode_done(struct episode *episode)
{
    free(episode->classes);
    free(episode->support);
    free(episode->query);
    free(episode->scratch);
    *episode = (struct episode){0};
}

/* The first `take` of deck [n] become a random draw without replacement (Fisher and Yates). */
static void deal(struct rng *rng, uint32_t *deck, uint32_t n, uint32_t take)
{
    for (uint32_t i = 0; i < take; i++) {
        const uint32_t other = i + rng_below(rng, n - i), held = deck[i];
        deck[i] = deck[other];
        deck[other] = held;
    }
}

void episode_draw(const struct episodes *e, uint32_t number, struct episode *ret)
{
    const struct episode_law *law = &e->law;
    const struct rng_key key = {law->seed, 0, number, 0, RNG_EPISODE};
    struct rng rng;
    rng_init(&rng, &key);
    for (uint32_t i = 0; i < e->n_classes; i++)
        ret->scratch[i] = i;
    deal(&rng, ret->scratch, e->n_classes, law->ways);
    memcpy(ret->classes, ret->scratch, law->ways * sizeof *ret->classes);
    for (uint32_t way = 0; way < law->ways; way++) {
        const uint32_t at = e->first[ret->classes[way]];
        const uint32_t count = e->first[ret->classes[way] + 1] - at;
        uint32_t *deck = ret->scratch, *query = ret->query + (size_t)way * law->queries;
        const bool enough = count >= law->shots + law->queries;
        memcpy(deck, e->rows + at, count * sizeof *deck);
        deal(&rng, deck, count, enough ? law->shots + law->queries : law->shots);
        memcpy(ret->support + (size_t)way * law->shots, deck, law->shots * sizeof *deck);
        for (uint32_t q = 0; q < law->queries; q++)
            query[q] = deck[law->shots + (enough ? q : rng_below(&rng, count - law->shots))];
    }
}

/* The share of an episode's queries that are told right. */
static int score(const struct episodes *e, const struct episode_scoring *s,
                 const struct episode *episode, double *ret)
{
    const struct episode_law *law = &e->law;
    const struct ovr_rows support = {s->x, s->d, episode->support, law->ways, law->shots};
    struct ovr *ovr;
    int rc = ovr_fit(&support, s->c, &ovr);
    if (rc)
        return rc;
    size_t hits = 0;
    for (uint32_t i = 0; i < law->ways * law->queries; i++)
        hits += ovr_tell(ovr, s->x + (size_t)episode->query[i] * s->d) == i / law->queries;
    ovr_free(ovr);
    *ret = (double)hits / ((double)law->ways * law->queries);
    return 0;
}

int episodes_score(const struct episodes *e, const struct episode_scoring *s, uint32_t n_episodes,
                   double *ret_accuracy)
{
    size_t done = 0;
    bool failed = false;
#pragma omp parallel
    {
        struct episode episode = {0};
        bool lost = episode_new(e, &episode) != 0, first = false;
#pragma omp master
        first = true;
#pragma omp for schedule(dynamic, 4)
        for (uint32_t i = 0; i < n_episodes; i++) {
            size_t now;
            if (lost)
                continue;
            episode_draw(e, i, &episode);
            lost = score(e, s, &episode, &ret_accuracy[i]) != 0;
#pragma omp atomic capture
            now = ++done;
            if (first && s->at)
                s->at(s->hint, now);
        }
        if (lost) {
#pragma omp atomic write
            failed = true;
        }
        episode_done(&episode);
    }
    /* The thread that failed had its own message; memory is all that can fail. */
    return failed ? err_set(-ENOMEM, "out of memory") : 0;
}
