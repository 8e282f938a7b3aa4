/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_simd: a vector of floats, and the few things with it that C has no operator for. The cpu_*.c
 * files that include this are compiled once per instruction set (see trainer/meson.build); SIMD()
 * gives each copy's functions a name of its own, and cpu.c picks a copy at run time. Every copy
 * computes the same bits, cpu_gemm.c excepted. */
#ifndef AUGSTREAM_TRAINER_OPS_CPU_SIMD_H
#define AUGSTREAM_TRAINER_OPS_CPU_SIMD_H

#include "trainer/ops/cpu.h"

#include <string.h>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define SIMD(name) name##_avx512
enum { LANES = 16 };
#elif defined(__AVX2__)
#define SIMD(name) name##_avx2
enum { LANES = 8 };
#else
#define SIMD(name) name##_plain
enum { LANES = 8 };
#endif

/* They stand where a type stands. Lanes are read and written with [k]. */
#define vec float __attribute__((vector_size(4 * LANES)))
#define ivec int32_t __attribute__((vector_size(4 * LANES)))
#define uvec uint32_t __attribute__((vector_size(4 * LANES)))

static inline vec vec_load(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof(v)); /* p need not be aligned */
    return v;
}

static inline void vec_store(float *p, vec v)
{
    memcpy(p, &v, sizeof(v));
}

static inline vec vec_set(float x)
{
    return x - (vec){0};
}

/* max(v, 0), but a NaN stays seen. */
static inline vec vec_relu(vec v)
{
    return (vec)((ivec)v & ~(ivec)(v < vec_set(0)));
}

/* a > b ? a : b, so b where a is no number. */
static inline vec vec_max(vec a, vec b)
{
#if defined(__AVX512F__)
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vec)_mm256_max_ps((__m256)a, (__m256)b);
#else
    ivec above = (ivec)(a > b);
    return (vec)((above & (ivec)a) | (~above & (ivec)b));
#endif
}

/* Lane k of v is > 0: bit k % 8 of byte k / 8. */
static inline void mask_store(uint8_t *mask, vec v)
{
#if defined(__AVX512F__)
    uint16_t bits = _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_GT_OQ);
    memcpy(mask, &bits, sizeof(bits));
#elif defined(__AVX2__)
    __m256 above = _mm256_cmp_ps((__m256)v, _mm256_setzero_ps(), _CMP_GT_OQ);
    *mask = (uint8_t)_mm256_movemask_ps(above);
#else
    unsigned bits = 0;
    for (int k = 0; k < LANES; k++)
        bits |= (unsigned)(v[k] > 0) << k;
    *mask = (uint8_t)bits;
#endif
}

/* v where the mask has a bit, else 0. */
static inline vec mask_apply(const uint8_t *mask, vec v)
{
#if defined(__AVX512F__)
    uint16_t bits;
    memcpy(&bits, mask, sizeof(bits));
    return (vec)_mm512_maskz_mov_ps(bits, (__m512)v);
#else
    ivec bit = {1, 2, 4, 8, 16, 32, 64, 128};
    return (vec)((ivec)v & (((int32_t)*mask & bit) == bit));
#endif
}

#endif
