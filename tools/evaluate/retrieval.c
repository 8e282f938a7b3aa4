/* SPDX-License-Identifier: Apache-2.0 */
/* retrieval: takes two labelled tables, gives precision over all queries and the neighbours of
 * those that are shown. The caller's thread; owns the list of neighbours. Draws nothing. */
#include "tools/evaluate/retrieval.h"

#include "common/err.h"
#include "common/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 5, TELL_EVERY = 256 };

void retrieval_draw(struct retrieval *r, size_t n, uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = seed, .purpose = RNG_QUERIES});
    const uint32_t all = (uint32_t)r->queries->f.n;
    r->n_rows = 0;
    for (uint32_t i = 0; i < all && r->n_rows < n; i++)
        if (rng_below(&rng, all - i) < n - r->n_rows) /* as many as are wanted of what is left */
            r->rows[r->n_rows++] = i;
}

struct search {
    struct retrieval *r;
    uint64_t hits[RETRIEVAL_CUTS_MAX];
    void (*at)(void *hint, size_t done);
    void *hint;
};

static int take(void *hint, size_t query, const struct neighbour *nearest)
{
    struct search *s = hint;
    struct retrieval *r = s->r;
    for (size_t c = 0; c < r->n_precision; c++)
        for (size_t i = 0; i < r->precision[c].at; i++)
            s->hits[c] += retrieval_match(r, query, nearest[i].row);
    for (size_t i = 0; i < r->n_rows; i++)
        if (r->rows[i] == query)
            memcpy(r->nearest + i * r->k, nearest, r->k * sizeof *nearest);
    if (s->at && (query + 1) % TELL_EVERY == 0)
        s->at(s->hint, query + 1);
    return 0;
}

/* 1, 5 and k, each once, ascending; how many neighbours that wants. */
static size_t cuts(struct retrieval *r)
{
    const size_t there = r->bank->f.n - r->same;
    const size_t wanted[] = {1, r->k < FEW ? r->k : FEW, r->k < FEW ? FEW : r->k};
    size_t most = r->k;
    r->n_precision = 0;
    for (size_t i = 0; i < RETRIEVAL_CUTS_MAX; i++) {
        if ((i > 0 && wanted[i] == wanted[i - 1]) || (wanted[i] == FEW && there < FEW))
            continue;
        r->precision[r->n_precision++].at = wanted[i];
        most = wanted[i] > most ? wanted[i] : most;
    }
    return most;
}

int retrieval_check(const struct retrieval *r)
{
    for (size_t i = 0; i < r->n_rows; i++)
        if (r->rows[i] >= r->queries->f.n)
            return err_set(-ERANGE, "%s: there is no row %u: it has %zu, the first is 0",
                           r->queries->name, r->rows[i], r->queries->f.n);
    return neighbours_check(
        &(struct neighbours_config){&r->bank->f, &r->queries->f, r->same, r->k});
}

int retrieval_find(struct retrieval *r, const struct ops *ops, void (*at)(void *hint, size_t done),
                   void *hint)
{
    int rc = retrieval_check(r);
    if (rc)
        return rc;
    struct search s = {.r = r, .at = at, .hint = hint};
    const struct neighbours_config config = {&r->bank->f, &r->queries->f, r->same, cuts(r)};
    r->nearest = calloc(r->n_rows ? r->n_rows * r->k : 1, sizeof *r->nearest);
    if (!r->nearest)
        return err_set(-ENOMEM, "out of memory");
    rc = neighbours_find(ops, &config, take, &s);
    for (size_t c = 0; !rc && c < r->n_precision; c++)
        r->precision[c].value =
            (double)s.hits[c] / ((double)r->queries->f.n * (double)r->precision[c].at);
    return rc;
}

void retrieval_done(struct retrieval *r)
{
    free(r->nearest);
    r->nearest = NULL;
}
