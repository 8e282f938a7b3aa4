/* SPDX-License-Identifier: Apache-2.0 */
/* knn: nearest-neighbour accuracy of a frozen backbone: a labelled bank, labelled queries. */
#include "trainer/knn.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "tools/evaluate/evaluate.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const struct usage_option rows[] = {
    FROZEN_OPTIONS,
    {"train", "DATASET", 't', "the labelled bank", USAGE_REQUIRED},
    {"test", "DATASET", 'e', "the images to be told, labelled as well", USAGE_REQUIRED},
};

const struct usage evaluate_knn_usage = {
    .name = "knn",
    .program = "augstream-evaluate",
    .summary = "nearest-neighbour accuracy",
    .operands = "RECIPE.yaml",
    .about =
        "Prints the share of test images whose nearest training image, by cosine of the frozen "
        "features, has their label. " FROZEN_RECIPE,
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct frozen_options *o)
{
    for (int key; (key = usage_next(&evaluate_knn_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : frozen_option(o, key, optarg);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
        if (key == 't')
            o->datasets[0] = optarg;
        else if (key == 'e')
            o->datasets[1] = optarg;
    }
    if (optind + 1 != argc || !o->backbone || !o->datasets[0] || !o->datasets[1])
        return err_set(-EINVAL, "knn needs RECIPE.yaml, --backbone, --train and --test");
    o->recipe = argv[optind];
    o->n_datasets = 2;
    return 0;
}

int evaluate_knn(int argc, char **argv)
{
    struct frozen_options o = {0};
    int rc = parse(argc, argv, &o);
    if (rc > 0)
        return EXIT_OK;
    if (rc < 0) {
        log_error("%s", err_text());
        return EXIT_USAGE;
    }
    struct features bank = {0}, query = {0};
    double accuracy = 0;
    struct frozen *frozen = calloc(1, sizeof *frozen);
    rc = frozen ? frozen_open(frozen, &o) : err_set(-ENOMEM, "out of memory");
    if (!rc)
        rc = frozen_features(frozen, &o, 0, NULL, NULL, &bank);
    if (!rc)
        rc = frozen_features(frozen, &o, 1, NULL, NULL, &query);
    if (!rc)
        rc = knn_accuracy(&bank, &query, &accuracy);
    if (!rc)
        printf("knn_top1 %.2f %% of %zu images, bank of %zu\n", 100 * accuracy, query.n, bank.n);
    if (!rc) {
        features_tell_bad(&query, o.datasets[1]);
        features_tell_bad(&bank, o.datasets[0]);
    }
    features_done(&bank);
    features_done(&query);
    if (frozen)
        frozen_done(frozen);
    free(frozen);
    return rc ? evaluate_fail(rc) : EXIT_OK;
}
