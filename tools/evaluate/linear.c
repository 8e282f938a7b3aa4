/* SPDX-License-Identifier: Apache-2.0 */
/* linear: accuracy of a linear classifier on frozen features, as the AugSelf paper measures it: the
 * penalty's weight is chosen on a validation set among 45, the classifier fitted again on training
 * and validation set together, and scored on the test set. */
#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"
#include "common/log.h"
#include "tools/evaluate/evaluate.h"
#include "tools/evaluate/logistic.h"
#include "tools/evaluate/score.h"
#include "tools/evaluate/sets.h"
#include "tools/progress.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double W_LEAST = 1e-6, W_MOST = 1e5;
enum { VALUES = 45, VALUES_FAST = 12 };

enum { TRAIN, TEST, VAL, SETS };

struct options {
    struct sets_options sets;
    const char *val, *sweep_out;
    enum logistic_metric metric;
    bool fast;
    double w; /* told; 0: to be chosen */
};

static const struct usage_option rows[] = {
    SETS_OPTIONS,
    {"train", "SET", 't', "to fit on", USAGE_REQUIRED},
    {"val", "SET", 'v', "to choose w on; then it is fitted on too"},
    {"test", "SET", 'e', "to score", USAGE_REQUIRED},
    {"metric", "NAME", 'm', "top1 (default) or mean-per-class, to choose by and to score",
     .choices = "top1 mean-per-class"},
    {"fast", NULL, 'f', "12 values of w in place of 45; not the protocol, and told as linear_fast"},
    {"w", "W", 'w', "this w, none chosen; told as linear_fixed; without --val it is needed"},
    {"sweep-out", "FILE", 'o', "what each w came to, as CSV"},
};

const struct usage evaluate_linear_usage = {
    .name = "linear",
    .program = "augstream-evaluate",
    .summary = "accuracy of a linear classifier",
    .operands = SETS_OPERANDS,
    .about =
        "Fits multinomial logistic regression to the frozen features as they are, with the loss "
        "sum of cross-entropies + w (squared length of weights and bias), by L-BFGS. w is that of "
        "45 values between 1e-6 and 1e5 which does best on --val (of equal ones the smallest); "
        "with it the classifier is fitted to --train and --val together, and scored on "
        "--test. " SETS_ABOUT,
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

static const struct {
    const char *name, *told, *note;
} metrics[] = {
    [LOGISTIC_TOP1] = {"top1", "top1", "top-1"},
    [LOGISTIC_MEAN_PER_CLASS] = {"mean-per-class", "mean_per_class", "mean per class"},
};

static int metric_option(struct options *o, const char *arg)
{
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
        if (strcmp(arg, metrics[i].name) == 0) {
            o->metric = (enum logistic_metric)i;
            return 0;
        }
    return err_set(-EINVAL, "--metric %s: top1 or mean-per-class", arg);
}

static int w_option(struct options *o, const char *arg)
{
    char *end;
    o->w = strtod(arg, &end);
    if (end == arg || *end || !(o->w >= 1e-12 && o->w <= 1e12))
        return err_set(-EINVAL, "--w %s: a number from 1e-12 to 1e12", arg);
    return 0;
}

static int own_option(struct options *o, int key, const char *arg)
{
    switch (key) {
    case 't':
        o->sets.names[TRAIN] = arg;
        return 0;
    case 'e':
        o->sets.names[TEST] = arg;
        return 0;
    case 'v':
        o->val = arg;
        return 0;
    case 'm':
        return metric_option(o, arg);
    case 'w':
        return w_option(o, arg);
    case 'o':
        o->sweep_out = o->sets.out = arg;
        return 0;
    default:
        o->fast = true;
        return 0;
    }
}

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&evaluate_linear_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : sets_option(&o->sets, key, optarg);
        if (rc == 0)
            rc = own_option(o, key, optarg);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
    }
    if (!o->sets.names[TRAIN] || !o->sets.names[TEST])
        return err_set(-EINVAL, "linear needs --train and --test");
    if (!o->val && !o->w)
        return err_set(-EINVAL, "linear needs --val, to choose w on, or --w");
    if (o->sweep_out && !o->val)
        return err_set(-EINVAL, "--sweep-out needs --val");
    if (o->fast && o->w)
        return err_set(-EINVAL, "--fast is a way to choose w, which --w does not");
    o->sets.n = o->val ? SETS : SETS - 1;
    if (o->val)
        o->sets.names[VAL] = o->val;
    for (size_t i = 0; i < o->sets.n; i++)
        if (i != TEST && strcmp(o->sets.names[i], o->sets.names[TEST]) == 0)
            return err_set(-EINVAL, "--test is --%s: the classifier is fitted to it",
                           i == TRAIN ? "train" : "val");
    return sets_operand(&o->sets, "linear", argc, argv);
}

/* Each class of another set must be one that the classifier has seen. */
static int classes_check(const struct table *train, const struct table *other)
{
    char class[TABLE_CLASS_MAX];
    auto_free size_t *seen = calloc((size_t)train->f.classes + 1, sizeof *seen);
    if (!seen)
        return err_set(-ENOMEM, "out of memory");
    for (size_t i = 0; i < train->f.n; i++)
        seen[train->f.labels[i]]++;
    for (size_t i = 0; i < other->f.n; i++)
        if (!seen[other->f.labels[i]])
            return err_set(-EBADMSG, "%s: row %zu is of class %s, of which %s has no row",
                           other->name, i, table_class_words(other, other->f.labels[i], class),
                           train->name);
    return 0;
}

/* --- fits --- */

/* A run of fits, each from where the last ended. */
struct sweep {
    const struct options *o;
    struct logistic *l, *val; /* val: NULL without */
    double *weights;          /* of the last fit */
    struct progress_line line;
    size_t done, total;   /* fits, that on training and validation set counted */
    double w, last_score; /* last_score: on val, of the fit before or the chosen one; NAN: none */
};

static int sweep_step(void *hint, const struct minimise_step *at)
{
    struct sweep *s = hint;
    const size_t size = sizeof s->line.label;
    int len = snprintf(s->line.label, size, "w %.1e, iteration %zu, loss %.6g", s->w, at->iteration,
                       at->value);
    if (!isnan(s->last_score) && len > 0 && (size_t)len < size)
        snprintf(s->line.label + len, size - (size_t)len, ", val %.2f %%", 100 * s->last_score);
    progress_at(&s->line, s->done);
    return 0;
}

static int sweep_fit(struct sweep *s, double w, struct minimised *ret)
{
    s->w = w;
    const struct logistic_fit fit = {w, sweep_step, s};
    int rc = logistic_fit(s->l, &fit, s->weights, ret);
    if (!rc)
        progress_at(&s->line, ++s->done);
    if (!rc && ret->end == MINIMISE_ITERATIONS) {
        progress_pause(&s->line);
        log_warn("w %g: after %zu iterations the loss still falls", w, ret->iterations);
    }
    return rc;
}

static double value_of(const struct options *o, size_t index)
{
    const size_t n = o->fast ? VALUES_FAST : VALUES;
    const double share = (double)index / (double)(n - 1), least = log10(W_LEAST);
    return o->w ? o->w : pow(10, least + share * (log10(W_MOST) - least));
}

struct choice {
    double w, score; /* score: on val */
    double *weights; /* room for them */
};

/* From the largest w down, since a large penalty's fit takes few iterations and the next is near:
 * of the 45 fits of 1 020 rows with 512 features, 102 classes, 6 103 evaluations against 6 816 from
 * the smallest up. Of equal scores the smallest w is taken, as the paper's way up does. */
static int sweep_choose(struct sweep *s, size_t count, struct choice *ret, FILE *csv)
{
    const enum logistic_metric metric = s->o->metric;
    ret->score = -1;
    if (csv)
        fprintf(csv, "w,iterations,evaluations,loss,train_%s,val_%s\n", metrics[metric].told,
                metrics[metric].told);
    for (size_t i = s->o->w ? 1 : s->o->fast ? VALUES_FAST : VALUES; i-- > 0;) {
        const double w = value_of(s->o, i);
        struct minimised m;
        int rc = sweep_fit(s, w, &m);
        if (rc)
            return rc;
        s->last_score = logistic_score(s->val, metric, s->weights);
        if (csv)
            fprintf(csv, "%.17g,%zu,%zu,%.17g,%.9g,%.9g\n", w, m.iterations, m.evaluations, m.value,
                    logistic_score(s->l, metric, s->weights), s->last_score);
        if (s->last_score < ret->score)
            continue;
        ret->w = w;
        ret->score = s->last_score;
        memcpy(ret->weights, s->weights, count * sizeof *ret->weights);
    }
    return 0;
}

/* --- the protocol --- */

static struct logistic_rows rows_of(const struct table *t)
{
    return (struct logistic_rows){t->f.x, t->f.labels, t->f.n};
}

/* Fits to one table, or two, with the classes of the first. */
static int sweep_rows(struct sweep *s, const struct ops *ops, const struct table *a,
                      const struct table *b)
{
    const struct logistic_rows parts[] = {rows_of(a), b ? rows_of(b) : (struct logistic_rows){0}};
    logistic_free(s->l);
    s->l = NULL;
    return logistic_new(ops, a->f.d, a->f.classes, parts, b ? 2 : 1, &s->l);
}

static int choose(struct sweep *s, const struct ops *ops, const struct table t[], size_t count,
                  struct choice *choice)
{
    const struct logistic_rows val = rows_of(&t[VAL]);
    struct file_write csv = {0};
    int rc = sweep_rows(s, ops, &t[TRAIN], NULL);
    if (!rc)
        rc = logistic_new(ops, t[VAL].f.d, t[VAL].f.classes, &val, 1, &s->val);
    if (!rc && s->o->sweep_out)
        rc = file_write_begin(&csv, s->o->sweep_out);
    if (!rc)
        rc = sweep_choose(s, count, choice, csv.out);
    if (!rc && csv.out)
        rc = file_write_commit(&csv);
    file_write_abort(&csv);
    if (rc)
        return rc;
    memcpy(s->weights, choice->weights, count * sizeof *s->weights);
    s->last_score = choice->score;
    return 0;
}

static int tell(const struct options *o, const struct table t[], const struct choice *choice,
                double score, const struct minimised *last)
{
    const char *verb = o->w ? "linear_fixed" : o->fast ? "linear_fast" : "linear";
    const char *metric = metrics[o->metric].told;
    char name[SCORE_NAME_MAX], text[SCORE_TEXT_MAX];
    struct scores s = {.n = 0};
    snprintf(name, sizeof name, "%s_%s", verb, metric);
    int rc = scores_add(&s, name, 100 * score, NAN, "%");
    if (!rc && o->val) {
        snprintf(name, sizeof name, "%s_val_%s", verb, metric);
        rc = scores_add(&s, name, 100 * choice->score, NAN, "%");
    }
    snprintf(name, sizeof name, "%s_w", verb);
    if (!rc)
        rc = scores_add(&s, name, choice->w, NAN, "");
    snprintf(name, sizeof name, "%s_loss", verb);
    if (!rc)
        rc = scores_add(&s, name, last->value, NAN, "nats");
    if (!rc)
        rc = scores_note(&s, "metric", metrics[o->metric].note);
    snprintf(text, sizeof text, "%s",
             o->w      ? "w was told, none was chosen: not the protocol"
             : o->fast ? "fast: w is one of 12 between 1e-6 and 1e5, not of the protocol's 45"
                       : "w is one of 45 between 1e-6 and 1e5, chosen on val");
    if (!rc)
        rc = scores_note(&s, "protocol", text);
    snprintf(text, sizeof text, "train %zu, val %zu, test %zu; %u classes", t[TRAIN].f.n,
             o->val ? t[VAL].f.n : 0, t[TEST].f.n, t[TRAIN].f.classes);
    if (!rc)
        rc = scores_note(&s, "images", text);
    return rc ? rc : scores_tell(&s, "linear", o->sets.json);
}

static int tables_check(const struct options *o, const struct table t[])
{
    int rc = 0;
    for (size_t i = 0; !rc && i < o->sets.n; i++)
        rc = table_labelled(&t[i]);
    for (size_t i = 0; !rc && i < o->sets.n; i++)
        rc = table_fits(&t[i]);
    if (!rc)
        rc = table_several(&t[TRAIN]);
    for (size_t i = 1; !rc && i < o->sets.n; i++)
        rc = classes_check(&t[TRAIN], &t[i]);
    return rc;
}

/* Choose, fit again, score. */
static int protocol(struct sweep *s, const struct ops *ops, const struct table t[])
{
    const struct options *o = s->o;
    const size_t count = logistic_weights(t[TRAIN].f.d, t[TRAIN].f.classes);
    auto_free double *weights = calloc(count, sizeof *weights), *best = calloc(count, sizeof *best);
    if (!weights || !best)
        return err_set(-ENOMEM, "out of memory");
    struct choice choice = {.w = o->w, .weights = best};
    struct minimised last;
    double score = 0;
    s->weights = weights;
    int rc = o->val ? choose(s, ops, t, count, &choice) : 0;
    if (!rc)
        rc = sweep_rows(s, ops, &t[TRAIN], o->val ? &t[VAL] : NULL);
    if (!rc)
        rc = sweep_fit(s, choice.w, &last);
    if (!rc)
        rc = sweep_rows(s, ops, &t[TEST], NULL);
    if (!rc)
        score = logistic_score(s->l, o->metric, weights);
    progress_end(&s->line);
    return rc ? rc : tell(o, t, &choice, score, &last);
}

static int run(const struct options *o, const struct table t[])
{
    struct ops *ops = NULL;
    int rc = tables_check(o, t);
    if (!rc)
        rc = ops_open("onednn", 0, &ops); /* what logistic wants: the host's memory */
    if (rc == -ENOTSUP)
        rc = ops_open("ref", 0, &ops);
    if (rc)
        return rc;
    const size_t values = !o->val ? 0 : o->w ? 1 : o->fast ? VALUES_FAST : VALUES;
    struct sweep s = {.o = o, .total = values + 1, .last_score = NAN};
    progress_begin(&s.line, "linear", s.total);
    rc = protocol(&s, ops, t);
    progress_end(&s.line);
    logistic_free(s.l);
    logistic_free(s.val);
    ops_close(ops);
    return rc;
}

int evaluate_linear(int argc, char **argv)
{
    struct options o = {.metric = LOGISTIC_TOP1};
    int rc = parse(argc, argv, &o);
    if (rc)
        return evaluate_parsed(rc);
    struct table *t = calloc(SETS, sizeof *t);
    if (!t)
        return evaluate_fail(err_set(-ENOMEM, "out of memory"));
    rc = sets_open(&o.sets, t);
    if (!rc)
        rc = run(&o, t);
    for (size_t i = 0; i < SETS; i++)
        table_done(&t[i]);
    free(t);
    return rc ? evaluate_fail(rc) : EXIT_OK;
}
