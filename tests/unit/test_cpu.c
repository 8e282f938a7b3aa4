/* SPDX-License-Identifier: Apache-2.0 */
/* cpu: instruction sets and their tables, memory, the shared scratch, failure. */
#include "../ops/cpu_bed.h"

#include "alloc_fault.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static void test_isas(void **state)
{
    (void)state;
    assert_true(cpu_isa_has(CPU_PLAIN));
    assert_true(cpu_isa_has(cpu_isa_best()));
    for (enum cpu_isa isa = cpu_isa_best() + 1; isa < CPU_ISAS; isa++)
        assert_false(cpu_isa_has(isa));
    assert_false(cpu_isa_has(CPU_ISAS));
#if defined(__x86_64__)
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    assert_int_equal(cpu_isa_has(CPU_AVX512), avx512);
    assert_int_equal(cpu_isa_has(CPU_AVX2),
                     __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
#endif
}

/* A row of the table that took another row's kernels would pass every comparison. */
static void test_kernels_of_its_own(void **state)
{
    (void)state;
    struct ops ref = {0};
    ops_ref_fill(&ref);
    for (enum cpu_isa a = 0; cpu_isa_next(&a); a++) {
        struct ops *one = cpu_table_new(a, 1);
        assert_ptr_equal(one->conv_forward, ref.conv_forward);
        for (enum cpu_isa b = 0; cpu_isa_next(&b); b++) {
            struct ops *two = cpu_table_new(b, 1);
            assert_int_equal(one->bn_new == two->bn_new, a == b);
            assert_int_equal(one->bn_forward == two->bn_forward, a == b);
            assert_int_equal(one->maxpool_forward == two->maxpool_forward, a == b);
            assert_int_equal(one->linear_forward == two->linear_forward, a == b);
            assert_int_equal(one->sgd_step == two->sgd_step, a == b);
            assert_int_equal(one->loss_info_nce == two->loss_info_nce, a == b);
            assert_int_equal(one->sinkhorn == two->sinkhorn, a == b);
            ops_close(two);
        }
        ops_close(one);
    }
}

static void assert_clear(const uint8_t *p, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (p[i])
            fail_msg("byte %zu of %zu is %u", i, bytes, p[i]);
}

/* Zero up to the last cache line, also where the heap gives used memory again. */
static void test_memory(void **state)
{
    (void)state;
    static const size_t huge = 2 << 20;
    const size_t sizes[] = {0, 1, 63, 64, 65, 4097, huge - 1, huge, huge + 1, 3 * huge - 64};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (int again = 0; again < 2; again++) {
            size_t whole = (sizes[i] + 63) / 64 * 64;
            uint8_t *p = cpu_alloc(sizes[i]);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % (sizes[i] < huge ? 64 : huge), 0);
            assert_clear(p, whole);
            memset(p, 0xa5, whole);
            cpu_free(p);
        }
    cpu_free(NULL);
}

static void test_memory_is_refused(void **state)
{
    (void)state;
    long held = alloc_held();
    const size_t sizes[] = {SIZE_MAX,
                            SIZE_MAX - 1,
                            SIZE_MAX - 64,
                            SIZE_MAX - (2 << 20),
                            SIZE_MAX - (2 << 20) + 1,
                            SIZE_MAX / 2 - (2 << 20)};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        assert_null(cpu_alloc(sizes[i]));
    assert_int_equal(alloc_held(), held);
}

static void test_reserve(void **state)
{
    (void)state;
    struct ops ops = {.threads = 1};
    struct cpu cpu;
    assert_int_equal(cpu_init(&cpu, &ops, CPU_PLAIN), 0);
    assert_ptr_equal(ops.state, &cpu);
    assert_int_equal(cpu_reserve(&cpu, 0), 0);
    assert_null(cpu.scratch);
    assert_int_equal(cpu_reserve(&cpu, 1000), 0);
    assert_int_equal(cpu.scratch_bytes, 1000);
    memset(cpu.scratch, 0xff, 1000);

    float *old = cpu.scratch;
    assert_int_equal(cpu_reserve(&cpu, 1000), 0); /* what is there is enough */
    assert_int_equal(cpu_reserve(&cpu, 10), 0);
    assert_ptr_equal(cpu.scratch, old);
    assert_int_equal(cpu.scratch_bytes, 1000);

    alloc_fail(1); /* the smaller one stays, for the plans that have it */
    assert_int_equal(cpu_reserve(&cpu, 123456), -ENOMEM);
    assert_non_null(strstr(err_text(), "123456"));
    assert_ptr_equal(cpu.scratch, old);
    assert_int_equal(cpu.scratch_bytes, 1000);

    assert_int_equal(cpu_reserve(&cpu, 123456), 0);
    assert_int_equal(cpu.scratch_bytes, 123456);
    memset(cpu.scratch, 0xff, 123456);
    cpu_done(&cpu);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct ops ops = {.threads = 3};
    struct cpu cpu;
    long held = alloc_held();
    alloc_fail(1);
    assert_int_equal(cpu_init(&cpu, &ops, cpu_isa_best()), -ENOMEM);
    assert_true(alloc_failed());
    assert_int_equal(alloc_held(), held);
    assert_int_equal(cpu_init(&cpu, &ops, cpu_isa_best()), 0);
    assert_int_equal(cpu.threads, 3);
    cpu_done(&cpu);
    assert_int_equal(alloc_held(), held);
}

/* mem_new and mem_free are cpu_alloc and cpu_free: a table's memory outlives nothing of the table.
 */
static void test_table_memory(void **state)
{
    (void)state;
    struct ops *ops = cpu_table_new(cpu_isa_best(), 2);
    float *p = ops->mem_new(ops, 100 * sizeof(float));
    assert_non_null(p);
    assert_clear((uint8_t *)p, 100 * sizeof(float));
    assert_null(ops->mem_new(ops, SIZE_MAX));
    ops_close(ops);
    cpu_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_isas),         cmocka_unit_test(test_kernels_of_its_own),
        cmocka_unit_test(test_memory),       cmocka_unit_test(test_memory_is_refused),
        cmocka_unit_test(test_reserve),      cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_table_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
