/* SPDX-License-Identifier: Apache-2.0 */
/* localize: boxes predicted from frozen features by ridge regression, as the paper measures it on
 * CUB-200: mean squared error over the four numbers, mean overlap, and a picture. */
#include "common/auto.h"
#include "common/err.h"
#include "tools/evaluate/boxes.h"
#include "tools/evaluate/evaluate.h"
#include "tools/evaluate/numbers.h"
#include "tools/evaluate/score.h"
#include "tools/evaluate/sets.h"
#include "tools/progress.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Without --ridge: from 1e-4 to 1e6, two a decade. */
enum { RIDGES = 21, RIDGES_MAX = 64, HELD_OUT = 5, SHOWN = 24 };

static const struct usage_option rows[] = {
    SETS_OPTIONS,
    {"train", "SET", 't', "images with boxes, to learn from", USAGE_REQUIRED},
    {"val", "SET", 'v', "to choose the ridge by (default: a fifth of train, held out)"},
    {"test", "SET", 'e', "to be told", USAGE_REQUIRED},
    {"ridge", "R[,R...]", 'w', "to choose from (default 1e-4 to 1e6, two a decade)"},
    {"seed", "N", 'r', "which fifth of train is held out (default 0)"},
    {"picture", "FILE.png", 'p',
     "test views with true and predicted boxes; --test is a features file that `features --views` "
     "wrote"},
    {"shown", "N", 'n', "how many in the picture, 1 to 256 (default 24)"},
};

const struct usage evaluate_localize_usage = {
    .name = "localize",
    .program = "augstream-evaluate",
    .summary = "bounding boxes from features, by ridge regression",
    .operands = SETS_OPERANDS,
    .about =
        "Fits x, y, w, h of each image's box, in shares of the view's sides, to its frozen "
        "features; the ridge is the one of least error on val, then all is fitted on train and "
        "val. Says the mean squared error over the four numbers on test, and the mean "
        "intersection over union. Images without a box are left out. " SETS_ABOUT,
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

struct options {
    struct sets_options sets;
    const char *train, *val, *test, *picture;
    double ridges[RIDGES_MAX];
    size_t n_ridges;
    uint64_t seed, shown;
};

static int own_option(struct options *o, int key, const char *arg)
{
    static const struct numbers_law seed = {"seed", 0, UINT64_MAX, 1},
                                    shown = {"shown", 1, BOXES_SHOWN_MAX, 1};
    size_t n;
    switch (key) {
    case 't':
        o->train = arg;
        return 0;
    case 'v':
        o->val = arg;
        return 0;
    case 'e':
        o->test = arg;
        return 0;
    case 'p':
        o->picture = o->sets.out = arg;
        return 0;
    case 'r':
        return numbers_of(&seed, arg, &o->seed, &n);
    case 'n':
        return numbers_of(&shown, arg, &o->shown, &n);
    case 'w':
        return numbers_positive("ridge", arg, RIDGES_MAX, o->ridges, &o->n_ridges);
    default:
        return 0;
    }
}

static bool is_file(const char *name)
{
    static const char end[] = ".safetensors";
    const size_t len = strlen(name), end_len = sizeof end - 1;
    return len > end_len && !strcmp(name + len - end_len, end);
}

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&evaluate_localize_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : sets_option(&o->sets, key, optarg);
        if (!rc)
            rc = own_option(o, key, optarg);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
    }
    if (!o->train || !o->test)
        return err_set(-EINVAL, "localize needs --train and --test");
    if (o->picture && !is_file(o->test))
        return err_set(-EINVAL, "--picture wants --test to be a features file with its views");
    if (!o->n_ridges)
        for (; o->n_ridges < RIDGES; o->n_ridges++)
            o->ridges[o->n_ridges] = pow(10.0, -4 + 0.5 * (double)o->n_ridges);
    o->sets.names[o->sets.n++] = o->train;
    o->sets.names[o->sets.n++] = o->test;
    if (o->val)
        o->sets.names[o->sets.n++] = o->val;
    return sets_operand(&o->sets, "localize", argc, argv);
}

/* What is learnt from, chosen by and told. */
struct sides {
    struct boxes train, val, test;
};

static void at(void *hint, size_t done)
{
    progress_at(hint, done);
}

/* The ridge of least error on val, and train and val together fitted with it. */
static int fit(const struct options *o, const struct ridge_rows *train,
               const struct ridge_rows *val, size_t *ret_which, struct ridge *ret)
{
    struct moments m = {.n = 0}, more = {.n = 0};
    struct progress_line line = {.out = NULL};
    const struct ridge_choice choice = {o->ridges, o->n_ridges, at, &line};
    int rc = moments_of(train, &m);
    if (!rc) {
        progress_begin(&line, "ridges", o->n_ridges);
        rc = ridge_choose(&m, val, &choice, ret_which);
        progress_end(&line);
    }
    if (!rc)
        rc = moments_of(val, &more);
    if (!rc) {
        moments_merge(&m, &more);
        rc = ridge_fit(&m, o->ridges[*ret_which], ret);
    }
    moments_done(&m);
    moments_done(&more);
    return rc;
}

/* Without val: a fifth of train's rows, by seed; the rest is learnt from. */
static int split(const struct options *o, struct sides *s, struct ridge_rows *train,
                 struct ridge_rows *val)
{
    *train = boxes_rows(&s->train);
    if (s->val.n) {
        *val = boxes_rows(&s->val);
        return 0;
    }
    if (s->train.n < HELD_OUT)
        return err_set(-ENODATA, "%s: %zu rows have a box: too few to hold a fifth out",
                       s->train.table->name, s->train.n);
    boxes_shuffle(&s->train, o->seed);
    *val = boxes_rows(&s->train);
    val->n = s->train.n / HELD_OUT;
    train->rows += val->n;
    train->n -= val->n;
    return 0;
}

static int note(struct scores *s, const struct options *o, size_t which)
{
    char text[128];
    snprintf(text, sizeof text, "%zu from %g to %g, chosen on %s", o->n_ridges, o->ridges[0],
             o->ridges[o->n_ridges - 1], o->val ? "val" : "a fifth of train");
    int rc = scores_note(s, "ridges", text);
    if (!rc && o->n_ridges > 1 && (which == 0 || which + 1 == o->n_ridges))
        rc = scores_note(s, "ridge_at_the_end", "a better one may lie beyond: give --ridge");
    snprintf(text, sizeof text, "%" PRIu64, o->seed);
    return rc || o->val ? rc : scores_note(s, "seed", text);
}

/* A set's images that were used, and those without a box, where there are any. */
static int add_counts(struct scores *s, const char *set, const struct boxes *b)
{
    char name[SCORE_NAME_MAX];
    snprintf(name, sizeof name, "%s", set);
    int rc = scores_add(s, name, (double)b->n, NAN, "images");
    snprintf(name, sizeof name, "%s_without_box", set);
    return rc || b->n == b->table->f.n
               ? rc
               : scores_add(s, name, (double)(b->table->f.n - b->n), NAN, "images");
}

static int picture(const struct options *o, const struct boxes *test, const struct ridge *r,
                   const double error_iou[2])
{
    struct views v = {.n = 0};
    int rc = views_read(o->test, test->table->f.n, &v);
    if (rc)
        return rc;
    const char *slash = strrchr(o->test, '/');
    char title[2][128];
    snprintf(title[0], sizeof title[0], "%.60s, %zu boxes", slash ? slash + 1 : o->test, test->n);
    snprintf(title[1], sizeof title[1], "l2 error %.5f, mean IoU %.3f", error_iou[0], error_iou[1]);
    rc = boxes_sheet_save(&(struct boxes_sheet){test, r, &v, o->shown, {title[0], title[1], NULL}},
                          o->picture);
    views_done(&v);
    return rc;
}

static int measure(const struct options *o, struct sides *sides)
{
    struct scores s = {.n = 0};
    struct ridge_rows train, val;
    const struct ridge_rows test = boxes_rows(&sides->test);
    struct ridge r = {.d = 0};
    size_t which = 0;
    int rc = split(o, sides, &train, &val);
    if (!rc)
        rc = fit(o, &train, &val, &which, &r);
    if (rc)
        return rc;
    const double found[2] = {ridge_error(&r, &test), boxes_overlap(&sides->test, &r)};
    double mean[4], blind[2];
    boxes_mean(&sides->train, &sides->val, mean);
    boxes_beside(&sides->test, mean, blind);
    rc = scores_add(&s, "l2_error", found[0], NAN, "");
    if (!rc)
        rc = scores_add(&s, "mean_iou", found[1], NAN, "");
    if (!rc)
        rc = scores_add(&s, "mean_box_l2_error", blind[0], NAN, "");
    if (!rc)
        rc = scores_add(&s, "mean_box_iou", blind[1], NAN, "");
    if (!rc)
        rc = scores_add(&s, "ridge", o->ridges[which], NAN, "");
    if (!rc)
        rc = add_counts(&s, "train", &sides->train);
    if (!rc && o->val)
        rc = add_counts(&s, "val", &sides->val);
    if (!rc)
        rc = add_counts(&s, "test", &sides->test);
    if (!rc)
        rc = note(&s, o, which);
    if (!rc && o->picture)
        rc = picture(o, &sides->test, &r, found);
    if (!rc)
        rc = scores_tell(&s, "localize", o->sets.json);
    ridge_done(&r);
    return rc;
}

int evaluate_localize(int argc, char **argv)
{
    struct options o = {.shown = SHOWN, .sets.unlabelled = true};
    int rc = parse(argc, argv, &o);
    if (rc)
        return evaluate_parsed(rc);
    struct table t[3] = {{.name = ""}};
    struct sides sides = {.train = {.n = 0}};
    rc = sets_open(&o.sets, t);
    if (!rc)
        rc = boxes_of(&t[0], &sides.train);
    if (!rc)
        rc = boxes_of(&t[1], &sides.test);
    if (!rc && o.val)
        rc = boxes_of(&t[2], &sides.val);
    if (!rc)
        rc = measure(&o, &sides);
    boxes_done(&sides.train);
    boxes_done(&sides.val);
    boxes_done(&sides.test);
    for (size_t i = 0; i < 3; i++)
        table_done(&t[i]);
    return rc ? evaluate_fail(rc) : EXIT_OK;
}
