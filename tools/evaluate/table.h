/* SPDX-License-Identifier: Apache-2.0 */
/* table: a set's features with all that a score needs: labels, samples, boxes. On disk it is
 * features.safetensors: `features` F32 [N,D], `labels` I64 [N], `samples` I64 [N] and, where the
 * set has boxes, `boxes` F32 [N,4]; metadata classes, dataset, substituted and, of those that were
 * extracted here, mean and std. docs/evaluate.md tells whoever makes such a file elsewhere. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_TABLE_H
#define AUGSTREAM_TOOLS_EVALUATE_TABLE_H

#include "trainer/extract.h"

enum {
    TABLE_NAME_MAX = 1024,       /* bytes with the NUL */
    TABLE_ROWS_MAX = 1 << 28,    /* N */
    TABLE_FEATURES_MAX = 1 << 16 /* D */
};

/* Zero-initialise; table_done frees. */
struct table {
    struct features f;
    float *boxes; /* [n][4]: x, y, w, h in shares of the view's sides, inside the view; NULL: no
                     sample has one; a row of NaN: this one has none */
    char name[TABLE_NAME_MAX]; /* for messages: the file or the dataset */
    double mean[3], std[3];    /* of the pixels that went in; std 0: not told */
};

/* -ENOENT / -EACCES; -ENODATA for no rows; -EBADMSG naming file, row and column of a value that is
 * not finite, a label that is not below the classes, a box that is not inside the view, or a tensor
 * that is missing or does not fit the others. Classes: the metadata, else the largest label + 1. */
int table_read(const char *path, struct table *ret);

/* All of the table; views: the pixels that were seen, [n][side][side][3], or NULL. Tmp, fsync,
 * rename. What table_read would refuse is refused with -EBADMSG, nothing is written then. */
int table_write(const struct table *table, const uint8_t *views, int64_t side, const char *path);

/* -EBADMSG naming the first row that has no label. */
int table_labelled(const struct table *table);

void table_done(struct table *table);

#endif
