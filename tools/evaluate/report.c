/* SPDX-License-Identifier: Apache-2.0 */
/* report: a YAML file of backbones and measures -> a folder with their table as Markdown, CSV and
 * HTML. */
#include "common/auto.h"
#include "common/err.h"
#include "tools/evaluate/evaluate.h"
#include "tools/evaluate/report/work.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const struct usage_option rows[] = {
    {"out", "DIR", 'o', "where it is written, and what was measured is kept (default: report)"},
};

static const struct usage_section sections[] = {
    {"Files",
     "DIR/report.html, DIR/report.md and DIR/report.csv: the results, written anew after each "
     "measure. The page needs nothing else and runs no script.\n\n"
     "DIR/scores: what each measure gave. DIR/features: each backbone's features of each dataset, "
     "made once. Both are taken as they are as long as the recipe, the weights, the dataset's "
     "files "
     "(names, sizes, times) and the options are the same, so a report that was interrupted goes on "
     "where it was, and one that failed tries again only what failed. Of a dataset that loaders "
     "serve, only its name is known: remove both folders where it has changed."},
    {"Exit status", "That of the first measure that failed; the others are measured all the same."},
};

const struct usage evaluate_report_usage = {
    .name = "report",
    .program = "augstream-evaluate",
    .summary = "measures of several backbones as one table, with plots",
    .operands = "REPORT.yaml",
    .about = "Runs every measure of REPORT.yaml for every backbone in it, each as a program of its "
             "own, and writes one table. Where a measure names a dataset of the AugSelf paper, and "
             "method, heads and metric are the same, the paper's figure stands beside ours. Paths "
             "are as seen from the current folder.",
    .options = rows,
    .n_options = ARRAY_LEN(rows),
    .keys = &agenda_table,
    .keys_of = "REPORT.yaml",
    .sections = sections,
    .n_sections = ARRAY_LEN(sections),
};

struct options {
    const char *agenda, *dir;
};

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&evaluate_report_usage, argc, argv)) != USAGE_END;) {
        if (key < 0 || key == USAGE_TOLD)
            return key;
        if (key == 'o')
            o->dir = optarg;
    }
    if (optind + 1 != argc || !o->dir[0])
        return err_set(-EINVAL, "report needs REPORT.yaml");
    o->agenda = argv[optind];
    return 0;
}

static int measure_all(struct work *work)
{
    int rc = work_write(work);
    for (size_t b = 0; !rc && b < work->agenda->n_backbones; b++)
        for (size_t m = 0; !rc && m < work->agenda->n_measures; m++) {
            rc = work_measure(work, b, m);
            if (!rc)
                rc = work_write(work);
        }
    return rc;
}

int evaluate_report(int argc, char **argv)
{
    struct options o = {.dir = "report"};
    int rc = parse(argc, argv, &o);
    if (rc)
        return evaluate_parsed(rc);
    struct work work = {.lock = -1};
    auto_free struct agenda *agenda = calloc(1, sizeof *agenda);
    rc = agenda ? agenda_load(agenda, o.agenda) : err_set(-ENOMEM, "out of memory");
    if (!rc)
        rc = work_open(&work, agenda, o.dir);
    if (!rc)
        rc = measure_all(&work);
    const int code = work.code;
    if (!rc)
        printf("%s/report.html: measured %zu, kept %zu, failed %zu\n", o.dir, work.done, work.kept,
               work.failed);
    work_done(&work);
    return rc ? evaluate_fail(rc) : code;
}
