/* SPDX-License-Identifier: Apache-2.0 */
/* deck: cards stand side by side without touching, in a sheet that is neither a ribbon nor a tower;
 * the head says each law once, in lines that fit. */
#include "test.h"

#include "tools/inspect/deck.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CARDS = 60, SIZE = 16 };

static uint8_t pixels[SIZE * SIZE * 3];
static struct omega omega[CARDS][3];
static struct card cards[CARDS];
static struct spec spec = {.dataset = "flowers", .seed = 3, .batch = CARDS, .n_views = 3};

static int setup(void **state)
{
    (void)state;
    for (uint32_t v = 0; v < 3; v++)
        view_spec_eval(&spec.views[v], SIZE, SIZE);
    spec.views[1].flip = .25;
    for (uint32_t i = 0; i < CARDS; i++) {
        cards[i].n_views = 3;
        cards[i].large = 2;
        cards[i].kinds = i % 3 ? 3 : 0; /* so cards are of different heights */
        for (uint32_t v = 0; v < 3; v++) {
            omega[i][v] = (struct omega){.sample = i,
                                         .source_w = 40,
                                         .source_h = i % 4 ? 30 : 200,
                                         .crop_height = 20,
                                         .crop_width = 20,
                                         .jitter = {.applied = i % 2, .order = {0, 1, 2, 3}}};
            cards[i].view[v] = (struct card_view){&omega[i][v], &spec.views[v], pixels, SIZE};
        }
    }
    return 0;
}

static void test_places(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= CARDS; n++) {
        const struct deck deck = {.spec = &spec, .cards = cards, .n = n};
        struct deck_plan p;
        assert_int_equal(deck_plan(&deck, &p), 0);
        assert_true(p.across * p.rows >= n && p.across * (p.rows - 1) < n);
        assert_true(p.across * p.rows - n < p.across);
        for (uint32_t i = 0; i < n; i++) {
            int32_t x, y, left, above;
            deck_at(&p, i, &x, &y);
            assert_true(x > 0 && x + (int32_t)p.card_w < (int32_t)p.w);
            assert_true(y >= (int32_t)p.head_h && y + (int32_t)p.card[i].h < (int32_t)p.h);
            assert_true(p.card[i].h <= p.row_h[i / p.across] && p.card[i].w == p.card_w);
            if (i % p.across) {
                deck_at(&p, i - 1, &left, &above);
                assert_true(left + (int32_t)p.card_w < x && above == y);
            }
            if (i >= p.across) {
                deck_at(&p, i - p.across, &left, &above);
                assert_true(above + (int32_t)p.row_h[i / p.across - 1] < y && left == x);
            }
        }
        if (n >= 4)
            assert_true(p.w < 4 * p.h && p.h < 3 * p.w);
        deck_plan_done(&p);
    }
}

static void test_head(void **state)
{
    (void)state;
    const struct deck deck = {.spec = &spec, .cards = cards, .n = 1};
    struct deck_head head;
    deck_head(&deck, 500, &head);
    assert_int_equal(head.n, 3);
    assert_string_equal(head.line[0], "views 0, 2: 16 px, centre of 16");
    assert_string_equal(head.line[1], "view 1: 16 px, centre of 16, flip 0.25");
    for (uint32_t columns = 0; columns < 200; columns++) {
        char whole[1024] = "";
        deck_head(&deck, columns, &head);
        for (uint32_t i = 0; i < head.n; i++) {
            const char *line = head.line[i];
            assert_true(strlen(line) <= (columns < 24 ? 24 : columns));
            snprintf(whole + strlen(whole), sizeof whole - strlen(whole), "%s ",
                     line + strspn(line, " "));
        }
        if (head.n < DECK_HEAD_LINES) { /* wrapped, nothing is lost */
            assert_non_null(strstr(whole, "view 1: 16 px, centre of 16, flip 0.25 A box has"));
            assert_non_null(strstr(whole, "a mirror where the view is flipped. "));
        }
    }
}

static void test_too_large(void **state)
{
    (void)state;
    static uint8_t large[OMEGA_VIEW_MAX * OMEGA_VIEW_MAX * 3];
    static struct card many[256];
    for (uint32_t i = 0; i < 256; i++) {
        many[i] = cards[0];
        for (uint32_t v = 0; v < 3; v++)
            many[i].view[v] =
                (struct card_view){&omega[0][v], &spec.views[v], large, OMEGA_VIEW_MAX};
    }
    const struct deck deck = {.spec = &spec, .cards = many, .n = 256};
    struct canvas canvas;
    assert_int_equal(deck_draw(&deck, &canvas), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
