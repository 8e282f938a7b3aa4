/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_linear: the cut among threads (more threads than there is to cut, either side the longer one)
 * costs no bit; rows that begin at any address; nothing outside a result is touched. */
#include "../ops/cpu_bed.h"

#include "alloc_count.h"

#include <math.h>

/* Threads take multiples of 48 rows or columns, whichever there are more of. */
static const struct op_case cases[] = {
    {"linear [1,1] > 1", case_linear, .n = 1, .c = 1, .out = 1},
    {"linear [1,17] > 1000", case_linear, .n = 1, .c = 17, .out = 1000},
    {"linear [2,3] > 2", case_linear, .n = 2, .c = 3, .out = 2, .plain = true},
    {"linear [47,33] > 5", case_linear, .n = 47, .c = 33, .out = 5},
    {"linear [49,31] > 48", case_linear, .n = 49, .c = 31, .out = 48},
    {"linear [97,1] > 99", case_linear, .n = 97, .c = 1, .out = 99},
    {"linear [400,5] > 3", case_linear, .n = 400, .c = 5, .out = 3, .plain = true},
    {"linear [65,300] > 129", case_linear, .n = 65, .c = 300, .out = 129},
    {"linear [96,96] > 96", case_linear, .n = 96, .c = 96, .out = 96},
};

static void test_cases(void **state)
{
    (void)state;
    cpu_check(cases, ARRAY_LEN(cases), CPU_SAME_THREADS);
}

static void test_no_allocation(void **state)
{
    (void)state;
    cpu_check_allocations(cases, ARRAY_LEN(cases), alloc_count);
}

enum { ROWS = 7, FIRST = 3, SOME = 3, IN = 17, OUT = 19 };

/* Rows 3..5 of x and y, of 17 and 19 features: no vector of theirs is aligned. */
static void test_rows_in_the_middle(void **state)
{
    (void)state;
    for (enum cpu_isa isa = 0; cpu_isa_next(&isa); isa++) {
        struct bed whole, part;
        bed_init_ops(&whole, cpu_table_new(isa, 3));
        bed_init_ops(&part, cpu_table_new(isa, 3));
        struct bed *beds[] = {&whole, &part};
        for (size_t i = 0; i < 2; i++) {
            struct bed *bed = beds[i];
            struct ops *o = bed->ops;
            struct tensor x = bed_tensor(bed, bed_random(bed, ROWS * IN, -1, 1),
                                         (struct tensor){.n = ROWS, .h = 1, .w = 1, .c = IN});
            struct tensor y = bed_tensor(bed, bed_random(bed, ROWS * OUT, 7, 9),
                                         (struct tensor){.n = ROWS, .h = 1, .w = 1, .c = OUT});
            float *w = bed_floats(bed, bed_random(bed, OUT * IN, -1, 1), OUT * IN);
            float *b = bed_floats(bed, bed_random(bed, OUT, -1, 1), OUT);
            struct tensor xs = tensor_rows(&x, FIRST, SOME), ys = tensor_rows(&y, FIRST, SOME);
            assert_int_equal(o->linear_forward(o, i ? &xs : &x, w, b, i ? &ys : &y), 0);
            bed_keep(bed, "y", ys.data, SOME * OUT, 0);
            assert_int_equal(o->linear_backward_data(o, i ? &ys : &y, w, i ? &xs : &x, false), 0);
            bed_keep(bed, "dx", xs.data, SOME * IN, 0);
            for (size_t k = 0; i && k < (ROWS - SOME) * OUT; k++) /* the other rows are as before */
                assert_true(y.data[k < FIRST * OUT ? k : k + SOME * OUT] >= 7);
        }
        bed_compare(&whole, &part, true);
        bed_done(&whole);
        bed_done(&part);
    }
}

/* A NaN in one row of x is seen in that row of y, and in that column of dw. */
static void test_nan_is_seen(void **state)
{
    (void)state;
    for (enum cpu_isa isa = 0; cpu_isa_next(&isa); isa++) {
        struct bed bed;
        bed_init_ops(&bed, cpu_table_new(isa, 2));
        struct ops *o = bed.ops;
        float *host = bed_random(&bed, ROWS * IN, -1, 1);
        host[FIRST * IN + 5] = NAN;
        struct tensor x =
            bed_tensor(&bed, host, (struct tensor){.n = ROWS, .h = 1, .w = 1, .c = IN});
        struct tensor y =
            bed_tensor(&bed, NULL, (struct tensor){.n = ROWS, .h = 1, .w = 1, .c = OUT});
        float *w = bed_floats(&bed, bed_random(&bed, OUT * IN, -1, 1), OUT * IN);
        assert_int_equal(o->linear_forward(o, &x, w, NULL, &y), 0);
        for (size_t i = 0; i < ROWS * OUT; i++)
            assert_int_equal(isnan(y.data[i]) != 0, i / OUT == FIRST);
        assert_int_equal(o->fill(o, y.data, ROWS * OUT, 1), 0);
        assert_int_equal(o->linear_backward_weight(o, &x, &y, w, NULL), 0);
        for (size_t i = 0; i < OUT * IN; i++)
            assert_int_equal(isnan(w[i]) != 0, i % IN == 5);
        bed_done(&bed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_rows_in_the_middle),
        cmocka_unit_test(test_nan_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
