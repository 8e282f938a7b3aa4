/* SPDX-License-Identifier: Apache-2.0 */
/* recipe_difference: of what batches and the model depend on, the first difference and how many
 * more; silence about the rest; any text is survived. */
#include "test.h"

#include "trainer/recipe.h"
#include "trainer/recipe_difference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *dumped(const char *const *sets, size_t n)
{
    static struct recipe r;
    const char *all[8] = {"run.name=\"a: b # c\"", "data.dataset=d", "data.path=p"};
    for (size_t i = 0; i < n; i++)
        all[3 + i] = sets[i];
    if (recipe_load(&r, NULL, all, 3 + n) < 0)
        fail_msg("%s", err_text());
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_int_equal(conf_dump(&recipe_table, &r, out), 0);
    fclose(out);
    return text;
}

static void test_differences(void **state)
{
    (void)state;
    static const struct {
        const char *sets[3];
        const char *says; /* NULL: none */
    } rows[] = {
        {{"run.name=other"}, NULL},
        {{"optim={base_lr: 3, epochs: 7}", "data.workers=2", "device.threads=3"}, NULL},
        {{"data.loaders=tcp://a:1"}, NULL},
        {{"model.weights=x"}, NULL},
        {{"model.width=16"}, "model.width is 64 there, 16 here"},
        {{"views.flip=.25"}, "views.flip is 0.5 there, 0.25 here"},
        {{"views.second.blur.p=.1"}, "views.second.blur.p is inherit there, 0.1 here"},
        {{"views.crop.scale=[.1, 1]"}, "views.crop.scale is [0.2, 1] there, [0.1, 1] here"},
        {{"run.seed=2", "data.batch=64", "augself.color=0"},
         "run.seed is 1 there, 2 here, and 2 more"},
        {{"data.dataset=e"}, "data.dataset is \"d\" there, \"e\" here"},
    };
    char *there = dumped(NULL, 0), ret[128];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = 0;
        while (n < 3 && rows[i].sets[n])
            n++;
        char *here = dumped(rows[i].sets, n);
        bool differs = recipe_difference(there, here, ret, sizeof ret);
        if (differs != (rows[i].says != NULL) || (differs && strcmp(ret, rows[i].says) != 0))
            fail_msg("'%s' is not '%s'", differs ? ret : "nothing",
                     rows[i].says ? rows[i].says : "nothing");
        free(here);
    }
    free(there);
}

static void test_any_text(void **state)
{
    (void)state;
    char ret[16] = "";
    static const char *const texts[] = {"",
                                        "\n",
                                        "a",
                                        "a:",
                                        ":",
                                        "   a: 1",
                                        "model:\n        x: 1\n",
                                        "model:\n    width: 8\n    ::::\n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        for (size_t k = 0; k < ARRAY_LEN(texts); k++)
            assert_false(recipe_difference(texts[i], texts[k], ret, sizeof ret));
    /* an option of another version is no difference; a long one is cut */
    assert_false(
        recipe_difference("views:\n    old: 1\n", "views:\n    new: 2\n", ret, sizeof ret));
    assert_true(
        recipe_difference("views:\n    x: 1\n", "views:\n    x: 22222222\n", ret, sizeof ret));
    assert_string_equal(ret, "views.x is 1 th");
    char deep[256] = "";
    for (size_t i = 0; i < 12; i++)
        snprintf(deep + strlen(deep), sizeof deep - strlen(deep), "%*sa:\n", (int)(4 * i), "");
    assert_false(recipe_difference(deep, deep, ret, sizeof ret));
}

/* Each part as "key=there|here ", "-" for none. */
static void list(void *hint, const struct recipe_part *part)
{
    char *ret = hint;
    snprintf(ret + strlen(ret), 256 - strlen(ret), "%s=%.*s|%.*s ", part->key,
             part->there ? (int)part->there_bytes : 1, part->there ? part->there : "-",
             part->here ? (int)part->here_bytes : 1, part->here ? part->here : "-");
}

static void test_compare(void **state)
{
    (void)state;
    static const struct {
        const char *there, *here, *parts;
    } rows[] = {
        {"", "", ""},
        {"a: 1\n", "a: 1\n", ""},
        {"a: 1\nb: 2\n", "a: 1\nb: 22\n", "b=2|22 "},
        {"a:\n    x: 1\n    y: 2\nb: 3\n", "b: 3\na:\n    y: 4\n    z: 5\n",
         "a.x=1|- a.y=2|4 a.z=-|5 "}, /* in another order too */
        {"a: 1\n", "", "a=1|- "},
        {"", "a: 1\n", "a=-|1 "},
        {"a: 1\n???\nb: 1\n", "a: 2\n", "a=1|2 "},
        {"c: 1\nb: 2\na: 3\n", "a: 3\nb: 2\nc: 1\n", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char got[256] = "";
        recipe_compare(rows[i].there, rows[i].here, list, got);
        assert_string_equal(got, rows[i].parts);
    }
    char *there = dumped(NULL, 0), *here = dumped((const char *const[]){"optim.base_lr=3"}, 1);
    char got[256] = "";
    recipe_compare(there, here, list, got);
    assert_non_null(strstr(got, "optim.base_lr="));
    assert_ptr_equal(strchr(got, ' '), got + strlen(got) - 1); /* and nothing else */
    free(there);
    free(here);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_any_text),
        cmocka_unit_test(test_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
