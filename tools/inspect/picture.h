/* SPDX-License-Identifier: Apache-2.0 */
/* picture: pixels -> a PNG file. The door to libpng. */
#ifndef AUGSTREAM_TOOLS_PICTURE_H
#define AUGSTREAM_TOOLS_PICTURE_H

#include <stdint.h>

/* rgb [h][w][3]. Written whole or not at all. */
int picture_save(const char *path, const uint8_t *rgb, uint32_t w, uint32_t h);

#endif
