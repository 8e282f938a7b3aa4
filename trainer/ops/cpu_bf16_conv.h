/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bf16_conv: what the matrix units (AMX) do: products for linear layers, and convolutions of
 * small bf16 images as products. oneDNN 2's own kernels walk over such images one by one and leave
 * the units idle: a 3x3 convolution of 128 images of 2x2 pixels, 512 channels, takes it ten to
 * thirty times as long. */
#ifndef AUGSTREAM_TRAINER_OPS_CPU_BF16_CONV_H
#define AUGSTREAM_TRAINER_OPS_CPU_BF16_CONV_H

#include "trainer/ops/cpu.h"
#include "trainer/ops/cpu_amx.h"

/* Weights and their gradient lie as [out][kernel row][kernel column][in]; their values, where they
 * are read, are rounded to bf16. Scratch memory: cpu->scratch, conv_scratch bytes. */
struct cpu_matrix {
    /* On all threads; the cut does not change the bits. */
    void (*multiply)(const struct cpu *cpu, const struct amx_product *whole);
    bool (*conv_wants)(const struct conv_shape *s);
    size_t (*conv_scratch)(const struct conv_shape *s);
    void (*conv_forward)(const struct cpu *cpu, const struct conv_shape *s, const struct tensor *x,
                         const float *w, struct tensor *y);
    void (*conv_backward_data)(const struct cpu *cpu, const struct conv_shape *s,
                               const struct tensor *dy, const float *w, struct tensor *dx,
                               bool accumulate);
    void (*conv_backward_weight)(const struct cpu *cpu, const struct conv_shape *s,
                                 const struct tensor *x, const struct tensor *dy, float *dw);
};

extern const struct cpu_matrix cpu_amx_matrix;

#endif
