/* SPDX-License-Identifier: Apache-2.0 */
/* retrieval: the nearest neighbours of a set's rows in a bank: how many have the query's label,
 * over all queries, and the pictures of some, as a sheet and as a page. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_RETRIEVAL_H
#define AUGSTREAM_TOOLS_EVALUATE_RETRIEVAL_H

#include "tools/evaluate/neighbours.h"
#include "tools/evaluate/table.h"
#include "tools/evaluate/views.h"
#include "tools/picture.h"

enum { RETRIEVAL_K_MAX = 100, RETRIEVAL_ROWS_MAX = 100, RETRIEVAL_CUTS_MAX = 3 };

struct retrieval {
    const struct table *bank, *queries; /* loans; labelled */
    bool same;                          /* they are one set: a row is no neighbour of itself */
    size_t k;                           /* neighbours, 1 to RETRIEVAL_K_MAX */
    uint32_t rows[RETRIEVAL_ROWS_MAX];  /* the queries that are shown, of `queries` */
    size_t n_rows;
    const struct views *bank_views, *query_views; /* loans; NULL where none are shown */

    /* What retrieval_find finds. */
    struct neighbour *nearest; /* [n_rows][k] */
    struct {
        size_t at; /* 1, 5, k; where the bank has fewer than 5 rows no 5 */
        double value;
    } precision[RETRIEVAL_CUTS_MAX]; /* the mean over all queries of the share of the first `at`
                                        neighbours that have the query's label */
    size_t n_precision;
};

/* n rows of the queries, drawn without repetition, ascending: a pure function of the seed. n is at
 * most the queries' and RETRIEVAL_ROWS_MAX. */
void retrieval_draw(struct retrieval *r, size_t n, uint64_t seed);

/* What can be said before the search: -ERANGE for a row that is shown and not there, and what
 * neighbours_check refuses. */
int retrieval_check(const struct retrieval *r);

/* Searches for all queries. at(hint, done) is called now and then, may be NULL. Errors are
 * retrieval_check's and neighbours_find's. */
int retrieval_find(struct retrieval *r, const struct ops *ops, void (*at)(void *hint, size_t done),
                   void *hint);
void retrieval_done(struct retrieval *r); /* what retrieval_find made */

static inline bool retrieval_match(const struct retrieval *r, size_t query, size_t row)
{
    return r->queries->f.labels[query] == r->bank->f.labels[row];
}

/* The sheet: a query with its neighbours behind it in each row. sheet_init makes it without
 * pictures, so that whoever asks too much hears it before the search: -E2BIG. */
int retrieval_sheet_init(const struct retrieval *r, struct canvas *ret);
void retrieval_sheet_draw(const struct retrieval *r, struct canvas *canvas);

/* The page, pictures inside it. */
int retrieval_page(const struct retrieval *r, const char *path);

#endif
