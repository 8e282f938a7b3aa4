/* SPDX-License-Identifier: Apache-2.0 */
/* card: words say what was applied and nothing else; nothing on a card overlaps or leaves it,
 * whatever the sizes; boxes, borders and views lie, pixel for pixel, where omega says; the tag's
 * corner is the one that the loader's own rendering puts up left. */
#include "test.h"

#include "tools/inspect/card.h"
#include "tools/inspect/replay/renderer.h"
#include "trainer/watch/picture.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct omega plain = {
    .sample = 7,
    .source_w = 640,
    .source_h = 480,
    .crop_top = 20,
    .crop_left = 100,
    .crop_height = 240,
    .crop_width = 320,
    .jitter = {.brightness = 1.5f,
               .contrast = .5f,
               .saturation = 1.25f,
               .hue = -.1f,
               .order = {JITTER_HUE, JITTER_CONTRAST, JITTER_BRIGHTNESS, JITTER_SATURATION}},
    .blur = {.sigma = 1.234f, .kernel = 9},
    .solarize = {.threshold = .5f}};
static const struct view_spec law = {
    .size = 96,
    .scale = {.2, 1},
    .ratio = {.75, 4. / 3},
    .flip = .5,
    .jitter = {.p = .8, .brightness = .4, .contrast = .4, .saturation = .4, .hue = .1},
    .grayscale = .2,
    .blur = {.p = .5, .sigma = {.1, 2}, .kernel = 9},
};

static void expect_lines(const struct card_lines *lines, const char *const *expected, uint32_t n)
{
    assert_int_equal(lines->n, n);
    for (uint32_t i = 0; i < n; i++)
        assert_string_equal(lines->line[i], expected[i]);
}

static void test_words(void **state)
{
    (void)state;
    struct omega o = plain;
    struct card_lines lines;
    static const char *const none[] = {"crop 320x240", "  at 100,20", "area        25 %"};
    card_words(&o, &lines);
    expect_lines(&lines, none, 3);
    o.flip = o.jitter.applied = o.grayscale = o.blur.applied = o.solarize.applied = true;
    o.rotation = 3;
    static const char *const all[] = {"crop 320x240",     "  at 100,20",      "area        25 %",
                                      "flipped",          "hue      -36 deg", "contrast   x0.50",
                                      "brightness x1.50", "saturation x1.25", "solarize >= 0.50",
                                      "grayscale",        "blur     1.23 px", "rotated  270 deg"};
    card_words(&o, &lines);
    expect_lines(&lines, all, 12);
}

static void test_aims(void **state)
{
    (void)state;
    struct omega a = plain, b = plain;
    b.crop_left = 168;
    b.crop_width = 160;
    b.flip = true;
    b.jitter.applied = b.blur.applied = true;
    b.rotation = 1;
    const struct card_view va = {.omega = &a, .law = &law}, vb = {.omega = &b, .law = &law};
    struct card_lines lines;
    static const char *const all[] = {"crop  cy+0.00 cx+0.02", "      h +0.00 w +0.25",
                                      "color b -0.62 c +0.62", "      s -0.31 h +0.50",
                                      "flip      0 not same",  "blur     -1.23",
                                      "rotation  3 quarters",  "solarize +0.00"};
    card_aims(&va, &vb, (1u << AUGSELF_KINDS) - 1, &lines);
    /* what omega_difference gives is what is written, number by number */
    for (int k = 0; k < AUGSELF_KINDS; k++) {
        float t[OMEGA_TARGET_MAX];
        char number[16], text[CARD_LINES * CARD_LINE] = "";
        omega_difference((enum augself_kind)k, &a, &law, &b, &law, t);
        struct card_lines one;
        card_aims(&va, &vb, 1u << k, &one);
        assert_int_equal(strncmp(one.line[0], augself_kind_name((enum augself_kind)k),
                                 strlen(augself_kind_name((enum augself_kind)k))),
                         0);
        for (uint32_t i = 0; i < one.n; i++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", one.line[i]);
        for (size_t i = 0; i < augself_target_len((enum augself_kind)k); i++) {
            const bool whole = k == AUGSELF_FLIP || k == AUGSELF_ROTATION;
            snprintf(number, sizeof number, whole ? " %.0f " : "%+.2f",
                     t[i] == 0 ? 0 : (double)t[i]);
            if (!strstr(text, number))
                fail_msg("no %s in '%s'", number, text);
        }
    }
    expect_lines(&lines, all, 8);
    card_aims(&va, &vb, 1u << AUGSELF_FLIP, &lines);
    expect_lines(&lines, all + 4, 1);
}

static void test_law(void **state)
{
    (void)state;
    char text[256];
    card_law(&law, text, sizeof text);
    assert_string_equal(text, "96 px, crop 0.2..1 of w/h 0.75..1.33, flip 0.5, jitter 0.8 (b 0.4 c "
                              "0.4 s 0.4 h 0.1), grayscale 0.2, blur 0.5 (0.1..2, kernel 9)");
    struct view_spec eval;
    view_spec_eval(&eval, 224, 256);
    card_law(&eval, text, sizeof text);
    assert_string_equal(text, "224 px, centre of 256");
    card_law(&law, text, 12); /* cut, not overrun */
    assert_string_equal(text, "96 px, crop");
}

/* --- the layout --- */

struct bed {
    struct omega omega[OMEGA_VIEWS_MAX];
    struct card card;
    struct canvas source;
    uint8_t *pixels;
};

/* Everything applied, the longest words that there can be where `wide`. */
static void bed_make(struct bed *b, uint32_t n, uint32_t large, const uint32_t sizes[2], bool wide)
{
    *b = (struct bed){.card = {.n_views = n, .large = large, .kinds = (1u << AUGSELF_KINDS) - 1}};
    snprintf(b->card.title, sizeof b->card.title, "sample %u  rose", 4294967295u);
    snprintf(b->card.name, sizeof b->card.name, "%0100d.jpg", 7);
    const uint32_t most = sizes[0] > sizes[1] ? sizes[0] : sizes[1];
    b->pixels = malloc((size_t)most * most * 3);
    assert_non_null(b->pixels);
    for (uint32_t i = 0; i < most * most * 3; i++)
        b->pixels[i] = (uint8_t)(i * 7 + i / 251);
    for (uint32_t v = 0; v < n; v++) {
        struct omega *o = &b->omega[v];
        *o = plain;
        o->crop_left += (int32_t)(17 * v);
        o->crop_top += (int32_t)(11 * v);
        if (wide) {
            o->source_w = o->source_h = OMEGA_SIDE_MAX;
            o->crop_left = o->crop_top = OMEGA_SIDE_MAX - 10000;
            o->crop_width = o->crop_height = 10000;
            o->flip = o->jitter.applied = o->grayscale = o->blur.applied = true;
            o->solarize.applied = true;
            o->blur.sigma = 12.34f;
            o->jitter.brightness = 10;
            o->jitter.contrast = 123;
            o->rotation = 3;
        }
        b->card.view[v] = (struct card_view){o, &law, b->pixels, sizes[v >= large]};
    }
}

static void bed_done(struct bed *b)
{
    free(b->pixels);
    canvas_done(&b->source);
}

static bool apart(const struct canvas_rect *a, const struct canvas_rect *b)
{
    return a->x + a->w <= b->x || b->x + b->w <= a->x || a->y + a->h <= b->y || b->y + b->h <= a->y;
}

static void fits(const struct card_lines *lines, const struct canvas_rect *in, uint32_t zoom,
                 uint32_t above)
{
    for (uint32_t i = 0; i < lines->n; i++)
        assert_true(canvas_text_w(lines->line[i], zoom) <= (uint32_t)in->w);
    assert_true((lines->n + above) * (CANVAS_TEXT_H + 2) * zoom <= (uint32_t)in->h);
}

static void plan_check(const struct card *card)
{
    struct card_plan p;
    struct canvas_rect all[5 + 2 * OMEGA_VIEWS_MAX];
    uint32_t n = 0;
    card_plan(card, &p);
    all[n++] = p.title;
    all[n++] = p.note;
    all[n++] = p.source;
    all[n++] = p.caption;
    all[n++] = p.targets;
    for (uint32_t v = 0; v < card->n_views; v++) {
        all[n++] = p.view[v];
        all[n++] = p.words[v];
        fits(&p.said[v], &p.words[v], v < card->large ? 2 : 1, 0);
        assert_int_equal(p.view[v].w,
                         card->view[v].size * card_zoom(card->view[v].size, v >= card->large) + 6);
    }
    fits(&p.aims, &p.targets, 2, p.aims.n ? 1 : 0);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(all[i].x >= 0 && all[i].y >= 0 && all[i].w >= 0 && all[i].h >= 0);
        assert_true(all[i].x + all[i].w < (int32_t)p.w && all[i].y + all[i].h < (int32_t)p.h);
        for (uint32_t k = 0; k < i; k++)
            if (all[i].w && all[i].h && all[k].w && all[k].h && !apart(&all[i], &all[k]))
                fail_msg("%u and %u of %u views of %u meet", k, i, card->n_views,
                         card->view[0].size);
    }
}

static void test_plan(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{32, 32},   {48, 24},   {64, 32},  {96, 48},
                                        {160, 96},  {224, 96},  {1, 1},    {1024, 1024},
                                        {224, 225}, {300, 160}, {128, 64}, {97, 1000}};
    static const uint32_t views[][2] = {{1, 1},  {2, 2},   {4, 4},  {5, 2}, {8, 2},
                                        {16, 2}, {16, 16}, {16, 1}, {7, 5}};
    static const uint32_t sources[][2] = {{0, 0}, {256, 1}, {1, 256}, {256, 256}, {40, 30}, {1, 1}};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (size_t k = 0; k < ARRAY_LEN(views); k++)
            for (size_t s = 0; s < 2 * ARRAY_LEN(sources); s++) {
                struct bed b;
                const uint32_t *size = sources[s / 2];
                bed_make(&b, views[k][0], views[k][1], sizes[i], s % 2);
                if (size[0]) {
                    assert_int_equal(canvas_init(&b.source, size[0], size[1], 0), 0);
                    b.card.source = &b.source;
                }
                if (s % 3 == 0)
                    snprintf(b.card.note, sizeof b.card.note, "in place of sample 4: crash");
                plan_check(&b.card);
                bed_done(&b);
            }
}

/* --- what is drawn --- */

static uint32_t at(const struct canvas *c, int32_t x, int32_t y)
{
    assert_true(x >= 0 && y >= 0 && x < (int32_t)c->w && y < (int32_t)c->h);
    const uint8_t *p = c->rgb + 3 * ((size_t)y * c->w + (size_t)x);
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

enum { X = 5, Y = 9, OUTSIDE = 0x123456 };

/* The source is 640 x 480 and is drawn 256 x 192: a pixel for 2.5. */
static void test_drawn(void **state)
{
    (void)state;
    struct bed b;
    struct card_plan p;
    struct canvas c;
    bed_make(&b, 3, 2, (uint32_t[]){64, 32}, false);
    assert_int_equal(canvas_init(&b.source, 256, 192, 0x00FF7F), 0);
    b.card.source = &b.source;
    b.omega[1].crop_left = 450; /* apart from view 0's */
    b.omega[1].crop_width = 150;
    b.omega[2].crop_top = 400;
    b.omega[2].crop_height = 80;
    b.omega[1].flip = true;
    card_plan(&b.card, &p);
    assert_int_equal(canvas_init(&c, p.w + 20, p.h + 40, OUTSIDE), 0);
    card_draw(&b.card, &p, &c, X, Y, p.h + 10);

    static const int32_t boxes[][4] = {{40, 8, 128, 96}, {180, 12, 60, 96}, {54, 160, 128, 32}};
    for (uint32_t v = 0; v < 3; v++) {
        const struct canvas_rect box = card_box(&b.omega[v], &p.source);
        assert_int_equal(box.x - p.source.x, boxes[v][0]);
        assert_int_equal(box.y - p.source.y, boxes[v][1]);
        assert_int_equal(box.w, boxes[v][2]);
        assert_int_equal(box.h, boxes[v][3]);
        const int32_t x = X + box.x, y = Y + box.y, right = x + box.w - 1, low = y + box.h - 1;
        const uint32_t colour = card_colour(v);
        for (int32_t i = 40; i < 60; i++) { /* between the tags, which are in the corners */
            assert_int_equal(at(&c, x + i, y), colour);
            assert_int_equal(at(&c, x + i, low), colour);
        }
        assert_int_equal(at(&c, x, y + 28), colour);
        assert_int_equal(at(&c, right, y + 28), colour);
        assert_int_equal(at(&c, x + box.w / 2, y + box.h / 2), 0x00FF7F); /* seen through */
        assert_int_equal(at(&c, x - 1, y + 28), 0xFFFFFF);                /* a rim around it */
        if (v > 0)
            assert_int_equal(at(&c, x - 3, y + 28), 0x00FF7F);
        /* the tag: filled with the colour inside the box's corner, on the side of the flip */
        assert_int_equal(at(&c, v == 1 ? right - 5 : x + 5, y + 3), colour);
        assert_int_equal(at(&c, v == 1 ? x + 5 : right - 5, y + 8), 0x00FF7F);
    }
    /* views, each pixel zoom x zoom, within their borders */
    for (uint32_t v = 0; v < 3; v++) {
        const uint32_t size = b.card.view[v].size, zoom = 3;
        const int32_t x = X + p.view[v].x, y = Y + p.view[v].y;
        assert_int_equal(card_zoom(size, v == 2), zoom);
        for (int32_t i = 0; i < p.view[v].w; i++) {
            assert_int_equal(at(&c, x + i, y + 1), card_colour(v));
            assert_int_equal(at(&c, x + 2, y + i), card_colour(v));
            assert_int_equal(at(&c, x + i, y + p.view[v].h - 1), card_colour(v));
        }
        for (uint32_t r = 0; r < size * zoom; r++)
            for (uint32_t k = 0; k < size * zoom; k++) {
                const uint8_t *pixel = b.pixels + 3 * (r / zoom * size + k / zoom);
                assert_int_equal(at(&c, x + 3 + (int32_t)k, y + 3 + (int32_t)r),
                                 (uint32_t)pixel[0] << 16 | (uint32_t)pixel[1] << 8 | pixel[2]);
            }
    }
    /* nothing outside the card */
    for (int32_t i = 0; i < (int32_t)c.w; i++)
        assert_true(at(&c, i, Y - 1) == OUTSIDE && at(&c, i, Y + (int32_t)p.h + 10) == OUTSIDE);
    for (int32_t i = 0; i < (int32_t)c.h; i++)
        assert_true(at(&c, X - 1, i) == OUTSIDE && at(&c, X + (int32_t)p.w, i) == OUTSIDE);
    canvas_done(&c);
    bed_done(&b);
}

/* Sixteen views of one box: every tag can be seen, none lies over another. */
static void test_tags(void **state)
{
    (void)state;
    struct bed b;
    struct card_plan p;
    struct canvas c;
    bed_make(&b, 16, 2, (uint32_t[]){64, 32}, false);
    for (uint32_t v = 0; v < 16; v++) {
        b.omega[v] = plain;
        b.omega[v].flip = v % 2;
    }
    card_plan(&b.card, &p);
    assert_int_equal(canvas_init(&c, p.w, p.h, OUTSIDE), 0);
    card_draw(&b.card, &p, &c, 0, 0, p.h);
    for (uint32_t v = 0; v < 16; v++) {
        uint32_t n = 0;
        for (int32_t y = p.source.y; y < p.source.y + p.source.h; y++)
            for (int32_t x = p.source.x; x < p.source.x + p.source.w; x++)
                n += at(&c, x, y) == card_colour(v);
        /* a small tag has 9 x 11 pixels, at most 30 of them ink; of the boxes only view 0's is seen
         */
        if (n < 69)
            fail_msg("view %u: %u pixels of its tag", v, n);
    }
    canvas_done(&c);
    bed_done(&b);
}

/* A picture of four colours, rendered by the loader's own code under each flip and rotation. */
static void test_corner(void **state)
{
    (void)state;
    enum { SIDE = 32 };
    static const uint8_t colours[2][2][3] = {{{255, 0, 0}, {0, 255, 0}},
                                             {{0, 0, 255}, {255, 255, 0}}}; /* [bottom][right] */
    static uint8_t rgb[SIDE * SIDE * 3], view[SIDE * SIDE * 3];
    char path[] = "/tmp/augstream-test-XXXXXX";
    struct renderer *renderer;
    for (uint32_t i = 0; i < SIDE * SIDE; i++)
        memcpy(rgb + 3 * i, colours[i / SIDE >= SIDE / 2][i % SIDE >= SIDE / 2], 3);
    close(mkstemp(path));
    assert_int_equal(picture_save(path, rgb, SIDE, SIDE), 0);
    assert_int_equal(renderer_image(path, &renderer), 0);
    struct spec spec = {.dataset = "one", .batch = 1, .n_views = 1};
    view_spec_eval(&spec.views[0], SIDE, SIDE);
    spec.views[0].flip = .5;
    spec.views[0].rotation = 1;
    for (uint8_t k = 0; k < 8; k++) {
        const struct omega o = {
            .source_w = SIDE,
            .source_h = SIDE,
            .crop_height = SIDE,
            .crop_width = SIDE,
            .flip = k & 1,
            .jitter = {.order = {0, 1, 2, 3}, .brightness = 1, .contrast = 1, .saturation = 1},
            .blur = {.sigma = 1, .kernel = 1},
            .solarize = {.threshold = (float)spec.views[0].solarize.threshold},
            .rotation = k / 2};
        const struct omega *const record = &o;
        uint8_t *const out = view;
        enum wire_fault fault;
        bool corner[2];
        if (renderer_views(renderer, &spec, &record, &out, &fault) < 0)
            fail_msg("%s", err_text());
        card_corner(&o, corner);
        assert_memory_equal(view, colours[corner[1]][corner[0]], 3);
    }
    renderer_close(renderer);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),  cmocka_unit_test(test_aims),  cmocka_unit_test(test_law),
        cmocka_unit_test(test_plan),   cmocka_unit_test(test_drawn), cmocka_unit_test(test_tags),
        cmocka_unit_test(test_corner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
