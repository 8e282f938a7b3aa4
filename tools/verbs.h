/* SPDX-License-Identifier: Apache-2.0 */
/* verbs: the first argument of a tool with several: one row each. --help, --version and the manual
 * page are made from the rows' usages. */
#ifndef AUGSTREAM_TOOLS_VERBS_H
#define AUGSTREAM_TOOLS_VERBS_H

#include "common/usage.h"

struct verb {
    const struct usage *usage;         /* its name is the verb */
    int (*run)(int argc, char **argv); /* argv[0] = the verb; returns the exit code */
};

enum { VERBS_MAX = 16 };

/* Opens the log as the tool, runs the verb of argv[1]; returns the exit code, which tells a
 * standard output that could not be written as well (output.h). tool: without verbs,
 * they are put in from the rows. */
int verbs_run(const struct usage *tool, const struct verb *verbs, size_t n, int argc, char **argv);

#endif
