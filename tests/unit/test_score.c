/* SPDX-License-Identifier: Apache-2.0 */
/* score: the lines and the JSON file say the same; what is no figure is refused. */
#include "test.h"

#include "tools/evaluate/score.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/augstream-test-XXXXXX";
static char json_path[64], out_path[64];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(json_path, sizeof json_path, "%s/s.json", folder);
    snprintf(out_path, sizeof out_path, "%s/out", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(json_path);
    unlink(out_path);
    return rmdir(folder);
}

/* scores_tell with standard output in a file; what it said. */
static void told(const struct scores *s, const char *json, char ret[1024])
{
    fflush(stdout);
    int keep = dup(STDOUT_FILENO);
    assert_non_null(freopen(out_path, "w", stdout));
    int rc = scores_tell(s, "knn", json);
    fflush(stdout);
    dup2(keep, STDOUT_FILENO);
    close(keep);
    assert_int_equal(rc, 0);
    FILE *f = fopen(out_path, "r");
    assert_non_null(f);
    ret[fread(ret, 1, 1023, f)] = 0;
    fclose(f);
}

static void test_told(void **state)
{
    (void)state;
    struct scores s = {.n = 0};
    char text[1024];
    assert_int_equal(scores_add(&s, "knn_1", 62.5, NAN, "%"), 0);
    assert_int_equal(scores_add(&s, "fewshot", 1.0 / 3, 0.0421, ""), 0);
    assert_int_equal(scores_note(&s, "set", "a\xff\"b"), 0);
    told(&s, json_path, text);
    assert_string_equal(text, "knn_1 62.5 %\nfewshot 0.333333 +- 0.0421\nset: a\xff\"b\n");

    json_t *top = json_load_file(json_path, 0, NULL), *list = json_object_get(top, "scores");
    assert_non_null(top);
    assert_string_equal(json_string_value(json_object_get(top, "verb")), "knn");
    assert_int_equal(json_array_size(list), 2);
    json_t *first = json_array_get(list, 0), *second = json_array_get(list, 1);
    assert_string_equal(json_string_value(json_object_get(first, "name")), "knn_1");
    assert_string_equal(json_string_value(json_object_get(first, "unit")), "%");
    assert_true(json_is_null(json_object_get(first, "plus_minus")));
    assert_true(json_real_value(json_object_get(second, "value")) == 1.0 / 3);
    assert_true(json_real_value(json_object_get(second, "plus_minus")) == 0.0421);
    const char *set = json_string_value(json_object_get(json_object_get(top, "notes"), "set"));
    assert_string_equal(set, "a?\"b"); /* that byte is no UTF-8 */
    json_decref(top);
}

static void test_refused(void **state)
{
    (void)state;
    struct scores s = {.n = 0};
    assert_int_equal(scores_add(&s, "x", NAN, NAN, ""), -ERANGE);
    assert_int_equal(scores_add(&s, "x", INFINITY, NAN, ""), -ERANGE);
    assert_int_equal(scores_add(&s, "x", 1, INFINITY, ""), -ERANGE);
    assert_int_equal(
        scores_add(&s, "a_name_that_goes_on_and_on_and_on_and_on_and_on_and_on", 1, NAN, ""),
        -E2BIG);
    for (int i = 0; i < SCORES_MAX; i++)
        assert_int_equal(scores_add(&s, "x", i, NAN, ""), 0);
    assert_int_equal(scores_add(&s, "x", 1, NAN, ""), -E2BIG);
    assert_int_equal(s.n, SCORES_MAX);
}

static void test_no_place(void **state)
{
    (void)state;
    struct scores s = {.n = 0};
    char nowhere[96];
    snprintf(nowhere, sizeof nowhere, "%s/none/s.json", folder);
    assert_int_equal(scores_tell(&s, "knn", nowhere), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_place),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
