/* SPDX-License-Identifier: Apache-2.0 */
/* neighbours: the k rows of a bank that are nearest to each query by cosine. Exact search by the
 * trainer's own matrix product, block after block; memory does not grow with bank x queries. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_NEIGHBOURS_H
#define AUGSTREAM_TOOLS_EVALUATE_NEIGHBOURS_H

#include "trainer/extract.h"
#include "trainer/ops/ops.h"

enum { NEIGHBOURS_MAX = 1000 }; /* k */

struct neighbour {
    uint32_t row; /* of the bank */
    float cosine;
};

struct neighbours_config {
    const struct features *bank, *queries;
    bool same; /* they are one set: a row is no neighbour of itself */
    size_t k;
};

/* Once for each query, in order: its k nearest, the nearest first; of equal cosines the lower row
 * first. Returns 0 or -errno, which ends the search. */
typedef int (*neighbours_fn)(void *hint, size_t query, const struct neighbour *nearest);

/* -EINVAL for a k that is 0, above NEIGHBOURS_MAX or more than the bank has, for a side that is
 * empty and for sides of different widths. */
int neighbours_check(const struct neighbours_config *config);

/* Cosines are summed in doubles and compared as floats. The product that finds candidates is fp32:
 * where more than 16 rows are nearer to the k-th than its rounding (some 1e-6), which of them come
 * in is not told. A row of zeros has the cosine 0 with everything. Errors are
 * neighbours_check's, -ENOMEM and fn's. */
int neighbours_find(const struct ops *ops, const struct neighbours_config *config, neighbours_fn fn,
                    void *hint);

#endif
