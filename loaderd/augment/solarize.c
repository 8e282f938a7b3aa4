/* SPDX-License-Identifier: Apache-2.0 */
/* solarize: inverts every value at or above a threshold, in place. Any thread; owns nothing. */
#include "loaderd/augment/augment.h"

void solarize_apply(float *x, uint32_t size, float threshold)
{
    const size_t n = 3 * (size_t)size * size;
    for (size_t i = 0; i < n; i++) {
        const float inverted = 1.0f - x[i];
        x[i] = x[i] >= threshold ? inverted : x[i];
    }
}
