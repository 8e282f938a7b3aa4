/* SPDX-License-Identifier: Apache-2.0 */
/* knn: nearest-neighbour accuracy of a frozen backbone: a labelled bank, labelled queries. */
#include "trainer/knn.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "tools/evaluate/evaluate.h"
#include "tools/evaluate/score.h"
#include "tools/evaluate/sets.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>

static const struct usage_option rows[] = {
    SETS_OPTIONS,
    {"train", "SET", 't', "the labelled bank", USAGE_REQUIRED},
    {"test", "SET", 'e', "the images to be told, labelled as well", USAGE_REQUIRED},
};

const struct usage evaluate_knn_usage = {
    .name = "knn",
    .program = "augstream-evaluate",
    .summary = "nearest-neighbour accuracy",
    .operands = SETS_OPERANDS,
    .about =
        "Prints the share of test images whose nearest training image, by cosine of the frozen "
        "features, has their label. " SETS_ABOUT,
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct sets_options *o)
{
    for (int key; (key = usage_next(&evaluate_knn_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : sets_option(o, key, optarg);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
        if (key == 't')
            o->names[0] = optarg;
        else if (key == 'e')
            o->names[1] = optarg;
    }
    if (!o->names[0] || !o->names[1])
        return err_set(-EINVAL, "knn needs --train and --test");
    o->n = 2;
    return sets_operand(o, "knn", argc, argv);
}

static int score(const struct sets_options *o, const struct table t[2])
{
    struct scores s = {.n = 0};
    double accuracy = 0;
    int rc = table_labelled(&t[0]);
    if (!rc)
        rc = table_labelled(&t[1]);
    if (!rc)
        rc = knn_accuracy(&t[0].f, &t[1].f, &accuracy);
    if (!rc)
        rc = scores_add(&s, "knn_1", 100 * accuracy, NAN, "%");
    if (!rc)
        rc = scores_add(&s, "bank", (double)t[0].f.n, NAN, "images");
    if (!rc)
        rc = scores_add(&s, "queries", (double)t[1].f.n, NAN, "images");
    return rc ? rc : scores_tell(&s, "knn", o->json);
}

int evaluate_knn(int argc, char **argv)
{
    struct sets_options o = {0};
    int rc = parse(argc, argv, &o);
    if (rc > 0)
        return EXIT_OK;
    if (rc < 0) {
        log_error("%s", err_text());
        return EXIT_USAGE;
    }
    struct table t[2] = {{.name = ""}};
    rc = sets_open(&o, t);
    if (!rc)
        rc = score(&o, t);
    table_done(&t[0]);
    table_done(&t[1]);
    return rc ? evaluate_fail(rc) : EXIT_OK;
}
