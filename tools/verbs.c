/* SPDX-License-Identifier: Apache-2.0 */
/* verbs: takes a table and argv, calls one row. */
#include "tools/verbs.h"

#include "common/err.h"
#include "common/log.h"
#include "tools/output.h"

#include <assert.h>
#include <getopt.h>
#include <string.h>

static int run(const struct usage *whole, const struct verb *verbs, int argc, char **argv)
{
    if (argc < 2) {
        usage_help(whole, stderr);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < whole->n_verbs; i++)
        if (strcmp(argv[1], verbs[i].usage->name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    int key = usage_next(whole, argc, argv);
    if (key == USAGE_TOLD)
        return EXIT_OK;
    if (key < 0)
        log_error("%s", err_text());
    else
        log_error("%s: no such verb (--help lists them)", argv[1]);
    return EXIT_USAGE;
}

int verbs_run(const struct usage *tool, const struct verb *verbs, size_t n, int argc, char **argv)
{
    const struct usage *usages[VERBS_MAX];
    struct usage whole = *tool;
    assert(n <= VERBS_MAX);
    for (size_t i = 0; i < n; i++)
        usages[i] = verbs[i].usage;
    whole.verbs = usages;
    whole.n_verbs = n;
    log_open(tool->name, LOG_INFO);
    output_begin();
    return output_end(run(&whole, verbs, argc, argv));
}
