/* SPDX-License-Identifier: Apache-2.0 */
/* flip: mirrors a view left to right, in place. Any thread; owns nothing. */
#include "loaderd/augment/augment.h"

void flip_horizontal(float *x, uint32_t size)
{
    for (size_t row = 0; row < 3 * (size_t)size; row++) {
        float *left = x + row * size, *right = left + size - 1;
        for (; left < right; left++, right--) {
            const float kept = *left;
            *left = *right;
            *right = kept;
        }
    }
}
