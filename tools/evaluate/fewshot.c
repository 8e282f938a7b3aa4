/* SPDX-License-Identifier: Apache-2.0 */
/* fewshot: N-way K-shot accuracy of a frozen backbone over many episodes, as the paper measures it
 * on FC100, CUB-200 and Plant Disease. */
#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"
#include "tools/evaluate/episode.h"
#include "tools/evaluate/evaluate.h"
#include "tools/evaluate/numbers.h"
#include "tools/evaluate/score.h"
#include "tools/evaluate/sets.h"
#include "tools/progress.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { SHOTS_MAX = 16, EPISODES_MAX = 1 << 24 };

static const struct usage_option rows[] = {
    SETS_OPTIONS,
    {"images", "SET", 'i', "labelled images, whose classes the backbone need not know",
     USAGE_REQUIRED},
    {"ways", "N", 'w', "classes of an episode (default 5)"},
    {"shots", "K[,K...]", 'k', "labelled images of each, a score for each K (default 1,5)"},
    {"queries", "N", 'q', "images to be told of each (default 16)"},
    {"episodes", "N", 'n', "how many (default 2000)"},
    {"seed", "N", 'r', "which ones (default 0)"},
    {"episodes-out", "FILE", 'o',
     "a line of JSON for each: shots, episode, classes, support and query rows, accuracy"},
};

const struct usage evaluate_fewshot_usage = {
    .name = "fewshot",
    .program = "augstream-evaluate",
    .summary = "few-shot accuracy: N classes told apart by K images of each",
    .operands = SETS_OPERANDS,
    .about = "Draws episodes: N classes, K images of each, on whose frozen features a one-vs-rest "
             "logistic regression (liblinear, L2, C = 1) is fitted, and other images of these "
             "classes that it tells. Says the mean accuracy and half of its 95 % interval. Classes "
             "with no more than K images are left out; where one has fewer than K and the queries, "
             "these are drawn with replacement. " SETS_ABOUT,
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

struct options {
    struct sets_options sets;
    uint64_t ways, queries, episodes, seed, shots[SHOTS_MAX];
    size_t n_shots;
    const char *out;
};

/* The numbers among the options: where each goes, and its bounds. */
static int number(struct options *o, int key, const char *arg)
{
    const struct {
        int key;
        struct numbers_law law;
        uint64_t *at;
    } numbers[] = {
        {'w', {"ways", 2, EPISODE_WAYS_MAX, 1}, &o->ways},
        {'q', {"queries", 1, EPISODE_QUERIES_MAX, 1}, &o->queries},
        {'n', {"episodes", 2, EPISODES_MAX, 1}, &o->episodes},
        {'r', {"seed", 0, UINT64_MAX, 1}, &o->seed},
        {'k', {"shots", 1, EPISODE_SHOTS_MAX, SHOTS_MAX}, o->shots},
    };
    size_t n;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (numbers[i].key == key)
            return numbers_of(&numbers[i].law, arg, numbers[i].at, key == 'k' ? &o->n_shots : &n);
    return 0;
}

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&evaluate_fewshot_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : sets_option(&o->sets, key, optarg);
        if (!rc)
            rc = number(o, key, optarg);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
        if (key == 'i')
            o->sets.names[0] = optarg;
        else if (key == 'o')
            o->out = o->sets.out = optarg;
    }
    if (!o->sets.names[0])
        return err_set(-EINVAL, "fewshot needs --images");
    o->sets.n = 1;
    return sets_operand(&o->sets, "fewshot", argc, argv);
}

static void put_rows(FILE *out, const char *name, const uint32_t *row, uint32_t ways, uint32_t each)
{
    fprintf(out, ", \"%s\": [", name);
    for (uint32_t w = 0; w < ways; w++)
        for (uint32_t i = 0; i < each; i++)
            fprintf(out, "%s%" PRIu32 "%s",
                    i   ? ", "
                    : w ? ", ["
                        : "[",
                    *row++, i + 1 == each ? "]" : "");
    fputs("]", out);
}

/* Episodes are drawn once more: they are what their numbers say. */
static int put_episodes(FILE *out, const struct episodes *e, const double *accuracy, uint32_t n)
{
    struct episode ep;
    int rc = episode_new(e, &ep);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < n; i++) {
        episode_draw(e, i, &ep);
        fprintf(out, "{\"shots\": %" PRIu32 ", \"episode\": %" PRIu32 ", \"classes\": [",
                e->law.shots, i);
        for (uint32_t w = 0; w < e->law.ways; w++)
            fprintf(out, "%s%" PRId64, w ? ", " : "", e->labels[ep.classes[w]]);
        fputs("]", out);
        put_rows(out, "support", ep.support, e->law.ways, e->law.shots);
        put_rows(out, "query", ep.query, e->law.ways, e->law.queries);
        fprintf(out, ", \"accuracy\": %.17g}\n", accuracy[i]);
    }
    episode_done(&ep);
    return ferror(out) ? err_set(-EIO, "--episodes-out: cannot write") : 0;
}

/* The mean, in percent, and 1.96 standard deviations of it. */
static int add(struct scores *s, const struct episodes *e, const double *accuracy, uint32_t n)
{
    double mean = 0, square = 0;
    for (uint32_t i = 0; i < n; i++)
        mean += accuracy[i];
    mean /= n; /* once: a hundred of n parts may be more than all */
    for (uint32_t i = 0; i < n; i++)
        square += (accuracy[i] - mean) * (accuracy[i] - mean);
    char name[SCORE_NAME_MAX];
    snprintf(name, sizeof name, "fewshot_%" PRIu32 "way_%" PRIu32 "shot", e->law.ways,
             e->law.shots);
    int rc = scores_add(s, name, 100 * mean, 100 * 1.96 * sqrt(square / (n - 1.0) / n), "%");
    snprintf(name, sizeof name, "classes_%" PRIu32 "shot", e->law.shots);
    return rc ? rc : scores_add(s, name, e->n_classes, NAN, "classes");
}

static void at(void *hint, size_t done)
{
    progress_at(hint, done);
}

static int score(const struct options *o, const struct table *t, uint64_t shots, FILE *out,
                 struct scores *s)
{
    const struct episode_law law = {(uint32_t)o->ways, (uint32_t)shots, (uint32_t)o->queries,
                                    o->seed};
    const uint32_t n = (uint32_t)o->episodes;
    auto_free double *accuracy = malloc(n * sizeof *accuracy);
    if (!accuracy)
        return err_set(-ENOMEM, "out of memory");
    struct episodes e = {.rows = NULL};
    int rc = episodes_open(t->name, t->f.labels, t->f.n, &law, &e);
    if (rc)
        return rc;
    struct progress_line line;
    char label[64];
    snprintf(label, sizeof label, "%" PRIu64 "-way %" PRIu64 "-shot episodes", o->ways, shots);
    progress_begin(&line, label, n);
    rc = episodes_score(&e, &(struct episode_scoring){t->f.x, t->f.d, 1.0, at, &line}, n, accuracy);
    progress_end(&line);
    if (!rc)
        rc = add(s, &e, accuracy, n);
    if (!rc && out)
        rc = put_episodes(out, &e, accuracy, n);
    episodes_done(&e);
    return rc;
}

static int note(struct scores *s, const struct options *o)
{
    const struct {
        const char *key;
        uint64_t value;
    } settings[] = {
        {"ways", o->ways}, {"queries", o->queries}, {"episodes", o->episodes}, {"seed", o->seed}};
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(settings) && !rc; i++) {
        char text[24];
        snprintf(text, sizeof text, "%" PRIu64, settings[i].value);
        rc = scores_note(s, settings[i].key, text);
    }
    return rc ? rc
              : scores_note(s, "classifier",
                            "liblinear L2R_LR (solver 0, primal trust region Newton), one-vs-rest, "
                            "C = 1, bias 1, tolerance 1e-8");
}

static int measure(const struct options *o, const struct table *t)
{
    struct scores s = {.n = 0};
    struct file_write w = {.out = NULL};
    int rc = o->out ? file_write_begin(&w, o->out) : 0;
    for (size_t i = 0; i < o->n_shots && !rc; i++)
        rc = score(o, t, o->shots[i], w.out, &s);
    if (!rc)
        rc = note(&s, o);
    if (!rc && o->out)
        rc = file_write_commit(&w);
    if (!rc)
        rc = scores_tell(&s, "fewshot", o->sets.json);
    file_write_abort(&w);
    return rc;
}

int evaluate_fewshot(int argc, char **argv)
{
    struct options o = {.ways = 5, .queries = 16, .episodes = 2000, .shots = {1, 5}, .n_shots = 2};
    int rc = parse(argc, argv, &o);
    if (rc)
        return evaluate_parsed(rc);
    struct table t = {.name = ""};
    rc = sets_open(&o.sets, &t);
    if (!rc)
        rc = table_labelled(&t);
    if (!rc)
        rc = table_fits(&t);
    if (!rc)
        rc = measure(&o, &t);
    table_done(&t);
    return rc ? evaluate_fail(rc) : EXIT_OK;
}
