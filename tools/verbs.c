/* SPDX-License-Identifier: Apache-2.0 */
/* verbs: takes a table and argv, calls one row. */
#include "tools/verbs.h"

#include "common/err.h"
#include "common/log.h"

#include <stdio.h>
#include <string.h>

static void usage(const char *program, const struct verb *verbs, size_t n, FILE *out)
{
    fprintf(out, "usage: %s VERB ...   (VERB --help tells more)\n\n", program);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].help);
}

int verbs_run(const char *program, const struct verb *verbs, size_t n, int argc, char **argv)
{
    log_open(program, LOG_INFO);
    if (argc < 2) {
        usage(program, verbs, n, stderr);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help")) {
        usage(program, verbs, n, stdout);
        return EXIT_OK;
    }
    if (!strcmp(argv[1], "--version")) {
        printf("%s %s\n", program, AUGSTREAM_VERSION);
        return EXIT_OK;
    }
    for (size_t i = 0; i < n; i++)
        if (!strcmp(argv[1], verbs[i].name))
            return verbs[i].run(argc - 1, argv + 1);
    log_error("%s: no such verb (--help lists them)", argv[1]);
    return EXIT_USAGE;
}
