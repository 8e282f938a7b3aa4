/* SPDX-License-Identifier: Apache-2.0 */
/* progress: how far a long piece of work is, on standard error: one line that is drawn over and
 * over on a terminal, else a line for every tenth. One after the other, not nested:
 *     struct progress_line line;
 *     progress_begin(&line, "features of flowers", n);
 *     ... progress_at(&line, done); ...
 *     progress_end(&line); */
#ifndef AUGSTREAM_TOOLS_PROGRESS_H
#define AUGSTREAM_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

struct progress_line {
    FILE *out;
    char label[96];
    size_t total, tenth; /* tenth: the last that was told */
    double begun_s, told_s;
    bool terminal, open; /* open: a line without its end stands there */
};

void progress_begin(struct progress_line *p, const char *label, size_t total);
/* done of total; cheap, call it as often as you like. */
void progress_at(struct progress_line *p, size_t done);
/* Before something else is written to standard error. */
void progress_pause(struct progress_line *p);
/* Ends the line, whether all was done or not. Fine on a zeroed one, and twice. */
void progress_end(struct progress_line *p);

/* progress_begin to somewhere else, for tests. */
void progress_begin_on(struct progress_line *p, FILE *out, bool terminal, const char *label,
                       size_t total);

#endif
