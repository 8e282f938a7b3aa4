/* SPDX-License-Identifier: Apache-2.0 */
/* progress: what a run tells while it runs: metrics.jsonl (one JSON object a step, flushed line by
 * line) and the line on the terminal. Owner: train. One thread. Reads no clock: times come in. */
#ifndef AUGSTREAM_TRAINER_WATCH_PROGRESS_H
#define AUGSTREAM_TRAINER_WATCH_PROGRESS_H

#include "trainer/model.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress;

struct progress_config {
    const char *path;    /* metrics.jsonl, made or continued */
    uint64_t first_step; /* steps already done; lines of later steps are cut off the file, and a
                          * last line that is not whole */
    uint64_t steps;      /* at which the run ends */
    uint32_t images;     /* of one step */
    FILE *terminal;      /* a loan; NULL = no line */
    double line_every_s; /* where it is no terminal: seconds between lines */
};
/* -EBADMSG with file and line for a file that says anything else: it stays as it is. */
int progress_open(const struct progress_config *config, struct progress **ret);
void progress_close(struct progress *progress); /* NULL is fine */

struct progress_figure {
    const char *name;
    double value;
};
struct progress_step {
    uint64_t step; /* steps done, this one counted */
    uint32_t epoch;
    const struct model_losses *losses;
    double lr;
    double now_s, wait_s; /* the end of this step; how much of it was waiting for data */
    /* What is told of some steps: what the model is like, the same whenever it is trained so; and
     * times. */
    const struct progress_figure *figures, *times;
    size_t n_figures, n_times;
};
/* One line of metrics.jsonl, and the terminal's line when it is due. Allocates nothing. */
int progress_step(struct progress *progress, const struct progress_step *step);

/* {"step":..,"epoch":..,NAME:value} for something that is measured now and then; flushed. */
int progress_note(struct progress *progress, uint64_t step, uint32_t epoch, const char *name,
                  double value);

/* The value that progress_note wrote of step 0 into the file; false where it did not. */
bool progress_first(const char *path, const char *name, double *ret);

/* Over the last steps: images a second, the share of time spent waiting for data. 0 before two. */
double progress_rate(const struct progress *progress);
double progress_wait(const struct progress *progress);

/* Ends the terminal's line with a newline, so that other text can follow. */
void progress_break(struct progress *progress);

#endif
