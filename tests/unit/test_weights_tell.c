/* SPDX-License-Identifier: Apache-2.0 */
/* weights_tell: the page of one file: groups, figures, what is not finite, within 100 columns
 * whatever the names and shapes. */
#include "tensors_bed.h"

/* The page; the caller frees. */
static char *page(enum weights_order order, const char *glob)
{
    char *text;
    size_t len;
    struct weights w;
    bed_open(0, glob, &w);
    weights_weigh(&w);
    weights_sort(&w, order);
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_int_equal(weights_tell(&w, order, out), 0);
    fclose(out);
    weights_done(&w);
    bed_assert_narrow(text);
    return text;
}

static const struct bed_tensor rows[] = {
    {"backbone.bn.running_mean", {1, 2}, 3, 3},
    {"backbone.conv.weight", {3, 4}, 1, 13},
    {"optim.momentum.backbone.conv.weight", {3, 4}, 0, 0},
    {"augself.crop.6.weight", {2, 2}, 0, 8},
};

static void test_groups(void **state)
{
    (void)state;
    static const char *const metas[] = {"step",   "120",  "recipe", "a:\n  b: 1\n",
                                        "format", "x\ny", NULL};
    bed_write(0, rows, ARRAY_LEN(rows), metas, true);
    char *text = page(WEIGHTS_BY_NAME, NULL);
    static const char *const wanted[] = {
        "; sealed, and as it was written\n",
        "  step       120\n",
        "  recipe     2 lines; --recipe prints them\n",
        "  format     x?y\n",
        "\nbackbone: 2 tensors, 14 numbers, of them 12 trained, norm 14.07\n",
        "\naugself.crop: 1 tensor, 4 numbers, norm 8\n",
        "\noptim.momentum.backbone: 1 tensor, 12 numbers, norm 0\n",
        "  conv.weight     F32  [3,4]         1        13         2      3.32      13.4\n",
        "  6.weight        F32  [2,2]         0         8         2      3.46         8  75.0%\n",
        "\nall: 4 tensors, 30 numbers, of them 12 trained\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        bed_assert_has(text, wanted[i]);
    assert_null(strstr(text, "crc32c"));
    assert_null(strstr(text, "NOT FINITE"));
    free(text);
    text = page(WEIGHTS_BY_NORM, "*.conv.weight");
    bed_assert_has(text, "  optim.momentum~one.conv.weight F32  [3,4]  ");
    bed_assert_has(text, "all: 2 tensors, 24 numbers, of them 12 trained; 2 more are not shown\n");
    assert_null(strstr(text, "backbone: "));
    free(text);
}

static void test_odd(void **state)
{
    (void)state;
    char name[SAFETENSORS_NAME_MAX] = "x.";
    memset(name + 2, 'n', sizeof name - 3);
    name[20] = '\x1b';
    const struct bed_tensor odd[] = {{"a.w", {2, 3}, NAN, -1e-30f},
                                     {name, {1, 1}, -1e-30f, -1e-30f},
                                     {"a.none", {0, 123456789}, 0, 0},
                                     {"a.nan", {1, 1}, NAN, NAN}};
    const char *const metas[] = {name, name, NULL};
    bed_write(0, odd, ARRAY_LEN(odd), metas, false);
    char *text = page(WEIGHTS_BY_NAME, NULL);
    bed_assert_has(text, "; not sealed\n");
    bed_assert_has(text, "NOT FINITE: 5 of its 6 numbers (5 NaN, 0 infinite)");
    bed_assert_has(text, "[0,123456789]         -         -         -         -         -\n");
    bed_assert_has(text, "2 tensors have NUMBERS THAT ARE NOT FINITE\n");
    assert_null(strchr(text, '\x1b'));
    free(text);
    bed_write(0, NULL, 0, NULL, true); /* nothing in it */
    text = page(WEIGHTS_BY_NAME, NULL);
    bed_assert_has(text, "all: 0 tensors, 0 numbers\n");
    free(text);
}

static void test_damaged(void **state)
{
    (void)state;
    bed_write(0, rows, ARRAY_LEN(rows), NULL, true);
    bed_damage(0);
    char *text = page(WEIGHTS_BY_FILE, NULL);
    bed_assert_has(text, "; sealed, and DAMAGED since\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_odd),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, bed_new, bed_done);
}
