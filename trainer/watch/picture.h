/* SPDX-License-Identifier: Apache-2.0 */
/* picture: pixels -> PNG. The door to libpng. */
#ifndef AUGSTREAM_TRAINER_WATCH_PICTURE_H
#define AUGSTREAM_TRAINER_WATCH_PICTURE_H

#include <stddef.h>
#include <stdint.h>

/* rgb [h][w][3]. The file is written whole or not at all. */
int picture_save(const char *path, const uint8_t *rgb, uint32_t w, uint32_t h);

/* The same bytes into memory, which the caller frees. */
int picture_encode(const uint8_t *rgb, uint32_t w, uint32_t h, void **ret, size_t *ret_len);

#endif
