/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_pool: every instruction set and number of threads gives ref's bits, at windows that overlap,
 * leave pixels out, hang over the edge or see the whole image; NaN and -inf as PyTorch; refusals.
 */
#include "../ops/cpu_bed.h"

#include "alloc_count.h"
#include "alloc_fault.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const struct op_case cases[] = {
    {"maxpool 1x1/1", case_maxpool, 1, 3, 2, 16, .kernel = 1, .stride = 1},
    {"maxpool 1x1/2", case_maxpool, 1, 5, 4, 32, .kernel = 1, .stride = 2},
    {"maxpool 2x2/3, pixels left out", case_maxpool, 2, 8, 11, 16, .kernel = 2, .stride = 3,
     .levels = 3},
    {"maxpool 3x3/2, one pixel", case_maxpool, 3, 1, 1, 16, .kernel = 3, .stride = 2, .pad = 1},
    {"maxpool 3x3/2, one row", case_maxpool, 1, 1, 9, 48, .kernel = 3, .stride = 2, .pad = 1,
     .levels = 2},
    {"maxpool 5x5/1, one column", case_maxpool, 1, 9, 1, 16, .kernel = 5, .stride = 1, .pad = 4,
     .levels = 2},
    {"maxpool 15x15/4", case_maxpool, 2, 17, 16, 16, .kernel = 15, .stride = 4, .pad = 7},
    {"maxpool 3x3/2, 17 channels", case_maxpool, 2, 7, 7, 17, .kernel = 3, .stride = 2, .pad = 1},
    {"maxpool 16x16/16, 3 channels", case_maxpool, 1, 16, 32, 3, .kernel = 16, .stride = 16},
};

static const struct op_case averages[] = {
    {"avgpool [1,1,1,16]", case_avgpool, 1, 1, 1, 16},
    {"avgpool [1,1,3,15]", case_avgpool, 1, 1, 3, 15},
    {"avgpool [3,5,1,48]", case_avgpool, 3, 5, 1, 48},
    {"avgpool [7,13,11,32]", case_avgpool, 7, 13, 11, 32},
};

static void test_cases(void **state)
{
    (void)state;
    cpu_check(cases, ARRAY_LEN(cases), CPU_SAME_ISAS | CPU_SAME_THREADS);
    cpu_check(averages, ARRAY_LEN(averages), CPU_SAME_ISAS | CPU_SAME_THREADS);
}

static void test_no_allocation(void **state)
{
    (void)state;
    cpu_check_allocations(cases, ARRAY_LEN(cases), alloc_count);
    cpu_check_allocations(averages, ARRAY_LEN(averages), alloc_count);
}

/* One window over 2x2 pixels of 16 channels: which pixel it takes. */
static void test_what_is_no_number(void **state)
{
    (void)state;
    static const struct {
        float pixel[4];
        int taken;
    } windows[] = {
        {{1, NAN, 2, 3}, 1},   /* NaN wins */
        {{NAN, 9, 9, 9}, 0},   /* also when it is first */
        {{NAN, 1, NAN, 9}, 2}, /* of two the last, as PyTorch takes it */
        {{-INFINITY, -INFINITY, -INFINITY, -INFINITY}, 0},
        {{-INFINITY, -INFINITY, -3, -INFINITY}, 2},
        {{1, INFINITY, INFINITY, 2}, 1},
        {{-0.0f, 0.0f, 0.0f, -0.0f}, 0}, /* they are equal: the first */
    };
    const struct maxpool_shape shape = {1, 2, 2, 16, .kernel = 2, .stride = 2};
    for (enum cpu_isa isa = 0; cpu_isa_next(&isa); isa++)
        for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
            struct ops *o = cpu_table_new(isa, 1);
            struct maxpool *pool;
            float x[64], y[16], dy[16], dx[64];
            struct tensor tx = {1, 2, 2, 16, x}, ty = {1, 1, 1, 16, y};
            struct tensor tdx = {1, 2, 2, 16, dx}, tdy = {1, 1, 1, 16, dy};
            for (int k = 0; k < 64; k++)
                x[k] = windows[i].pixel[k / 16];
            for (int k = 0; k < 16; k++)
                dy[k] = (float)(k + 1);
            assert_int_equal(o->maxpool_new(o, &shape, &pool), 0);
            assert_int_equal(o->maxpool_forward(pool, &tx, &ty), 0);
            assert_int_equal(o->maxpool_backward(pool, &tdy, &tdx), 0);
            for (int k = 0; k < 16; k++) {
                float want = windows[i].pixel[windows[i].taken];
                assert_true(isnan(want) ? isnan(y[k]) : y[k] == want);
                for (int pixel = 0; pixel < 4; pixel++)
                    assert_true(dx[pixel * 16 + k] == (pixel == windows[i].taken ? dy[k] : 0));
            }
            o->maxpool_free(pool);
            ops_close(o);
        }
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct maxpool_shape shapes[] = {
        {0, 4, 4, 16, 2, 2, 0},  {1, 0, 4, 16, 2, 2, 0},    {1, 4, 0, 16, 2, 2, 0},
        {1, 4, 4, 0, 2, 2, 0},   {1, 4, 4, 16, 0, 2, 0},    {1, 4, 4, 16, 2, 0, 0},
        {1, 4, 4, 16, 2, 2, -1}, {1, 4, 4, 16, 2, 2, 2},    {1, 4, 4, 16, 5, 1, 0},
        {1, 4, 3, 16, 4, 1, 0},  {1, 20, 20, 16, 16, 1, 0}, /* more taps than a byte counts */
    };
    struct ops *o = cpu_table_new(cpu_isa_best(), 2);
    long held = alloc_held();
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct maxpool *pool = NULL;
        (void)err_set(-EINVAL, "unset");
        if (o->maxpool_new(o, &shapes[i], &pool) != -ENOTSUP)
            fail_msg("shape %zu is not refused", i);
        assert_null(pool);
        assert_string_not_equal(err_text(), "unset");
        assert_int_equal(alloc_held(), held);
    }
    ops_close(o);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const struct maxpool_shape shapes[] = {{2, 4, 4, 16, 2, 2, 0}, {2, 4, 4, 3, 2, 2, 0}};
    struct ops *o = cpu_table_new(cpu_isa_best(), 2);
    long held = alloc_held();
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        for (unsigned long n = 1;; n++) {
            struct maxpool *pool = NULL;
            alloc_fail(n);
            int r = o->maxpool_new(o, &shapes[i], &pool);
            if (!alloc_failed()) {
                alloc_fail(0);
                assert_int_equal(r, 0);
                assert_true(n > 2);
                o->maxpool_free(pool);
                break;
            }
            assert_int_equal(r, -ENOMEM);
            assert_null(pool);
            assert_int_equal(alloc_held(), held);
        }
    o->maxpool_free(NULL);
    assert_int_equal(alloc_held(), held);
    ops_close(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_what_is_no_number),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
