/* SPDX-License-Identifier: Apache-2.0 */
/* weights: which tensors are chosen, in which order, and what the seal says. */
#include "tensors_bed.h"

#include <errno.h>

static const struct bed_tensor rows[] = {
    {"layer2.w", {1, 4}, 1, 1},  {"layer10.w", {2, 4}, .5, -9}, {"layer2.b", {1, 2}, 0, 0},
    {"queue", {1, 1}, 100, 100}, {"layer10.a", {3, 3}, 2, 2},
};

/* The names in an order, one after another. */
static void names(enum weights_order order, const char *glob, char *ret, size_t cap)
{
    struct weights w;
    bed_open(0, glob, &w);
    weights_weigh(&w);
    weights_sort(&w, order);
    *ret = 0;
    for (size_t i = 0; i < w.n; i++)
        snprintf(ret + strlen(ret), cap - strlen(ret), "%s ", w.weight[i].tensor->name);
    weights_done(&w);
}

static void test_orders(void **state)
{
    (void)state;
    bed_write(0, rows, ARRAY_LEN(rows), NULL, true);
    static const struct {
        enum weights_order order;
        const char *names;
    } orders[] = {
        {WEIGHTS_BY_NAME, "queue layer2.b layer2.w layer10.a layer10.w "},
        {WEIGHTS_BY_FILE, "layer10.a layer10.w layer2.b layer2.w queue "},
        {WEIGHTS_BY_SIZE, "layer10.a layer10.w layer2.w layer2.b queue "},
        {WEIGHTS_BY_NORM, "queue layer10.w layer10.a layer2.w layer2.b "},
        {WEIGHTS_BY_MAX, "queue layer10.w layer10.a layer2.w layer2.b "},
        {WEIGHTS_BY_DEVIATION, "layer10.w layer10.a layer2.b layer2.w queue "},
    };
    char got[256];
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        names(orders[i].order, NULL, got, sizeof got);
        assert_string_equal(got, orders[i].names);
    }
    names(WEIGHTS_BY_NAME, "layer*.w", got, sizeof got);
    assert_string_equal(got, "layer2.w layer10.w ");
    assert_true(weights_order_fits(WEIGHTS_BY_MAX, 1) && weights_order_fits(WEIGHTS_BY_MAX, 2));
    assert_false(weights_order_fits(WEIGHTS_BY_NORM, 2));
    assert_false(weights_order_fits(WEIGHTS_BY_DIFFERENCE, 1));
}

/* NaN last, so that it does not spoil the order of the others. */
static void test_nan_order(void **state)
{
    (void)state;
    static const struct bed_tensor odd[] = {
        {"a", {1, 1}, NAN, NAN}, {"b", {1, 1}, 1, 1}, {"c", {1, 1}, NAN, NAN}, {"d", {1, 1}, 2, 2}};
    char got[64];
    bed_write(0, odd, ARRAY_LEN(odd), NULL, false);
    names(WEIGHTS_BY_MAX, NULL, got, sizeof got);
    assert_string_equal(got, "d b a c ");
}

static void test_seal(void **state)
{
    (void)state;
    struct weights w;
    bed_write(0, rows, ARRAY_LEN(rows), NULL, true);
    bed_open(0, NULL, &w);
    assert_int_equal(w.seal, WEIGHTS_SEALED);
    weights_done(&w);
    bed_damage(0);
    bed_open(0, NULL, &w);
    assert_int_equal(w.seal, WEIGHTS_BROKEN);
    bed_assert_has(w.why, "damaged");
    weights_done(&w);
    bed_write(0, rows, ARRAY_LEN(rows), NULL, false);
    bed_open(0, NULL, &w);
    assert_int_equal(w.seal, WEIGHTS_UNSEALED);
    weights_done(&w);
}

static void test_refused(void **state)
{
    (void)state;
    struct weights w = {0};
    bed_write(0, rows, ARRAY_LEN(rows), NULL, false);
    assert_int_equal(weights_open(&w, bed_path[0], "layer3*"), -ENOENT);
    bed_assert_has(err_text(), "layer3*");
    weights_done(&w);
    assert_int_equal(truncate(bed_path[0], 0), 0);
    assert_int_equal(weights_open(&w, bed_path[0], NULL), -EBADMSG);
    weights_done(&w);
    assert_int_equal(weights_open(&w, bed_folder, NULL), -EBADMSG);
    weights_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_nan_order),
        cmocka_unit_test(test_seal),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, bed_new, bed_done);
}
