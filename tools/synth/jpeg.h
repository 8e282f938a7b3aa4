/* SPDX-License-Identifier: Apache-2.0 */
/* jpeg: pixels -> a baseline JPEG file, for tools and tests that make their own images. */
#ifndef AUGSTREAM_TOOLS_JPEG_H
#define AUGSTREAM_TOOLS_JPEG_H

#include <stdint.h>

/* rgb [h][w][3], 4:2:0, quality 1..100. Written whole or not at all. */
int jpeg_write(const char *path, const uint8_t *rgb, uint32_t w, uint32_t h, int quality);

#endif
