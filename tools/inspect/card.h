/* SPDX-License-Identifier: Apache-2.0 */
/* card: one sample on one piece of paper: the source picture with the box of every view drawn in
 * that view's colour, the views beside it, what was done to each under it, in the order in which it
 * is done, and the normalised targets of the pair that AugSelf learns. Small views lie below.
 *
 *     sample 12  rose  rose/0003.jpg
 *     +------------+  +-------+ +-------+      A box has a tag with the view's number in the corner
 *     | +0---+     |  |       | |       |      that is the view's upper left one. A mirror in the
 *     | |  +-+--1| |  |       | |       |      tag: the view is flipped.
 *     | +--+-+   | |  +-------+ +-------+
 *     |    +-----+ |  view 0    view 1
 *     +------------+  crop ...  crop ...
 *     640 x 480       ...       ...
 *     targets of 0 and 1
 *     crop cy +0.10 ...
 *
 * card_words.c has the words, card.c lays out and draws. Pure but for the canvas; any thread. */
#ifndef AUGSTREAM_TOOLS_INSPECT_CARD_H
#define AUGSTREAM_TOOLS_INSPECT_CARD_H

#include "common/omega.h"
#include "tools/picture.h"

enum {
    CARD_SOURCE = 256, /* pixels of the source picture's longer side, at most */
    CARD_LINES = 16,   /* of words under a view, or of targets */
    CARD_LINE = 48,    /* bytes with the NUL */
    CARD_TEXT = 160,
};

struct card_view {
    const struct omega *omega;
    const struct view_spec *law; /* it was drawn from */
    const uint8_t *pixels;       /* [size][size][3] */
    uint32_t size;
};

/* All loans. */
struct card {
    char title[CARD_TEXT];       /* cut at its end where the card is too narrow */
    char name[CARD_TEXT];        /* behind it; cut at its beginning */
    char note[CARD_TEXT];        /* a line of its own, in red; "": none */
    const struct canvas *source; /* as renderer_source gives it; NULL: an outline in its place */
    uint32_t n_views, large;     /* large: the first so many, the others are small */
    struct card_view view[OMEGA_VIEWS_MAX];
    unsigned kinds; /* bit k: the target of enum augself_kind k is told */
};

struct card_lines {
    uint32_t n;
    char line[CARD_LINES][CARD_LINE];
};

/* Where everything lies; pixels from the card's upper left corner. */
struct card_plan {
    uint32_t w, h;
    struct canvas_rect title, note, source, caption;
    struct canvas_rect view[OMEGA_VIEWS_MAX]; /* with its border */
    struct canvas_rect words[OMEGA_VIEWS_MAX];
    struct canvas_rect targets; /* w 0: none are told */
    struct card_lines said[OMEGA_VIEWS_MAX], aims;
};

void card_plan(const struct card *card, struct card_plan *ret);

/* On the canvas from (x, y) on, h high: at least the plan's. */
void card_draw(const struct card *card, const struct card_plan *plan, struct canvas *canvas,
               int32_t x, int32_t y, uint32_t h);

uint32_t card_colour(uint32_t view);
uint32_t card_zoom(uint32_t size, bool small); /* of a view's pixels */

/* The box of a view within the source's rectangle (plan.source, or any other place of it). */
struct canvas_rect card_box(const struct omega *omega, const struct canvas_rect *source);

/* Which corner of the box is the view's upper left one: right, bottom. */
void card_corner(const struct omega *omega, bool ret[2]);

/* --- card_words.c --- */

enum { CARD_COLUMNS = 16 /* of the longest line under a view */, CARD_AIM_COLUMNS = 21 };

/* What was done to a view, and nothing that was not, in the order in which it is done. */
void card_words(const struct omega *omega, struct card_lines *ret);

/* The targets of the ordered pair (a, b), as docs/protocol.md has them. */
void card_aims(const struct card_view *a, const struct card_view *b, unsigned kinds,
               struct card_lines *ret);

/* A view's law in a line. */
void card_law(const struct view_spec *law, char *ret, size_t cap);

#endif
