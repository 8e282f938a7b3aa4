/* SPDX-License-Identifier: Apache-2.0 */
/* linear: what the verb says, writes and refuses, on files. */
#include "verb_run.h"

#include "common/rng.h"
#include "tools/evaluate/evaluate.h"
#include "tools/evaluate/logistic.h"

#include <ftw.h>
#include <jansson.h>
#include <math.h>

enum { N = 90, D = 6, CLASSES = 3 };

static struct verb_run run;

/* N rows of features, each class with one of its own, and noise. */
struct made {
    float x[N * D];
    int64_t labels[N], samples[N];
};

static struct made make(uint32_t stream, const int64_t classes[], size_t n_classes)
{
    struct made m;
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = 8, .sample = stream, .purpose = RNG_TEST});
    for (size_t i = 0; i < N; i++) {
        m.samples[i] = (int64_t)i;
        m.labels[i] = classes[i % n_classes];
        for (size_t j = 0; j < D; j++)
            m.x[i * D + j] = (float)rng_range(&rng, 0, 1) + (j == (size_t)m.labels[i] ? 0.35f : 0);
    }
    return m;
}

static void write_rows(const char *name, struct made *m, size_t n)
{
    char path[128];
    verb_path(&run, name, path);
    const struct table t = {.f = {n, D, m->x, m->labels, m->samples, 0, CLASSES}, .name = "made"};
    assert_int_equal(table_write(&t, NULL, 0, path), 0);
}

static struct made train, val, test;

static int setup(void **state)
{
    (void)state;
    verb_folder(&run);
    train = make(1, (const int64_t[]){0, 1, 2}, 3);
    val = make(2, (const int64_t[]){0, 1, 2}, 3);
    test = make(3, (const int64_t[]){0, 1, 2, 0, 0}, 5); /* class 0 is most of it */
    write_rows("train.safetensors", &train, N);
    write_rows("val.safetensors", &val, N);
    write_rows("test.safetensors", &test, N);
    struct made m = make(4, (const int64_t[]){1}, 1);
    write_rows("one.safetensors", &m, N);
    m = make(5, (const int64_t[]){0, 1}, 2);
    write_rows("two.safetensors", &m, N);
    m = train;
    m.labels[4] = -1;
    write_rows("bare.safetensors", &m, N);
    /* not a number in a file that is whole but for it */
    write_rows("nan.safetensors", &train, N);
    char path[128], *bytes;
    size_t len;
    verb_path(&run, "nan.safetensors", path);
    assert_int_equal(file_read(path, 1 << 20, &bytes, &len), 0);
    char *at = memmem(bytes, len, train.x, sizeof train.x);
    assert_non_null(at);
    memcpy(at + (7 * D + 2) * sizeof(float), &(float){NAN}, sizeof(float));
    FILE *f = fopen(path, "w");
    assert_true(f && fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
    free(bytes);
    return 0;
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    return nftw(run.folder, drop, 8, FTW_DEPTH | FTW_PHYS);
}

#define RUN(...) verb_run(&run, evaluate_linear, (const char *const[]){"linear", __VA_ARGS__, NULL})
#define TRAIN "--train", "train.safetensors"
#define VAL "--val", "val.safetensors"
#define TEST "--test", "test.safetensors"

/* A score of the file j; its note `protocol` must begin so. */
static double score(const char *name, const char *protocol)
{
    char path[128];
    verb_path(&run, "j", path);
    json_t *file = json_load_file(path, 0, NULL), *entry;
    const char *note;
    assert_int_equal(json_unpack(file, "{s:{s:s}}", "notes", "protocol", &note), 0);
    assert_int_equal(strncmp(note, protocol, strlen(protocol)), 0);
    double value = NAN;
    size_t i;
    json_array_foreach(json_object_get(file, "scores"), i,
                       entry) if (strcmp(json_string_value(json_object_get(entry, "name")), name) ==
                                  0) value = json_number_value(json_object_get(entry, "value"));
    json_decref(file);
    if (isnan(value))
        fail_msg("no score %s", name);
    return value;
}

/* What one w comes to by logistic itself, fitted to train, or train and val. */
static void by_hand(double w, bool both, enum logistic_metric metric, double *ret_loss,
                    double *ret_score)
{
    const struct logistic_rows parts[] = {{train.x, train.labels, N}, {val.x, val.labels, N}},
                               tested = {test.x, test.labels, N};
    struct ops *ops;
    struct logistic *l, *t;
    struct minimised m;
    double weights[CLASSES * (D + 1)] = {0};
    assert_int_equal(ops_open("ref", 1, &ops), 0);
    assert_int_equal(logistic_new(ops, D, CLASSES, parts, both ? 2 : 1, &l), 0);
    assert_int_equal(logistic_new(ops, D, CLASSES, &tested, 1, &t), 0);
    assert_int_equal(logistic_fit(l, &(struct logistic_fit){.w = w}, weights, &m), 0);
    *ret_loss = m.value;
    *ret_score = 100 * logistic_score(t, metric, weights);
    logistic_free(l);
    logistic_free(t);
    ops_close(ops);
}

/* The rows of the file s: how many, and the best val; in w's order, the largest first. */
static size_t sweep(double *ret_best_w, double *ret_best)
{
    char text[1 << 14];
    verb_slurp(&run, "s", text, sizeof text);
    size_t n = 0;
    double before = INFINITY, least = INFINITY;
    *ret_best = -1;
    char *save, *line = strtok_r(text, "\n", &save);
    assert_string_equal(line, "w,iterations,evaluations,loss,train_top1,val_top1");
    for (; (line = strtok_r(NULL, "\n", &save)); n++) {
        double w, loss, on_train, on_val;
        assert_int_equal(sscanf(line, "%lf,%*u,%*u,%lf,%lf,%lf", &w, &loss, &on_train, &on_val), 4);
        assert_true(w < before && loss < least && on_train >= 0 && on_train <= 1);
        before = w;
        least = loss; /* a smaller penalty never costs more */
        if (on_val >= *ret_best)
            *ret_best_w = w;
        *ret_best = fmax(*ret_best, on_val);
    }
    assert_true(fabs(before / 1e-6 - 1) < 1e-9);
    return n;
}

static void test_protocol(void **state)
{
    (void)state;
    assert_int_equal(RUN(TRAIN, VAL, TEST, "--sweep-out", "s", "--json", "j"), EXIT_OK);
    double best_w = 0, best, loss, wanted;
    assert_int_equal(sweep(&best_w, &best), 45);
    const char *protocol = "w is one of 45 between 1e-6 and 1e5, chosen on val";
    assert_true(fabs(score("linear_w", protocol) / best_w - 1) < 1e-9);
    assert_true(fabs(score("linear_val_top1", protocol) - 100 * best) < 1e-6);
    assert_true(best > 0.5); /* 0.33 is blind */
    by_hand(best_w, true, LOGISTIC_TOP1, &loss, &wanted);
    assert_true(fabs(score("linear_loss", protocol) / loss - 1) < 1e-5);
    assert_true(fabs(score("linear_top1", protocol) - wanted) < 1e-6);
    assert_non_null(strstr(run.out, "linear_top1 "));
    assert_non_null(strstr(run.out, "images: train 90, val 90, test 90; 3 classes"));
    /* how far it is: w, iteration, loss, val, fits */
    assert_non_null(strstr(run.err, "iteration "));
    assert_non_null(strstr(run.err, "loss "));
    assert_non_null(strstr(run.err, "val "));
    assert_non_null(strstr(run.err, ": 46 of 46, "));
}

static void test_fast(void **state)
{
    (void)state;
    assert_int_equal(RUN(TRAIN, VAL, TEST, "--fast", "--sweep-out", "s", "--json", "j"), EXIT_OK);
    double best_w = 0, best;
    assert_int_equal(sweep(&best_w, &best), 12);
    assert_true(fabs(score("linear_fast_w", "fast: ") / best_w - 1) < 1e-9);
    score("linear_fast_top1", "fast: ");
    assert_null(strstr(run.out, "linear_top1"));
}

static void test_fixed(void **state)
{
    (void)state;
    double loss, wanted, top1;
    assert_int_equal(RUN(TRAIN, TEST, "--w", "0.5", "--json", "j"), EXIT_OK);
    by_hand(0.5, false, LOGISTIC_TOP1, &loss, &top1);
    assert_true(fabs(score("linear_fixed_top1", "w was told") - top1) < 1e-6);
    assert_true(fabs(score("linear_fixed_loss", "w was told") / loss - 1) < 1e-5);
    assert_null(strstr(run.out, "_val_"));

    assert_int_equal(
        RUN(TRAIN, VAL, TEST, "--w", "0.5", "--metric", "mean-per-class", "--json", "j"), EXIT_OK);
    by_hand(0.5, true, LOGISTIC_MEAN_PER_CLASS, &loss, &wanted);
    assert_true(fabs(score("linear_fixed_mean_per_class", "w was told") - wanted) < 1e-6);
    assert_true(fabs(score("linear_fixed_loss", "w was told") / loss - 1) < 1e-5);
    score("linear_fixed_val_mean_per_class", "w was told");
    assert_true(fabs(wanted - top1) > 0.1); /* the two measures are told apart */
}

static void refuse(int code, int got, const char *text)
{
    if (got != code || !strstr(run.err, text))
        fail_msg("code %d, says: %s", got, run.err);
}

static void test_usage(void **state)
{
    (void)state;
    refuse(EXIT_USAGE, RUN(VAL, TEST), "linear needs --train and --test");
    refuse(EXIT_USAGE, RUN(TRAIN, TEST), "needs --val, to choose w on, or --w");
    refuse(EXIT_USAGE, RUN(TRAIN, VAL, TEST, "--fast", "--w", "1"), "--fast is a way to choose w");
    refuse(EXIT_USAGE, RUN(TRAIN, VAL, "--test", "val.safetensors"), "--test is --val: ");
    refuse(EXIT_USAGE, RUN(TRAIN, "--test", "train.safetensors", "--w", "1"),
           "--test is --train: ");
    refuse(EXIT_USAGE, RUN(TRAIN, VAL, TEST, "--metric", "f1"), "--metric f1: top1 or mean");
    refuse(EXIT_USAGE, RUN(TRAIN, TEST, "--w", "0"), "--w 0: a number from 1e-12");
    refuse(EXIT_USAGE, RUN(TRAIN, TEST, "--w", "nan"), "--w nan:");
    refuse(EXIT_USAGE, RUN(TRAIN, TEST, "--w", "1x"), "--w 1x:");
    refuse(EXIT_USAGE, RUN(TRAIN, TEST, "--w", "1", "--sweep-out", "s"), "--sweep-out needs --val");
}

static void test_bad_sets(void **state)
{
    (void)state;
    refuse(EXIT_DATA, RUN("--train", "nan.safetensors", VAL, TEST), "nan.safetensors: ");
    assert_non_null(strstr(run.err, "row 7, column 2"));
    refuse(EXIT_DATA,
           RUN("--train", "one.safetensors", "--val", "one.safetensors", "--test",
               "./one.safetensors"),
           "one.safetensors: all 90 rows are of class 1");
    refuse(EXIT_DATA, RUN("--train", "two.safetensors", VAL, TEST),
           "test.safetensors: row 2 is of class 2, of which two.safetensors has no row");
    refuse(EXIT_DATA, RUN("--train", "two.safetensors", VAL, "--test", "./two.safetensors"),
           "val.safetensors: row 2 is of class 2, of which two.safetensors has no row");
    refuse(EXIT_DATA, RUN(TRAIN, "--val", "bare.safetensors", TEST), "bare.safetensors: row 4");
    refuse(EXIT_DATA, RUN("--train", "none.safetensors", VAL, TEST), "none.safetensors");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protocol), cmocka_unit_test(test_fast),
        cmocka_unit_test(test_fixed),    cmocka_unit_test(test_usage),
        cmocka_unit_test(test_bad_sets),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
