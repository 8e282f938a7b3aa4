/* SPDX-License-Identifier: Apache-2.0 */
/* cpu: see cpu.h. Picks the kernels for this machine and keeps the memory that they share. Owner:
 * the back end that calls cpu_init. One thread calls; the kernels use cpu->threads. */
#include "trainer/ops/cpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/err.h"
#include "trainer/ops/cpu_bf16_conv.h"
#include "trainer/ops/cpu_gemm.h"

enum {
    ALIGN = 64,
    HUGE_PAGE = 2 << 20,
};

static bool has_plain(void)
{
    return true;
}

#ifdef HAVE_CPU_X86
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
#endif

bool cpu_bf16_has(void)
{
#ifdef HAVE_CPU_BF16
    return has_avx512() && __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

#define ROW(isa)                                                                                   \
    {                                                                                              \
        has_##isa,                                                                                 \
        {                                                                                          \
            cpu_bn_fill_##isa, cpu_pool_fill_##isa, cpu_linear_fill_##isa, cpu_rows_fill_##isa,    \
                cpu_contrast_fill_##isa, cpu_sinkhorn_fill_##isa                                   \
        }                                                                                          \
    }

static const struct {
    bool (*has)(void);
    void (*fill[6])(struct ops *ops);
} isas[] = {
    [CPU_PLAIN] = ROW(plain),
#ifdef HAVE_CPU_X86
    [CPU_AVX2] = ROW(avx2),
    [CPU_AVX512] = ROW(avx512),
#endif
};

bool cpu_isa_has(enum cpu_isa isa)
{
    return (size_t)isa < sizeof(isas) / sizeof(isas[0]) && isas[isa].has();
}

enum cpu_isa cpu_isa_best(void)
{
    enum cpu_isa isa = CPU_ISAS - 1;
    while (!cpu_isa_has(isa))
        isa--;
    return isa;
}

/* A page of 4 KiB for each of many streams is more than the TLB can hold. */
void *cpu_alloc(size_t bytes)
{
    size_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : ALIGN;
    if (bytes > SIZE_MAX - align)
        return NULL;
    size_t whole = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    void *p = NULL;
    if (posix_memalign(&p, align, whole ? whole : ALIGN) != 0)
        return NULL;
    if (align == HUGE_PAGE)
        (void)madvise(p, whole, MADV_HUGEPAGE); /* a hint: without it all is well, but slower */
    return memset(p, 0, whole ? whole : ALIGN);
}

void cpu_free(void *p)
{
    free(p);
}

static void *mem_new(const struct ops *o, size_t bytes)
{
    (void)o;
    return cpu_alloc(bytes);
}

static void mem_free(const struct ops *o, void *p)
{
    (void)o;
    cpu_free(p);
}

static int matrix_init(struct cpu *cpu, int threads)
{
#ifdef HAVE_CPU_BF16
    if (!cpu_amx_has())
        return 0;
    cpu->amx_pack = cpu_alloc((size_t)threads * AMX_PACK_BYTES);
    if (!cpu->amx_pack)
        return err_set(-ENOMEM, "no memory for matrix products");
    cpu->matrix = &cpu_amx_matrix;
#else
    (void)cpu;
    (void)threads;
#endif
    return 0;
}

int cpu_init(struct cpu *cpu, struct ops *ops, enum cpu_isa isa)
{
    *cpu = (struct cpu){.threads = ops->threads};
    ops_ref_fill(&cpu->ref);
    ops_ref_fill(&cpu->bf16);
    ops_ref_fill(&cpu->bf16_odd);
    ops->no_bf16 = "this CPU has no AVX-512 BF16";
#ifdef HAVE_CPU_BF16
    if (cpu_bf16_has()) {
        cpu_bf16_fill(&cpu->bf16);
        cpu_bf16_odd_fill(&cpu->bf16_odd);
        cpu->bf16.state = cpu->bf16_odd.state = cpu;
        cpu->bf16_add = cpu_bf16_add;
        cpu->bf16.threads = ops->threads;
        ops->no_bf16 = NULL;
    }
#endif
    cpu->gemm_pack = cpu_alloc((size_t)ops->threads * GEMM_PACK_FLOATS * sizeof(float));
    if (!cpu->gemm_pack)
        return err_set(-ENOMEM, "no memory for matrix products");
    int r = matrix_init(cpu, ops->threads);
    if (r < 0)
        return r;
    ops->state = cpu;
    ops->mem_new = mem_new;
    ops->mem_free = mem_free;
    cpu_tensor_fill(ops);
    for (size_t i = 0; i < sizeof(isas[isa].fill) / sizeof(isas[isa].fill[0]); i++)
        isas[isa].fill[i](ops);
    return 0;
}

void cpu_done(struct cpu *cpu)
{
    cpu_free(cpu->gemm_pack);
    cpu_free(cpu->amx_pack);
    cpu_free(cpu->scratch);
}

int cpu_reserve(struct cpu *cpu, size_t bytes)
{
    if (bytes <= cpu->scratch_bytes)
        return 0;
    void *larger = cpu_alloc(bytes);
    if (!larger)
        return err_set(-ENOMEM, "no memory for a plan's scratch of %zu bytes", bytes);
    cpu_free(cpu->scratch);
    cpu->scratch = larger;
    cpu->scratch_bytes = bytes;
    return 0;
}
