/* SPDX-License-Identifier: Apache-2.0 */
/* flip: takes the columns' weights of a crop, gives those of the same crop mirrored, so that the
 * view comes out flipped at no cost. Any thread; owns nothing. */
#include "loaderd/augment/parts.h"

static void swap_indices(uint32_t *a, uint32_t *b)
{
    const uint32_t kept = *a;
    *a = *b;
    *b = kept;
}

void flip_taps(struct crop_taps *columns)
{
    const uint32_t stride = columns->stride;
    for (uint32_t i = 0, j = columns->size - 1; i < j; i++, j--) {
        float *a = columns->weight + (size_t)i * stride, *b = columns->weight + (size_t)j * stride;
        for (uint32_t k = 0; k < stride; k++) {
            const float kept = a[k];
            a[k] = b[k];
            b[k] = kept;
        }
        swap_indices(&columns->first[i], &columns->first[j]);
        swap_indices(&columns->count[i], &columns->count[j]);
    }
}
