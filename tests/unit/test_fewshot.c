/* SPDX-License-Identifier: Apache-2.0 */
/* fewshot: what the verb says, writes and refuses, on files. */
#include "verb_run.h"

#include "common/rng.h"
#include "tools/evaluate/evaluate.h"

#include <jansson.h>
#include <math.h>

enum { N = 120, D = 8, CLASSES = 6 };

static struct verb_run run;

/* 20 rows of each class: a feature of its own, and noise. */
static void write_table(const char *name, int64_t last_label)
{
    static float x[N * D];
    static int64_t labels[N], samples[N];
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = 8, .purpose = RNG_TEST});
    for (size_t i = 0; i < N; i++) {
        samples[i] = (int64_t)i;
        labels[i] = (int64_t)(i % CLASSES);
        for (size_t j = 0; j < D; j++)
            x[i * D + j] = (float)rng_range(&rng, 0, 1) + (j == i % CLASSES ? 0.5f : 0);
    }
    labels[N - 1] = last_label;
    char path[128];
    verb_path(&run, name, path);
    const struct table t = {.f = {N, D, x, labels, samples, 0, CLASSES}, .name = "made"};
    assert_int_equal(table_write(&t, NULL, 0, path), 0);
}

static int setup(void **state)
{
    (void)state;
    verb_folder(&run);
    write_table("a.safetensors", CLASSES - 1);
    write_table("bare.safetensors", -1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return verb_clear(&run);
}

#define RUN(...)                                                                                   \
    verb_run(&run, evaluate_fewshot, (const char *const[]){"fewshot", __VA_ARGS__, NULL})

/* The scores are the mean and interval of the episodes that are written beside them. */
static void test_scores(void **state)
{
    (void)state;
    assert_int_equal(RUN("--images", "a.safetensors", "--shots", "2,1", "--episodes", "50",
                         "--queries", "3", "--ways", "4", "--seed", "7", "--episodes-out", "e",
                         "--json", "j"),
                     EXIT_OK);
    char path[128];
    verb_path(&run, "j", path);
    json_t *scores = json_load_file(path, 0, NULL);
    const char *verb, *name, *seed, *ways, *queries, *episodes;
    double value, plus_minus;
    assert_int_equal(json_array_size(json_object_get(scores, "scores")), 4);
    json_t *first = json_array_get(json_object_get(scores, "scores"), 0);
    assert_int_equal(json_unpack(first, "{s:s, s:F, s:F}", "name", &name, "value", &value,
                                 "plus_minus", &plus_minus),
                     0);
    assert_string_equal(name, "fewshot_4way_2shot");
    assert_int_equal(json_unpack(scores, "{s:s, s:{s:s, s:s, s:s, s:s}}", "verb", &verb, "notes",
                                 "seed", &seed, "ways", &ways, "queries", &queries, "episodes",
                                 &episodes),
                     0);
    assert_string_equal(verb, "fewshot");
    assert_true(!strcmp(seed, "7") && !strcmp(ways, "4") && !strcmp(queries, "3") &&
                !strcmp(episodes, "50"));
    verb_path(&run, "e", path);
    FILE *lines = fopen(path, "r");
    assert_non_null(lines);
    double sum = 0, square = 0;
    for (int i = 0; i < 100; i++) {
        json_t *line = json_loadf(lines, JSON_DISABLE_EOF_CHECK, NULL);
        int shots, episode;
        double accuracy;
        json_t *classes, *support, *query;
        assert_int_equal(json_unpack(line, "{s:i, s:i, s:o, s:o, s:o, s:F}", "shots", &shots,
                                     "episode", &episode, "classes", &classes, "support", &support,
                                     "query", &query, "accuracy", &accuracy),
                         0);
        assert_true(shots == (i < 50 ? 2 : 1) && episode == i % 50);
        assert_int_equal(json_array_size(classes), 4);
        for (size_t w = 0; w < 4; w++) {
            json_t *s = json_array_get(support, w), *q = json_array_get(query, w);
            assert_int_equal(json_array_size(s), shots);
            assert_int_equal(json_array_size(q), 3);
            for (size_t k = 0; k < 3; k++)
                assert_int_equal(json_integer_value(json_array_get(q, k)) % CLASSES,
                                 json_integer_value(json_array_get(classes, w)));
        }
        if (shots == 2) {
            sum += accuracy;
            square += accuracy * accuracy;
        }
        json_decref(line);
    }
    fclose(lines);
    assert_true(fabs(value - 100 * sum / 50) < 1e-9);
    const double variance = (square - sum * sum / 50) / 49;
    assert_true(fabs(plus_minus - 196 * sqrt(variance / 50)) < 1e-9 && plus_minus > 1);
    json_decref(scores);
}

static void refuse(int code, int got, const char *text)
{
    if (got != code || !strstr(run.err, text))
        fail_msg("code %d, says: %s", got, run.err);
}

static void test_refused(void **state)
{
    (void)state;
    refuse(EXIT_USAGE, RUN("--ways", "3"), "fewshot needs --images");
    refuse(EXIT_USAGE, RUN("--images", "a.safetensors", "--ways", "1"),
           "--ways 1: a whole number from 2 to 1024");
    refuse(EXIT_USAGE, RUN("--images", "a.safetensors", "--shots", "1,1"),
           "--shots 1,1: different whole numbers from 1");
    refuse(EXIT_USAGE, RUN("--images", "a.safetensors", "--episodes", "1"), "--episodes 1:");
    refuse(EXIT_DATA, RUN("--images", "a.safetensors", "--ways", "7"),
           "a.safetensors: 6 classes have more than 1 images (0 have fewer): too few for 7 ways");
    refuse(EXIT_DATA, RUN("--images", "a.safetensors", "--shots", "20"),
           "a.safetensors: no class has more than 20 images, which 20 shots need: the largest has "
           "20");
    refuse(EXIT_DATA, RUN("--images", "bare.safetensors"), "row 119 (sample 119) has no label");
    refuse(EXIT_DATA, RUN("--images", "none.safetensors"), "none.safetensors");
    refuse(EXIT_DATA,
           RUN("--images", "a.safetensors", "--episodes", "4", "--episodes-out", "no/such/folder"),
           "no/such/folder");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
