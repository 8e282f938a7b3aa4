/* SPDX-License-Identifier: Apache-2.0 */
/* verbs: the first argument of a tool with several: one row each, --help and --version made from
 * them. */
#ifndef AUGSTREAM_TOOLS_VERBS_H
#define AUGSTREAM_TOOLS_VERBS_H

#include <stddef.h>

struct verb {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] = the verb; returns the exit code */
    const char *help;
};

/* Opens the log as `program`, runs the verb of argv[1]; returns the exit code. */
int verbs_run(const char *program, const struct verb *verbs, size_t n, int argc, char **argv);

#endif
