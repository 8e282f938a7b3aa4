/* SPDX-License-Identifier: Apache-2.0 */
/* boxes_sheet: takes views and boxes, gives one picture. Each view is drawn on a canvas of its own,
 * which cuts off what is told to lie outside it. The caller's thread; keeps nothing. */
#include "common/err.h"
#include "tools/evaluate/boxes.h"
#include "tools/picture.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

enum {
    GAP = 12,
    ACROSS = 6,
    SMALL = 160, /* smaller views are zoomed to about this */
    ZOOM = 2,    /* of the words */
    LINE = (CANVAS_TEXT_H + 2) * ZOOM,
    THICK = 3,
    PAPER = 0xFFFFFF,
    INK = 0x1F2328,
    GREEN = 0x2EDC5A,
    RED = 0xFF3B3B,
};

/* Where things are, in pixels. */
struct plan {
    uint32_t zoom, side; /* of a view */
    uint32_t across, down, top, w, h;
};

static struct plan plan_of(const struct boxes_sheet *s, size_t shown)
{
    const uint32_t side = (uint32_t)s->views->side;
    struct plan p = {.zoom = side < SMALL ? (SMALL + side / 2) / side : 1};
    p.side = side * p.zoom;
    p.across = shown < ACROSS ? (uint32_t)shown : ACROSS;
    p.down = ((uint32_t)shown + p.across - 1) / p.across;
    p.top = GAP + LINE; /* the colours' names */
    p.w = p.across * (p.side + GAP) + GAP;
    for (size_t i = 0; i < 3 && s->title[i]; i++) {
        const uint32_t w = canvas_text_w(s->title[i], ZOOM) + 2 * GAP;
        p.w = w > p.w ? w : p.w;
        p.top += LINE;
    }
    p.h = p.top + p.down * (p.side + LINE + GAP) + GAP;
    return p;
}

/* A share of the side, in pixels; what is far away is as good as just outside. */
static int32_t pixels(double share, uint32_t side)
{
    return (int32_t)lround(fmin(fmax(share, -2), 3) * side);
}

static void outline(struct canvas *c, const double box[4], uint32_t colour)
{
    const int32_t x = pixels(box[0], c->w), y = pixels(box[1], c->h);
    const struct canvas_rect rect = {x, y, pixels(box[0] + box[2], c->w) - x,
                                     pixels(box[1] + box[3], c->h) - y};
    canvas_outline(c, rect, THICK, colour);
}

static int put_view(const struct boxes_sheet *s, const struct plan *p, size_t row,
                    struct canvas *sheet, const int32_t at[2])
{
    const double *box = s->boxes->y + 4 * row;
    double told[4];
    struct canvas c;
    int rc = canvas_init(&c, p->side, p->side, PAPER);
    if (rc)
        return rc;
    const uint32_t side = (uint32_t)s->views->side;
    canvas_blit(&c, 0, 0, &(struct canvas_source){views_at(s->views, row), side, side}, p->zoom);
    ridge_tell(s->ridge, s->boxes->table->f.x + row * s->boxes->table->f.d, told);
    outline(&c, box, GREEN);
    outline(&c, told, RED);
    canvas_blit(sheet, at[0], at[1], &(struct canvas_source){c.rgb, c.w, c.h}, 1);
    canvas_done(&c);
    char text[64];
    snprintf(text, sizeof text, "%zu: IoU %.2f", row, box_overlap(told, box));
    canvas_text(sheet, at[0], at[1] + (int32_t)p->side + ZOOM, ZOOM, INK, text);
    return 0;
}

static void put_title(const struct boxes_sheet *s, struct canvas *sheet)
{
    int32_t y = GAP / 2;
    for (size_t i = 0; i < 3 && s->title[i]; i++, y += LINE)
        canvas_text(sheet, GAP, y, ZOOM, INK, s->title[i]);
    const int32_t words = GAP + LINE, next = words + (int32_t)canvas_text_w("true ", ZOOM) + LINE;
    const struct canvas_rect square = {GAP, y, LINE - 2 * ZOOM, LINE - 3 * ZOOM};
    canvas_outline(sheet, square, THICK, GREEN);
    canvas_text(sheet, words, y, ZOOM, INK, "true");
    canvas_outline(sheet, (struct canvas_rect){next - LINE, y, square.w, square.h}, THICK, RED);
    canvas_text(sheet, next, y, ZOOM, INK, "predicted");
}

int boxes_sheet_save(const struct boxes_sheet *s, const char *path)
{
    const size_t n = s->boxes->n, shown = n < s->shown ? n : s->shown;
    const struct plan p = plan_of(s, shown);
    struct canvas sheet;
    int rc = canvas_init(&sheet, p.w, p.h, PAPER);
    if (rc)
        return rc;
    put_title(s, &sheet);
    for (size_t i = 0; i < shown && !rc; i++) {
        const int32_t at[2] = {(int32_t)(GAP + i % p.across * (p.side + GAP)),
                               (int32_t)(p.top + i / p.across * (p.side + LINE + GAP))};
        rc = put_view(s, &p, s->boxes->rows[i * n / shown], &sheet, at);
    }
    if (!rc)
        rc = canvas_save(&sheet, path);
    canvas_done(&sheet);
    return rc;
}
