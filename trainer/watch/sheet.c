/* SPDX-License-Identifier: Apache-2.0 */
/* sheet: see sheet.h. Takes pixels where a batch's frames hold them, gives one picture. Any thread.
 * Encodes nothing: picture does. */
#include "trainer/watch/sheet.h"

#include "common/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 8, SEAM = 2, ACROSS = 6, SMALL = 128, PAPER = 245 };

const uint8_t *sheet_image(const struct sheet_batch *b, uint32_t view, uint32_t sample)
{
    const struct encoder_run *run = b->model->run;
    uint32_t row = view * b->n_samples + sample;
    for (; row >= (uint32_t)run->rows; run++) /* recv has seen to it that they hold all rows */
        row -= (uint32_t)run->rows;
    return run->pixels + (size_t)row * b->sizes[view] * b->sizes[view] * 3;
}

/* One square view of side pixels onto the sheet at (x, y), each pixel zoom x zoom. */
static void put_view(struct sheet *s, uint32_t zoom, const uint8_t *view, uint32_t side,
                     const uint32_t at[2])
{
    for (uint32_t y = 0; y < side * zoom; y++)
        for (uint32_t x = 0; x < side * zoom; x++)
            memcpy(s->rgb + 3 * ((size_t)(at[1] + y) * s->w + at[0] + x),
                   view + 3 * ((size_t)(y / zoom) * side + x / zoom), 3);
}

/* Where the views of a sample lie in its cell, and the cell's size; pixels of the sheet. */
struct cell {
    uint32_t at[OMEGA_VIEWS_MAX][2]; /* x, y */
    uint32_t w, h;
};

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* The large views are a row; the small ones fill rows of at most its width. */
static void cell_lay(struct cell *cell, const struct sheet_batch *b, uint32_t zoom)
{
    uint32_t x = 0, y = 0, row_h = 0;
    cell->w = cell->h = 0;
    for (uint32_t v = 0; v < b->n_views; v++) {
        uint32_t side = b->sizes[v] * zoom;
        if (v == b->large || (v > b->large && x + side > cell->w)) {
            y += row_h + SEAM;
            x = row_h = 0;
        }
        cell->at[v][0] = x;
        cell->at[v][1] = y;
        row_h = larger(row_h, side);
        cell->w = larger(cell->w, x + side);
        cell->h = y + row_h;
        x += side + SEAM;
    }
}

int sheet_draw(const struct sheet_batch *b, uint32_t samples, struct sheet *ret)
{
    samples = b->n_samples < samples ? b->n_samples : samples;
    uint32_t across = samples < ACROSS ? samples : ACROSS, down = (samples + across - 1) / across;
    uint32_t zoom = b->sizes[0] <= SMALL / 2 ? SMALL / b->sizes[0] : 1;
    struct cell cell;
    cell_lay(&cell, b, zoom);
    struct sheet s = {.w = across * (cell.w + GAP) + GAP, .h = down * (cell.h + GAP) + GAP};
    s.rgb = malloc((size_t)s.w * s.h * 3);
    if (!s.rgb)
        return err_set(-ENOMEM, "out of memory: a sheet of %ux%u", s.w, s.h);
    memset(s.rgb, PAPER, (size_t)s.w * s.h * 3);
    for (uint32_t i = 0; i < samples; i++)
        for (uint32_t v = 0; v < b->n_views; v++)
            put_view(&s, zoom, sheet_image(b, v, i), b->sizes[v],
                     (uint32_t[]){GAP + i % across * (cell.w + GAP) + cell.at[v][0],
                                  GAP + i / across * (cell.h + GAP) + cell.at[v][1]});
    *ret = s;
    return 0;
}
