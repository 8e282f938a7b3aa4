/* SPDX-License-Identifier: Apache-2.0 */
/* pack: the one rounding: a row of three channels becomes interleaved bytes, in plain C. Any
 * thread; owns nothing. */
#include "loaderd/augment/parts.h"

void pack_plain(size_t pitch, const float *const row[3], uint8_t *out)
{
    for (size_t i = 0; i < pitch; i++)
        for (size_t c = 0; c < 3; c++)
            out[3 * i + c] = (uint8_t)(row[c][i] * 255.0f + 0.5f);
}
