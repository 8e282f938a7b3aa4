/* SPDX-License-Identifier: Apache-2.0 */
/* recipe_difference: of what a resumed run may not change, every difference with both values, as
 * long as there is room; silence about the rest, which is listed here; any text is survived. */
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
        bool batches;     /* of the loaders' are others, too */
        const char *says; /* NULL: none */
    } rows[] = {
        {{"run.name=other"}, true, NULL},
        {{"optim.epochs=7", "data.workers=2", "device.threads=3"}, true, NULL},
        {{"data.loaders=tcp://a:1"}, true, NULL},
        {{"knn={every: 3, train: a, test: b}", "guard.rank=3", "device.dtype=bf16"}, true, NULL},
        {{"model.weights=x"}, false, "model.weights is \"\" there, \"x\" here"},
        {{"model.width=16"}, false, "model.width is 64 there, 16 here"},
        {{"views.mean=[0, 0, 0]"}, false, "views.mean is [0.43, 0.42, 0.39] there, [0, 0, 0] here"},
        {{"optim.schedule=constant", "optim.base_lr=3"},
         false,
         "optim.base_lr is 0.03 there, 3 here; optim.schedule is cosine there, constant here"},
        {{"optim.accumulate=2"}, false, "optim.accumulate is 1 there, 2 here"},
        {{"run.seed=2", "data.batch=64", "augself.color=0"},
         false,
         "run.seed is 1 there, 2 here; data.batch is 256 there, 64 here; augself.color is 1 "
         "there, 0 here"},
        {{"data.dataset=e"}, false, "data.dataset is \"d\" there, \"e\" here"},
        /* what batches are made of is judged by the batches */
        {{"views.flip=.25"}, false, NULL},
        {{"views.flip=.25"}, true, "views.flip is 0.5 there, 0.25 here"},
        {{"views.second.flip=.5"}, false, NULL}, /* spelt out, it is what it was */
        {{"views.second.blur.p=.1"}, true, "views.second.blur.p is inherit there, 0.1 here"},
        {{"views.crop.scale=[.1, 1]"}, true, "views.crop.scale is [0.2, 1] there, [0.1, 1] here"},
        {{"data.path=q"}, false, NULL}, /* it has moved */
        {{"data.path=q", "data.fraction=.5"},
         true,
         "data.path is \"p\" there, \"q\" here; data.fraction is 1 there, 0.5 here"},
    };
    char *there = dumped(NULL, 0), ret[256];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = 0;
        while (n < 3 && rows[i].sets[n])
            n++;
        char *here = dumped(rows[i].sets, n);
        size_t differ = recipe_difference(there, here, rows[i].batches, ret, sizeof ret);
        if ((differ > 0) != (rows[i].says != NULL) || (differ && strcmp(ret, rows[i].says) != 0))
            fail_msg("'%s' is not '%s'", differ ? ret : "nothing",
                     rows[i].says ? rows[i].says : "nothing");
        free(here);
    }
    free(there);
}

/* As many as there is room for, the rest counted. */
static void test_many(void **state)
{
    (void)state;
    const char *const sets[] = {"run.seed=2", "optim.base_lr=3", "optim.trust=.5",
                                "optim.warmup=9"};
    char *there = dumped(NULL, 0), *here = dumped(sets, ARRAY_LEN(sets)), ret[110];
    assert_int_equal(recipe_difference(there, here, false, ret, sizeof ret), 4);
    assert_string_equal(ret, "run.seed is 1 there, 2 here; optim.trust is 0.001 there, 0.5 here; "
                             "and 2 more");
    free(there);
    free(here);
}

/* The list in docs/trainer.md, "Stopping and resuming": who marks a row changes both. */
static void test_marks(void **state)
{
    (void)state;
    static const char *const free_ones[] = {
        "run.name",        "run.dir",           "run.omega",         "data.loaders",
        "data.workers",    "data.bad_rate_max", "data.window",       "data.deadline",
        "data.retry",      "data.curve.server", "data.curve.secret", "optim.epochs",
        "knn.every",       "knn.train",         "knn.test",          "checkpoint.every",
        "checkpoint.keep", "guard.non_finite",  "guard.collapse",    "guard.spread",
        "guard.rank",      "guard.every",       "board.histograms",  "board.pairs",
        "device.ops",      "device.dtype",      "device.threads",
    };
    static const char *const batches[] = {"data.path",    "data.format",   "data.split",
                                          "data.classes", "data.fraction", "views.small.size"};
    size_t n_free = 0, n_batches = 0;
    for (size_t i = 0; i < recipe_table.n_options; i++) {
        const struct conf_option *o = &recipe_table.options[i];
        if (o->mark == RESUME_FREE) {
            assert_true(n_free < ARRAY_LEN(free_ones));
            assert_string_equal(o->name, free_ones[n_free++]);
        } else if (o->mark == RESUME_BATCHES && n_batches < ARRAY_LEN(batches) &&
                   strcmp(o->name, batches[n_batches]) == 0) {
            n_batches++;
        } else if (o->mark == RESUME_BATCHES) { /* a law's */
            assert_int_equal(strncmp(o->name, "views.", 6), 0);
        }
    }
    assert_int_equal(n_free, ARRAY_LEN(free_ones));
    assert_int_equal(n_batches, ARRAY_LEN(batches));
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
            assert_int_equal(recipe_difference(texts[i], texts[k], true, ret, sizeof ret), 0);
    /* an option of another version is no difference; a long one is cut */
    assert_int_equal(
        recipe_difference("views:\n    old: 1\n", "views:\n    size: 2\n", true, ret, sizeof ret),
        0);
    assert_int_equal(
        recipe_difference("views:\n    old: 1\n", "views:\n    old: 2\n", true, ret, sizeof ret),
        0);
    assert_int_equal(recipe_difference("views:\n    size: 1\n", "views:\n    size: 22222222\n",
                                       true, ret, sizeof ret),
                     1);
    assert_string_equal(ret, "views.size is 1");
    char deep[256] = "";
    for (size_t i = 0; i < 12; i++)
        snprintf(deep + strlen(deep), sizeof deep - strlen(deep), "%*sa:\n", (int)(4 * i), "");
    assert_int_equal(recipe_difference(deep, deep, true, ret, sizeof ret), 0);
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
        cmocka_unit_test(test_differences), cmocka_unit_test(test_many),
        cmocka_unit_test(test_marks),       cmocka_unit_test(test_any_text),
        cmocka_unit_test(test_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
