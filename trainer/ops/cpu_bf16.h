/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bf16: 16 numbers of a bf16 image in a vector, for the cpu_bf16*.c files, which are compiled
 * for AVX-512 with its BF16 part alone and called only where cpu_bf16_has(). Images lie as
 * [N,H,W,C], C a multiple of 16 but where said. Arithmetic is fp32: a number is widened when it is
 * read, which is exact, and rounded to nearest even when it is written. */
#ifndef AUGSTREAM_TRAINER_OPS_CPU_BF16_H
#define AUGSTREAM_TRAINER_OPS_CPU_BF16_H

#include "trainer/ops/cpu_bf16_half.h"

#include <immintrin.h>

enum { BF16_LANES = 16 };

static inline __m512 bf16_load(const uint16_t *p)
{
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

static inline void bf16_store(uint16_t *p, __m512 v)
{
    _mm256_storeu_si256((void *)p, (__m256i)_mm512_cvtneps_pbh(v));
}

#endif
