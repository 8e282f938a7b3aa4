/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bf16_half: one number between fp32 and bf16, its upper half, in plain C: exact one way,
 * rounded to nearest even the other; a NaN stays one. */
#ifndef AUGSTREAM_TRAINER_OPS_CPU_BF16_HALF_H
#define AUGSTREAM_TRAINER_OPS_CPU_BF16_HALF_H

#include "trainer/ops/cpu.h"

#include <string.h>

static inline float bf16_widen(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

static inline uint16_t bf16_round(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    if (x != x)
        return (uint16_t)(bits >> 16 | 0x40); /* quiet: the payload's upper bits may all be 0 */
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#endif
