/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bed: the CPU kernels on a bed. Gives tables of them for one instruction set and one number of
 * threads (convolutions stay ref's), and holds a case on all of them against ref, against plain and
 * against one thread. Failures end the cmocka test. */
#ifndef AUGSTREAM_TESTS_OPS_CPU_BED_H
#define AUGSTREAM_TESTS_OPS_CPU_BED_H

#include "cases.h"

#include "trainer/ops/cpu.h"

/* What promises more than the same bits for the same threads. */
enum cpu_promise {
    CPU_SAME_ISAS = 1,    /* every instruction set gives the same bits */
    CPU_SAME_THREADS = 2, /* any number of threads gives the same bits */
};

const char *cpu_isa_name(enum cpu_isa isa);

/* A table to be closed with ops_close; its name tells the instruction set and the threads. */
struct ops *cpu_table_new(enum cpu_isa isa, int threads);

/* for (enum cpu_isa isa = 0; cpu_isa_next(&isa); isa++): those that this machine has. */
bool cpu_isa_next(enum cpu_isa *isa);

/* Every case on every instruction set with 1, 2, 3 and 8 threads: ref's results within their
 * tolerance, the same bits when run again, and what is promised. */
void cpu_check(const struct op_case *cases, size_t n, unsigned promises);

/* Every case in bf16 with 1, 2, 3 and 8 threads: within 2e-2 of ref's fp32 results by their norms
 * (bf16 has 8 bits: what is read is right to 2e-3, what is written too, and differences of a few
 * such numbers err by a few times that), the same bits when run again. False: this machine has no
 * bf16. */
bool cpu_check_bf16(const struct op_case *cases, size_t n);

/* Every case on every instruction set with 3 threads: no slot takes memory while it runs. */
void cpu_check_allocations(const struct op_case *cases, size_t n, unsigned long (*count)(void));

#endif
