/* SPDX-License-Identifier: Apache-2.0 */
/* deck: see deck.h. Takes cards, gives a sheet. */
#include "tools/inspect/deck.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GAP = 16,
    ZOOM_TITLE = 3,
    ZOOM_LAW = 2,
    TITLE_H = (CANVAS_TEXT_H + 3) * ZOOM_TITLE,
    LINE = (CANVAS_TEXT_H + 2) * ZOOM_LAW,
    PAPER = 0xF6F8FA,
    INK = 0x1F2328,
    SOFT = 0x57606A,
    LAW_TEXT = 400,
};
static const double SHAPE = 1.4; /* width / height that a sheet should have */

/* --- the head --- */

/* The text in as many lines as it needs; further ones are indented. */
static void head_add(struct deck_head *head, uint32_t columns, const char *text)
{
    const char *indent = "";
    while (*text && head->n < DECK_HEAD_LINES) {
        const size_t room = columns - strlen(indent);
        size_t n = strlen(text);
        if (n > room) {
            for (n = room; n > 0 && text[n] != ' '; n--)
                ;
            n = n ? n : room;
        }
        snprintf(head->line[head->n++], DECK_HEAD_COLUMNS, "%s%.*s", indent, (int)n, text);
        text += n;
        text += strspn(text, " ");
        indent = "    ";
    }
}

/* The views that have the law of view `first`, and are not named yet: "views 0, 1: ...". */
static void law_add(struct deck_head *head, uint32_t columns, const struct spec *spec,
                    uint32_t first, bool told[OMEGA_VIEWS_MAX])
{
    char law[LAW_TEXT], other[LAW_TEXT], of[64] = "", text[LAW_TEXT + 96];
    uint32_t n = 0;
    card_law(&spec->views[first], law, sizeof law);
    for (uint32_t v = first; v < spec->n_views; v++) {
        card_law(&spec->views[v], other, sizeof other);
        if (strcmp(law, other) != 0)
            continue;
        size_t at = strlen(of);
        snprintf(of + at, sizeof of - at, "%s%u", n++ ? ", " : "", v);
        told[v] = true;
    }
    snprintf(text, sizeof text, "view%s %s: %s", n > 1 ? "s" : "", of, law);
    head_add(head, columns, text);
}

void deck_head(const struct deck *deck, uint32_t columns, struct deck_head *ret)
{
    bool told[OMEGA_VIEWS_MAX] = {false};
    ret->n = 0;
    columns = columns < 24 ? 24 : columns < DECK_HEAD_COLUMNS ? columns : DECK_HEAD_COLUMNS - 1;
    for (uint32_t v = 0; v < deck->spec->n_views; v++)
        if (!told[v])
            law_add(ret, columns, deck->spec, v, told);
    head_add(ret, columns,
             "A box has its view's colour; its tag stands in the corner that is the view's upper "
             "left one, with a mirror where the view is flipped.");
}

/* --- */

void deck_plan_done(struct deck_plan *plan)
{
    free(plan->row_h);
    free(plan->card);
    *plan = (struct deck_plan){0};
}

/* How many columns make the sheet's shape nearly the wanted one, with few empty places. */
static uint32_t columns_of(uint32_t n, uint32_t w, uint32_t h)
{
    uint32_t best = 1;
    double best_off = INFINITY;
    for (uint32_t across = 1; across <= n; across++) {
        const double rows = ceil((double)n / across), places = across * rows;
        const double off =
            fabs(log(across * (double)w / (rows * h) / SHAPE)) + (places - n) / places;
        if (off < best_off && (across == 1 || across * (w + GAP) + GAP <= CANVAS_SIDE_MAX)) {
            best = across;
            best_off = off;
        }
    }
    return best;
}

int deck_plan(const struct deck *deck, struct deck_plan *ret)
{
    struct deck_plan p = {.card = calloc(deck->n, sizeof *p.card)};
    uint32_t tallest = 0;
    if (!p.card)
        return err_set(-ENOMEM, "out of memory: %u cards", deck->n);
    for (uint32_t i = 0; i < deck->n; i++) {
        card_plan(&deck->cards[i], &p.card[i]);
        p.card_w = p.card[i].w > p.card_w ? p.card[i].w : p.card_w;
        tallest = p.card[i].h > tallest ? p.card[i].h : tallest;
    }
    for (uint32_t i = 0; i < deck->n; i++)
        p.card[i].w = p.card_w; /* of one width, whatever is in them */
    p.across = columns_of(deck->n, p.card_w, tallest);
    p.rows = (deck->n + p.across - 1) / p.across;
    p.row_h = calloc(p.rows, sizeof *p.row_h);
    struct deck_head *head = malloc(sizeof *head);
    if (!p.row_h || !head) {
        free(head);
        deck_plan_done(&p);
        return err_set(-ENOMEM, "out of memory: %u cards", deck->n);
    }
    p.w = p.across * (p.card_w + GAP) + GAP;
    deck_head(deck, (p.w - 2 * GAP) / (CANVAS_TEXT_W * ZOOM_LAW), head);
    p.head_h = GAP + TITLE_H + head->n * LINE + GAP;
    free(head);
    p.h = p.head_h;
    for (uint32_t i = 0; i < deck->n; i++)
        if (p.card[i].h > p.row_h[i / p.across])
            p.row_h[i / p.across] = p.card[i].h;
    for (uint32_t r = 0; r < p.rows; r++)
        p.h += p.row_h[r] + GAP;
    *ret = p;
    return 0;
}

void deck_at(const struct deck_plan *p, uint32_t i, int32_t *ret_x, int32_t *ret_y)
{
    uint32_t y = p->head_h;
    for (uint32_t r = 0; r < i / p->across; r++)
        y += p->row_h[r] + GAP;
    *ret_x = (int32_t)(GAP + i % p->across * (p->card_w + GAP));
    *ret_y = (int32_t)y;
}

static int head_draw(const struct deck *deck, const struct deck_plan *p, struct canvas *c)
{
    auto_free struct deck_head *head = malloc(sizeof *head);
    if (!head)
        return err_set(-ENOMEM, "out of memory");
    deck_head(deck, (p->w - 2 * GAP) / (CANVAS_TEXT_W * ZOOM_LAW), head);
    canvas_text(c, GAP, GAP, ZOOM_TITLE, INK, deck->title);
    for (uint32_t i = 0; i < head->n; i++)
        canvas_text(c, GAP, (int32_t)(GAP + TITLE_H + i * LINE), ZOOM_LAW, SOFT, head->line[i]);
    return 0;
}

int deck_draw(const struct deck *deck, struct canvas *ret)
{
    struct deck_plan p = {0};
    struct canvas canvas = {0};
    int rc = deck_plan(deck, &p);
    if (!rc)
        rc = canvas_init(&canvas, p.w, p.h, PAPER);
    if (!rc)
        rc = head_draw(deck, &p, &canvas);
    for (uint32_t i = 0; !rc && i < deck->n; i++) {
        int32_t x, y;
        deck_at(&p, i, &x, &y);
        card_draw(&deck->cards[i], &p.card[i], &canvas, x, y, p.row_h[i / p.across]);
    }
    deck_plan_done(&p);
    if (rc)
        canvas_done(&canvas);
    else
        *ret = canvas;
    return rc;
}
