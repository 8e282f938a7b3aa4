/* SPDX-License-Identifier: Apache-2.0 */
/* test_method: the table is whole, and the recipe's choices are its names in its order. */
#include "test.h"

#include "trainer/method/method.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
