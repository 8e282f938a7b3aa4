/* SPDX-License-Identifier: Apache-2.0 */
/* sheet_look: looks at a sheet of `augstream-inspect sheet`. A part of sheet.sh.
 *   sheet_look views SHEET.png BATCH.safetensors FIRST N   the cards show samples FIRST to FIRST +
 * N of the batch, every pixel of their large views enlarged in a border of the view's colour
 *   sheet_look red SHEET.png                               prints how many pixels are of a note's
 * red 0, or 1 with a line that says what is not so. */
#include "common/err.h"
#include "tools/inspect/card.h"
#include "trainer/safetensors.h"

#include <png.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BORDER = 3, RED = 0xCF222E };

static struct canvas sheet;

static int fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    return 1;
}

static bool sheet_read(const char *path)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    if (!png_image_begin_read_from_file(&image, path))
        return false;
    image.format = PNG_FORMAT_RGB;
    sheet = (struct canvas){malloc(PNG_IMAGE_SIZE(image)), image.width, image.height};
    return sheet.rgb && png_image_finish_read(&image, NULL, sheet.rgb, 0, NULL);
}

static const uint8_t *at(uint32_t x, uint32_t y)
{
    return sheet.rgb + 3 * ((size_t)y * sheet.w + x);
}

static bool is(uint32_t x, uint32_t y, uint32_t colour)
{
    const uint8_t *p = at(x, y);
    return ((uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]) == colour;
}

/* Whether a square of `side` with its border around it begins here. */
static bool framed(uint32_t x, uint32_t y, uint32_t side, uint32_t colour)
{
    const uint32_t all = side + 2 * BORDER;
    if (x + all > sheet.w || y + all > sheet.h || (x && is(x - 1, y, colour)) ||
        (y && is(x, y - 1, colour)))
        return false;
    for (uint32_t i = 0; i < all; i++)
        for (uint32_t k = 0; k < BORDER; k++)
            if (!is(x + i, y + k, colour) || !is(x + i, y + all - 1 - k, colour) ||
                !is(x + k, y + i, colour) || !is(x + all - 1 - k, y + i, colour))
                return false;
    return true;
}

static bool shows(uint32_t x, uint32_t y, uint32_t size, uint32_t zoom, const uint8_t *pixels)
{
    for (uint32_t r = 0; r < size * zoom; r++)
        for (uint32_t c = 0; c < size * zoom; c++)
            if (memcmp(at(x + c, y + r), pixels + 3 * (r / zoom * size + c / zoom), 3) != 0)
                return false;
    return true;
}

/* The frames of a view, row by row, are those of the samples in their order. */
static int view_look(uint32_t view, const struct safetensor *t, const long range[2])
{
    const uint32_t size = (uint32_t)t->shape[2], zoom = card_zoom(size, false);
    const size_t image = (size_t)size * size * 3;
    const uint8_t *pixels = (const uint8_t *)t->data + view * (size_t)t->shape[1] * image;
    long found = 0;
    for (uint32_t y = 0; y < sheet.h; y++)
        for (uint32_t x = 0; x < sheet.w; x++) {
            if (!is(x, y, card_colour(view)) || !framed(x, y, size * zoom, card_colour(view)))
                continue;
            if (found == range[1])
                return fail("more views than samples");
            if (!shows(x + BORDER, y + BORDER, size, zoom,
                       pixels + (size_t)(range[0] + found) * image))
                return fail("a view has other pixels");
            found++;
        }
    return found == range[1] ? 0 : fail("a view is missing");
}

static int views_look(const char *batch, const long range[2])
{
    struct safetensors *st;
    if (safetensors_open(batch, &st) < 0)
        return fail(err_text());
    const struct safetensor *t = safetensors_find(st, "views");
    if (!t || t->dtype != ST_U8 || t->ndim != 5 || range[0] + range[1] > t->shape[1])
        return fail("the batch has no such views");
    int rc = 0;
    for (uint32_t v = 0; rc == 0 && v < (uint32_t)t->shape[0]; v++)
        rc = view_look(v, t, range);
    safetensors_close(st);
    return rc;
}

static int red_count(void)
{
    size_t n = 0;
    for (uint32_t y = 0; y < sheet.h; y++)
        for (uint32_t x = 0; x < sheet.w; x++)
            n += is(x, y, RED);
    printf("%zu\n", n);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 3 || !sheet_read(argv[2]))
        return fail("no picture");
    int rc = 64;
    if (strcmp(argv[1], "red") == 0)
        rc = red_count();
    else if (strcmp(argv[1], "views") == 0 && argc == 6)
        rc = views_look(argv[3], (long[]){strtol(argv[4], NULL, 10), strtol(argv[5], NULL, 10)});
    free(sheet.rgb);
    return rc;
}
