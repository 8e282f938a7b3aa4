/* SPDX-License-Identifier: Apache-2.0 */
/* knn: nearest-neighbour accuracy of a frozen backbone: a labelled bank, labelled queries. */
#include "common/auto.h"
#include "common/err.h"
#include "tools/evaluate/evaluate.h"
#include "tools/evaluate/numbers.h"
#include "tools/evaluate/score.h"
#include "tools/evaluate/sets.h"
#include "tools/evaluate/vote.h"
#include "tools/progress.h"
#include "trainer/safetensors.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t usual_k[] = {1, 20, 200};
static const double usual_temperature = 0.07;
enum { K_MAX = 1000 };

static const struct usage_option rows[] = {
    SETS_OPTIONS,
    {"train", "SET", 't', "the labelled bank", USAGE_REQUIRED},
    {"test", "SET", 'e', "the images to be told, labelled as well", USAGE_REQUIRED},
    {"k", "K,...", 'k',
     "how many neighbours vote, 1 to 1000, each a score; without it 1,20,200, less what the bank "
     "is "
     "too small for"},
    {"temperature", "T", 'T', "of a vote's weight, exp(cosine / T); 0.07"},
    {"metric", "NAME", 'm', "top1: the share of all images (the usual one); mean-per-class",
     .choices = "top1 mean-per-class"},
    {"out", "FILE", 'o', "safetensors: predictions I64 [len(k),N]"},
};

const struct usage evaluate_knn_usage = {
    .name = "knn",
    .program = "augstream-evaluate",
    .summary = "nearest-neighbour accuracy",
    .operands = SETS_OPERANDS,
    .about = "Prints the share of test images that their nearest training images tell right, by "
             "cosine of the frozen features: knn_1 by the nearest alone, knn_K by the votes of K, "
             "each with the weight exp(cosine / T). " SETS_ABOUT,
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

struct options {
    struct sets_options sets;
    uint64_t k[VOTE_KS_MAX];
    size_t n_k; /* 0: the usual ones */
    double temperature;
    bool per_class;
    const char *out;
};

static int own_option(struct options *o, int key, const char *arg)
{
    const struct numbers_law law = {.option = "k", .low = 1, .high = K_MAX, .max = VOTE_KS_MAX};
    size_t n;
    switch (key) {
    case 't':
        o->sets.names[0] = arg;
        return 0;
    case 'e':
        o->sets.names[1] = arg;
        return 0;
    case 'o':
        o->out = o->sets.out = arg;
        return 0;
    case 'k':
        return numbers_of(&law, arg, o->k, &o->n_k);
    case 'T':
        return numbers_positive("temperature", arg, 1, &o->temperature, &n);
    case 'm':
        o->per_class = strcmp(arg, "mean-per-class") == 0;
        if (!o->per_class && strcmp(arg, "top1") != 0)
            return err_set(-EINVAL, "--metric %s: top1 or mean-per-class", arg);
        return 0;
    default:
        return 0;
    }
}

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&evaluate_knn_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : sets_option(&o->sets, key, optarg);
        if (rc == 0)
            rc = own_option(o, key, optarg);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
    }
    if (!o->sets.names[0] || !o->sets.names[1])
        return err_set(-EINVAL, "knn needs --train and --test");
    o->sets.n = 2;
    return sets_operand(&o->sets, "knn", argc, argv);
}

static void on_queries(void *hint, size_t done)
{
    progress_at(hint, done);
}

/* told [n_k][queries], fresh. */
static int tell_all(const struct options *o, const struct table t[2], struct vote_config *config,
                    int64_t **ret_told)
{
    const uint64_t *k = o->n_k ? o->k : usual_k;
    const size_t n = o->n_k ? o->n_k : ARRAY_LEN(usual_k);
    struct progress_line line;
    *config = (struct vote_config){.bank = &t[0].f,
                                   .queries = &t[1].f,
                                   .temperature = o->temperature,
                                   .at = on_queries,
                                   .hint = &line};
    for (size_t i = 0; i < n; i++)
        if (o->n_k || k[i] <= t[0].f.n)
            config->k[config->n_k++] = k[i];
    auto_free int64_t *told = malloc(config->n_k * t[1].f.n * sizeof *told);
    struct ops *ops = NULL;
    int rc = told ? ops_open("auto", 0, &ops) : err_set(-ENOMEM, "predictions: out of memory");
    if (rc)
        return rc;
    progress_begin(&line, "nearest neighbours", t[1].f.n);
    rc = vote_tell(ops, config, told);
    progress_end(&line);
    ops_close(ops);
    if (!rc)
        *ret_told = take_ptr(&told);
    return rc;
}

static int write_told(const char *path, const struct vote_config *config, const int64_t *told)
{
    const int64_t shape[] = {(int64_t)config->n_k, (int64_t)config->queries->n};
    struct safetensors_out *out = NULL;
    int rc = safetensors_out_new(&out);
    if (!rc)
        rc = safetensors_add(out, "predictions", ST_I64, 2, shape, told);
    if (!rc)
        rc = safetensors_write(out, path);
    safetensors_out_free(out);
    return rc;
}

static int add_scores(const struct options *o, const struct vote_config *config,
                      const int64_t *told, struct scores *s)
{
    const size_t n = config->queries->n;
    char name[SCORE_NAME_MAX], text[SCORE_TEXT_MAX];
    int rc = 0;
    for (size_t i = 0; !rc && i < config->n_k; i++) {
        double accuracy = 0;
        snprintf(name, sizeof name, "knn_%zu", config->k[i]);
        rc = vote_accuracy(told + i * n, config->queries, o->per_class, &accuracy);
        if (!rc)
            rc = scores_add(s, name, 100 * accuracy, NAN, "%");
    }
    if (!rc)
        rc = scores_add(s, "bank", (double)config->bank->n, NAN, "images");
    if (!rc)
        rc = scores_add(s, "queries", (double)n, NAN, "images");
    if (!rc)
        rc = scores_note(s, "metric", o->per_class ? "mean-per-class" : "top1");
    snprintf(text, sizeof text, "%g", o->temperature);
    return rc ? rc : scores_note(s, "temperature", text);
}

static int score(const struct options *o, const struct table t[2])
{
    struct scores s = {.n = 0};
    struct vote_config config = {.n_k = 0};
    auto_free int64_t *told = NULL;
    int rc = table_labelled(&t[0]);
    if (!rc)
        rc = table_labelled(&t[1]);
    if (!rc)
        rc = table_several(&t[0]);
    if (!rc)
        rc = tell_all(o, t, &config, &told);
    if (!rc)
        rc = add_scores(o, &config, told, &s);
    if (!rc && o->out)
        rc = write_told(o->out, &config, told);
    return rc ? rc : scores_tell(&s, "knn", o->sets.json);
}

int evaluate_knn(int argc, char **argv)
{
    struct options o = {.temperature = usual_temperature};
    int rc = parse(argc, argv, &o);
    if (rc)
        return evaluate_parsed(rc);
    struct table t[2] = {{.name = ""}};
    rc = sets_open(&o.sets, t);
    if (!rc)
        rc = score(&o, t);
    table_done(&t[0]);
    table_done(&t[1]);
    return rc ? evaluate_fail(rc) : EXIT_OK;
}
