/* SPDX-License-Identifier: Apache-2.0 */
/* localize: what the verb says, draws and refuses, on files. */
#include "verb_run.h"

#include "common/rng.h"
#include "tools/evaluate/evaluate.h"
#include "trainer/safetensors.h"

#include <math.h>
#include <png.h>

enum { N = 60, D = 7, SIDE = 32 };

static struct verb_run run;

static float x[N * D], boxes[N * 4];
static int64_t labels[N], samples[N];

/* The box is told by the first four features but for a thousandth; every tenth row has none. */
static void make(uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = seed, .purpose = RNG_TEST});
    for (size_t i = 0; i < N; i++) {
        samples[i] = (int64_t)i;
        for (size_t j = 0; j < D; j++)
            x[i * D + j] = (float)rng_range(&rng, 0, 1);
        for (size_t k = 0; k < 4; k++)
            boxes[4 * i + k] =
                i % 10 == 9 ? NAN : .1f + .3f * x[i * D + k] + (float)rng_range(&rng, -.001, .001);
    }
}

/* Not by table_write, which refuses what table_read shall refuse. */
static void write_file(const char *name, const float *with_boxes, bool with_views)
{
    static uint8_t views[N * SIDE * SIDE * 3];
    char path[128];
    struct safetensors_out *out;
    verb_path(&run, name, path);
    assert_int_equal(safetensors_out_new(&out), 0);
    assert_int_equal(safetensors_add(out, "features", ST_F32, 2, (int64_t[]){N, D}, x), 0);
    assert_int_equal(safetensors_add(out, "labels", ST_I64, 1, (int64_t[]){N}, labels), 0);
    assert_int_equal(safetensors_add(out, "samples", ST_I64, 1, (int64_t[]){N}, samples), 0);
    if (with_boxes)
        assert_int_equal(safetensors_add(out, "boxes", ST_F32, 2, (int64_t[]){N, 4}, with_boxes),
                         0);
    if (with_views)
        assert_int_equal(
            safetensors_add(out, "views", ST_U8, 5, (int64_t[]){1, N, SIDE, SIDE, 3}, views), 0);
    assert_int_equal(safetensors_write(out, path), 0);
    safetensors_out_free(out);
}

static int setup(void **state)
{
    (void)state;
    float wrong[N * 4];
    verb_folder(&run);
    make(1);
    write_file("train.safetensors", boxes, false);
    write_file("bare.safetensors", NULL, false);
    memcpy(wrong, boxes, sizeof wrong);
    wrong[4 * 33 + 2] = 1.5f;
    write_file("outside.safetensors", wrong, false);
    for (size_t i = 0; i < N * 4; i++)
        wrong[i] = i < 16 ? boxes[i] : NAN;
    write_file("four.safetensors", wrong, false);
    make(2);
    write_file("val.safetensors", boxes, false);
    make(3);
    write_file("test.safetensors", boxes, true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return verb_clear(&run);
}

#define RUN(...)                                                                                   \
    verb_run(&run, evaluate_localize, (const char *const[]){"localize", __VA_ARGS__, NULL})

static double score(const char *name)
{
    char line[64];
    snprintf(line, sizeof line, "%s ", name);
    for (const char *at = run.out; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (!strncmp(at, line, strlen(line)))
            return strtod(at + strlen(line), NULL);
    fail_msg("no %s in: %s", name, run.out);
    return NAN;
}

static void test_scores(void **state)
{
    (void)state;
    assert_int_equal(RUN("--train", "train.safetensors", "--val", "val.safetensors", "--test",
                         "test.safetensors"),
                     EXIT_OK);
    /* what is left is the noise: a third of a thousandth squared, and what is not learnt of it */
    assert_true(score("l2_error") > 2.5e-7 && score("l2_error") < 6e-7);
    assert_true(score("mean_iou") > .985 && score("mean_iou") < 1);
    assert_true(score("train") == 54 && score("train_without_box") == 6 && score("val") == 54);
    assert_true(score("test") == 54 && score("test_without_box") == 6);
    assert_true(score("ridge") < 1);
    /* of boxes that vary by .3: .3^2 / 12, and an overlap far from one */
    assert_true(score("mean_box_l2_error") > 5e-3 && score("mean_box_l2_error") < 1e-2);
    assert_true(score("mean_box_iou") > .2 && score("mean_box_iou") < .9);
    assert_null(strstr(run.out, "seed"));
}

/* One ridge far too large is a mean box; the list's end is told; the held-out fifth has a seed. */
static void test_ridges(void **state)
{
    (void)state;
    assert_int_equal(
        RUN("--train", "train.safetensors", "--test", "test.safetensors", "--ridge", "1e9"),
        EXIT_OK);
    assert_true(score("l2_error") > 5e-3 && score("l2_error") < 1e-2); /* .3^2 / 12 = 7.5e-3 */
    assert_non_null(strstr(run.out, "seed: 0"));
    assert_int_equal(RUN("--train", "train.safetensors", "--test", "test.safetensors", "--ridge",
                         "1e3,1e9,1e6", "--seed", "5"),
                     EXIT_OK);
    assert_true(score("ridge") == 1e3);
    assert_non_null(strstr(run.out, "ridge_at_the_end"));
    assert_non_null(strstr(run.out, "seed: 5"));
}

static void test_picture(void **state)
{
    (void)state;
    char path[128];
    assert_int_equal(RUN("--train", "train.safetensors", "--test", "test.safetensors", "--picture",
                         "p.png", "--shown", "8"),
                     EXIT_OK);
    verb_path(&run, "p.png", path);
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_file(&image, path));
    assert_int_equal(image.width, 6 * (5 * SIDE + 12) + 12); /* six in a row, each zoomed by five */
    png_image_free(&image);
}

static void refuse(int code, int got, const char *text)
{
    if (got != code || !strstr(run.err, text))
        fail_msg("code %d, says: %s", got, run.err);
}

static void test_refused(void **state)
{
    (void)state;
    refuse(EXIT_USAGE, RUN("--train", "train.safetensors"), "localize needs --train and --test");
    refuse(EXIT_USAGE, RUN("--train", "a", "--test", "b", "--ridge", "0"), "--ridge 0: at most 64");
    refuse(EXIT_USAGE, RUN("--train", "a", "--test", "b", "--shown", "0"), "--shown 0: a whole");
    refuse(EXIT_USAGE, RUN("--train", "a", "--test", "b", "--picture", "p.png"),
           "--picture wants --test to be a features file");
    refuse(EXIT_DATA, RUN("--train", "bare.safetensors", "--test", "test.safetensors"),
           "bare.safetensors: holds no boxes");
    refuse(EXIT_DATA, RUN("--train", "train.safetensors", "--test", "bare.safetensors"),
           "bare.safetensors: holds no boxes");
    refuse(EXIT_DATA, RUN("--train", "outside.safetensors", "--test", "test.safetensors"),
           "outside.safetensors: row 33: box");
    refuse(EXIT_DATA, RUN("--train", "four.safetensors", "--test", "test.safetensors"),
           "four.safetensors: 4 rows have a box: too few to hold a fifth out");
    refuse(EXIT_DATA,
           RUN("--train", "train.safetensors", "--test", "train.safetensors", "--picture", "q.png"),
           "train.safetensors: holds no pictures");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_ridges),
        cmocka_unit_test(test_picture),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
