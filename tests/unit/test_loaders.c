/* SPDX-License-Identifier: Apache-2.0 */
/* loaders: endpoints that a recipe names are taken as they are; for embedded ones a program is
 * started, and its absence is told. (With a real loader: tests/flow.) */
#include "test.h"

#include "trainer/loaders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_named(void **state)
{
    (void)state;
    static struct recipe r;
    const char *const sets[] = {"run.name=r", "data.dataset=d",
                                "data.loaders=[\"tcp://a:1\", \"tcp://b:2\"]", "knn.train=one",
                                "knn.test=two"};
    assert_int_equal(recipe_load(&r, NULL, sets, ARRAY_LEN(sets)), 0);
    struct loaders loaders = {0};
    assert_int_equal(loaders_open(&r, NULL, &loaders), 0);
    assert_null(loaders.embed);
    assert_int_equal(loaders.endpoints.n, 2);
    assert_string_equal(loaders.endpoints.v[1], "tcp://b:2");
    assert_true(recipe_knn(&r));
    assert_string_equal(loaders_knn(&loaders, &r, false), "one");
    assert_string_equal(loaders_knn(&loaders, &r, true), "two");
    loaders_close(&loaders);
}

static void test_embedded(void **state)
{
    (void)state;
    static struct recipe r;
    const char *const sets[] = {"run.name=r", "data.dataset=d", "data.path=/nowhere"};
    assert_int_equal(recipe_load(&r, NULL, sets, ARRAY_LEN(sets)), 0);
    assert_false(recipe_knn(&r));
    setenv("AUGSTREAM_LOADERD", "/nonexistent/loaderd", 1);
    struct loaders loaders = {0};
    assert_int_equal(loaders_open(&r, NULL, &loaders), -ENOENT);
    assert_non_null(strstr(err_text(), "/nonexistent/loaderd"));
    loaders_close(&loaders);
}

/* The sets for nearest neighbours never have the training set's name. */
static void test_names_differ(void **state)
{
    (void)state;
    static struct recipe r;
    static const char *const datasets[] = {"flowers", "knn-train", "knn-test", "knn-bank"};
    const struct loaders loaders = {.embed = (struct embed *)&r}; /* is only compared with NULL */
    for (size_t i = 0; i < ARRAY_LEN(datasets); i++) {
        snprintf(r.data.dataset, sizeof r.data.dataset, "%s", datasets[i]);
        const char *train = loaders_knn(&loaders, &r, false),
                   *test = loaders_knn(&loaders, &r, true);
        assert_string_not_equal(train, datasets[i]);
        assert_string_not_equal(test, datasets[i]);
        assert_string_not_equal(train, test);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_named),
        cmocka_unit_test(test_embedded),
        cmocka_unit_test(test_names_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
