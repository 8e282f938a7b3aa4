/* SPDX-License-Identifier: Apache-2.0 */
/* output: what a tool says on standard output, from its main's first line to its last. */
#ifndef AUGSTREAM_TOOLS_OUTPUT_H
#define AUGSTREAM_TOOLS_OUTPUT_H

/* A reader that goes away, and a file that may not grow (ulimit -f), are errors of the write, not
 * the end of the program; programs that are started are not affected. */
void output_begin(void);

/* The exit code: `code`, or EXIT_INTERNAL, with a line in the log, where that is EXIT_OK and not
 * all of the output could be written. */
int output_end(int code);

#endif
