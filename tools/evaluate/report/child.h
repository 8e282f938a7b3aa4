/* SPDX-License-Identifier: Apache-2.0 */
/* child: runs a program to its end and keeps the line in which it says why it failed. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_REPORT_CHILD_H
#define AUGSTREAM_TOOLS_EVALUATE_REPORT_CHILD_H

enum { CHILD_LINE_MAX = 512 };

struct child_end {
    int code;   /* its exit code; 128 + signal where one ended it */
    int signal; /* 0: none */
    /* The last line on standard error that says "error: ", what comes behind that; where there is
     * none, the last line. Cut; control characters are '?'. */
    char line[CHILD_LINE_MAX];
};

/* argv[0] is its path. Standard output is ours; what it says on standard error is passed on as it
 * comes. It ends when we do. -errno where it could not be started. */
int child_run(char *const argv[], struct child_end *ret);

/* Why it failed, in a line: its own, or what ended it. */
void child_why(const struct child_end *end, char ret[CHILD_LINE_MAX]);

#endif
