/* SPDX-License-Identifier: Apache-2.0 */
/* picture: see picture.h. Takes pixels and words, gives pixels. The caller's thread; owns the
 * canvas's memory. Opens no library: trainer/watch/picture writes the file. */
#include "tools/picture.h"

#include "common/err.h"
#include "trainer/watch/picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { GLYPH_W = CANVAS_TEXT_W - 1 };

int canvas_init(struct canvas *canvas, uint32_t w, uint32_t h, uint32_t colour)
{
    if (!w || !h || w > CANVAS_SIDE_MAX || h > CANVAS_SIDE_MAX ||
        (uint64_t)w * h > CANVAS_PIXELS_MAX)
        return err_set(-E2BIG, "a picture of %ux%u pixels: a side may have 1 to %d, all %d", w, h,
                       CANVAS_SIDE_MAX, CANVAS_PIXELS_MAX);
    struct canvas made = {.rgb = malloc((size_t)w * h * 3), .w = w, .h = h};
    if (!made.rgb)
        return err_set(-ENOMEM, "out of memory: a picture of %ux%u pixels", w, h);
    canvas_fill(&made, (struct canvas_rect){0, 0, (int32_t)w, (int32_t)h}, colour);
    *canvas = made;
    return 0;
}

void canvas_done(struct canvas *canvas)
{
    free(canvas->rgb);
    *canvas = (struct canvas){0};
}

static int64_t within(int64_t v, int64_t max)
{
    return v < 0 ? 0 : v > max ? max : v;
}

void canvas_fill(struct canvas *canvas, struct canvas_rect rect, uint32_t colour)
{
    const uint8_t ink[3] = {(uint8_t)(colour >> 16), (uint8_t)(colour >> 8), (uint8_t)colour};
    int64_t x0 = within(rect.x, canvas->w), x1 = within((int64_t)rect.x + rect.w, canvas->w);
    int64_t y0 = within(rect.y, canvas->h), y1 = within((int64_t)rect.y + rect.h, canvas->h);
    for (int64_t y = y0; y < y1; y++)
        for (int64_t x = x0; x < x1; x++)
            memcpy(canvas->rgb + 3 * ((size_t)y * canvas->w + (size_t)x), ink, 3);
}

void canvas_outline(struct canvas *canvas, struct canvas_rect r, int32_t thick, uint32_t colour)
{
    int32_t shorter = r.w < r.h ? r.w : r.h;
    if (thick > shorter)
        thick = shorter;
    canvas_fill(canvas, (struct canvas_rect){r.x, r.y, r.w, thick}, colour);
    canvas_fill(canvas, (struct canvas_rect){r.x, r.y + r.h - thick, r.w, thick}, colour);
    canvas_fill(canvas, (struct canvas_rect){r.x, r.y, thick, r.h}, colour);
    canvas_fill(canvas, (struct canvas_rect){r.x + r.w - thick, r.y, thick, r.h}, colour);
}

void canvas_blit(struct canvas *canvas, int32_t x, int32_t y, const struct canvas_source *source,
                 uint32_t zoom)
{
    const uint64_t w = (uint64_t)source->w * zoom, h = (uint64_t)source->h * zoom;
    for (uint64_t v = 0; v < h; v++)
        for (uint64_t u = 0; u < w; u++) {
            int64_t at_x = x + (int64_t)u, at_y = y + (int64_t)v;
            if (at_x >= 0 && at_x < canvas->w && at_y >= 0 && at_y < canvas->h)
                memcpy(canvas->rgb + 3 * ((size_t)at_y * canvas->w + (size_t)at_x),
                       source->rgb + 3 * (v / zoom * source->w + u / zoom), 3);
        }
}

/* The byte is no beginning of a character of UTF-8. */
static int continues(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

void canvas_text(struct canvas *canvas, int32_t x, int32_t y, uint32_t zoom, uint32_t colour,
                 const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (continues(*c))
            continue;
        const char *glyph = font_glyph(*c);
        for (int32_t row = 0; row < CANVAS_TEXT_H; row++)
            for (int32_t column = 0; column < GLYPH_W; column++)
                if (glyph[row * (GLYPH_W + 1) + column] == '#')
                    canvas_fill(canvas,
                                (struct canvas_rect){x + column * (int32_t)zoom,
                                                     y + row * (int32_t)zoom, (int32_t)zoom,
                                                     (int32_t)zoom},
                                colour);
        x += CANVAS_TEXT_W * (int32_t)zoom;
    }
}

uint32_t canvas_text_w(const char *text, uint32_t zoom)
{
    uint32_t n = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        n += !continues(*c);
    return n ? (n * CANVAS_TEXT_W - 1) * zoom : 0;
}

int canvas_save(const struct canvas *canvas, const char *path)
{
    return picture_save(path, canvas->rgb, canvas->w, canvas->h);
}
