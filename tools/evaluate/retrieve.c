/* SPDX-License-Identifier: Apache-2.0 */
/* retrieve: two sets -> how often a query's nearest neighbours have its label, and a page and a
 * sheet of some queries with their neighbours. */
#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"
#include "tools/evaluate/evaluate.h"
#include "tools/evaluate/retrieval.h"
#include "tools/evaluate/score.h"
#include "tools/evaluate/sets.h"
#include "tools/progress.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { RANDOM_USUAL = 8, K_USUAL = 8 };

static const struct usage_option rows[] = {
    SETS_OPTIONS,
    {"bank", "SET", 'B', "where neighbours are looked for; labelled", USAGE_REQUIRED},
    {"queries", "SET", 'q',
     "whose neighbours are looked for, labelled as well; where it is the bank, no image is its own "
     "neighbour",
     USAGE_REQUIRED},
    {"k", "N", 'k', "neighbours, 1 to 100 (default 8)"},
    {"out", "DIR", 'o', "also pictures: DIR/index.html and DIR/sheet.png"},
    {"query", "ROW,ROW", 'r', "of these queries, at most 100; the first row is 0"},
    {"random", "N", 'n', "of N queries drawn at random, 1 to 100 (default 8)"},
    {"seed", "S", 'd', "of that draw (default 1)"},
};

const struct usage evaluate_retrieve_usage = {
    .name = "retrieve",
    .program = "augstream-evaluate",
    .summary = "nearest neighbours, counted and shown",
    .operands = SETS_OPERANDS,
    .about =
        "Prints precision at 1, 5 and N: the share of each query's first neighbours in the bank, "
        "by cosine of the frozen features, that have its label; the mean over all queries. With "
        "--out it shows the neighbours of some queries as well; features files need their views "
        "for that (`features --views`).\n\n" SETS_ABOUT,
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

struct options {
    struct sets_options sets;
    const char *bank, *queries, *out;
    uint64_t k, random, seed; /* random 0: not asked for */
    uint32_t query[RETRIEVAL_ROWS_MAX];
    size_t n_query;
    bool seeded;
};

/* A whole number from low to high at *text, behind which one of `ends` stands; *text goes there. */
static int number(const char *option, const char **text, const char *ends, uint64_t low,
                  uint64_t high, uint64_t *ret)
{
    char *end = NULL;
    errno = 0;
    const bool digit = **text >= '0' && **text <= '9'; /* strtoull takes signs and spaces */
    const unsigned long long value = digit ? strtoull(*text, &end, 10) : 0;
    if (!digit || errno || !strchr(ends, *end) || value < low || value > high)
        return err_set(-EINVAL, "--%s %s: a whole number from %" PRIu64 " to %" PRIu64 " is wanted",
                       option, *text, low, high);
    *ret = value;
    *text = end;
    return 0;
}

static int query_rows(struct options *o, const char *text)
{
    for (;; text++) {
        uint64_t row = 0;
        if (o->n_query == RETRIEVAL_ROWS_MAX)
            return err_set(-EINVAL, "--query: at most %d rows", RETRIEVAL_ROWS_MAX);
        int rc = number("query", &text, ",", 0, UINT32_MAX, &row);
        if (rc)
            return rc;
        o->query[o->n_query++] = (uint32_t)row;
        if (!*text)
            return 0;
    }
}

static int own_option(struct options *o, int key, const char *arg)
{
    switch (key) {
    case 'B':
        o->bank = arg;
        return 0;
    case 'q':
        o->queries = arg;
        return 0;
    case 'o':
        o->out = arg;
        return 0;
    case 'k':
        return number("k", &arg, "", 1, RETRIEVAL_K_MAX, &o->k);
    case 'r':
        return query_rows(o, arg);
    case 'n':
        return number("random", &arg, "", 1, RETRIEVAL_ROWS_MAX, &o->random);
    case 'd':
        o->seeded = true;
        return number("seed", &arg, "", 0, UINT64_MAX, &o->seed);
    default:
        return 0;
    }
}

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&evaluate_retrieve_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : sets_option(&o->sets, key, optarg);
        if (rc == 0)
            rc = own_option(o, key, optarg);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
    }
    if (!o->bank || !o->queries)
        return err_set(-EINVAL, "retrieve needs --bank and --queries");
    if (!o->out && (o->n_query || o->random || o->seeded))
        return err_set(-EINVAL, "retrieve: --query, --random and --seed want --out, where the "
                                "pictures go");
    if (o->n_query && (o->random || o->seeded))
        return err_set(-EINVAL, "retrieve: --query names the queries, --random and --seed draw "
                                "them: not both");
    o->sets.names[o->sets.n++] = o->bank;
    o->sets.names[o->sets.n++] = o->queries;
    return sets_operand(&o->sets, "retrieve", argc, argv);
}

/* One set by two names, or by one name twice. */
static bool same_set(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return strcmp(a, b) == 0 || (stat(a, &of_a) == 0 && stat(b, &of_b) == 0 &&
                                 of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino);
}

/* Everything of one run: table and views 0 are the bank's, 1 the queries', where they are others.
 */
struct run {
    struct options o;
    struct table tables[2];
    struct views views[2];
    size_t datasets[2], n_datasets, passes; /* which tables come out of batches; passes so far */
    struct retrieval r;
    struct canvas sheet;
    struct ops *ops;
    struct progress_line line;
};

static int on_batch(void *hint, const struct recv_batch *batch, size_t first, size_t total)
{
    struct run *run = hint;
    run->passes += first == 0; /* datasets come one after the other */
    return views_add(&run->views[run->datasets[run->passes - 1]], batch, first, total);
}

static int open_sets(struct run *run)
{
    struct sets_options *sets = &run->o.sets;
    run->r.same = same_set(run->o.bank, run->o.queries);
    sets->n = run->r.same ? 1 : 2;
    for (size_t i = 0; i < sets->n; i++)
        if (!sets_is_file(sets->names[i]))
            run->datasets[run->n_datasets++] = i;
    if (run->o.out) {
        sets->on_batch = on_batch;
        sets->hint = run;
    }
    int rc = sets_open(sets, run->tables);
    for (size_t i = 0; !rc && i < sets->n; i++)
        rc = table_labelled(&run->tables[i]);
    if (!rc)
        rc = table_several(&run->tables[0]);
    for (size_t i = 0; !rc && run->o.out && i < sets->n; i++)
        if (sets_is_file(sets->names[i]))
            rc = views_read(sets->names[i], run->tables[i].f.n, &run->views[i]);
    run->r.bank = &run->tables[0];
    run->r.queries = &run->tables[sets->n - 1];
    run->r.bank_views = &run->views[0];
    run->r.query_views = &run->views[sets->n - 1];
    return rc;
}

/* Which queries are shown, and that there will be room for them. */
static int choose(struct run *run)
{
    const struct options *o = &run->o;
    struct retrieval *r = &run->r;
    const size_t all = r->queries->f.n;
    if (!o->out)
        return 0;
    if (o->n_query) {
        memcpy(r->rows, o->query, sizeof r->rows);
        r->n_rows = o->n_query;
    } else if (o->random > all) {
        return err_set(-ERANGE, "--random %" PRIu64 ": %s has %zu rows", o->random,
                       r->queries->name, all);
    } else {
        const size_t n = o->random ? o->random : RANDOM_USUAL;
        retrieval_draw(r, n < all ? n : all, o->seed);
    }
    return retrieval_sheet_init(r, &run->sheet);
}

static void at(void *hint, size_t done)
{
    progress_at(hint, done);
}

static int find(struct run *run)
{
    int rc = ops_open("auto", 0, &run->ops);
    if (rc)
        return rc;
    progress_begin(&run->line, "neighbours", run->r.queries->f.n);
    rc = retrieval_find(&run->r, run->ops, at, &run->line);
    progress_end(&run->line);
    return rc;
}

static int show(struct run *run)
{
    char path[4096];
    if (!run->o.out)
        return 0;
    retrieval_sheet_draw(&run->r, &run->sheet);
    snprintf(path, sizeof path, "%s/sheet.png", run->o.out);
    int rc = canvas_save(&run->sheet, path);
    snprintf(path, sizeof path, "%s/index.html", run->o.out);
    return rc ? rc : retrieval_page(&run->r, path);
}

static int tell(const struct run *run)
{
    const struct retrieval *r = &run->r;
    struct scores s = {.n = 0};
    int rc = 0;
    for (size_t i = 0; !rc && i < r->n_precision; i++) {
        char name[32];
        snprintf(name, sizeof name, "precision_%zu", r->precision[i].at);
        rc = scores_add(&s, name, 100 * r->precision[i].value, NAN, "%");
    }
    if (!rc)
        rc = scores_add(&s, "bank", (double)r->bank->f.n, NAN, "images");
    if (!rc)
        rc = scores_add(&s, "queries", (double)r->queries->f.n, NAN, "images");
    if (!rc && r->same)
        rc = scores_note(&s, "neighbours", "of the queries' own set; no image is its own");
    if (!rc && run->o.out)
        rc = scores_note(&s, "pictures", run->o.out);
    return rc ? rc : scores_tell(&s, "retrieve", run->o.sets.json);
}

static void run_free(struct run *run)
{
    for (size_t i = 0; i < 2; i++) {
        table_done(&run->tables[i]);
        views_done(&run->views[i]);
    }
    retrieval_done(&run->r);
    canvas_done(&run->sheet);
    ops_close(run->ops);
    free(run);
}

int evaluate_retrieve(int argc, char **argv)
{
    struct run *run = calloc(1, sizeof *run);
    if (!run)
        return evaluate_fail(err_set(-ENOMEM, "out of memory"));
    run->o.k = K_USUAL;
    run->o.seed = 1;
    int rc = parse(argc, argv, &run->o);
    int code = rc ? evaluate_parsed(rc) : EXIT_OK;
    if (rc == 0) {
        run->r.k = run->o.k;
        rc = open_sets(run);
        if (!rc)
            rc = choose(run);
        if (!rc)
            rc = retrieval_check(&run->r);
        if (!rc && run->o.out)
            rc = file_mkdirs(run->o.out);
        if (!rc)
            rc = find(run);
        if (!rc)
            rc = show(run);
        if (!rc)
            rc = tell(run);
        code = rc ? evaluate_fail(rc) : EXIT_OK;
    }
    run_free(run);
    return code;
}
