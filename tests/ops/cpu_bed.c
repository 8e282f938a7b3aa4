/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bed: see cpu_bed.h. Owner: a table owns its kernels' shared memory. */
#include "cpu_bed.h"

#include <stdio.h>
#include <stdlib.h>

static const int threads_tried[] = {1, 2, 3, 8};
enum { TRIED = ARRAY_LEN(threads_tried) };

struct table {
    struct ops ops; /* first: ops_close frees the whole */
    struct cpu cpu;
    char name[32];
};

const char *cpu_isa_name(enum cpu_isa isa)
{
    static const char *const names[CPU_ISAS] = {
        [CPU_PLAIN] = "plain", [CPU_AVX2] = "avx2", [CPU_AVX512] = "avx512"};
    return names[isa];
}

bool cpu_isa_next(enum cpu_isa *isa)
{
    while (*isa < CPU_ISAS && !cpu_isa_has(*isa))
        ++*isa;
    return *isa < CPU_ISAS;
}

static void table_close(struct ops *ops)
{
    cpu_done(ops->state);
}

struct ops *cpu_table_new(enum cpu_isa isa, int threads)
{
    struct table *table = calloc(1, sizeof(*table));
    assert_non_null(table);
    snprintf(table->name, sizeof table->name, "%s, %d threads", cpu_isa_name(isa), threads);
    table->ops.threads = threads;
    ops_ref_fill(&table->ops);
    assert_int_equal(cpu_init(&table->cpu, &table->ops, isa), 0);
    table->ops.name = table->name;
    table->ops.close = table_close;
    return &table->ops;
}

static void run(struct bed *bed, const struct op_case *c, enum cpu_isa isa, int threads)
{
    bed_init_ops(bed, cpu_table_new(isa, threads));
    c->run(bed, c);
}

static void check(const struct op_case *c, unsigned promises)
{
    static struct bed ref, plain[TRIED], one, got, again;
    bed_init(&ref, "ref", NULL);
    c->run(&ref, c);
    for (size_t t = 0; t < TRIED; t++)
        run(&plain[t], c, CPU_PLAIN, threads_tried[t]);

    for (enum cpu_isa isa = 0; cpu_isa_next(&isa); isa++) {
        run(&one, c, isa, 1);
        for (size_t t = 0; t < TRIED; t++) {
            run(&got, c, isa, threads_tried[t]);
            run(&again, c, isa, threads_tried[t]);
            bed_compare(&ref, &got, false);
            bed_compare(&got, &again, true);
            if (promises & CPU_SAME_ISAS)
                bed_compare(&plain[t], &got, true);
            if (promises & CPU_SAME_THREADS)
                bed_compare(&one, &got, true);
            bed_done(&got);
            bed_done(&again);
        }
        bed_done(&one);
    }
    for (size_t t = 0; t < TRIED; t++)
        bed_done(&plain[t]);
    bed_done(&ref);
}

/* cmocka names the test, not the case. */
static void say(const struct op_case *c)
{
    printf("  %s\n", c->name);
    fflush(stdout);
}

void cpu_check(const struct op_case *cases, size_t n, unsigned promises)
{
    for (size_t i = 0; i < n; i++) {
        say(&cases[i]);
        check(&cases[i], promises);
    }
}

static void run_bf16(struct bed *bed, const struct op_case *c, int threads)
{
    bed_init_ops(bed, cpu_table_new(cpu_isa_best(), threads));
    assert_int_equal(ops_set_dtype(bed->ops, DTYPE_BF16), 0);
    bed->dtype = DTYPE_BF16;
    bed->rounds = true;
    c->run(bed, c);
}

bool cpu_check_bf16(const struct op_case *cases, size_t n)
{
    if (!cpu_bf16_has())
        return false;
    for (size_t i = 0; i < n; i++) {
        say(&cases[i]);
        static struct bed ref, got, again;
        bed_init(&ref, "ref", NULL);
        ref.rounds = true;
        cases[i].run(&ref, &cases[i]);
        for (size_t t = 0; t < TRIED; t++) {
            run_bf16(&got, &cases[i], threads_tried[t]);
            run_bf16(&again, &cases[i], threads_tried[t]);
            bed_compare_norms(&ref, &got, 2e-2);
            bed_compare(&got, &again, true);
            bed_done(&got);
            bed_done(&again);
        }
        bed_done(&ref);
    }
    return true;
}

void cpu_check_allocations(const struct op_case *cases, size_t n, unsigned long (*count)(void))
{
    for (size_t i = 0; i < n; i++) {
        say(&cases[i]);
        for (enum cpu_isa isa = 0; cpu_isa_next(&isa); isa++) {
            struct bed bed;
            bed_init_ops(&bed, cpu_table_new(isa, 3));
            bed.allocations = count;
            cases[i].run(&bed, &cases[i]);
            bed_done(&bed);
        }
    }
}
