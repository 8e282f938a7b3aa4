/* SPDX-License-Identifier: Apache-2.0 */
/* colours: the joint histogram of a picture's colours: red, green and blue are each cut into `bins`
 * equal parts, and each of the bins^3 cells tells the square root of the share of pixels that lie
 * in it. (The root is one-to-one, so the histogram's information stays as it is; it brings cells
 * with few pixels near those with many.) Pure. */
#ifndef AUGSTREAM_TOOLS_COLOURS_H
#define AUGSTREAM_TOOLS_COLOURS_H

#include <stddef.h>
#include <stdint.h>

enum { COLOURS_BINS_MAX = 16 }; /* of a channel: 4096 cells */

static inline size_t colours_cells(uint32_t bins)
{
    return (size_t)bins * bins * bins;
}

/* rgb [pixels][3], one pixel or more; ret [bins^3], cell (r * bins + g) * bins + b; its squares sum
 * to 1. */
void colours_measure(const uint8_t *rgb, size_t pixels, uint32_t bins, float *ret);

#endif
