/* SPDX-License-Identifier: Apache-2.0 */
/* sets: features files open without a recipe and must fit each other; a dataset asks for recipe and
 * backbone before anything is done. Datasets themselves are opened in tests/flow/score.sh, by real
 * processes. */
#include "test.h"

#include "tools/evaluate/sets.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/augstream-test-XXXXXX";

static int setup(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void put_table(const char *path, size_t d, uint32_t classes)
{
    static float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    int64_t labels[2] = {0, 1}, samples[2] = {0, 1};
    struct table t = {.f = {2, d, x, labels, samples, 0, classes}, .name = "t"};
    assert_int_equal(table_write(&t, NULL, 0, path), 0);
}

static void test_files(void **state)
{
    (void)state;
    put_table("a.safetensors", 4, 2);
    put_table("b.safetensors", 4, 2);
    put_table("wide.safetensors", 3, 2);
    put_table("more.safetensors", 4, 3);
    struct table t[2] = {{.name = ""}};
    struct sets_options o = {.names = {"a.safetensors", "b.safetensors"}, .n = 2};
    assert_int_equal(sets_open(&o, t), 0);
    assert_string_equal(t[0].name, "a.safetensors");
    assert_string_equal(t[1].name, "b.safetensors");
    assert_int_equal(t[1].f.d, 4);
    table_done(&t[0]);
    table_done(&t[1]);

    o.names[1] = "wide.safetensors";
    assert_int_equal(sets_open(&o, t), -EINVAL);
    assert_non_null(strstr(err_text(), "a.safetensors has 4 features, wide.safetensors has 3"));
    o.names[1] = "more.safetensors";
    assert_int_equal(sets_open(&o, t), -EINVAL);
    assert_non_null(strstr(err_text(), "a.safetensors has 2 classes, more.safetensors has 3"));
    o.unlabelled = true;
    assert_int_equal(sets_open(&o, t), 0);
    assert_int_equal(t[1].f.classes, 3);
    table_done(&t[0]);
    table_done(&t[1]);
    o.unlabelled = false;
    o.names[1] = "gone.safetensors";
    assert_int_equal(sets_open(&o, t), -ENOENT);
    assert_null(t[0].f.x);
    assert_null(t[1].f.x);
}

static void test_needs(void **state)
{
    (void)state;
    struct table t[2] = {{.name = ""}};
    struct sets_options o = {.names = {"a.safetensors", "flowers/train"}, .n = 2};
    char verb[] = "knn", recipe[] = "r.yaml", more[] = "more";
    assert_int_equal(sets_open(&o, t), -EINVAL);
    assert_non_null(strstr(err_text(), "flowers/train is a dataset"));
    assert_null(t[0].f.x);
    optind = 1;
    assert_int_equal(sets_operand(&o, "knn", 2, (char *[]){verb, recipe, NULL}), -EINVAL);
    assert_non_null(strstr(err_text(), "--backbone"));
    assert_int_equal(sets_option(&o, 'b', "backbone"), 1);
    assert_int_equal(sets_operand(&o, "knn", 2, (char *[]){verb, recipe, NULL}), 0);
    assert_string_equal(o.recipe, "r.yaml");
    assert_int_equal(sets_operand(&o, "knn", 3, (char *[]){verb, recipe, more, NULL}), -EINVAL);
    assert_non_null(strstr(err_text(), "more is one argument too many"));
    assert_int_equal(sets_option(&o, 'x', "1"), 0);
    for (size_t i = 0; i < CONF_LIST_MAX; i++)
        assert_int_equal(sets_option(&o, 's', "a=1"), 1);
    assert_int_equal(sets_option(&o, 's', "a=1"), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_needs),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
