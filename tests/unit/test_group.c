/* SPDX-License-Identifier: Apache-2.0 */
/* group: what belongs together by its name, and which tensors are trained ones. */
#include "tensors_bed.h"

#include "tools/inspect/tensors/group.h"

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *group;
    } rows[] = {
        {"backbone.layer1.0.conv1.weight", "backbone"},
        {"augself.crop.0.weight", "augself.crop"},
        {"augself.crop", "augself"},
        {"optim.momentum.backbone.conv1.weight", "optim.momentum.backbone"},
        {"optim.momentum.augself.color.6.bias", "optim.momentum.augself.color"},
        {"optim.momentum.queue", "optim.momentum"},
        {"layer10.1.bn2.bias", "layer10"},
        {"queue", ""},
        {"", ""},
        {".weight", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const size_t length = group_length(rows[i].name);
        if (length != strlen(rows[i].group) || strncmp(rows[i].name, rows[i].group, length) != 0)
            fail_msg("%s: %.*s", rows[i].name, (int)length, rows[i].name);
    }
}

/* The names of a file's trained tensors, one after another. */
static void trained(char *ret, size_t cap)
{
    struct weights w;
    bed_open(0, NULL, &w);
    *ret = 0;
    for (size_t i = 0; i < w.n; i++)
        if (group_trained(w.st, w.momenta, w.weight[i].tensor))
            snprintf(ret + strlen(ret), cap - strlen(ret), "%s ", w.weight[i].tensor->name);
    weights_done(&w);
}

static void test_trained(void **state)
{
    (void)state;
    char names[256];
    static const struct bed_tensor foreign[] = {
        {"bn.num_batches_tracked", {1, 1}, 1, 1}, {"bn.running_mean", {1, 1}, 1, 1},
        {"bn.running_var", {1, 1}, 1, 1},         {"bn.weight", {1, 1}, 1, 1},
        {"running_means.weight", {1, 1}, 1, 1},
    };
    bed_write(0, foreign, ARRAY_LEN(foreign), NULL, false);
    trained(names, sizeof names);
    assert_string_equal(names, "bn.weight running_means.weight ");
    static const struct bed_tensor own[] = {
        {"backbone.w", {1, 1}, 1, 1},
        {"optim.momentum.backbone.w", {1, 1}, 1, 1},
        {"queue", {1, 1}, 1, 1},
        {"target.w", {1, 1}, 1, 1},
    };
    bed_write(0, own, ARRAY_LEN(own), NULL, false);
    trained(names, sizeof names);
    assert_string_equal(names, "backbone.w "); /* what follows another is not trained */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_trained),
    };
    return cmocka_run_group_tests(tests, bed_new, bed_done);
}
