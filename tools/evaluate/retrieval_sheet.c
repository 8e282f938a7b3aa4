/* SPDX-License-Identifier: Apache-2.0 */
/* retrieval_sheet: takes what was found, gives one picture: a row for each query, the query at the
 * left, its neighbours behind it in order. A neighbour of the query's label has a green border and
 * the mark =, another a red one and the mark x. The caller's thread; keeps nothing. */
#include "tools/evaluate/retrieval.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    BORDER = 4,
    GAP = 12,
    APART = 2 * GAP, /* the query from its neighbours */
    SMALL = 128,     /* views of at most half of it are zoomed up to it */
    MARK = 16,
    LINES = 3, /* of words under a picture */
    TEXT = 2,  /* zoom of the words */
    LINE = (CANVAS_TEXT_H + 2) * TEXT,
    WORD_W = 10 * CANVAS_TEXT_W * TEXT,  /* room for "label 1234" */
    TITLE_W = 64 * CANVAS_TEXT_W * TEXT, /* and for the three lines above all */
    TOP = GAP + 3 * LINE + GAP,
    PAPER = 0xFFFFFF,
    INK = 0x1F2328,
    SOFT = 0x57606A,
    GREEN = 0x1A7F37,
    RED = 0xCF222E,
};

/* Where things are. One zoom and one cell for both sets, that of the larger views. */
struct plan {
    uint32_t picture;        /* with its border, at most */
    uint32_t cell_w, cell_h; /* with the words under it */
    uint32_t lines;          /* of these */
    uint32_t w, h;           /* of the sheet */
};

static uint32_t zoom_of(const struct views *v)
{
    return v->side <= SMALL / 2 ? (uint32_t)(SMALL / v->side) : 1;
}

static uint32_t side_of(const struct views *v)
{
    return (uint32_t)v->side * zoom_of(v);
}

/* The words under a picture; the last line is the class's name, where a set knows any. */
struct words {
    char line[LINES][CLASS_NAME_MAX];
};

static struct words words_of(const struct table *t, size_t row, const float *cosine)
{
    struct words w;
    const char *name = table_class(t, t->f.labels[row]);
    snprintf(w.line[2], sizeof w.line[2], "%s", name ? name : "");
    if (cosine)
        snprintf(w.line[0], sizeof w.line[0], "%.4f", (double)*cosine);
    else
        snprintf(w.line[0], sizeof w.line[0], "row %zu", row);
    snprintf(w.line[1], sizeof w.line[1], "label %" PRId64, t->f.labels[row]);
    return w;
}

static struct plan plan_of(const struct retrieval *r)
{
    const uint32_t a = side_of(r->query_views), b = side_of(r->bank_views), side = a > b ? a : b;
    struct plan p = {.picture = side + 2 * BORDER};
    p.cell_w = p.picture > WORD_W ? p.picture : WORD_W;
    p.lines = r->queries->f.class_names || r->bank->f.class_names ? LINES : LINES - 1;
    p.cell_h = p.picture + GAP / 2 + p.lines * LINE;
    p.w = GAP + (uint32_t)(r->k + 1) * (p.cell_w + GAP) + APART - GAP;
    p.w = p.w > TITLE_W + 2 * GAP ? p.w : TITLE_W + 2 * GAP;
    p.h = TOP + (uint32_t)r->n_rows * (p.cell_h + GAP);
    return p;
}

int retrieval_sheet_init(const struct retrieval *r, struct canvas *ret)
{
    const struct plan p = plan_of(r);
    return canvas_init(ret, p.w, p.h, PAPER);
}

static void put(struct canvas *c, const struct plan *p, const struct canvas_rect *cell,
                const struct views *v, size_t row, uint32_t colour)
{
    const int32_t size = (int32_t)side_of(v) + 2 * BORDER;
    const int32_t x = cell->x, y = cell->y + (int32_t)p->picture - size; /* on one ground line */
    canvas_outline(c, (struct canvas_rect){x, y, size, size}, BORDER, colour);
    canvas_blit(c, x + BORDER, y + BORDER,
                &(struct canvas_source){views_at(v, row), (uint32_t)v->side, (uint32_t)v->side},
                zoom_of(v));
    if (colour == SOFT)
        return;
    canvas_fill(c, (struct canvas_rect){x + size - MARK, y, MARK, MARK}, colour);
    canvas_text(c, x + size - MARK + 3, y - (colour == GREEN ? 1 : 2), TEXT, PAPER,
                colour == GREEN ? "=" : "x");
}

/* To what a cell has room for; dots stand for the rest. */
static void cut(char *line, uint32_t room)
{
    static const char dots[] = "..";
    if (canvas_text_w(line, TEXT) <= room)
        return;
    for (size_t len = strlen(line);
         len > 0 && canvas_text_w(line, TEXT) + (sizeof dots - 1) * CANVAS_TEXT_W * TEXT > room;)
        line[--len] = 0;
    memcpy(line + strlen(line), dots, sizeof dots);
}

static void put_words(struct canvas *c, const struct plan *p, const struct canvas_rect *cell,
                      struct words *w)
{
    cut(w->line[LINES - 1], p->cell_w);
    for (uint32_t i = 0; i < p->lines; i++)
        canvas_text(c, cell->x, cell->y + (int32_t)(p->picture + GAP / 2 + i * LINE), TEXT,
                    i ? SOFT : INK, w->line[i]);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* What this is a picture of. */
static void put_title(const struct retrieval *r, struct canvas *canvas)
{
    char text[3][128] = {""};
    snprintf(text[0], sizeof text[0], "bank: %.40s, %zu images", last_part(r->bank->name),
             r->bank->f.n);
    snprintf(text[1], sizeof text[1], "queries: %.38s, %zu images", last_part(r->queries->name),
             r->queries->f.n);
    for (size_t i = 0, at = 0; i < r->n_precision; i++)
        at += (size_t)snprintf(text[2] + at, sizeof text[2] - at, "%sprecision@%zu %.2f %%",
                               i ? ", " : "", r->precision[i].at, 100 * r->precision[i].value);
    for (int32_t i = 0; i < 3; i++)
        canvas_text(canvas, GAP, GAP + i * LINE, TEXT, i < 2 ? SOFT : INK, text[i]);
}

void retrieval_sheet_draw(const struct retrieval *r, struct canvas *canvas)
{
    const struct plan p = plan_of(r);
    put_title(r, canvas);
    for (size_t i = 0; i < r->n_rows; i++) {
        const size_t query = r->rows[i];
        struct canvas_rect cell = {.x = GAP, .y = (int32_t)(TOP + i * (p.cell_h + GAP))};
        struct words words = words_of(r->queries, query, NULL);
        put(canvas, &p, &cell, r->query_views, query, SOFT);
        put_words(canvas, &p, &cell, &words);
        cell.x += (int32_t)p.cell_w + APART;
        for (size_t j = 0; j < r->k; j++) {
            const struct neighbour *n = &r->nearest[i * r->k + j];
            words = words_of(r->bank, n->row, &n->cosine);
            put(canvas, &p, &cell, r->bank_views, n->row,
                retrieval_match(r, query, n->row) ? GREEN : RED);
            put_words(canvas, &p, &cell, &words);
            cell.x += (int32_t)p.cell_w + GAP;
        }
    }
}
