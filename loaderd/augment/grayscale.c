/* SPDX-License-Identifier: Apache-2.0 */
/* grayscale: all three channels become the luma: the plain C, a row at a time, in place. Any
 * thread; owns nothing. */
#include "loaderd/augment/parts.h"

void grayscale_row(float *const row[3], size_t n, const struct colour_step *step)
{
    (void)step;
    float *restrict red = row[0], *restrict green = row[1], *restrict blue = row[2];
    for (size_t i = 0; i < n; i++) {
        const float luma = LUMA_R * red[i] + LUMA_G * green[i] + LUMA_B * blue[i];
        red[i] = luma;
        green[i] = luma;
        blue[i] = luma;
    }
}
