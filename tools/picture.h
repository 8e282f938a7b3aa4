/* SPDX-License-Identifier: Apache-2.0 */
/* picture: a canvas of RGB pixels that tools draw on: other pictures, outlines, words in a small
 * built-in font; then a PNG file (trainer/watch/picture, the door to libpng). Everything is clipped
 * to the canvas. Colours are 0xRRGGBB, places and sizes are pixels. */
#ifndef AUGSTREAM_TOOLS_PICTURE_H
#define AUGSTREAM_TOOLS_PICTURE_H

#include <stddef.h>
#include <stdint.h>

enum {
    CANVAS_SIDE_MAX = 1 << 15,
    CANVAS_PIXELS_MAX = 1 << 27,
    CANVAS_TEXT_W = 6, /* of one character at zoom 1, the space behind it counted */
    CANVAS_TEXT_H = 9, /* of a line, what hangs below it counted */
};

struct canvas {
    uint8_t *rgb; /* [h][w][3] */
    uint32_t w, h;
};

struct canvas_rect {
    int32_t x, y, w, h;
};

struct canvas_source {
    const uint8_t *rgb; /* [h][w][3] */
    uint32_t w, h;
};

/* All of it in one colour. -E2BIG above the bounds, -ENOMEM. */
int canvas_init(struct canvas *canvas, uint32_t w, uint32_t h, uint32_t colour);
void canvas_done(struct canvas *canvas); /* fine on a zeroed one */

void canvas_fill(struct canvas *canvas, struct canvas_rect rect, uint32_t colour);

/* An outline of `thick` pixels, which lie inside the rectangle. */
void canvas_outline(struct canvas *canvas, struct canvas_rect rect, int32_t thick, uint32_t colour);

/* The source with its upper left corner at (x, y), each pixel zoom x zoom. */
void canvas_blit(struct canvas *canvas, int32_t x, int32_t y, const struct canvas_source *source,
                 uint32_t zoom);

/* One line, its upper left corner at (x, y). What is no printable ASCII shows as a question mark,
 * one a character. */
void canvas_text(struct canvas *canvas, int32_t x, int32_t y, uint32_t zoom, uint32_t colour,
                 const char *text);
uint32_t canvas_text_w(const char *text, uint32_t zoom); /* the pixels it takes */

/* The file is written whole or not at all. */
int canvas_save(const struct canvas *canvas, const char *path);

/* font.c: a character's rows from the top, CANVAS_TEXT_H of five signs each ('#' is ink) with a
 * space between them. */
const char *font_glyph(unsigned char character);

#endif
