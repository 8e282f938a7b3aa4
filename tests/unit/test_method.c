/* SPDX-License-Identifier: Apache-2.0 */
/* test_method: the table is whole, and the recipe's choices are its names in its order; what is
 * checked when the dataset is known. */
#include "test.h"

#include "trainer/method/method.h"

#include <errno.h>

static void table(void **state)
{
    (void)state;
    for (int i = 0; i < METHODS; i++) {
        assert_string_equal(methods[i]->name, method_names[i]);
        assert_non_null(methods[i]->build);
        assert_non_null(methods[i]->forward);
        assert_non_null(methods[i]->backward);
        assert_non_null(methods[i]->free);
        methods[i]->free(NULL);
    }
    assert_null(method_names[METHODS]);
    assert_string_equal(method_names[METHOD_SIMSIAM], "simsiam");
}

static void classes(void **state)
{
    (void)state;
    static const struct recipe supervised = {.data = {.dataset = "birds"},
                                             .method = {.name = METHOD_SUPERVISED, .classes = 200}};
    assert_int_equal(method_check_classes(&supervised, 200), 0);
    assert_int_equal(method_check_classes(&supervised, 199), -EINVAL);
    assert_string_equal(err_text(), "method.classes: 200; the dataset birds has 199 classes");
    assert_int_equal(method_check_classes(&supervised, 0), -EINVAL);
    /* who learns no labels does not care, nor does a run of the heads alone */
    static const struct recipe moco = {.method = {.name = METHOD_MOCO, .classes = 7}};
    assert_int_equal(method_check_classes(&moco, 200), 0);
    static const struct recipe only = {.method = {.name = METHOD_SUPERVISED, .classes = 7},
                                       .augself = {.only = true}};
    assert_int_equal(method_check_classes(&only, 200), 0);
}

/* A queue that the dataset cannot fill once without repeating itself. */
static void warning(void **state)
{
    (void)state;
    char text[256] = "";
    struct recipe r = {.data = {.dataset = "birds"},
                       .method = {.name = METHOD_MOCO, .queue.size = 512}};
    assert_false(method_warning(&r, 512, text, sizeof text));
    assert_true(method_warning(&r, 511, text, sizeof text));
    assert_string_equal(text, "method.queue.size: 512 keys of the 511 images of birds: from the "
                              "second epoch on the queue holds an image's own earlier keys among "
                              "its negatives");
    r.method.name = METHOD_SIMCLR; /* has no queue, whatever the recipe says of one */
    assert_false(method_warning(&r, 100, text, sizeof text));
    r.method.name = METHOD_MOCO;
    r.augself.only = true; /* nor has a run of the heads alone */
    assert_false(method_warning(&r, 100, text, sizeof text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(classes),
        cmocka_unit_test(warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
