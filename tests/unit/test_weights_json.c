/* SPDX-License-Identifier: Apache-2.0 */
/* weights_json: the objects read back by jansson, figures to the last bit, NaN as null. */
#include "tensors_bed.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>

static const struct bed_tensor rows[] = {
    {"backbone.w", {3, 4}, .1f, 13},
    {"queue", {1, 1}, NAN, NAN},
    {"z.w", {1, 3}, 0, 1},
};
static const char *const metas[] = {"step", "120", "recipe", "a:\n    b: 1\n", NULL};

static json_t *parsed(char *text)
{
    json_error_t why;
    json_t *top = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    if (!top)
        fail_msg("%s in %s", why.text, text);
    free(text);
    return top;
}

static json_t *one(void)
{
    char *text;
    size_t len;
    struct weights w;
    bed_open(0, NULL, &w);
    weights_weigh(&w);
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_int_equal(weights_json(&w, out), 0);
    fclose(out);
    weights_done(&w);
    return parsed(text);
}

static void test_one(void **state)
{
    (void)state;
    bed_write(0, rows, ARRAY_LEN(rows), metas, true);
    json_t *top = one(), *tensors = json_object_get(top, "tensors");
    const char *file, *seal, *step, *name, *group, *type;
    json_int_t numbers, trained, zeros, nan;
    double max, mean;
    int own;
    assert_int_equal(json_unpack(top, "{s:s, s:s, s:I, s:I, s:{s:s}}", "file", &file, "seal", &seal,
                                 "numbers", &numbers, "trained", &trained, "metadata", "step",
                                 &step),
                     0);
    assert_string_equal(file, bed_path[0]);
    assert_string_equal(seal, "whole");
    assert_string_equal(step, "120");
    assert_int_equal(numbers, 16);
    assert_int_equal(trained, 16);
    assert_int_equal(json_array_size(tensors), 3);
    assert_int_equal(json_unpack(json_array_get(tensors, 0), "{s:s, s:s, s:s, s:F, s:F, s:b}",
                                 "name", &name, "group", &group, "type", &type, "max", &max, "mean",
                                 &mean, "trained", &own),
                     0);
    assert_string_equal(name, "backbone.w");
    assert_string_equal(group, "backbone");
    assert_string_equal(type, "F32");
    assert_true(own && max == 13 && fabs(mean - (11 * (double).1f + 13) / 12) < 1e-15);
    assert_true(json_is_null(json_object_get(json_array_get(tensors, 1), "mean")));
    assert_true(json_is_null(json_object_get(json_array_get(tensors, 1), "norm")));
    assert_int_equal(json_unpack(json_array_get(tensors, 1), "{s:I}", "nan", &nan), 0);
    assert_int_equal(json_unpack(json_array_get(tensors, 2), "{s:I}", "zeros", &zeros), 0);
    assert_int_equal(nan, 1);
    assert_int_equal(zeros, 2);
    json_decref(top);
}

static void test_two(void **state)
{
    (void)state;
    static const struct bed_tensor other[] = {{"backbone.w", {3, 4}, .1f, 14}};
    static const char *const others[] = {"recipe", "a:\n    b: 2\n", NULL};
    char *text;
    size_t len;
    struct weights w[2];
    struct weights_pair pair;
    bed_write(0, rows, ARRAY_LEN(rows), metas, true);
    bed_write(1, other, 1, others, false);
    bed_open(0, NULL, &w[0]);
    bed_open(1, NULL, &w[1]);
    assert_int_equal(weights_pair_new(&w[0], &w[1], WEIGHTS_BY_FILE, &pair), 0);
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_int_equal(weights_pair_json(&pair, out), 0);
    fclose(out);
    weights_pair_done(&pair);
    weights_done(&w[0]);
    weights_done(&w[1]);
    json_t *top = parsed(text), *tensors = json_object_get(top, "tensors");
    const char *seal, *option, *there, *here;
    double max;
    int same;
    assert_int_equal(json_unpack(top, "{s:b, s:{s:s}, s:[{s:s, s:s, s:s}]}", "same", &same, "b",
                                 "seal", &seal, "recipe", "option", &option, "a", &there, "b",
                                 &here),
                     0);
    assert_false(same);
    assert_string_equal(seal, "none");
    assert_string_equal(option, "a.b");
    assert_string_equal(there, "1");
    assert_string_equal(here, "2");
    assert_int_equal(json_array_size(tensors), 3);
    assert_int_equal(json_unpack(json_array_get(tensors, 0), "{s:F}", "max", &max), 0);
    assert_true(max == 1);
    assert_true(json_is_null(json_object_get(json_array_get(tensors, 1), "b")));
    json_decref(top);
}

/* A path that no JSON can hold is an error, not half an object. */
static void test_bad_path(void **state)
{
    (void)state;
    char *text, path[96];
    size_t len;
    struct weights w = {0};
    bed_write(0, rows, ARRAY_LEN(rows), NULL, false);
    snprintf(path, sizeof path, "%s/\xff", bed_folder);
    assert_int_equal(rename(bed_path[0], path), 0);
    assert_int_equal(weights_open(&w, path, NULL), 0);
    weights_weigh(&w);
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_int_equal(weights_json(&w, out), -EILSEQ);
    fclose(out);
    assert_int_equal(len, 0);
    free(text);
    weights_done(&w);
    assert_int_equal(rename(path, bed_path[0]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_two),
        cmocka_unit_test(test_bad_path),
    };
    return cmocka_run_group_tests(tests, bed_new, bed_done);
}
