/* SPDX-License-Identifier: Apache-2.0 */
/* card: see card.h. Takes a sample's picture, views and records, lays them out, draws them. */
#include "tools/inspect/card.h"

#include "common/auto.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    PAD = 16,    /* between a card's frame and what is in it */
    GAP = 16,    /* between pictures */
    BORDER = 3,  /* of a view, in its colour */
    LARGE = 192, /* pixels that a view's side should have on paper */
    SMALL = 96,
    ACROSS = 4, /* large views in a row */
    ZOOM_WORDS = 2,
    ZOOM_SMALL = 1,
    LINE = (CANVAS_TEXT_H + 2) * ZOOM_WORDS,
    LINE_SMALL = (CANVAS_TEXT_H + 2) * ZOOM_SMALL,
    WORDS_W = CARD_COLUMNS * CANVAS_TEXT_W,
    BELOW = 6, /* from a picture to its words */
    PAPER = 0xFFFFFF,
    FRAME = 0xD0D7DE,
    EMPTY = 0xF0F2F4, /* in place of a picture that is not there */
    INK = 0x1F2328,
    SOFT = 0x57606A,
    RED = 0xCF222E,
};

uint32_t card_colour(uint32_t view)
{
    static const uint32_t colours[OMEGA_VIEWS_MAX] = {
        0xE8590C, 0x1971C2, 0x2F9E44, 0x9C36B5, 0x0C8599, 0xC2255C, 0xB08900, 0x5F3DC4,
        0x66A80F, 0xE03131, 0x3B5BDB, 0x099268, 0xD6336C, 0x846358, 0x495057, 0xAE3EC9,
    };
    return colours[view % OMEGA_VIEWS_MAX];
}

uint32_t card_zoom(uint32_t size, bool small)
{
    const uint32_t side = small ? SMALL : LARGE, zoom = (side + size / 2) / size;
    return zoom ? zoom : 1;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static int32_t bottom(const struct canvas_rect *r)
{
    return r->y + r->h;
}

/* --- where things lie --- */

/* Cells in rows: a picture with its words below. */
struct shelf {
    int32_t x, y, w;              /* its upper left corner, and how wide it may be */
    uint32_t zoom, line, at_most; /* of the words; cells in a row */
    bool small;
};

static uint32_t view_side(const struct card_view *view, bool small)
{
    return view->size * card_zoom(view->size, small) + 2 * BORDER;
}

/* Views first..end of the card; where the shelf ends, and in *ret_right how far its rows go. */
static int32_t shelf_lay(const struct card *card, const struct shelf *s, const uint32_t range[2],
                         struct card_plan *p, int32_t *ret_right)
{
    int32_t x = s->x, y = s->y, end = s->y;
    uint32_t in_row = 0;
    *ret_right = s->x;
    for (uint32_t v = range[0]; v < range[1]; v++) {
        const uint32_t side = view_side(&card->view[v], s->small);
        const uint32_t w = larger(side, WORDS_W * s->zoom), words_h = p->said[v].n * s->line;
        if (in_row > 0 && (in_row == s->at_most || x + (int32_t)w > s->x + s->w)) {
            x = s->x;
            y = end + GAP;
            in_row = 0;
        }
        p->view[v] = (struct canvas_rect){x, y, (int32_t)side, (int32_t)side};
        p->words[v] =
            (struct canvas_rect){x, y + (int32_t)side + BELOW, (int32_t)w, (int32_t)words_h};
        end = bottom(&p->words[v]) > end ? bottom(&p->words[v]) : end;
        x += (int32_t)w;
        *ret_right = x > *ret_right ? x : *ret_right;
        x += GAP;
        in_row++;
    }
    return end;
}

/* The longer side CARD_SOURCE at most; pictures that are small are enlarged by a whole factor. */
static struct canvas_rect source_lay(const struct card *card)
{
    const double w = card->view[0].omega->source_w, h = card->view[0].omega->source_h;
    double scale = CARD_SOURCE / fmax(w, h);
    if (card->source) {
        const uint32_t side = larger(card->source->w, card->source->h);
        const uint32_t zoom = side < CARD_SOURCE ? CARD_SOURCE / side : 1;
        return (struct canvas_rect){PAD, 0, (int32_t)(card->source->w * zoom),
                                    (int32_t)(card->source->h * zoom)};
    }
    if (scale > 1)
        scale = floor(scale);
    return (struct canvas_rect){PAD, 0, (int32_t)fmax(1, rint(w * scale)),
                                (int32_t)fmax(1, rint(h * scale))};
}

/* Line 0 says which view it is. */
static void words_make(const struct card *card, struct card_plan *p)
{
    for (uint32_t v = 0; v < card->n_views; v++) {
        struct card_lines *said = &p->said[v];
        card_words(card->view[v].omega, said);
        said->n = said->n < CARD_LINES ? said->n : CARD_LINES - 1;
        memmove(said->line[1], said->line[0], said->n * sizeof said->line[0]);
        snprintf(said->line[0], sizeof said->line[0], "view %u", v);
        said->n++;
    }
    p->aims = (struct card_lines){.n = 0};
    if (card->large >= 2 && card->kinds)
        card_aims(&card->view[0], &card->view[1], card->kinds, &p->aims);
}

void card_plan(const struct card *card, struct card_plan *ret)
{
    struct card_plan p = {.w = 0};
    int32_t right, right_small = 0;
    words_make(card, &p);
    const int32_t top = PAD + LINE * (card->note[0] ? 2 : 1) + BELOW;
    p.source = source_lay(card);
    p.source.y = top;
    p.caption = (struct canvas_rect){PAD, bottom(&p.source) + BELOW, CARD_SOURCE, LINE};

    const struct shelf shelf = {.x = PAD + CARD_SOURCE + GAP,
                                .y = top,
                                .w = INT16_MAX,
                                .zoom = ZOOM_WORDS,
                                .line = LINE,
                                .at_most = ACROSS};
    int32_t end = shelf_lay(card, &shelf, (uint32_t[]){0, card->large}, &p, &right);
    int32_t left = bottom(&p.caption);
    if (p.aims.n) { /* a line of its own says what they are */
        p.targets =
            (struct canvas_rect){PAD, left + BELOW, CARD_SOURCE, (int32_t)(p.aims.n + 1) * LINE};
        left = bottom(&p.targets);
    }
    end = left > end ? left : end;
    if (card->large < card->n_views) {
        const struct shelf below = {.x = PAD,
                                    .y = end + GAP,
                                    .w = right - PAD,
                                    .zoom = ZOOM_SMALL,
                                    .line = LINE_SMALL,
                                    .at_most = OMEGA_VIEWS_MAX,
                                    .small = true};
        end = shelf_lay(card, &below, (uint32_t[]){card->large, card->n_views}, &p, &right_small);
    }
    right = right_small > right ? right_small : right;
    p.title = (struct canvas_rect){PAD, PAD, right - PAD, LINE};
    p.note = (struct canvas_rect){PAD, PAD + LINE, right - PAD, card->note[0] ? LINE : 0};
    p.w = (uint32_t)right + PAD;
    p.h = (uint32_t)end + PAD;
    *ret = p;
}

struct canvas_rect card_box(const struct omega *o, const struct canvas_rect *source)
{
    const double x = (double)source->w / o->source_w, y = (double)source->h / o->source_h;
    const int32_t left = (int32_t)rint(o->crop_left * x), up = (int32_t)rint(o->crop_top * y);
    const int32_t right = (int32_t)rint((o->crop_left + o->crop_width) * x);
    const int32_t low = (int32_t)rint((o->crop_top + o->crop_height) * y);
    return (struct canvas_rect){source->x + left, source->y + up, right > left ? right - left : 1,
                                low > up ? low - up : 1};
}

void card_corner(const struct omega *o, bool ret[2])
{
    static const bool corners[4][2] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}}; /* turned back, clockwise */
    ret[0] = corners[o->rotation & 3][0] != o->flip;
    ret[1] = corners[o->rotation & 3][1];
}

/* --- drawing --- */

static struct canvas_rect moved(struct canvas_rect r, int32_t x, int32_t y)
{
    r.x += x;
    r.y += y;
    return r;
}

/* As much of a text as a rectangle is wide; two dots where something was cut. */
static void put_cut(struct canvas *c, const struct canvas_rect *r, uint32_t colour,
                    const char *text)
{
    char cut[CARD_TEXT + 4];
    size_t n = strlen(text);
    snprintf(cut, sizeof cut, "%s", text);
    while (n > 0 && canvas_text_w(cut, ZOOM_WORDS) > (uint32_t)r->w) {
        do
            n--;
        while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80);
        snprintf(cut + n, sizeof cut - n, "..");
    }
    canvas_text(c, r->x, r->y, ZOOM_WORDS, colour, cut);
}

/* Behind the title, on its line: the end of a name tells more than its beginning. */
static void put_name(struct canvas *c, const struct canvas_rect *r, const char *title,
                     const char *name)
{
    char cut[CARD_TEXT + 4];
    const int32_t x = (int32_t)((strlen(title) + 2) * CANVAS_TEXT_W * ZOOM_WORDS);
    snprintf(cut, sizeof cut, "%s", name);
    while (*name && x + (int32_t)canvas_text_w(cut, ZOOM_WORDS) > r->w) {
        do
            name++;
        while (((unsigned char)*name & 0xC0) == 0x80);
        snprintf(cut, sizeof cut, "..%s", name);
    }
    if (*name)
        canvas_text(c, r->x + x, r->y, ZOOM_WORDS, SOFT, cut);
}

static void put_lines(struct canvas *c, const struct canvas_rect *r, uint32_t zoom,
                      const struct card_lines *lines, uint32_t first_colour)
{
    for (uint32_t i = 0; i < lines->n; i++)
        canvas_text(c, r->x, r->y + (int32_t)(i * (CANVAS_TEXT_H + 2) * zoom), zoom,
                    i ? INK : first_colour, lines->line[i]);
}

/* Two triangles that look at each other over a line: a mirror. 11 x 7. */
static void put_mirror(struct canvas *c, int32_t x, int32_t y, int32_t zoom)
{
    for (int32_t i = 0; i < 4; i++) {
        const int32_t h = (7 - 2 * i) * zoom;
        canvas_fill(c, (struct canvas_rect){x + i * zoom, y + i * zoom, zoom, h}, PAPER);
        canvas_fill(c, (struct canvas_rect){x + (10 - i) * zoom, y + i * zoom, zoom, h}, PAPER);
    }
    canvas_fill(c, (struct canvas_rect){x + 5 * zoom, y, zoom, 7 * zoom}, PAPER);
}

static bool meet(const struct canvas_rect *a, const struct canvas_rect *b)
{
    return a->x < b->x + b->w && b->x < a->x + a->w && a->y < bottom(b) && b->y < bottom(a);
}

/* The tags of a source picture, each where no other one is. */
struct tags {
    struct canvas_rect of[OMEGA_VIEWS_MAX];
    uint32_t n;
};

/* In its corner of the box; further along towards the middle where others are in the way, a line
 * further down where that ends. */
static struct canvas_rect tag_place(struct tags *tags, const struct canvas_rect *box,
                                    const bool corner[2], int32_t w, int32_t h)
{
    struct canvas_rect tag = {corner[0] ? box->x + box->w - w : box->x,
                              corner[1] ? bottom(box) - h : box->y, w, h};
    for (uint32_t i = 0, tries = 0; i < tags->n && tries < 64; i++)
        if (meet(&tag, &tags->of[i])) {
            tag.x = corner[0] ? tags->of[i].x - w : tags->of[i].x + tags->of[i].w;
            if (tag.x < box->x || tag.x + w > box->x + box->w) {
                tag.x = corner[0] ? box->x + box->w - w : box->x;
                tag.y += corner[1] ? -h : h;
            }
            tries++;
            i = UINT32_MAX; /* from the beginning */
        }
    tags->of[tags->n++] = tag;
    return tag;
}

static void put_tag(struct canvas *c, struct tags *tags, const struct canvas_rect *box,
                    const struct omega *o, uint32_t view, uint32_t zoom)
{
    char number[12];
    bool corner[2];
    snprintf(number, sizeof number, "%u", view);
    card_corner(o, corner);
    const int32_t z = (int32_t)zoom, text = (int32_t)canvas_text_w(number, zoom);
    const int32_t w = text + 4 * z + (o->flip ? 13 * z : 0), h = 11 * z;
    const struct canvas_rect tag = tag_place(tags, box, corner, w, h);
    canvas_fill(c, tag, card_colour(view));
    canvas_text(c, tag.x + 2 * z, tag.y + 2 * z, zoom, PAPER, number);
    if (o->flip)
        put_mirror(c, tag.x + text + 4 * z, tag.y + 2 * z, z);
}

/* Small views first, so that large ones are over them; tags over all. */
static void put_boxes(const struct card *card, struct canvas *c, const struct canvas_rect *source)
{
    struct tags tags = {.n = 0};
    for (uint32_t v = card->n_views; v-- > 0;) {
        const struct canvas_rect box = card_box(card->view[v].omega, source);
        const int32_t thick = v < card->large ? 3 : 2;
        canvas_outline(c, (struct canvas_rect){box.x - 1, box.y - 1, box.w + 2, box.h + 2},
                       thick + 2, PAPER);
        canvas_outline(c, box, thick, card_colour(v));
    }
    for (uint32_t v = 0; v < card->n_views; v++) {
        const struct canvas_rect box = card_box(card->view[v].omega, source);
        put_tag(c, &tags, &box, card->view[v].omega, v, v < card->large ? ZOOM_WORDS : ZOOM_SMALL);
    }
}

static void put_source(const struct card *card, const struct card_plan *p, struct canvas *c,
                       int32_t x, int32_t y)
{
    const struct canvas_rect source = moved(p->source, x, y), caption = moved(p->caption, x, y);
    const struct omega *o = card->view[0].omega;
    char text[CARD_TEXT];
    canvas_fill(c, source, EMPTY);
    canvas_outline(c, (struct canvas_rect){source.x - 1, source.y - 1, source.w + 2, source.h + 2},
                   1, FRAME);
    if (card->source)
        canvas_blit(c, source.x, source.y,
                    &(struct canvas_source){card->source->rgb, card->source->w, card->source->h},
                    (uint32_t)source.w / card->source->w);
    put_boxes(card, c, &source);
    snprintf(text, sizeof text, "%u x %u", o->source_w, o->source_h);
    canvas_text(c, caption.x, caption.y, ZOOM_WORDS, SOFT, text);
}

static void put_view(const struct card *card, const struct card_plan *p, uint32_t v,
                     struct canvas *c, int32_t x, int32_t y)
{
    const struct card_view *view = &card->view[v];
    const struct canvas_rect at = moved(p->view[v], x, y), words = moved(p->words[v], x, y);
    const bool small = v >= card->large;
    canvas_outline(c, at, BORDER, card_colour(v));
    canvas_blit(c, at.x + BORDER, at.y + BORDER,
                &(struct canvas_source){view->pixels, view->size, view->size},
                card_zoom(view->size, small));
    put_lines(c, &words, small ? ZOOM_SMALL : ZOOM_WORDS, &p->said[v], card_colour(v));
}

void card_draw(const struct card *card, const struct card_plan *p, struct canvas *c, int32_t x,
               int32_t y, uint32_t h)
{
    const struct canvas_rect all = {x, y, (int32_t)p->w, (int32_t)h};
    const struct canvas_rect title = moved(p->title, x, y), note = moved(p->note, x, y);
    canvas_fill(c, all, PAPER);
    canvas_outline(c, all, 1, FRAME);
    put_cut(c, &title, INK, card->title);
    put_name(c, &title, card->title, card->name);
    put_cut(c, &note, RED, card->note);
    put_source(card, p, c, x, y);
    for (uint32_t v = 0; v < card->n_views; v++)
        put_view(card, p, v, c, x, y);
    if (p->aims.n) {
        struct canvas_rect at = moved(p->targets, x, y);
        canvas_text(c, at.x, at.y, ZOOM_WORDS, SOFT, "targets of 0 and 1");
        at.y += LINE;
        put_lines(c, &at, ZOOM_WORDS, &p->aims, INK);
    }
}
