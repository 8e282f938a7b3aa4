/* SPDX-License-Identifier: Apache-2.0 */
/* retrieval_bed: a bank and queries in the plane whose neighbours can be told by looking.
 *     bank: row 0 (1,0) label 0    1 (2,0) label 1    2 (0,1) label 1
 *               3 (1,1) label 0    4 (-1,0) label 1   5 (0,-1) label 0
 *     queries, and the bank's rows from the nearest on (of equal cosines the lower row):
 *               0 (3,0) label 0: 0 1 3 2 5 4    labels 0 1 0 1 0 1
 *               1 (0,2) label 1: 2 3 0 1 4 5           1 0 0 1 1 0
 *               2 (-1,0) label 0: 4 2 5 3 0 1          1 1 0 0 0 1
 * so the shares of the first with the query's label are: of 1: 1, 1, 0; of 3: 2/3, 1/3, 1/3; of 5:
 * 3/5 each. The bank in itself, first two (and so the shares of 1, of 2, of 5):
 *               0: 1 3 (0, 1/2, 2/5)   1: 0 3 (0, 0, 2/5)     2: 3 0 (0, 0, 2/5)
 *               3: 0 1 (1, 1/2, 2/5)   4: 2 5 (1, 1/2, 2/5)   5: 0 1 (1, 1/2, 2/5) */
#ifndef AUGSTREAM_TESTS_RETRIEVAL_BED_H
#define AUGSTREAM_TESTS_RETRIEVAL_BED_H

#include "tools/evaluate/table.h"

#include <stdio.h>
#include <string.h>

enum { BED_BANK = 6, BED_QUERIES = 3, BED_SIDE = 64 };

struct retrieval_bed {
    float bank_x[BED_BANK * 2], query_x[BED_QUERIES * 2];
    int64_t bank_labels[BED_BANK], query_labels[BED_QUERIES], samples[BED_BANK];
    uint8_t bank_views[BED_BANK][BED_SIDE * BED_SIDE][3];
    uint8_t query_views[BED_QUERIES][BED_SIDE * BED_SIDE][3];
    struct table bank, queries; /* on the above: not for table_done */
};

/* Each picture is one colour: the bank's (10 row, 1, 2), the queries' (3, 10 row, 4). */
static inline void retrieval_bed_make(struct retrieval_bed *b)
{
    static const float bank_x[] = {1, 0, 2, 0, 0, 1, 1, 1, -1, 0, 0, -1};
    static const float query_x[] = {3, 0, 0, 2, -1, 0};
    static const int64_t bank_labels[] = {0, 1, 1, 0, 1, 0}, query_labels[] = {0, 1, 0};
    memcpy(b->bank_x, bank_x, sizeof bank_x);
    memcpy(b->query_x, query_x, sizeof query_x);
    memcpy(b->bank_labels, bank_labels, sizeof bank_labels);
    memcpy(b->query_labels, query_labels, sizeof query_labels);
    for (int i = 0; i < BED_BANK; i++)
        b->samples[i] = i;
    for (int i = 0; i < BED_SIDE * BED_SIDE; i++) {
        for (int r = 0; r < BED_BANK; r++)
            memcpy(b->bank_views[r][i], (uint8_t[]){(uint8_t)(10 * r), 1, 2}, 3);
        for (int r = 0; r < BED_QUERIES; r++)
            memcpy(b->query_views[r][i], (uint8_t[]){3, (uint8_t)(10 * r), 4}, 3);
    }
    b->bank = (struct table){.f = {.n = BED_BANK,
                                   .d = 2,
                                   .x = b->bank_x,
                                   .labels = b->bank_labels,
                                   .samples = b->samples,
                                   .classes = 2},
                             .name = "bank<&>"};
    b->queries = (struct table){.f = {.n = BED_QUERIES,
                                      .d = 2,
                                      .x = b->query_x,
                                      .labels = b->query_labels,
                                      .samples = b->samples,
                                      .classes = 2},
                                .name = "of/queries"};
}

#endif
