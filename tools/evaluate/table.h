/* SPDX-License-Identifier: Apache-2.0 */
/* table: a set's features with all that a score needs: labels, samples, boxes. On disk it is
 * features.safetensors: `features` F32 [N,D], `labels` I64 [N], `samples` I64 [N] and, where the
 * set has boxes, `boxes` F32 [N,4]; metadata classes, dataset, substituted; class_names, a JSON
 * array, where the loader told them; and, of those that were extracted here, mean and std.
 * docs/evaluate.md tells whoever makes such a file elsewhere. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_TABLE_H
#define AUGSTREAM_TOOLS_EVALUATE_TABLE_H

#include "common/class_names.h"
#include "trainer/extract.h"

enum {
    TABLE_NAME_MAX = 1024,        /* bytes with the NUL */
    TABLE_ROWS_MAX = 1 << 28,     /* N */
    TABLE_FEATURES_MAX = 1 << 16, /* D */
    TABLE_CLASS_MAX = CLASS_NAME_MAX + 32,
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
 * not finite, a label that is not below the classes, a box that is not inside the view, a class's
 * name that class_name_check refuses, or a tensor that is missing or does not fit the others.
 * Classes: the metadata, else the largest label + 1. */
int table_read(const char *path, struct table *ret);

/* All of the table; views: the pixels that were seen, [n][side][side][3], or NULL. Tmp, fsync,
 * rename. What table_read would refuse is refused with -EBADMSG, nothing is written then. */
int table_write(const struct table *table, const uint8_t *views, int64_t side, const char *path);

/* -EBADMSG naming the first row that has no label. */
int table_labelled(const struct table *table);

/* What the class is called, or NULL. And "3 (cat)", or "3" where that is not known; returns ret. */
const char *table_class(const struct table *table, int64_t label);
const char *table_class_words(const struct table *table, int64_t label, char ret[TABLE_CLASS_MAX]);

/* Of a labelled table: -EBADMSG where all its rows are of one class. */
int table_several(const struct table *table);

/* What classifiers that are fitted by their loss bear: a feature beyond it and few-shot's solver
 * stops early, far from its optimum; far beyond it linear's logits leave fp32. Measured on
 * clusters that are told apart at any scale: right at 1e5, few-shot wrong at 1e6, linear at
 * 1e12. Scaling them for the user would not do: the penalty makes another score of it.
 * -EBADMSG naming file, row and column of the first that is larger. */
static const float TABLE_FIT_MAX = 1e5f;
int table_fits(const struct table *table);

void table_done(struct table *table);

#endif
