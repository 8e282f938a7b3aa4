/* SPDX-License-Identifier: Apache-2.0 */
/* weights_pair: what two files do not share is found, in numbers, shapes, names, metadata and
 * recipe, and told within 100 columns. */
#include "tensors_bed.h"

static const struct bed_tensor rows[] = {
    {"backbone.conv.weight", {3, 4}, 1, 13},
    {"backbone.fc.weight", {2, 2}, 1, 1},
    {"projector.w", {1, 2}, 3, 4},
    {"queue", {2, 8}, 5, 5},
};

static char *page(enum weights_order order, bool *ret_same)
{
    char *text;
    size_t len;
    struct weights w[2];
    struct weights_pair pair;
    for (int i = 0; i < 2; i++) {
        bed_open(i, NULL, &w[i]);
        weights_sort(&w[i], order);
    }
    assert_int_equal(weights_pair_new(&w[0], &w[1], order, &pair), 0);
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_int_equal(weights_pair_tell(&pair, out), 0);
    fclose(out);
    *ret_same = weights_pair_same(&pair);
    weights_pair_done(&pair);
    weights_done(&w[0]);
    weights_done(&w[1]);
    bed_assert_narrow(text);
    return text;
}

static void test_same(void **state)
{
    (void)state;
    bool same;
    bed_write(0, rows, ARRAY_LEN(rows), NULL, true);
    bed_write(1, rows, ARRAY_LEN(rows), NULL, true);
    char *text = page(WEIGHTS_BY_NAME, &same);
    assert_true(same);
    bed_assert_has(text, "\n4 of 4 tensors of the same name and shape are the same, bit for bit\n");
    assert_null(strstr(text, "metadata"));
    assert_null(strstr(text, "differ"));
    free(text);
}

static void test_differences(void **state)
{
    (void)state;
    static const struct bed_tensor other[] = {
        {"backbone.conv.weight", {3, 4}, 1, 13},
        {"backbone.fc.weight", {2, 2}, 1, 3},
        {"predictor.w", {5, 1}, 1, 1},
        {"projector.w", {1, 2}, -3, -4},
        {"queue", {2, 16}, 5, 5},
    };
    static const char *const there[] = {
        "step", "10", "note", "n", "recipe", "optim:\n    base_lr: 0.5\n    old: 1\n", NULL};
    static const char *const here[] = {"step",  "20", "recipe", "optim:\n    base_lr: 0.25\n",
                                       "extra", "e",  NULL};
    static const char *const wanted[] = {
        "  step               10                                   20\n",
        "  note               n                                    -\n",
        "  extra              -                                    e\n",
        "  optim.base_lr                  0.5                            0.25\n",
        "  optim.old                      1                              -\n",
        "\nonly in b: 1 tensor\n  predictor.w  ",
        "[2,8]                 F32 [2,16]\n",
        "  backbone.fc.weight                     F32      [2,2]                     2         1  "
        "0.8660254\n",
        "  projector.w                            F32      [1,2]                     8         2 "
        "-1.0000000\n",
        "\n1 of 3 tensors of the same name and shape are the same, bit for bit\n",
    };
    bool same;
    bed_write(0, rows, ARRAY_LEN(rows), there, true);
    bed_write(1, other, ARRAY_LEN(other), here, false);
    char *text = page(WEIGHTS_BY_NAME, &same);
    assert_false(same);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        bed_assert_has(text, wanted[i]);
    assert_null(strstr(text, "only in a"));
    assert_true(strstr(text, "backbone.fc") < strstr(text, "projector.w"));
    free(text);
    text = page(WEIGHTS_BY_DIFFERENCE, &same);
    assert_true(strstr(text, "backbone.fc") > strstr(text, "projector.w"));
    free(text);
}

/* A tensor that only one has is a difference, even where all others are the same. */
static void test_one_more(void **state)
{
    (void)state;
    bool same;
    bed_write(0, rows, ARRAY_LEN(rows), NULL, false);
    bed_write(1, rows, ARRAY_LEN(rows) - 1, NULL, false);
    char *text = page(WEIGHTS_BY_NAME, &same);
    assert_false(same);
    bed_assert_has(text, "\nonly in a: 1 tensor\n  queue ");
    free(text);
}

static void test_not_finite(void **state)
{
    (void)state;
    static const struct bed_tensor a[] = {{"w", {1, 3}, 1, NAN}}, b[] = {{"w", {1, 3}, 2, 1}};
    bool same;
    bed_write(0, a, 1, NULL, false);
    bed_write(1, b, 1, NULL, false);
    char *text = page(WEIGHTS_BY_MAX, &same);
    bed_assert_has(text, "NOT FINITE in one or both: 1 pairs of numbers");
    free(text);
    bed_write(1, a, 1, NULL, false);
    text = page(WEIGHTS_BY_MAX, &same);
    assert_true(same); /* NaN and all */
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_one_more),
        cmocka_unit_test(test_not_finite),
    };
    return cmocka_run_group_tests(tests, bed_new, bed_done);
}
