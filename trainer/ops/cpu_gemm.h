/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_gemm: one thread's product of two matrices in any strides, for the kernels that cut a larger
 * product among threads. */
#ifndef AUGSTREAM_TRAINER_OPS_CPU_GEMM_H
#define AUGSTREAM_TRAINER_OPS_CPU_GEMM_H

#include <stdbool.h>
#include <stddef.h>

/* c[i,j] = (accumulate ? c[i,j] : 0) + sum over k of a[i,k] * b[k,j], with element [i,k] of a at
 * a + i * a_i + k * a_k and so on. Of each matrix one stride should be 1; c_j = 1 is best. */
struct gemm {
    size_t m, n, k;
    const float *a;
    size_t a_i, a_k;
    const float *b;
    size_t b_k, b_j;
    float *c;
    size_t c_i, c_j;
    bool accumulate;
};

enum {
    GEMM_DEPTH = 256,   /* of k, packed at a time */
    GEMM_BLOCK_I = 96,  /* of a: 96 KiB; a multiple of every tile's height */
    GEMM_STRIP_J = 512, /* of b: 512 KiB; a multiple of every tile's width */
    GEMM_PACK_FLOATS = GEMM_DEPTH * (GEMM_BLOCK_I + GEMM_STRIP_J), /* each thread's `pack` */
};

/* Sums each element in the order of k, in pieces of fixed length: the cut of m and n among threads
 * does not change the bits. Uses fused multiply-add where the machine has it. */
void cpu_gemm_plain(const struct gemm *g, float *pack);
void cpu_gemm_avx2(const struct gemm *g, float *pack);
void cpu_gemm_avx512(const struct gemm *g, float *pack);

#endif
