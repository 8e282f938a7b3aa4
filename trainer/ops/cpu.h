/* SPDX-License-Identifier: Apache-2.0 */
/* cpu: what a back end that computes on the CPU shares: memory, threads, layout, and kernels for
 * all slots but convolution. The kernels are built for several instruction sets and the best one
 * that the machine has is put into the table. Nothing here knows a library.
 *
 * Layout. [N,H,W,C] with C a multiple of CPU_BLOCK lies as [N, C/16, H, W, 16] ("nChw16c"): a
 * vector is 16 channels of one pixel, and a convolution's inner loop walks along a row. Any other C
 * lies as [N,H,W,C]. With H = W = 1 the two are the same. bf16 lies as [N,H,W,C] always: that is
 * what the matrix units (AMX) read.
 *
 * Threads. Work is cut by shape and thread count alone, and sums are added in one fixed order, so
 * the same threads give the same bits. */
#ifndef AUGSTREAM_TRAINER_OPS_CPU_H
#define AUGSTREAM_TRAINER_OPS_CPU_H

#include "trainer/ops/ops.h"

enum { CPU_BLOCK = 16 };

enum cpu_isa { CPU_PLAIN, CPU_AVX2, CPU_AVX512, CPU_ISAS };

struct cpu_matrix;

/* Where ops->state of a CPU back end points to; a back end that keeps more puts this first. */
struct cpu {
    int threads;
    struct ops ref; /* plain loops, for shapes that are not worth a kernel */
    struct ops
        bf16; /* the slots that bf16 images go to; ref's, which refuse, where there are none */
    struct ops bf16_odd; /* likewise, where channels fill no whole vectors */
    void (*bf16_add)(const uint16_t *a, uint16_t *sum, size_t count, int threads); /* sum += a */
    const struct cpu_matrix *matrix; /* what matrix units do; NULL where there are none */
    char *amx_pack;                  /* cpu_amx.c's: a piece for each thread */
    float *gemm_pack;                /* cpu_gemm.c's: a piece for each thread */
    float *scratch;                  /* one plan's, while it runs */
    size_t scratch_bytes;
};

static inline bool cpu_blocked(int32_t c)
{
    return c % CPU_BLOCK == 0;
}

/* The table of the slots for images that the kernels on blocked fp32 are not for; NULL: they are.
 */
static inline const struct ops *cpu_other(const struct cpu *cpu, enum dtype dtype, int32_t c)
{
    if (dtype == DTYPE_BF16)
        return cpu_blocked(c) ? &cpu->bf16 : &cpu->bf16_odd;
    return cpu_blocked(c) ? NULL : &cpu->ref;
}

bool cpu_isa_has(enum cpu_isa isa); /* built in, and this machine has it */
enum cpu_isa cpu_isa_best(void);

/* Fills the slots of memory, input, batch norm, pooling, linear, rows, losses and optimiser for
 * ops->threads. isa must be one that the machine has. ops->state = cpu, a loan. -ENOMEM. */
int cpu_init(struct cpu *cpu, struct ops *ops, enum cpu_isa isa);
void cpu_done(struct cpu *cpu);

/* Memory as mem_new gives it, for plans; huge pages where it is large. */
void *cpu_alloc(size_t bytes);
void cpu_free(void *p);

/* Grows the scratch memory that all plans share. Call while making a plan; read cpu->scratch while
 * running it. */
int cpu_reserve(struct cpu *cpu, size_t bytes);

void cpu_tensor_fill(struct ops *ops);

/* bf16 (cpu_bf16*.c): AVX-512 with its BF16 part alone. */
bool cpu_bf16_has(void); /* built in, and this machine has it */
void cpu_bf16_fill(struct ops *ops);
void cpu_bf16_odd_fill(struct ops *ops);
void cpu_bf16_bn_fill(struct ops *ops);
void cpu_bf16_pool_fill(struct ops *ops);
/* Rounds once; any count. */
void cpu_bf16_add(const uint16_t *a, uint16_t *sum, size_t count, int threads);

/* One file each, in one copy for each instruction set. */
#define CPU_FILLS(isa)                                                                             \
    void cpu_bn_fill_##isa(struct ops *ops);                                                       \
    void cpu_pool_fill_##isa(struct ops *ops);                                                     \
    void cpu_linear_fill_##isa(struct ops *ops);                                                   \
    void cpu_rows_fill_##isa(struct ops *ops);                                                     \
    void cpu_contrast_fill_##isa(struct ops *ops);                                                 \
    void cpu_sinkhorn_fill_##isa(struct ops *ops);
CPU_FILLS(plain)
CPU_FILLS(avx2)
CPU_FILLS(avx512)

#endif
