/* SPDX-License-Identifier: Apache-2.0 */
/* grayscale: all three planes become the luma, in place. Any thread; owns nothing. */
#include "loaderd/augment/augment.h"

void grayscale_apply(float *x, uint32_t size)
{
    const size_t pixels = (size_t)size * size;
    float *restrict red = x, *restrict green = x + pixels, *restrict blue = x + 2 * pixels;
    for (size_t i = 0; i < pixels; i++) {
        const float luma = LUMA_R * red[i] + LUMA_G * green[i] + LUMA_B * blue[i];
        red[i] = luma;
        green[i] = luma;
        blue[i] = luma;
    }
}
