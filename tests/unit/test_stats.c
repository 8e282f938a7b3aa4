/* SPDX-License-Identifier: Apache-2.0 */
/* stats: records of a right pipeline, of wrong ones, of loaders that tell no law, and of many
 * sessions, read by the verb itself: its exit code, its closing line, its JSON. */
#include "record_bed.h"
#include "test.h"

#include "tools/inspect/inspect.h"

#include "common/log.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>

enum { STEPS = 40, ALL = STEPS * RECORD_BED_BATCH, TEXT_MAX = 1 << 18, ARGS_MAX = 16 };

static char folder[] = "/tmp/augstream-stats-XXXXXX";
static char path[64], recipe[64];
static struct record_bed bed;
static char out[TEXT_MAX], err[TEXT_MAX];

/* --- records --- */

typedef void (*spoil_fn)(struct wire_message *tap, struct omega *omega);

/* STEPS batches; spoil changes what is told, within what a record takes. repeat: how often each is
 * told. */
static void make(spoil_fn spoil, uint32_t sessions, uint32_t repeat)
{
    struct record_writer *w;
    unlink(path);
    assert_int_equal(record_create(path, &w), 0);
    for (uint32_t s = 0; s < sessions; s++) {
        record_bed_init(&bed, RECORD_BED_BATCH);
        bed.tap.tap.spec.seed = s + 1;
        spec_digest(&bed.tap.tap.spec, bed.tap.tap.fingerprint, bed.tap.tap.batch.session);
        for (uint64_t step = 1; step <= STEPS; step++) {
            record_bed_step(&bed, step, ALL);
            if (spoil)
                spoil(&bed.tap, bed.omega);
            for (uint32_t r = 0; r < repeat; r++)
                assert_int_equal(record_add(w, &bed.tap), 0);
        }
    }
    assert_int_equal(record_close(w), 0);
}

/* --- the verb --- */

/* Its exit code; what it printed is in out and err. */
static int verb(int (*run)(int argc, char **argv), const char *const *more)
{
    char *argv[ARGS_MAX] = {"verb", path};
    int argc = 2;
    while (*more)
        argv[argc++] = (char *)*more++;
    char *const texts[2] = {out, err};
    FILE *files[2];
    int saved[2];
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        files[i] = tmpfile();
        assert_non_null(files[i]);
        saved[i] = dup(i + 1);
        dup2(fileno(files[i]), i + 1);
    }
    optind = 0; /* getopt starts anew */
    const int code = run(argc, argv);
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
        rewind(files[i]);
        texts[i][fread(texts[i], 1, TEXT_MAX - 1, files[i])] = 0;
        fclose(files[i]);
    }
    return code;
}
#define STATS(...) verb(inspect_stats, (const char *const[]){__VA_ARGS__, NULL})

static void has(const char *text, const char *wanted)
{
    if (!strstr(text, wanted))
        fail_msg("no '%s' in:\n%s", wanted, text);
}

static void has_not(const char *text, const char *unwanted)
{
    if (strstr(text, unwanted))
        fail_msg("'%s' is in:\n%s", unwanted, text);
}

/* --- tests --- */

static void test_right(void **state)
{
    (void)state;
    make(NULL, 1, 1);
    assert_int_equal(STATS("--check"), EXIT_OK);
    has(out, "stl10, session ");
    has(out, "20480 views of 40 batches; the law: the session's own\n");
    has(out, "\nas the law says: none of 38 tests disagrees, at level 0.001 for all together\n");
    has(out, "to beat, the loss of a head that always says the same: crop 0.0");
    has_not(out, "WRONG");
    has_not(out, "left out");
    assert_string_equal(err, "");
    /* the same from the recipe, and the batch that brings the last view is the last */
    assert_int_equal(STATS("--check", "--recipe", recipe, "--count", "5000"), EXIT_OK);
    has(out, "5120 views of 10 batches; the law: /tmp/");
}

static void hue(struct wire_message *tap, struct omega *omega)
{
    (void)tap;
    for (int i = 0; i < 2 * RECORD_BED_BATCH; i++)
        omega[i].jitter.hue *= 0.5f;
}

static void order(struct wire_message *tap, struct omega *omega)
{
    (void)tap;
    for (int i = RECORD_BED_BATCH; i < 2 * RECORD_BED_BATCH; i++)
        memcpy(omega[i].jitter.order, (uint8_t[]){0, 1, 2, 3}, JITTER_OPS);
}

static void sigma(struct wire_message *tap, struct omega *omega)
{
    (void)tap;
    for (int i = 0; i < RECORD_BED_BATCH; i++)
        omega[i].blur.sigma = 0.3f + (omega[i].blur.sigma - 0.1f) * (1.7f / 1.9f);
}

static void floor_of_crop(struct wire_message *tap, struct omega *omega)
{
    const struct spec *spec = &tap->tap.spec;
    struct view_spec law = spec->views[1];
    law.scale[0] = 0.3;
    for (uint32_t i = 0; i < RECORD_BED_BATCH; i++) {
        struct omega *o = &omega[RECORD_BED_BATCH + i];
        const struct omega_key key = {spec->seed, tap->tap.batch.epoch, 0, o->sample, 1};
        omega_draw(&law, &key, o->source_w, o->source_h, o);
    }
}

/* Every second view that was not flipped is told to be: .5 has become .75. */
static void flip(struct wire_message *tap, struct omega *omega)
{
    (void)tap;
    for (int i = 0; i < 2 * RECORD_BED_BATCH; i += 2)
        omega[i].flip = true;
}

static void test_wrong(void **state)
{
    (void)state;
    static const struct {
        spoil_fn spoil;
        const char *closing;
    } rows[] = {
        {hue,
         "\nNOT as the law says: jitter.hue of view 0, jitter.hue of view 1, target.color.hue; 3 "
         "of 38 tests, at level 0.001 for all together\n"},
        {order, "\nNOT as the law says: jitter.order of view 1; 1 of 38"},
        {sigma, "\nNOT as the law says: blur.sigma of view 0, target.blur; 2 of 38"},
        {floor_of_crop, "\nNOT as the law says: crop.area of view 1, "},
        {flip, "\nNOT as the law says: flip of view 0, flip of view 1, target.flip; 3 of 38"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        make(rows[i].spoil, 1, 1);
        assert_int_equal(STATS("--check"), EXIT_DATA);
        has(out, rows[i].closing);
        has(out, "WRONG");
        has(err, "tests say that the law is another one");
        assert_int_equal(STATS("--level", "0.001"), EXIT_OK); /* without --check */
    }
    /* What the loader told is as it drew, but it is not what the recipe asks for. */
    make(NULL, 1, 1);
    assert_int_equal(STATS("--check", "--recipe", recipe, "--set", "views.grayscale=.3", "--set",
                           "views.second.jitter.p=.7"),
                     EXIT_DATA);
    has(out, "NOT as the law says: grayscale of view 0, jitter.applied of view 1, ");
    assert_int_equal(STATS("--recipe", recipe, "--set", "views.size=64"), EXIT_DATA);
    has(err, "no views to tally came, but those of sessions that are not the recipe's");
}

static void untold(struct wire_message *tap, struct omega *omega)
{
    (void)omega;
    tap->tap.told_spec = false;
}

static void test_untold(void **state)
{
    (void)state;
    make(untold, 1, 1);
    assert_int_equal(STATS("--level", "0.01"), EXIT_OK);
    has(out, "the law: not told (--recipe gives one)\n");
    has(out, "\nnothing was tested: no law is told\n");
    has_not(out, "target.");
    assert_int_equal(STATS("--check"), EXIT_DATA); /* a check of nothing does not pass */
    has(err, "nothing could be tested");
    assert_int_equal(STATS("--check", "--recipe", recipe), EXIT_OK);
    has(out, "none of 38 tests");
}

/* A choice by what was drawn leaves no law; one by anything else does. */
static void test_filters(void **state)
{
    (void)state;
    make(NULL, 1, 1);
    assert_int_equal(STATS("--where", "jitter.hue>0"), EXIT_OK);
    has(out, "; the law: set aside, for --where picks by what was drawn\n");
    has(out, "\nnothing was tested: of picked views no law holds\n");
    has_not(out, "not told");
    assert_int_equal(STATS("--json", "--where", "jitter.hue>0"), EXIT_OK);
    has(out, "\n \"selected\": true,");
    assert_int_equal(STATS("--json", "--where", "sample<5000"), EXIT_OK);
    has(out, "\n \"selected\": false,");
    has(out, "\"law\": \"the session's own\"");
    assert_int_equal(STATS("--check", "--where", "sample<5000"), EXIT_OK);
    has(out, "10000 views of 40 batches");
    assert_int_equal(STATS("--check", "--view", "1"), EXIT_OK);
    has(out, "\nview 1, 96 px");
    has_not(out, "view 0");
    has_not(out, "target.");
    assert_int_equal(STATS("--dataset", "other"), EXIT_DATA);
    has(err, "no views to tally came");
    assert_int_equal(STATS("--set", "run.seed=1"), EXIT_USAGE);
    assert_int_equal(STATS("--level", "2"), EXIT_USAGE);
}

static void rename_set(struct wire_message *tap, struct omega *omega)
{
    (void)omega;
    snprintf(tap->tap.dataset, sizeof tap->tap.dataset,
             "flo\xc2\x9b"
             "2Jwers");
    memcpy(tap->tap.spec.dataset, tap->tap.dataset, sizeof tap->tap.dataset);
    spec_digest(&tap->tap.spec, tap->tap.fingerprint, tap->tap.batch.session);
}

/* What another's loader calls its dataset steers no terminal: C1 passes for a name on the wire. */
static void test_plain(void **state)
{
    (void)state;
    make(rename_set, 1, 1);
    assert_int_equal(STATS("--view", "0"), EXIT_OK);
    has(out, "flo?2Jwers, session ");
    has_not(out, "\xc2\x9b");
    assert_int_equal(verb(inspect_dump, (const char *const[]){"--info", NULL}), EXIT_OK);
    has(out, "\ndataset     flo?2Jwers, fingerprint ");
    has_not(out, "\xc2\x9b");
}

static const json_t *row_of(const json_t *rows, const char *name)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) if (strcmp(json_string_value(json_object_get(row, "name")),
                                                name) == 0) return row;
    fail_msg("no row %s", name);
    return NULL;
}

static double real(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

/* Three sessions, every batch told twice: of each all is counted once; all are judged together. */
static void test_json(void **state)
{
    (void)state;
    make(hue, 3, 2);
    assert_int_equal(STATS("--json", "--check"), EXIT_DATA);
    json_t *root = json_loads(out, 0, NULL);
    assert_non_null(root);
    assert_true(real(root, "tests") == 3 * 38);
    assert_int_equal(json_array_size(json_object_get(root, "wrong")), 9);
    const json_t *sessions = json_object_get(root, "sessions");
    assert_int_equal(json_array_size(sessions), 3);
    for (size_t s = 0; s < 3; s++) {
        const json_t *session = json_array_get(sessions, s);
        assert_true(real(session, "views") == 2 * ALL && real(session, "batches") == STEPS);
        assert_true(real(session, "repeated_batches") == STEPS);
        const json_t *views = json_object_get(session, "by_view");
        assert_int_equal(json_array_size(views), 2);
        const json_t *rows = json_object_get(json_array_get(views, 0), "parameters");
        const json_t *row = row_of(rows, "jitter.hue");
        assert_true(json_is_true(json_object_get(row, "wrong")));
        assert_in_range((uint64_t)(1e4 * real(row, "distance")), 2400, 2600);
        const json_t *histogram = json_object_get(row, "histogram");
        double sum = 0;
        for (size_t i = 0; i < json_array_size(json_object_get(histogram, "count")); i++)
            sum += json_number_value(json_array_get(json_object_get(histogram, "count"), i));
        assert_true(sum == real(row, "n"));
        row = row_of(rows, "crop.area");
        assert_string_equal(json_string_value(json_object_get(row, "test")),
                            "Kolmogorov-Smirnov, two samples");
        row = row_of(rows, "solarize.threshold");
        assert_true(json_is_null(json_object_get(row, "mean")));
        const json_t *pair = json_object_get(session, "pair");
        const double flip_loss = real(json_object_get(pair, "constant_loss"), "flip");
        assert_true(flip_loss > 0.69 && flip_loss < 0.6932);
    }
    json_decref(root);
    make(NULL, 9, 1);
    assert_int_equal(STATS("--check"), EXIT_OK);
    has(out, "0 batches were shed or lost, 40 are of sessions that are not told of here\n");
    has(out, "none of 304 tests disagrees");
}

static int setup(void **state)
{
    (void)state;
    log_open("test", LOG_INFO);
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/run.omega", folder);
    snprintf(recipe, sizeof recipe, "%s/recipe.yaml", folder);
    FILE *file = fopen(recipe, "w");
    if (!file)
        return -1;
    fputs("run: {name: t}\ndata: {dataset: stl10, batch: 256, loaders: embedded, path: none}\n"
          "views: {size: 96, blur: {kernel: 9}, crop: {ratio: [.75, 1.3333]}}\n",
          file);
    return fclose(file);
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    unlink(recipe);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),   cmocka_unit_test(test_wrong), cmocka_unit_test(test_untold),
        cmocka_unit_test(test_filters), cmocka_unit_test(test_plain), cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
