/* SPDX-License-Identifier: Apache-2.0 */
/* colours: see colours.h. Takes pixels, gives a histogram. Any thread. Owns nothing. Does not know
 * what the histogram is compared with. */
#include "tools/evaluate/colours.h"

#include <assert.h>
#include <math.h>
#include <string.h>

void colours_measure(const uint8_t *rgb, size_t pixels, uint32_t bins, float *ret)
{
    assert(pixels > 0 && bins > 0 && bins <= COLOURS_BINS_MAX);
    uint32_t count[COLOURS_BINS_MAX * COLOURS_BINS_MAX * COLOURS_BINS_MAX];
    size_t cells = colours_cells(bins);
    memset(count, 0, cells * sizeof(*count));
    for (size_t i = 0; i < pixels; i++) {
        const uint8_t *p = rgb + 3 * i;
        uint32_t r = p[0] * bins / 256, g = p[1] * bins / 256, b = p[2] * bins / 256;
        count[(r * bins + g) * bins + b]++;
    }
    for (size_t i = 0; i < cells; i++)
        ret[i] = (float)sqrt((double)count[i] / (double)pixels);
}
