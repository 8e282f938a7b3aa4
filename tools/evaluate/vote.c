/* SPDX-License-Identifier: Apache-2.0 */
/* vote: takes a labelled bank and queries, gives a class for each query. The caller's thread. */
#include "tools/evaluate/vote.h"

#include "common/auto.h"
#include "common/err.h"
#include "tools/evaluate/neighbours.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

struct poll {
    const struct vote_config *config;
    double *votes; /* [classes], all 0 between two counts */
    int64_t *told; /* [n_k][queries] */
};

/* Of k neighbours, nearest first. */
static int64_t count(const struct poll *p, const struct neighbour *nearest, size_t k)
{
    const int64_t *labels = p->config->bank->labels;
    const double t = p->config->temperature;
    int64_t best = labels[nearest[0].row];
    /* Against the nearest one, so that no temperature overflows: a common factor. */
    for (size_t i = 0; i < k; i++)
        p->votes[labels[nearest[i].row]] +=
            exp(((double)nearest[i].cosine - (double)nearest[0].cosine) / t);
    for (size_t i = 0; i < k; i++) {
        const int64_t c = labels[nearest[i].row];
        if (p->votes[c] > p->votes[best] || (p->votes[c] == p->votes[best] && c < best))
            best = c;
    }
    for (size_t i = 0; i < k; i++)
        p->votes[labels[nearest[i].row]] = 0;
    return best;
}

static int on_query(void *hint, size_t query, const struct neighbour *nearest)
{
    const struct poll *p = hint;
    const struct vote_config *c = p->config;
    for (size_t i = 0; i < c->n_k; i++)
        p->told[i * c->queries->n + query] = count(p, nearest, c->k[i]);
    if (c->at)
        c->at(c->hint, query + 1);
    return 0;
}

int vote_tell(const struct ops *ops, const struct vote_config *config, int64_t *ret_told)
{
    auto_free double *votes = calloc(config->bank->classes, sizeof *votes);
    if (!votes)
        return err_set(-ENOMEM, "votes of %u classes: out of memory", config->bank->classes);
    struct poll poll = {config, votes, ret_told};
    struct neighbours_config near = {.bank = config->bank, .queries = config->queries};
    for (size_t i = 0; i < config->n_k; i++)
        near.k = config->k[i] > near.k ? config->k[i] : near.k;
    return neighbours_find(ops, &near, on_query, &poll);
}

int vote_accuracy(const int64_t *told, const struct features *f, bool per_class, double *ret)
{
    auto_free size_t *rows = calloc(f->classes, sizeof *rows);
    auto_free size_t *hits = calloc(f->classes, sizeof *hits);
    if (!rows || !hits)
        return err_set(-ENOMEM, "accuracy of %u classes: out of memory", f->classes);
    size_t all = 0, seen = 0;
    double shares = 0;
    for (size_t i = 0; i < f->n; i++) {
        const int64_t c = f->labels[i];
        rows[c]++;
        hits[c] += told[i] == c;
        all += told[i] == c;
    }
    for (uint32_t c = 0; c < f->classes; c++) {
        seen += rows[c] > 0;
        shares += rows[c] ? (double)hits[c] / (double)rows[c] : 0;
    }
    *ret = per_class ? shares / (double)seen : (double)all / (double)f->n;
    return 0;
}
