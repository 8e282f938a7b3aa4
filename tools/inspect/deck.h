/* SPDX-License-Identifier: Apache-2.0 */
/* deck: cards side by side on one sheet, under a head that says what they are of. Pure but for the
 * memory it makes; any thread. */
#ifndef AUGSTREAM_TOOLS_INSPECT_DECK_H
#define AUGSTREAM_TOOLS_INSPECT_DECK_H

#include "proto/wire.h"
#include "tools/inspect/card.h"

struct deck {
    char title[CARD_TEXT];
    const struct spec *spec; /* its laws stand in the head */
    const struct card *cards;
    uint32_t n; /* >= 1 */
};

struct deck_plan {
    uint32_t w, h, across, rows;
    uint32_t card_w;        /* of a column */
    uint32_t head_h;        /* where the first row begins */
    uint32_t *row_h;        /* [rows] */
    struct card_plan *card; /* [n] */
};

int deck_plan(const struct deck *deck, struct deck_plan *ret); /* -ENOMEM; deck_plan_done frees */
void deck_plan_done(struct deck_plan *plan);                   /* fine on a zeroed one */

/* Where card i has its upper left corner on the sheet. */
void deck_at(const struct deck_plan *plan, uint32_t i, int32_t *ret_x, int32_t *ret_y);

/* The whole sheet; the caller ends it with canvas_done. -E2BIG for one that is too large. */
int deck_draw(const struct deck *deck, struct canvas *ret);

/* The lines of the head, cut where they are wider than `columns` characters; how many. */
enum { DECK_HEAD_LINES = 24, DECK_HEAD_COLUMNS = 512 };
struct deck_head {
    uint32_t n;
    char line[DECK_HEAD_LINES][DECK_HEAD_COLUMNS];
};
void deck_head(const struct deck *deck, uint32_t columns, struct deck_head *ret);

#endif
