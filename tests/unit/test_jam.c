/* SPDX-License-Identifier: Apache-2.0 */
/* jam: acts once after a whole time without any movement; whatever moves begins the time anew. */
#include "test.h"

#include "loaderd/daemon/jam.h"

static void test_stands(void **state)
{
    (void)state;
    struct jam jam = {0};
    assert_false(jam_turn(&jam, false, 0, 0));
    assert_false(jam_turn(&jam, true, 5, 1000));
    assert_false(jam_turn(&jam, true, 5, 1000 + JAM_MAX_MS - 1));
    assert_true(jam_turn(&jam, true, 5, 1000 + JAM_MAX_MS));
    assert_false(jam_turn(&jam, true, 5, 1001 + JAM_MAX_MS)); /* once */
    assert_false(jam_turn(&jam, true, 5, 1000 + 2 * JAM_MAX_MS));
    assert_true(jam_turn(&jam, true, 5, 1001 + 2 * JAM_MAX_MS)); /* and again after as long */
}

static void test_moves(void **state)
{
    (void)state;
    struct jam jam = {0};
    assert_false(jam_turn(&jam, true, 5, 0));
    assert_false(jam_turn(&jam, true, 6, JAM_MAX_MS)); /* slow, but it moves */
    assert_false(jam_turn(&jam, true, 6, 2 * JAM_MAX_MS - 1));
    assert_false(jam_turn(&jam, false, 6, 2 * JAM_MAX_MS - 1)); /* nobody waits */
    assert_false(jam_turn(&jam, true, 6, 2 * JAM_MAX_MS));
    assert_false(jam_turn(&jam, true, 6, 3 * JAM_MAX_MS - 1));
    assert_true(jam_turn(&jam, true, 6, 3 * JAM_MAX_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stands), cmocka_unit_test(test_moves)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
