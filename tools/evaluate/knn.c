/* SPDX-License-Identifier: Apache-2.0 */
/* knn: nearest-neighbour accuracy of a frozen backbone: a labelled bank, labelled queries. */
#include "trainer/knn.h"

#include "common/err.h"
#include "common/log.h"
#include "tools/evaluate/evaluate.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: augstream-evaluate knn RECIPE.yaml --backbone FILE --train DATASET --test DATASET\n"
    "           [--set a.b=v ...]\n"
    "\n"
    "Prints the share of test images whose nearest training image, by cosine of the frozen "
    "features,\n"
    "has their label. Datasets as in `features`.\n";

static const struct option long_options[] = {
    FROZEN_LONG_OPTIONS,
    {"train", required_argument, NULL, 't'},
    {"test", required_argument, NULL, 'e'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static int parse(int argc, char **argv, struct frozen_options *o)
{
    int c;
    while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        int rc = frozen_option(o, c, optarg);
        if (rc < 0)
            return rc;
        if (rc)
            continue;
        switch (c) {
        case 't':
            o->datasets[0] = optarg;
            break;
        case 'e':
            o->datasets[1] = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return 1;
        default:
            return err_set(-EINVAL, "knn --help lists the options");
        }
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
    features_done(&bank);
    features_done(&query);
    if (frozen)
        frozen_done(frozen);
    free(frozen);
    return rc ? evaluate_fail(rc) : EXIT_OK;
}
