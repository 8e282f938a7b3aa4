/* SPDX-License-Identifier: Apache-2.0 */
/* pack_simd: pack.c with vectors: three floats become one integer of 24 bits, and the integers are
 * pushed together. Little-endian, as every machine with these vectors is. */
#include "loaderd/augment/simd/simd.h"

static inline ivec rounded(const float *p)
{
    return __builtin_convertvector(vec_load(p) * vec_set(255.0f) + vec_set(0.5f), ivec);
}

#define lvec uint64_t __attribute__((vector_size(4 * LANES)))

void SIMD(pack)(size_t pitch, const float *const row[3], uint8_t *out)
{
    for (size_t i = 0; i < pitch; i += LANES) {
        const lvec two =
            (lvec)(rounded(row[0] + i) | rounded(row[1] + i) << 8 | rounded(row[2] + i) << 16);
        const lvec six = (two & 0xffffff) | (two >> 8 & 0xffffff000000); /* bytes in eight */
        for (size_t j = 0; j < LANES / 2; j++, out += 6)
            memcpy(out, (const char *)&six + 8 * j, 8); /* the last two are overwritten next */
    }
}
