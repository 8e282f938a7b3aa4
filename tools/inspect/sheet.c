/* SPDX-License-Identifier: Apache-2.0 */
/* sheet: fetches one batch and lays its views out as a contact sheet: the views of a sample touch,
 * the small ones in rows below the others; samples are apart. */
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "tools/inspect/inspect.h"
#include "tools/inspect/picture.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 8, SEAM = 2, SAMPLES_MAX = 256, ACROSS = 6, SMALL = 128, PAPER = 245 };

struct options {
    struct fetch_options fetch;
    const char *out;
    int64_t samples;
};

static const struct usage_option rows[] = {
    FETCH_OPTIONS,
    {"samples", "N", 'n', "the first N samples of the batch, 1 to 256 (default 24)"},
    {"out", "FILE", 'o', "a PNG picture", USAGE_REQUIRED},
};

const struct usage inspect_sheet_usage = {
    .name = "sheet",
    .program = "augstream-inspect",
    .summary = "the views of one batch side by side, into a PNG picture",
    .operands = "ENDPOINT",
    .about = "Fetches one batch as the trainer would and draws its first samples: the views of one "
             "touch, small ones are in rows below them, samples are apart. " FETCH_ENDPOINT,
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&inspect_sheet_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : fetch_option(&o->fetch, key, optarg);
        if (key == 'n')
            rc = inspect_number("samples", optarg, 1, SAMPLES_MAX, &o->samples);
        else if (key == 'o')
            o->out = optarg;
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
    }
    if (optind + 1 != argc || !o->fetch.recipe || !o->out)
        return err_set(-EINVAL, "sheet needs ENDPOINT, --recipe and --out");
    o->fetch.endpoint = argv[optind];
    return 0;
}

/* One square view of side pixels onto the sheet at (x, y), each pixel zoom x zoom. */
struct canvas {
    uint8_t *rgb;
    uint32_t w, h, zoom;
};

static void canvas_put(struct canvas *c, const uint8_t *view, uint32_t side, const uint32_t at[2])
{
    for (uint32_t y = 0; y < side * c->zoom; y++)
        for (uint32_t x = 0; x < side * c->zoom; x++)
            memcpy(c->rgb + 3 * ((size_t)(at[1] + y) * c->w + at[0] + x),
                   view + 3 * ((size_t)(y / c->zoom) * side + x / c->zoom), 3);
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
static void cell_lay(struct cell *cell, const struct wire_batch *h, uint32_t large, uint32_t zoom)
{
    uint32_t x = 0, y = 0, row_h = 0;
    cell->w = cell->h = 0;
    for (uint32_t v = 0; v < h->n_views; v++) {
        uint32_t side = h->sizes[v] * zoom;
        if (v == large || (v > large && x + side > cell->w)) {
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

static int sheet_draw(const struct fetch *fetch, const struct options *o, struct canvas *c)
{
    const struct wire_batch *h = fetch->batch.header;
    uint32_t samples = h->n_samples < o->samples ? h->n_samples : (uint32_t)o->samples;
    uint32_t across = samples < ACROSS ? samples : ACROSS, down = (samples + across - 1) / across;
    c->zoom = h->sizes[0] <= SMALL / 2 ? SMALL / h->sizes[0] : 1;
    struct cell cell;
    cell_lay(&cell, h, (uint32_t)fetch->recipe.views.count, c->zoom);
    c->w = across * (cell.w + GAP) + GAP;
    c->h = down * (cell.h + GAP) + GAP;
    c->rgb = malloc((size_t)c->w * c->h * 3);
    if (!c->rgb)
        return err_set(-ENOMEM, "out of memory: a sheet of %ux%u", c->w, c->h);
    memset(c->rgb, PAPER, (size_t)c->w * c->h * 3);
    for (uint32_t s = 0; s < samples; s++)
        for (uint32_t v = 0; v < h->n_views; v++)
            canvas_put(c, fetch_image(fetch, v, s), h->sizes[v],
                       (uint32_t[]){GAP + s % across * (cell.w + GAP) + cell.at[v][0],
                                    GAP + s / across * (cell.h + GAP) + cell.at[v][1]});
    return 0;
}

int inspect_sheet(int argc, char **argv)
{
    struct options o = {.samples = 24};
    int rc = parse(argc, argv, &o);
    if (rc > 0)
        return EXIT_OK;
    if (rc < 0) {
        log_error("%s", err_text());
        return EXIT_USAGE;
    }
    struct canvas canvas = {0};
    struct fetch *fetch = calloc(1, sizeof *fetch);
    rc = fetch ? fetch_open(fetch, &o.fetch) : err_set(-ENOMEM, "out of memory");
    if (!rc)
        rc = sheet_draw(fetch, &o, &canvas);
    if (!rc)
        rc = picture_save(o.out, canvas.rgb, canvas.w, canvas.h);
    if (!rc)
        printf("%s: %ux%u\n", o.out, canvas.w, canvas.h);
    if (fetch)
        fetch_done(fetch);
    free(fetch);
    free(canvas.rgb);
    return rc ? inspect_fail(rc) : EXIT_OK;
}
