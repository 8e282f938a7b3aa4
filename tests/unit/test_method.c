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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
