/* SPDX-License-Identifier: Apache-2.0 */
/* paper: a figure of the paper is found only where method, heads, dataset, verb and metric agree.
 */
#include "test.h"

#include "tools/evaluate/report/paper.h"

#include <string.h>

static double figure(const char *method, enum paper_heads heads, const char *verb,
                     const char *dataset, const char *metric)
{
    struct paper_figure f = {0};
    const struct paper_query q = {method, heads, verb, dataset, metric};
    return paper_find(&q, &f) ? f.value : -1;
}

static void is(double found, double published)
{
    if (found != published)
        fail_msg("found %g, published %g", found, published);
}

#define MEAN "mean-per-class"

static void test_published(void **state)
{
    (void)state;
    /* The first and last columns of the table of transfer, and those of the ablation. */
    is(figure("simsiam", PAPER_NONE, "linear", "cifar10", "top1"), 82.35);
    is(figure("simsiam", PAPER_BOTH, "linear", "flowers", MEAN), 72.18);
    is(figure("simsiam", PAPER_NONE, "linear", "cars", "top1"), 16.85);
    is(figure("simsiam", PAPER_NONE, "linear", "aircraft", MEAN), 26.06);
    is(figure("simsiam", PAPER_NONE, "linear", "caltech101", MEAN), 66.33);
    is(figure("moco", PAPER_NONE, "linear", "pets", MEAN), 42.34);
    is(figure("moco", PAPER_BOTH, "linear", "sun397", "top1"), 30.93);
    is(figure("simsiam", PAPER_CROP, "linear", "stl10", "top1"), 85.98);
    is(figure("simsiam", PAPER_COLOR, "linear", "flowers", MEAN), 71.08);
    is(figure("moco", PAPER_BOTH, "localize", "cub200", ""), 0.00429);
    is(figure("supervised", PAPER_NONE, "localize", "cub200", ""), 0.00520);
}

static void test_another_setting(void **state)
{
    (void)state;
    is(figure("simsiam", PAPER_NONE, "linear", "flowers", "top1"), -1);
    is(figure("simsiam", PAPER_NONE, "linear", "cifar10", MEAN), -1);
    is(figure("simsiam", PAPER_NONE, "knn", "cifar10", "top1"), -1);
    is(figure("simsiam", PAPER_OTHER, "linear", "cifar10", "top1"), -1);
    is(figure("simsiam", PAPER_CROP, "linear", "cifar10", "top1"), -1);
    is(figure("byol", PAPER_NONE, "linear", "cifar10", "top1"), -1);
    is(figure("moco", PAPER_NONE, "linear", "stl10", "top1"), -1);
    is(figure("simsiam", PAPER_NONE, "linear", "cub200", "top1"), -1);
    is(figure("simsiam", PAPER_NONE, "localize", "flowers", ""), -1);
    is(figure("simsiam", PAPER_NONE, "linear", "roses", "top1"), -1);
    is(figure("simsiam", PAPER_NONE, "linear", "", "top1"), -1);
}

static void test_whole_tables(void **state)
{
    (void)state;
    size_t linear = 0, localize = 0, n = 0;
    static const char *const methods[] = {"simsiam", "moco", "byol",
                                          "simclr",  "swav", "supervised"};
    for (; paper_dataset(n); n++)
        for (size_t m = 0; m < ARRAY_LEN(methods); m++)
            for (int heads = PAPER_NONE; heads <= PAPER_OTHER; heads++) {
                const char *d = paper_dataset(n);
                linear += figure(methods[m], heads, "linear", d, "top1") > 0;
                linear += figure(methods[m], heads, "linear", d, MEAN) > 0;
                localize += figure(methods[m], heads, "localize", d, "") > 0;
            }
    assert_int_equal(n, 13);
    assert_int_equal(linear, 4 * 11 + 4 + 2); /* of Flowers' ablation two are in the first table */
    assert_int_equal(localize, 6);
}

static void test_differs(void **state)
{
    (void)state;
    char text[512];
    struct paper_setting ours = {"resnet18", "stl10-unlabelled", 64, 96, 200, 256};
    paper_differs(&ours, sizeof text, text);
    assert_string_equal(text, "");
    ours.epochs = 1;
    paper_differs(&ours, sizeof text, text);
    assert_string_equal(text, "epochs 1, not 200");
    ours = (struct paper_setting){"resnet50", "flowers", 32, 224, 500, 128};
    paper_differs(&ours, sizeof text, text);
    assert_string_equal(text, "resnet50, not ResNet-18; trained on flowers, not STL10; width 32, "
                              "not 64; epochs 500, not 200; pixels 224, not 96; batch 128, not "
                              "256");
    char small[24];
    paper_differs(&ours, sizeof small, small);
    assert_int_equal(strncmp(text, small, strlen(small)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_another_setting),
        cmocka_unit_test(test_whole_tables),
        cmocka_unit_test(test_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
