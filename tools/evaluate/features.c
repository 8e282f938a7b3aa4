/* SPDX-License-Identifier: Apache-2.0 */
/* features: a backbone and a dataset -> features.safetensors (table.h) and, when asked for, the
 * very pixels that were seen, `views` U8 [1,N,S,S,3]. */
#include "common/auto.h"
#include "common/err.h"
#include "tools/evaluate/evaluate.h"
#include "tools/evaluate/score.h"
#include "tools/evaluate/sets.h"
#include "tools/evaluate/views.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>

static const struct usage_option rows[] = {
    SETS_OPTIONS,
    {"images", "SET", 'i', "of which images", USAGE_REQUIRED},
    {"out", "FILE", 'o',
     "safetensors: features F32 [N,D], labels I64 [N], samples I64 [N]; boxes F32 [N,4] where the "
     "dataset has any",
     USAGE_REQUIRED},
    {"views", NULL, 'v', "also the pixels that were seen, views U8 [1,N,S,S,3], at most 1 GiB"},
};

const struct usage evaluate_features_usage = {
    .name = "features",
    .program = "augstream-evaluate",
    .summary = "features of every image of a dataset, into a safetensors file",
    .operands = SETS_OPERANDS,
    .about = "Writes the frozen backbone's features of every image of a dataset, in dataset "
             "order. " SETS_ABOUT,
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

struct options {
    struct sets_options sets;
    const char *out;
    bool views;
};

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&evaluate_features_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : sets_option(&o->sets, key, optarg);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
        if (key == 'i')
            o->sets.names[0] = optarg;
        else if (key == 'o')
            o->out = o->sets.out = optarg;
        else if (key == 'v')
            o->views = true;
    }
    if (!o->sets.names[0] || !o->out)
        return err_set(-EINVAL, "features needs --images and --out");
    o->sets.n = 1;
    return sets_operand(&o->sets, "features", argc, argv);
}

static int tell(const struct table *t, const struct options *o)
{
    struct scores s = {.n = 0};
    int rc = scores_add(&s, "images", (double)t->f.n, NAN, "");
    if (!rc)
        rc = scores_add(&s, "features", (double)t->f.d, NAN, "");
    if (!rc)
        rc = scores_add(&s, "classes", (double)t->f.classes, NAN, "");
    if (!rc && !t->f.classes)
        rc = scores_note(&s, "labels", "none: no image of the dataset has one");
    if (!rc)
        rc = scores_note(&s, "file", o->out);
    return rc ? rc : scores_tell(&s, "features", o->sets.json);
}

int evaluate_features(int argc, char **argv)
{
    struct options o = {.out = NULL};
    int rc = parse(argc, argv, &o);
    if (rc)
        return evaluate_parsed(rc);
    struct table t = {.name = ""};
    struct views v = {.n = 0};
    if (o.views) {
        o.sets.on_batch = views_add;
        o.sets.hint = &v;
    }
    rc = sets_open(&o.sets, &t);
    if (!rc)
        rc = table_write(&t, v.pixels, v.side, o.out);
    if (!rc)
        rc = tell(&t, &o);
    table_done(&t);
    views_done(&v);
    return rc ? evaluate_fail(rc) : EXIT_OK;
}
