/* SPDX-License-Identifier: Apache-2.0 */
/* paper: a figure of the paper is found only where method, heads, dataset and score agree.
 */
#include "test.h"

#include "tools/evaluate/report/paper.h"

#include <string.h>

static double figure(const char *method, enum paper_heads heads, const char *dataset,
                     const char *score)
{
    struct paper_figure f = {0};
    const struct paper_query q = {method, heads, dataset, score};
    return paper_find(&q, &f) ? f.value : -1;
}

static void is(double found, double published)
{
    if (found != published)
        fail_msg("found %g, published %g", found, published);
}

#define TOP1 "linear_top1"
#define MEAN "linear_mean_per_class"
#define BOX "l2_error"

static void test_published(void **state)
{
    (void)state;
    /* The first and last columns of the table of transfer, and those of the ablation. */
    is(figure("simsiam", PAPER_NONE, "cifar10", TOP1), 82.35);
    is(figure("simsiam", PAPER_BOTH, "flowers", MEAN), 72.18);
    is(figure("simsiam", PAPER_NONE, "cars", TOP1), 16.85);
    is(figure("simsiam", PAPER_NONE, "aircraft", MEAN), 26.06);
    is(figure("simsiam", PAPER_NONE, "caltech101", MEAN), 66.33);
    is(figure("moco", PAPER_NONE, "pets", MEAN), 42.34);
    is(figure("moco", PAPER_BOTH, "sun397", TOP1), 30.93);
    is(figure("simsiam", PAPER_CROP, "stl10", TOP1), 85.98);
    is(figure("simsiam", PAPER_COLOR, "flowers", MEAN), 71.08);
    is(figure("moco", PAPER_BOTH, "cub200", BOX), 0.00429);
    is(figure("supervised", PAPER_NONE, "cub200", BOX), 0.00520);
}

static void test_another_setting(void **state)
{
    (void)state;
    is(figure("simsiam", PAPER_NONE, "flowers", TOP1), -1);
    is(figure("simsiam", PAPER_NONE, "cifar10", MEAN), -1);
    is(figure("simsiam", PAPER_NONE, "cifar10", "knn_1"), -1);
    is(figure("simsiam", PAPER_NONE, "cifar10", "linear_fast_top1"), -1); /* not the protocol */
    is(figure("simsiam", PAPER_NONE, "cifar10", ""), -1);
    is(figure("simsiam", PAPER_OTHER, "cifar10", TOP1), -1);
    is(figure("simsiam", PAPER_CROP, "cifar10", TOP1), -1);
    is(figure("byol", PAPER_NONE, "cifar10", TOP1), -1);
    is(figure("moco", PAPER_NONE, "stl10", TOP1), -1);
    is(figure("simsiam", PAPER_NONE, "cub200", TOP1), -1);
    is(figure("simsiam", PAPER_NONE, "flowers", BOX), -1);
    is(figure("simsiam", PAPER_NONE, "roses", TOP1), -1);
    is(figure("simsiam", PAPER_NONE, "", TOP1), -1);
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
                linear += figure(methods[m], heads, d, TOP1) > 0;
                linear += figure(methods[m], heads, d, MEAN) > 0;
                localize += figure(methods[m], heads, d, BOX) > 0;
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
