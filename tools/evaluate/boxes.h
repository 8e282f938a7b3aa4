/* SPDX-License-Identifier: Apache-2.0 */
/* boxes: where things are in the views of a set, told and true: x, y, w, h in shares of the view's
 * sides. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_BOXES_H
#define AUGSTREAM_TOOLS_EVALUATE_BOXES_H

#include "tools/evaluate/ridge.h"
#include "tools/evaluate/table.h"
#include "tools/evaluate/views.h"

/* The rows of a table that have a box, as a regression wants them. Zero-initialise. */
struct boxes {
    const struct table *table; /* a loan */
    double *y;                 /* [table's n][4] */
    uint32_t *rows;            /* [n] */
    size_t n;
};

/* -ENODATA where no row has one, table named. */
int boxes_of(const struct table *table, struct boxes *ret);
void boxes_done(struct boxes *b);
struct ridge_rows boxes_rows(const struct boxes *b); /* loans from b and its table */

/* The order of b's rows becomes the one that the seed names; for holding some out. */
void boxes_shuffle(struct boxes *b, uint64_t seed);

/* Intersection over union; a side below zero is none. In [0,1]. */
double box_overlap(const double a[4], const double b[4]);
double boxes_overlap(const struct boxes *b, const struct ridge *r); /* the mean over the rows */

/* The mean box of a's and b's rows, which knows no features; and how far it is from a set's boxes:
 * {mean squared error over the four numbers, mean overlap}. */
void boxes_mean(const struct boxes *a, const struct boxes *b, double ret[4]);
void boxes_beside(const struct boxes *b, const double box[4], double ret_error_iou[2]);

/* A contact sheet of `shown` rows evenly taken from b (all, where there are fewer): each view with
 * its true box in green and the told one in red, the overlap below; `title` at most three lines
 * above. Saved as PNG. */
enum { BOXES_SHOWN_MAX = 256 };
struct boxes_sheet {
    const struct boxes *boxes;
    const struct ridge *ridge;
    const struct views *views; /* of the table's rows */
    size_t shown;
    const char *title[3]; /* NULL: none */
};
int boxes_sheet_save(const struct boxes_sheet *s, const char *path);

#endif
