/* SPDX-License-Identifier: Apache-2.0 */
/* grid: the results as one table: a row for each backbone, a column for each score that is shown,
 * and that table as Markdown, as CSV, and as a page with plots. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_REPORT_GRID_H
#define AUGSTREAM_TOOLS_EVALUATE_REPORT_GRID_H

#include "tools/evaluate/report/agenda.h"
#include "tools/evaluate/report/paper.h"
#include "tools/evaluate/report/record.h"

#include <stdio.h>

/* A backbone, as its recipe or the report says. */
struct grid_row {
    const char *title, *method;
    enum paper_heads heads;
    char differs[512]; /* paper_differs */
};

struct grid_column {
    const struct agenda_measure *measure;
    size_t of;         /* its number */
    const char *score; /* "" while no backbone has a result and none was named */
    const char *unit;
};

struct grid_cell {
    enum record_state state;
    double value, plus_minus; /* NAN: none */
    const struct record *record;
    bool no_score; /* RECORD_FAILED: the verb has no such score */
    bool paper;    /* there is a figure of the paper's */
    struct paper_figure figure;
};

/* rows and records are loans until the done. */
struct grid {
    const struct agenda *agenda;
    const struct grid_row *rows;  /* [agenda->n_backbones] */
    const struct record *records; /* [n_backbones][n_measures] */
    struct grid_column *columns;
    size_t n_columns;
    struct grid_cell *cells; /* [n_backbones][n_columns] */
};

/* 0 or -ENOMEM; the caller calls grid_done. */
int grid_init(struct grid *grid, const struct agenda *agenda, const struct grid_row *rows,
              const struct record *records);
void grid_done(struct grid *grid);

const struct grid_cell *grid_at(const struct grid *grid, size_t row, size_t column);

/* "72.18", "0.00335": two decimals of per cent, else four digits. */
void grid_number(double value, const char *unit, char ret[32]);
/* With the digits that were published. */
void grid_published(const struct paper_figure *figure, char ret[32]);
/* "72.18 ± 0.31" (UTF-8). */
void grid_value(const struct grid_cell *cell, const char *unit, char ret[80]);
/* Why there is no value: in a line. */
void grid_why(const struct grid *grid, size_t row, size_t column, size_t cap, char *ret);
/* "knn_1, %" */
void grid_score(const struct grid_column *column, char ret[128]);

/* A note beneath the table, by index: what the paper's figures are of, and in what ours differ.
 * False behind the last. */
bool grid_note(const struct grid *grid, size_t i, size_t cap, char *ret);

void grid_markdown(const struct grid *grid, FILE *out);
/* RFC 4180, a line for each score of each backbone, shown or not; one for each failure. */
void grid_csv(const struct grid *grid, FILE *out);
void grid_page(const struct grid *grid, FILE *out); /* grid_page.c */

#endif
