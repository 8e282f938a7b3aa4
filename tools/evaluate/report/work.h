/* SPDX-License-Identifier: Apache-2.0 */
/* work: does what an agenda asks for and the folder does not yet hold: DIR/features/
 * BACKBONE.DATASET-HASH.safetensors, made once for all measures, and DIR/scores/
 * BACKBONE.MEASURE.json. Each is a program of its own, so that one that dies takes nothing along.
 */
#ifndef AUGSTREAM_TOOLS_EVALUATE_REPORT_WORK_H
#define AUGSTREAM_TOOLS_EVALUATE_REPORT_WORK_H

#include "tools/evaluate/report/grid.h"

#include <limits.h>

struct work_set;

/* Zero-initialise, then work_open; work_done frees. One thread. */
struct work {
    const struct agenda *agenda;
    char dir[PATH_MAX];
    char program[PATH_MAX]; /* this one */
    int lock;               /* the folder, locked against another report there */
    struct grid_row *rows;  /* [n_backbones] */
    struct record *records; /* [n_backbones][n_measures] */
    struct work_set *sets;  /* features that were asked for */
    size_t n_sets;
    size_t done, kept, failed; /* of measures: by this run */
    int code;                  /* exit code of the first that failed; 0: none did */
};

/* Reads the recipes; makes and locks the folder. -EBUSY where another report is at it. */
int work_open(struct work *work, const struct agenda *agenda, const char *dir);
void work_done(struct work *work);

/* Measures one backbone, or takes what is there; rows[] and records[] tell what came of it. A
 * measure that fails is no error of this; -errno: the folder cannot be written. */
int work_measure(struct work *work, size_t backbone, size_t measure);

/* report.md, report.csv and report.html of what there is so far. */
int work_write(const struct work *work);

#endif
