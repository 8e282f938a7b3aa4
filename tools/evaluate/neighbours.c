/* SPDX-License-Identifier: Apache-2.0 */
/* neighbours: see neighbours.h. Takes two sets of features and a back end, gives rows and cosines
 * through a callback. The caller's thread (the back end uses its own); owns its blocks for the time
 * of a call. Knows nothing of labels. */
#include "tools/evaluate/neighbours.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUERIES = 512, /* rows of a block: each pass over the bank serves so many queries */
    ROWS = 4096,
    BLOCK_FLOATS = 1 << 24, /* of the bank's block, at most: wide features take fewer rows */
    SLACK = 16,             /* candidates above k, for the product's rounding */
    LANES = 8,              /* sums side by side, which the compiler keeps in vector registers */
    SIEVE = 64,             /* cosines that are passed over at once where none is near enough */
};

struct search {
    const struct neighbours_config *config;
    const struct ops *ops;
    double *bank_inverse, *query_inverse; /* [n]: 1 / length */
    size_t rows;                          /* of a block of the bank */
    float *unit;                          /* [max(rows, QUERIES)][d]: host */
    struct tensor x;                      /* [QUERIES,d] */
    float *w;                             /* [rows][d] */
    struct tensor y;                      /* [QUERIES,rows] */
    struct arena arena;
    float *cosines;               /* [QUERIES][rows]: host */
    struct neighbour *candidates; /* [QUERIES][keep], the nearest first */
    size_t keep, found;           /* found: so many of keep are there, the same for each query */
};

static double dot(const float *a, const float *b, size_t d)
{
    double sum[LANES] = {0}, total = 0;
    size_t i = 0;
    for (; i + LANES <= d; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            sum[l] += (double)a[i + l] * b[i + l];
    for (; i < d; i++)
        total += (double)a[i] * b[i];
    for (size_t l = 0; l < LANES; l++)
        total += sum[l];
    return total;
}

static double *inverses(const struct features *f)
{
    double *inverse = malloc(f->n * sizeof *inverse);
    for (size_t i = 0; inverse && i < f->n; i++) {
        const float *row = f->x + i * f->d;
        inverse[i] = 1 / fmax(sqrt(dot(row, row, f->d)), 1e-12);
    }
    return inverse;
}

/* Rows [first, first + n) at length 1, to the back end. */
static int load_unit(struct search *s, const struct features *f, const double *inverse,
                     size_t first, size_t n, float *to)
{
    for (size_t i = 0; i < n; i++) {
        const float *row = f->x + (first + i) * f->d;
        for (size_t j = 0; j < f->d; j++)
            s->unit[i * f->d + j] = (float)(row[j] * inverse[first + i]);
    }
    return s->ops->upload(s->ops, to, s->unit, n * f->d * sizeof *s->unit);
}

/* Into a list of n sorted ones, of which at most keep stay; the new one comes behind its equals. */
static size_t insert(struct neighbour *list, size_t n, size_t keep, struct neighbour new)
{
    size_t at = n < keep ? n : keep - 1;
    for (; at > 0 && list[at - 1].cosine < new.cosine; at--)
        list[at] = list[at - 1];
    list[at] = new;
    return n < keep ? n + 1 : keep;
}

/* None of SIEVE cosines is above the bound. Without a branch, so that it becomes vectors. */
static bool all_below(const float *cosines, float bound)
{
    int above = 0;
    for (size_t i = 0; i < SIEVE; i++)
        above |= cosines[i] > bound;
    return !above;
}

/* One row of the product: rows [first, first + n) of the bank against one query. */
static void sift(const struct search *s, struct neighbour *list, const float *cosines, size_t first,
                 size_t n)
{
    size_t found = s->found;
    for (size_t b = 0; b < n; b++) {
        while (found == s->keep && n - b >= SIEVE && all_below(cosines + b, list[found - 1].cosine))
            b += SIEVE;
        if (b < n && (found < s->keep || cosines[b] > list[found - 1].cosine))
            found =
                insert(list, found, s->keep, (struct neighbour){(uint32_t)(first + b), cosines[b]});
    }
}

/* The bank's rows [first, first + n) against the queries [q0, q0 + nq), which are in s->x. */
static int search_block(struct search *s, size_t q0, size_t nq, size_t first, size_t n)
{
    const struct features *bank = s->config->bank;
    struct tensor x = s->x, y = s->y;
    x.n = y.n = (int32_t)nq;
    y.c = (int32_t)n;
    int rc = load_unit(s, bank, s->bank_inverse, first, n, s->w);
    if (!rc)
        rc = s->ops->linear_forward(s->ops, &x, s->w, NULL, &y);
    if (!rc)
        rc = s->ops->download(s->ops, s->cosines, y.data, nq * n * sizeof *s->cosines);
    for (size_t q = 0; !rc && q < nq; q++) {
        if (s->config->same && q0 + q >= first && q0 + q < first + n)
            s->cosines[q * n + q0 + q - first] = -INFINITY;
        sift(s, s->candidates + q * s->keep, s->cosines + q * n, first, n);
    }
    s->found = s->found + n < s->keep ? s->found + n : s->keep;
    return rc;
}

/* Candidates have come by rounded cosines: now the true ones. */
static void settle(const struct search *s, size_t query, const struct neighbour *rough,
                   struct neighbour *ret)
{
    const struct features *bank = s->config->bank, *queries = s->config->queries;
    size_t n = 0;
    for (size_t i = 0; i < s->found; i++) {
        const size_t row = rough[i].row;
        if (s->config->same && row == query)
            continue;
        const double product = dot(queries->x + query * bank->d, bank->x + row * bank->d, bank->d);
        struct neighbour new = {(uint32_t)row,
                                (float)(product * s->query_inverse[query] * s->bank_inverse[row])};
        size_t at = n++;
        for (; at > 0 && (ret[at - 1].cosine < new.cosine ||
                          (ret[at - 1].cosine == new.cosine &&ret[at - 1].row > new.row));
             at--)
            ret[at] = ret[at - 1];
        ret[at] = new;
    }
}

static int search_queries(struct search *s, size_t q0, size_t nq, neighbours_fn fn, void *hint)
{
    const struct features *bank = s->config->bank;
    struct neighbour nearest[NEIGHBOURS_MAX + SLACK + 1];
    s->found = 0;
    int rc = load_unit(s, s->config->queries, s->query_inverse, q0, nq, s->x.data);
    for (size_t first = 0; !rc && first < bank->n; first += s->rows) {
        const size_t left = bank->n - first;
        rc = search_block(s, q0, nq, first, left < s->rows ? left : s->rows);
    }
    for (size_t q = 0; !rc && q < nq; q++) {
        settle(s, q0 + q, s->candidates + q * s->keep, nearest);
        rc = fn(hint, q0 + q, nearest);
    }
    return rc;
}

static int search_begin(struct search *s)
{
    const struct features *bank = s->config->bank;
    const size_t fit = BLOCK_FLOATS / bank->d;
    s->rows = fit < ROWS ? fit : ROWS;
    s->rows = s->rows < bank->n ? s->rows : bank->n;
    s->keep = s->config->k + SLACK + 1; /* 1: the row itself, where the sets are the same */
    s->bank_inverse = inverses(bank);
    s->query_inverse = inverses(s->config->queries);
    s->unit = malloc((s->rows > QUERIES ? s->rows : QUERIES) * bank->d * sizeof *s->unit);
    s->cosines = malloc(QUERIES * s->rows * sizeof *s->cosines);
    s->candidates = malloc(QUERIES * s->keep * sizeof *s->candidates);
    if (!s->bank_inverse || !s->query_inverse || !s->unit || !s->cosines || !s->candidates)
        return err_set(-ENOMEM, "nearest neighbours: out of memory");
    arena_init(&s->arena, s->ops);
    int rc = arena_add_tensor(&s->arena, &s->x, QUERIES, 1, 1, (int32_t)bank->d);
    if (!rc)
        rc = arena_add(&s->arena, s->rows * bank->d * sizeof *s->w, &s->w);
    if (!rc)
        rc = arena_add_tensor(&s->arena, &s->y, QUERIES, 1, 1, (int32_t)s->rows);
    if (!rc)
        rc = arena_commit(&s->arena);
    return rc;
}

static void search_done(struct search *s)
{
    if (s->arena.ops)
        arena_done(&s->arena);
    free(s->bank_inverse);
    free(s->query_inverse);
    free(s->unit);
    free(s->cosines);
    free(s->candidates);
}

int neighbours_check(const struct neighbours_config *c)
{
    if (!c->bank->n || !c->queries->n || !c->bank->d)
        return err_set(-EINVAL, "nearest neighbours: the %s set is empty",
                       c->queries->n ? "bank" : "query");
    if (c->bank->d != c->queries->d)
        return err_set(-EINVAL, "nearest neighbours: the bank has %zu features, the queries %zu",
                       c->bank->d, c->queries->d);
    if (!c->k || c->k > NEIGHBOURS_MAX)
        return err_set(-EINVAL, "nearest neighbours: %zu of them; 1 to %d", c->k, NEIGHBOURS_MAX);
    if (c->k > c->bank->n - c->same)
        return err_set(-EINVAL, "nearest neighbours: %zu of them, but the bank has %zu rows%s",
                       c->k, c->bank->n, c->same ? ", the query itself one of them" : "");
    return 0;
}

int neighbours_find(const struct ops *ops, const struct neighbours_config *config, neighbours_fn fn,
                    void *hint)
{
    int rc = neighbours_check(config);
    if (rc)
        return rc;
    struct search s = {.config = config, .ops = ops};
    const size_t n = config->queries->n;
    rc = search_begin(&s);
    for (size_t q = 0; !rc && q < n; q += QUERIES)
        rc = search_queries(&s, q, n - q < QUERIES ? n - q : QUERIES, fn, hint);
    search_done(&s);
    return rc;
}
