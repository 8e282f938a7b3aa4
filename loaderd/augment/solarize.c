/* SPDX-License-Identifier: Apache-2.0 */
/* solarize: inverts every value at or above a threshold: the plain C, a row at a time, in place.
 * Any thread; owns nothing. */
#include "loaderd/augment/parts.h"

void solarize_row(float *const row[3], size_t n, const struct colour_step *step)
{
    for (int c = 0; c < 3; c++)
        for (size_t i = 0; i < n; i++) {
            const float inverted = 1.0f - row[c][i];
            row[c][i] = row[c][i] >= step->factor ? inverted : row[c][i];
        }
}
