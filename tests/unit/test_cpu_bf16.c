/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bf16: images in and out, pixels to numbers, sums: any count, every number of threads;
 * rounding to nearest even as plain C does it, at its edges. Exit 77 where the machine has no bf16.
 */
#include "../ops/cpu_bed.h"

#include "trainer/ops/cpu_bf16_half.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct op_case cases[] = {
    {"memory [1,1,1,1]", case_memory, 1, 1, 1, 1},
    {"memory [2,3,5,3]", case_memory, 2, 3, 5, 3},
    {"memory [3,33,31,48]", case_memory, 3, 33, 31, 48},
    {"input 1x1", case_input, .n = 1, .h = 1, .w = 1},
    {"input 33x31", case_input, .n = 3, .h = 33, .w = 31},
};

static void images(void **state)
{
    (void)state;
    assert_true(cpu_check_bf16(cases, ARRAY_LEN(cases)));
}

static void halves(void **state)
{
    (void)state;
    static const struct {
        float from;
        uint16_t to;
    } rows[] = {{0, 0},
                {-0.0f, 0x8000},
                {1, 0x3f80},
                {0x1.01p0f, 0x3f80},
                {0x1.010002p0f, 0x3f81},
                {0x1.03p0f, 0x3f82},
                {-0x1.03p0f, 0xbf82},
                {INFINITY, 0x7f80},
                {-INFINITY, 0xff80},
                {0x1.fffffep127f, 0x7f80}};
    float from[ARRAY_LEN(rows) + 17] = {0}, back[ARRAY_LEN(from)];
    struct ops *o = cpu_table_new(cpu_isa_best(), 1);
    uint16_t memory[ARRAY_LEN(from)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        from[i] = from[ARRAY_LEN(from) - 1 - i] = rows[i].from;
        assert_int_equal(bf16_round(rows[i].from), rows[i].to);
    }
    struct tensor t = {1, 1, 1, ARRAY_LEN(from), (float *)memory, DTYPE_BF16};
    assert_int_equal(o->tensor_import(o, from, &t), 0);
    assert_int_equal(o->tensor_export(o, &t, back), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) { /* in a vector, and behind the last one */
        assert_int_equal(memory[i], rows[i].to);
        assert_int_equal(memory[ARRAY_LEN(from) - 1 - i], rows[i].to);
        assert_true(back[i] == bf16_widen(rows[i].to));
    }
    assert_true(isnan(bf16_widen(bf16_round(NAN))));
    from[0] = from[ARRAY_LEN(from) - 1] = NAN;
    assert_int_equal(o->tensor_import(o, from, &t), 0);
    assert_true(isnan(bf16_widen(memory[0])) && isnan(bf16_widen(memory[ARRAY_LEN(from) - 1])));
    ops_close(o);
}

static void sums(void **state)
{
    (void)state;
    uint16_t a[50], sum[51];
    for (size_t count = 0; count <= ARRAY_LEN(a); count += count < 20 ? 1 : 15)
        for (int threads = 1; threads < 4; threads++) {
            for (size_t i = 0; i < ARRAY_LEN(a); i++) {
                a[i] = bf16_round((float)i * 0.37f);
                sum[i] = bf16_round(-(float)i * 1.7f);
            }
            sum[count] = 0x1234;
            cpu_bf16_add(a, sum, count, threads);
            for (size_t i = 0; i < count; i++)
                assert_int_equal(sum[i], bf16_round(bf16_widen(bf16_round(-(float)i * 1.7f)) +
                                                    bf16_widen(a[i])));
            assert_int_equal(sum[count], 0x1234);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images),
        cmocka_unit_test(halves),
        cmocka_unit_test(sums),
    };
    if (!cpu_bf16_has()) {
        printf("skipped: this CPU has no AVX-512 BF16\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
