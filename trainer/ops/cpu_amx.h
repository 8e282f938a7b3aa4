/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_amx: one thread's product of two matrices in bf16 with fp32 sums, on the matrix units of x86
 * (AMX). What is fp32 is rounded to bf16 on its way into the packed copies. */
#ifndef AUGSTREAM_TRAINER_OPS_CPU_AMX_H
#define AUGSTREAM_TRAINER_OPS_CPU_AMX_H

#include <stdbool.h>
#include <stddef.h>

/* A matrix in memory: element [line, k] at data + line * line_stride + k * k_stride elements. One
 * of the strides should be 1. */
struct amx_side {
    const void *data;
    size_t line, k; /* strides */
    bool half;      /* bf16, not fp32 */
};

/* c[i,j] = (accumulate ? c[i,j] : 0) + sum over k of a[i,k] * b[j,k], fp32, at c + i * c_i + j. */
struct amx_product {
    size_t m, n, k;
    struct amx_side a, b;
    float *c;
    size_t c_i;
    bool accumulate;
};

enum {
    AMX_DEPTH = 512,    /* of k, packed at a time */
    AMX_BLOCK_I = 128,  /* of a: 128 KiB */
    AMX_STRIP_J = 1024, /* of b: 1 MiB, half of the second cache of a core that has AMX */
    AMX_PACK_BYTES = 2 * AMX_DEPTH * (AMX_BLOCK_I + AMX_STRIP_J), /* each thread's `pack` */
};

/* Built in, and this machine has it and lets this process use it. */
bool cpu_amx_has(void);

/* Sums each element in the order of k, in pieces of fixed length: the cut of m and n among threads
 * does not change the bits. pack: aligned to 64 bytes. */
void cpu_amx_multiply(const struct amx_product *p, void *pack);

#endif
