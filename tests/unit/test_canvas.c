/* SPDX-License-Identifier: Apache-2.0 */
/* test_canvas: tools/picture and its font. What is drawn lies where it was asked for, nothing is
 * drawn outside the canvas, no two characters look alike, and the file holds the canvas. */
#include "test.h"

#include "common/err.h"
#include "tools/picture.h"

#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { W = 40, H = 24, PAPER = 0x102030, INK = 0xFF8001 };

static struct canvas canvas;

static int setup(void **state)
{
    (void)state;
    return canvas_init(&canvas, W, H, PAPER);
}

static int teardown(void **state)
{
    (void)state;
    canvas_done(&canvas);
    return 0;
}

static uint32_t at(uint32_t x, uint32_t y)
{
    const uint8_t *p = canvas.rgb + 3 * ((size_t)y * W + x);
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static uint32_t count(uint32_t colour)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < W * H; i++)
        n += at(i % W, i / W) == colour;
    return n;
}

static void test_fill(void **state)
{
    (void)state;
    assert_int_equal(count(PAPER), W * H);
    canvas_fill(&canvas, (struct canvas_rect){3, 5, 2, 4}, INK);
    assert_int_equal(count(INK), 8);
    assert_true(at(3, 5) == INK && at(4, 8) == INK && at(5, 5) == PAPER && at(3, 9) == PAPER);
    canvas_fill(&canvas, (struct canvas_rect){-10, -10, 11, 12}, 0xFFFFFF); /* corner: 1x2 */
    canvas_fill(&canvas, (struct canvas_rect){W - 1, H - 1, INT32_MAX, INT32_MAX}, 0xFFFFFF);
    canvas_fill(&canvas, (struct canvas_rect){5, 5, -3, 2}, 0xFFFFFF); /* nothing */
    assert_int_equal(count(0xFFFFFF), 3);
}

static void test_outline(void **state)
{
    (void)state;
    canvas_outline(&canvas, (struct canvas_rect){10, 4, 8, 6}, 2, INK);
    assert_int_equal(count(INK), 8 * 6 - 4 * 2);
    assert_true(at(10, 4) == INK && at(17, 9) == INK && at(11, 5) == INK);
    assert_true(at(12, 6) == PAPER && at(15, 7) == PAPER && at(18, 9) == PAPER);
    canvas_outline(&canvas, (struct canvas_rect){30, 4, 3, 9}, 5,
                   0xFFFFFF); /* is filled, no more */
    assert_int_equal(count(0xFFFFFF), 27);
}

static void test_blit(void **state)
{
    (void)state;
    const uint8_t rgb[2][2][3] = {{{1, 1, 1}, {2, 2, 2}}, {{3, 3, 3}, {4, 4, 4}}};
    const struct canvas_source source = {rgb[0][0], 2, 2};
    canvas_blit(&canvas, 6, 7, &source, 3);
    assert_true(at(6, 7) == 0x010101 && at(8, 9) == 0x010101 && at(9, 9) == 0x020202);
    assert_true(at(8, 10) == 0x030303 && at(11, 12) == 0x040404 && at(12, 12) == PAPER);
    canvas_blit(&canvas, -1, -1, &source, 1);
    canvas_blit(&canvas, W - 1, H - 1, &source, 1);
    assert_true(at(0, 0) == 0x040404 && at(W - 1, H - 1) == 0x010101);
    assert_int_equal(count(PAPER), W * H - 36 - 2);
}

/* An L has eleven pixels; zoomed, each is a square. */
static void test_text(void **state)
{
    (void)state;
    canvas_text(&canvas, 2, 1, 1, INK, "L");
    assert_int_equal(count(INK), 7 + 4);
    assert_true(at(2, 1) == INK && at(2, 7) == INK && at(6, 7) == INK && at(3, 1) == PAPER);
    canvas_text(&canvas, 10, 1, 2, 0xFFFFFF, "L");
    assert_int_equal(count(0xFFFFFF), 4 * 11);
    canvas_text(&canvas, W - 3, H - 3, 1, INK, "cut off at both sides");
    assert_int_equal(canvas_text_w("", 2), 0);
    assert_int_equal(canvas_text_w("abc", 2), 34);
    assert_int_equal(canvas_text_w("b\xC3\xA9t", 1), 17); /* three characters */
}

static void test_glyphs(void **state)
{
    (void)state;
    for (int c = ' '; c <= '~'; c++) {
        const char *glyph = font_glyph((unsigned char)c);
        for (int i = 0; i < CANVAS_TEXT_H * CANVAS_TEXT_W - 1; i++)
            if (i % CANVAS_TEXT_W == CANVAS_TEXT_W - 1)
                assert_int_equal(glyph[i], ' ');
            else
                assert_true(glyph[i] == '#' || glyph[i] == '.');
        for (int other = ' '; other < c; other++)
            assert_string_not_equal(glyph, font_glyph((unsigned char)other));
    }
    assert_ptr_equal(font_glyph(0xC3), font_glyph('?'));
    assert_ptr_equal(font_glyph('\n'), font_glyph('?'));
}

static void test_file(void **state)
{
    (void)state;
    char folder[] = "/tmp/augstream-test-XXXXXX", path[64];
    uint8_t back[W * H * 3];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/c.png", folder);
    canvas_text(&canvas, 2, 1, 1, INK, "file");
    assert_int_equal(canvas_save(&canvas, path), 0);
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_file(&image, path));
    assert_true(image.width == W && image.height == H);
    image.format = PNG_FORMAT_RGB;
    assert_true(png_image_finish_read(&image, NULL, back, 0, NULL));
    assert_memory_equal(back, canvas.rgb, sizeof back);
    unlink(path);
    rmdir(folder);
    assert_int_equal(canvas_save(&canvas, path), -ENOENT);
}

static void test_bounds(void **state)
{
    (void)state;
    struct canvas none = {0};
    assert_int_equal(canvas_init(&none, 0, 4, PAPER), -E2BIG);
    assert_int_equal(canvas_init(&none, CANVAS_SIDE_MAX + 1, 1, PAPER), -E2BIG);
    assert_int_equal(canvas_init(&none, CANVAS_SIDE_MAX, CANVAS_SIDE_MAX, PAPER), -E2BIG);
    assert_non_null(strstr(err_text(), "32768x32768"));
    assert_null(none.rgb);
    canvas_done(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fill, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_blit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_text, setup, teardown),
        cmocka_unit_test(test_glyphs),
        cmocka_unit_test_setup_teardown(test_file, setup, teardown),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
