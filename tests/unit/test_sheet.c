/* SPDX-License-Identifier: Apache-2.0 */
/* test_sheet: every view lies where it should, views that frames cut in two come from the right
 * bytes, small views lie below, and what is between them is paper. */
#include "test.h"

#include "trainer/watch/sheet.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE = 80, TINY = 40, N = 8, GAP = 8, SEAM = 2, PAPER = 245 };

/* Every pixel of view v of sample i is (v, i, 9). */
static uint8_t large[2 * N][SIDE * SIDE][3], small[2 * N][TINY * TINY][3];

static void fill(void)
{
    for (int row = 0; row < 2 * N; row++) {
        for (int p = 0; p < SIDE * SIDE; p++)
            memcpy(large[row][p], (uint8_t[]){(uint8_t)(row / N), (uint8_t)(row % N), 9}, 3);
        for (int p = 0; p < TINY * TINY; p++)
            memcpy(small[row][p], (uint8_t[]){(uint8_t)(2 + row / N), (uint8_t)(row % N), 9}, 3);
    }
}

static void expect(const struct sheet *s, uint32_t x, uint32_t y, int view, int sample)
{
    const uint8_t *at = s->rgb + 3 * ((size_t)y * s->w + x);
    const uint8_t want[] = {(uint8_t)view, (uint8_t)sample, 9}, paper[] = {PAPER, PAPER, PAPER};
    assert_memory_equal(at, view < 0 ? paper : want, 3);
}

/* All four corners of a view, and the paper around them. */
static void expect_view(const struct sheet *s, uint32_t x, uint32_t y, uint32_t side, int view,
                        int sample)
{
    for (uint32_t i = 0; i < 2; i++)
        for (uint32_t k = 0; k < 2; k++)
            expect(s, x + i * (side - 1), y + k * (side - 1), view, sample);
    expect(s, x - 1, y, -1, 0);
    expect(s, x, y - 1, -1, 0);
    expect(s, x + side, y, -1, 0);
    expect(s, x, y + side, -1, 0);
}

static void test_pairs(void **state)
{
    (void)state;
    fill();
    static const uint32_t sizes[] = {SIDE, SIDE};
    /* two runs that do not end where a view does */
    const struct model_batch batch = {.n_runs = 2,
                                      .run = {{large[0][0], N + 3}, {large[N + 3][0], N - 3}}};
    const struct sheet_batch cut = {&batch, N, 2, 2, sizes};
    struct sheet s;
    assert_int_equal(sheet_draw(&cut, N, &s), 0);
    uint32_t cell = 2 * SIDE + SEAM + GAP; /* six across, two down */
    assert_int_equal(s.w, 6 * cell + GAP);
    assert_int_equal(s.h, 2 * (SIDE + GAP) + GAP);
    for (int i = 0; i < N; i++) {
        uint32_t x = GAP + (uint32_t)(i % 6) * cell, y = GAP + (uint32_t)(i / 6) * (SIDE + GAP);
        expect_view(&s, x, y, SIDE, 0, i);
        expect_view(&s, x + SIDE + SEAM, y, SIDE, 1, i);
    }
    free(s.rgb);
    assert_int_equal(sheet_draw(&cut, 3, &s), 0); /* fewer than there are */
    assert_int_equal(s.w, 3 * cell + GAP);
    assert_int_equal(s.h, SIDE + 2 * GAP);
    free(s.rgb);
    assert_int_equal(sheet_draw(&cut, 100, &s), 0); /* more than there are */
    assert_int_equal(s.w, 6 * cell + GAP);
    free(s.rgb);
}

static void test_small(void **state)
{
    (void)state;
    fill();
    static const uint32_t sizes[] = {SIDE, SIDE, TINY, TINY};
    const struct model_batch batch = {.n_runs = 2,
                                      .run = {{large[0][0], 2 * N}, {small[0][0], 2 * N}}};
    const struct sheet_batch cut = {&batch, N, 4, 2, sizes};
    struct sheet s;
    assert_int_equal(sheet_draw(&cut, 1, &s), 0);
    assert_int_equal(s.h, SIDE + SEAM + TINY + 2 * GAP);
    expect_view(&s, GAP + SIDE + SEAM, GAP, SIDE, 1, 0);
    expect_view(&s, GAP, GAP + SIDE + SEAM, TINY, 2, 0);
    expect_view(&s, GAP + TINY + SEAM, GAP + SIDE + SEAM, TINY, 3, 0);
    free(s.rgb);
    /* tiny views are shown larger: 128 / 40 = 3 times */
    const struct model_batch tiny = {.n_runs = 1, .run = {{small[0][0], 2 * N}}};
    const struct sheet_batch zoomed = {&tiny, N, 2, 2, sizes + 2};
    assert_int_equal(sheet_draw(&zoomed, 1, &s), 0);
    expect_view(&s, GAP, GAP, 3 * TINY, 2, 0);
    expect_view(&s, GAP + 3 * TINY + SEAM, GAP, 3 * TINY, 3, 0);
    free(s.rgb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
