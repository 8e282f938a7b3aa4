/* SPDX-License-Identifier: Apache-2.0 */
/* simd: a vector of floats, and the few things with it that C has no operator for. The files in
 * this folder are compiled once per instruction set (see loaderd/meson.build); SIMD() gives each
 * copy's functions a name of its own, and kernels.c picks a copy at run time. Nothing here may
 * round otherwise than the plain C does: no fused multiply-add, no estimates, no other order. */
#ifndef AUGSTREAM_LOADERD_SIMD_H
#define AUGSTREAM_LOADERD_SIMD_H

#include "loaderd/augment/kernels.h"

#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define SIMD(name) name##_avx512
enum { LANES = 16 };
#elif defined(__AVX2__)
#define SIMD(name) name##_avx2
enum { LANES = 8 };
#else
#define SIMD(name) name##_baseline /* SSE2 or NEON */
enum { LANES = 4 };
#endif

/* Rows come in steps of this many vectors. */
enum { STEP = PITCH_STEP / LANES };

/* They stand where a type stands. */
#define vec float __attribute__((vector_size(4 * LANES)))
#define ivec int32_t __attribute__((vector_size(4 * LANES)))

static inline vec vec_load(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof v); /* p need not be aligned */
    return v;
}

static inline void vec_store(float *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

static inline vec vec_set(float x)
{
    return x - (vec){0};
}

/* LANES bytes. */
static inline vec vec_from_bytes(const uint8_t *p)
{
#if defined(__AVX512F__)
    __m128i bytes;
    memcpy(&bytes, p, sizeof bytes);
    return (vec)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
#elif defined(__AVX2__)
    int64_t bytes;
    memcpy(&bytes, p, sizeof bytes);
    return (vec)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(bytes)));
#elif defined(__SSE2__)
    int32_t bytes;
    memcpy(&bytes, p, sizeof bytes);
    const __m128i none = _mm_setzero_si128();
    const __m128i words = _mm_unpacklo_epi8(_mm_cvtsi32_si128(bytes), none);
    return (vec)_mm_cvtepi32_ps(_mm_unpacklo_epi16(words, none));
#else
    return (vec){p[0], p[1], p[2], p[3]};
#endif
}

static inline vec vec_select(ivec mask, vec a, vec b)
{
    return (vec)((mask & (ivec)a) | (~mask & (ivec)b));
}

/* a >= b ? yes : no */
static inline vec vec_if_ge(vec a, vec b, vec yes, vec no)
{
#if defined(__AVX512F__)
    const __mmask16 mask = _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GE_OQ);
    return (vec)_mm512_mask_blend_ps(mask, (__m512)no, (__m512)yes);
#elif defined(__AVX2__)
    const __m256 mask = _mm256_cmp_ps((__m256)a, (__m256)b, _CMP_GE_OQ);
    return (vec)_mm256_blendv_ps((__m256)no, (__m256)yes, mask);
#else
    return vec_select(a >= b, yes, no);
#endif
}

static inline vec vec_abs(vec v)
{
    return (vec)((ivec)v & 0x7fffffff);
}

/* a > b ? a : b and a < b ? a : b, to the sign of a zero. */
static inline vec vec_max(vec a, vec b)
{
#if defined(__AVX512F__)
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vec)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (vec)_mm_max_ps((__m128)a, (__m128)b);
#else
    return vec_select(a > b, a, b);
#endif
}

static inline vec vec_min(vec a, vec b)
{
#if defined(__AVX512F__)
    return (vec)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vec)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (vec)_mm_min_ps((__m128)a, (__m128)b);
#else
    return vec_select(a < b, a, b);
#endif
}

#endif
