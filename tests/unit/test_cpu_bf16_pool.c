/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bf16_pool: every number of threads within bf16 of ref, at windows that overlap, leave pixels
 * out or hang over the edge; no memory is taken by a run; NaN and -inf as PyTorch; refusals. Exit
 * 77 where the machine has no bf16. */
#include "../ops/cpu_bed.h"

#include "alloc_count.h"
#include "trainer/ops/cpu_bf16_half.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

static const struct op_case cases[] = {
    {"maxpool 1x1/2", case_maxpool, 1, 5, 4, 32, .kernel = 1, .stride = 2},
    {"maxpool 2x2/3, pixels left out", case_maxpool, 2, 8, 11, 16, .kernel = 2, .stride = 3,
     .levels = 3},
    {"maxpool 3x3/2, one pixel", case_maxpool, 3, 1, 1, 16, .kernel = 3, .stride = 2, .pad = 1},
    {"maxpool 3x3/2, one row", case_maxpool, 1, 1, 9, 48, .kernel = 3, .stride = 2, .pad = 1,
     .levels = 2},
    {"maxpool 15x15/4", case_maxpool, 2, 17, 16, 16, .kernel = 15, .stride = 4, .pad = 7},
    {"avgpool [1,1,1,16]", case_avgpool, 1, 1, 1, 16},
    {"avgpool [7,13,11,32]", case_avgpool, 7, 13, 11, 32},
};

static void near_ref(void **state)
{
    (void)state;
    assert_true(cpu_check_bf16(cases, ARRAY_LEN(cases)));
}

static void no_allocation(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static struct bed bed;
        bed_init_ops(&bed, cpu_table_new(cpu_isa_best(), 3));
        bed.dtype = DTYPE_BF16;
        bed.allocations = alloc_count;
        cases[i].run(&bed, &cases[i]);
        bed_done(&bed);
    }
}

/* One window over 2x2 pixels: which pixel it takes, and where dy goes. */
static void what_is_no_number(void **state)
{
    (void)state;
    enum { C = 16 };
    static const struct {
        float pixel[4];
        int taken;
    } windows[] = {{{1, NAN, 2, 3}, 1},
                   {{NAN, 9, 9, 9}, 0},
                   {{NAN, 1, NAN, 9}, 2},
                   {{-INFINITY, -INFINITY, -INFINITY, -INFINITY}, 0},
                   {{2, 3, 3, 1}, 1}};
    struct ops *o = cpu_table_new(cpu_isa_best(), 1);
    struct maxpool *pool;
    struct maxpool_shape shape = {1, 2, 2, C, 2, 2, 0, DTYPE_BF16};
    assert_int_equal(o->maxpool_new(o, &shape, &pool), 0);
    for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
        uint16_t x[4 * C], y[C], dy[C], dx[4 * C];
        struct tensor tx = {1, 2, 2, C, (float *)x, DTYPE_BF16}, tdx = tx;
        struct tensor ty = {1, 1, 1, C, (float *)y, DTYPE_BF16}, tdy = ty;
        tdx.data = (float *)dx;
        tdy.data = (float *)dy;
        for (size_t k = 0; k < 4 * C; k++)
            x[k] = bf16_round(windows[i].pixel[k / C]);
        for (size_t k = 0; k < C; k++)
            dy[k] = bf16_round(7);
        assert_int_equal(o->maxpool_forward(pool, &tx, &ty), 0);
        assert_int_equal(o->maxpool_backward(pool, &tdy, &tdx), 0);
        for (size_t k = 0; k < C; k++)
            assert_int_equal(y[k], x[(size_t)windows[i].taken * C + k]);
        for (size_t k = 0; k < 4 * C; k++)
            assert_true(bf16_widen(dx[k]) == ((int)(k / C) == windows[i].taken ? 7 : 0));
    }
    o->maxpool_free(pool);
    ops_close(o);
}

static void refusals(void **state)
{
    (void)state;
    static const struct maxpool_shape shapes[] = {{0, 2, 2, 16, 2, 2, 0, DTYPE_BF16},
                                                  {1, 2, 2, 16, 3, 2, 0, DTYPE_BF16},
                                                  {1, 32, 32, 16, 16, 2, 0, DTYPE_BF16},
                                                  {1, 4, 4, 16, 2, 0, 0, DTYPE_BF16},
                                                  {1, 4, 4, 16, 2, 2, 2, DTYPE_BF16}};
    struct ops *o = cpu_table_new(cpu_isa_best(), 1);
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct maxpool *pool = NULL;
        assert_int_equal(o->maxpool_new(o, &shapes[i], &pool), -ENOTSUP);
        assert_null(pool);
    }
    ops_close(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_ref),
        cmocka_unit_test(no_allocation),
        cmocka_unit_test(what_is_no_number),
        cmocka_unit_test(refusals),
    };
    if (!cpu_bf16_has()) {
        printf("skipped: this CPU has no AVX-512 BF16\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
