/* SPDX-License-Identifier: Apache-2.0 */
/* mutual: what the verb says and refuses, on files of pictures of one colour each. */
#include "verb_run.h"

#include "common/rng.h"
#include "tools/evaluate/evaluate.h"

#include <jansson.h>
#include <math.h>

enum { N = 512, D = 6, SIDE = 4, PIXELS = SIDE * SIDE };

static struct verb_run run;

struct made {
    bool views, gray; /* gray: all pictures are the same */
    double told;      /* how far features tell of colours: 1 wholly, 0 not at all */
    float wrong;      /* of row 3; 0: nothing is */
    size_t n;
};

/* Each picture has one of eight colours, as likely as each other. */
static void write_table(const char *name, const struct made *m)
{
    static float x[N * D];
    static int64_t labels[N], samples[N];
    static uint8_t views[N * PIXELS * 3];
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = 8, .purpose = RNG_TEST});
    for (size_t i = 0; i < m->n; i++) {
        samples[i] = (int64_t)i;
        labels[i] = -1;
        uint32_t colour = rng_below(&rng, 8);
        for (size_t j = 0; j < D; j++)
            x[i * D + j] = (float)(m->told * (colour >> j % 3 & 1) + rng_range(&rng, 0, 0.1));
        for (size_t j = 0; j < PIXELS * 3; j++)
            views[i * PIXELS * 3 + j] = !m->gray && colour >> j % 3 & 1 ? 200 : 50;
    }
    char path[128];
    verb_path(&run, name, path);
    const struct table t = {.f = {m->n, D, x, labels, samples, 0, 0}, .name = "made"};
    assert_int_equal(table_write(&t, m->views ? views : NULL, SIDE, path), 0);
    if (m->wrong == 0)
        return;
    /* table_write refuses it: written over the number in the file */
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    float v;
    long at = -1;
    for (long i = 0; at < 0; i += 4) {
        assert_int_equal(fseek(file, i, SEEK_SET), 0);
        assert_int_equal(fread(&v, sizeof v, 1, file), 1);
        at = v == x[3 * D] ? i : -1;
    }
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fwrite(&m->wrong, sizeof m->wrong, 1, file), 1);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    (void)state;
    verb_folder(&run);
    write_table("told.safetensors", &(struct made){.views = true, .told = 1, .n = N});
    write_table("other.safetensors", &(struct made){.views = true, .told = 1, .n = N / 2});
    write_table("apart.safetensors", &(struct made){.views = true, .told = 0, .n = N});
    write_table("gray.safetensors", &(struct made){.views = true, .gray = true, .told = 1, .n = N});
    write_table("blind.safetensors", &(struct made){.told = 1, .n = N});
    write_table("few.safetensors", &(struct made){.views = true, .told = 1, .n = 60});
    write_table("nan.safetensors", &(struct made){.views = true, .told = 1, .n = N, .wrong = NAN});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return verb_clear(&run);
}

#define RUN(...)                                                                                   \
    verb_run(&run, evaluate_mutual,                                                                \
             (const char *const[]){"mutual", "--batch", "16", "--bins", "2", "--hidden", "32",     \
                                   "--out", "16", "--steps", "150", "--seeds", "2", __VA_ARGS__,   \
                                   NULL})

/* The number that stands behind `name ` in what was said. */
static double said(const char *name)
{
    const char *at = strstr(run.out, name);
    assert_non_null(at);
    return strtod(at + strlen(name), NULL);
}

/* Eight colours, told wholly: log 8 is there to know. */
static void test_told(void **state)
{
    (void)state;
    assert_int_equal(RUN("--images", "told.safetensors", "--json", "j"), EXIT_OK);
    double got = said("mutual_information ");
    print_message("%s", run.out);
    assert_true(got > 1.7 && got < log(8) + 0.1);
    assert_true(fabs(said("ceiling ") - log(16)) < 1e-4);
    assert_true(fabs((said("seed_0 ") + said("seed_1 ")) / 2 - got) < 1e-3);
    assert_non_null(strstr(run.out, "256 to train on, 128 to choose by, 128 to measure"));
    assert_non_null(strstr(run.err, "critic 2 of 2: 150 of 150"));
    char path[128];
    verb_path(&run, "j", path);
    json_t *json = json_load_file(path, 0, NULL);
    double value, deviation;
    json_t *first = json_array_get(json_object_get(json, "scores"), 0);
    assert_int_equal(json_unpack(first, "{s:F, s:F}", "value", &value, "plus_minus", &deviation),
                     0);
    assert_true(fabs(value - got) < 1e-3);
    assert_true(fabs(deviation - fabs(said("seed_0 ") - said("seed_1 ")) / sqrt(2)) < 1e-3);
    json_decref(json);

    char again[sizeof run.out];
    memcpy(again, run.out, sizeof again);
    assert_int_equal(RUN("--images", "told.safetensors"), EXIT_OK);
    assert_string_equal(run.out, again);
    assert_int_equal(RUN("--images", "told.safetensors", "--test", "other.safetensors"), EXIT_OK);
    assert_non_null(strstr(run.out, "410 to train on, 102 to choose by, 256 to measure"));
    got = said("mutual_information ");
    assert_true(got > 1.7 && got < log(8) + 0.1);
}

static void test_nothing_to_know(void **state)
{
    (void)state;
    assert_int_equal(RUN("--images", "apart.safetensors"), EXIT_OK);
    assert_true(fabs(said("mutual_information ")) < 0.1);
    assert_null(strstr(run.out, "every picture has the same"));
    assert_int_equal(RUN("--images", "gray.safetensors"), EXIT_OK);
    assert_true(said("mutual_information ") <= 1e-6 && said("mutual_information ") > -0.05);
    assert_non_null(strstr(run.out, "every picture has the same"));
}

static void expect_refused(int code, int want, const char *text)
{
    assert_int_equal(code, want);
    if (!strstr(run.err, text))
        fail_msg("not '%s': %s", text, run.err);
    assert_string_equal(run.out, "");
}

static void test_refused(void **state)
{
    (void)state;
    expect_refused(RUN("--images", "blind.safetensors"), EXIT_DATA, "features --views");
    expect_refused(RUN("--images", "few.safetensors"), EXIT_DATA,
                   "few.safetensors: 15 images are left to choose by, a batch has 16");
    expect_refused(
        RUN("--images", "told.safetensors", "--test", "few.safetensors", "--batch", "64"),
        EXIT_DATA, "few.safetensors: 60 images are left to measure, a batch has 64");
    expect_refused(RUN("--images", "nan.safetensors"), EXIT_DATA, "nan.safetensors");
    expect_refused(RUN("--images", "told.safetensors", "--test", "told.safetensors"), EXIT_USAGE,
                   "leave it out");
    expect_refused(RUN("--seed", "1"), EXIT_USAGE, "mutual needs --images");
    expect_refused(RUN("--images", "told.safetensors", "--bins", "17"), EXIT_USAGE, "--bins 17");
    expect_refused(RUN("--images", "told.safetensors", "--lr", "0"), EXIT_USAGE, "--lr 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_nothing_to_know),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
