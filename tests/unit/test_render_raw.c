/* SPDX-License-Identifier: Apache-2.0 */
/* render, of raw pixels: views and omega are those of the same pixels in a PNG, byte for byte,
 * whether drawn or from a record; a file that is too short is a fault. */
#include "garden.h"
#include "raw_sets.h"

#include "loaderd/render.h"

#include <errno.h>

#include <png.h>

enum { SIZE = 24, BYTES = 3 * SIZE * SIZE, HEAD = 5, RECORD = 3 };

static struct garden garden;
static struct spec spec = {.dataset = "test", .seed = 11, .batch = 1, .n_views = 2};
static uint8_t expected[2][BYTES], views[2][BYTES];
static struct omega omega_expected[2], omega[2];

static int set_up(void **state)
{
    (void)state;
    garden_new(&garden);
    for (uint32_t v = 0; v < 2; v++)
        spec.views[v] = (struct view_spec){
            .size = SIZE,
            .scale = {0.1, 1},
            .ratio = {0.75, 4.0 / 3},
            .flip = 0.5,
            .jitter = {.p = 0.8, .brightness = 0.4, .contrast = 0.4, .saturation = 0.4, .hue = 0.1},
            .grayscale = 0.2,
            .blur = {.p = 0.5, .sigma = {0.1, 2}, .kernel = 9}};
    return view_spec_check(&spec.views[0]);
}

static int tear_down(void **state)
{
    (void)state;
    garden_done(&garden);
    return 0;
}

static int render(struct render *r, const struct item *item, bool recorded, enum wire_fault *fault)
{
    const struct render_task task = {.item = item,
                                     .spec = &spec,
                                     .epoch = 3,
                                     .batch = 5,
                                     .out = {views[0], views[1]},
                                     .omega = {&omega[0], &omega[1]},
                                     .recorded = recorded};
    *fault = FAULT_NONE;
    return render_sample(r, &task, fault);
}

/* RECORD records of HEAD bytes and the planes of a picture; and the last picture as a PNG. */
static struct item make(enum item_coding coding, uint32_t w, uint32_t h)
{
    const uint32_t pixels = 3 * w * h;
    auto_free uint8_t *rgb = malloc(pixels);
    assert_non_null(rgb);
    for (uint32_t c = 0; c < 3; c++)
        for (uint32_t y = 0; y < h; y++)
            for (uint32_t x = 0; x < w; x++)
                rgb[3 * (y * w + x) + c] = raw_byte(
                    1, RECORD - 1, c * w * h + (coding == ITEM_COLUMNS ? x * h + y : y * w + x));
    png_image png = {
        .version = PNG_IMAGE_VERSION, .width = w, .height = h, .format = PNG_FORMAT_RGB};
    assert_true(png_image_write_to_file(&png, garden_path(&garden, "same.png"), 0, rgb, 0, NULL));
    FILE *out = fopen(garden_path(&garden, "raw.bin"), "wb");
    assert_non_null(out);
    for (uint32_t n = 0; n < RECORD; n++) {
        for (uint32_t i = 0; i < HEAD; i++)
            putc(0xee, out);
        for (uint32_t i = 0; i < pixels; i++)
            putc(raw_byte(1, n, i), out);
    }
    assert_int_equal(fclose(out), 0);
    struct item item = {.label = -1,
                        .coding = coding,
                        .w = (uint16_t)w,
                        .h = (uint16_t)h,
                        .offset = (RECORD - 1) * (HEAD + pixels) + HEAD,
                        .length = pixels};
    snprintf(item.path, sizeof item.path, "%s", garden_path(&garden, "raw.bin"));
    return item;
}

static void test_as_png(void **state)
{
    (void)state;
    static const struct {
        enum item_coding coding;
        uint32_t w, h;
    } rows[] = {
        {ITEM_PLANES, 32, 32},  {ITEM_COLUMNS, 96, 96}, {ITEM_PLANES, 70, 41},
        {ITEM_COLUMNS, 41, 70}, {ITEM_COLUMNS, 1, 1},
    };
    struct render *one, *other;
    assert_int_equal(render_new(&one), 0);
    assert_int_equal(render_new(&other), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct item raw = make(rows[i].coding, rows[i].w, rows[i].h);
        struct item file = {.label = -1, .coding = ITEM_FILE};
        snprintf(file.path, sizeof file.path, "%s", garden_path(&garden, "same.png"));
        for (uint32_t sample = 0; sample < 40; sample++) {
            enum wire_fault fault;
            raw.sample = file.sample = sample;
            spec.reduce = sample % 2;
            if (render(one, &file, false, &fault) < 0)
                fail_msg("%s", err_text());
            memcpy(expected, views, sizeof views);
            memcpy(omega_expected, omega, sizeof omega);
            memset(omega, 0, sizeof omega);
            memset(views, 0, sizeof views);
            /* by a renderer that has just seen the file, and one that has not */
            if (render(sample % 3 ? one : other, &raw, false, &fault) < 0)
                fail_msg("%s", err_text());
            assert_memory_equal(views, expected, sizeof views);
            assert_int_equal(omega[0].source_w, rows[i].w);
            assert_int_equal(omega[0].source_h, rows[i].h);
            for (int v = 0; v < 2; v++) {
                assert_int_equal(omega_check(&omega[v], &spec.views[v]), 0);
                assert_memory_equal(&omega[v], &omega_expected[v], sizeof omega[v]);
            }
            memset(views, 0, sizeof views);
            assert_int_equal(render(one, &raw, true, &fault), 0);
            assert_memory_equal(views, expected, sizeof views);
        }
    }
    spec.reduce = false;
    render_free(one);
    render_free(other);
}

static void test_faults(void **state)
{
    (void)state;
    struct render *r;
    enum wire_fault fault;
    assert_int_equal(render_new(&r), 0);
    const struct item good = make(ITEM_PLANES, 32, 32);
    assert_int_equal(render(r, &good, false, &fault), 0);
    struct item bad = good;
    bad.offset++; /* one byte beyond the file's end */
    assert_int_equal(render(r, &bad, false, &fault), -EBADMSG);
    assert_int_equal(fault, FAULT_UNREADABLE);
    assert_non_null(strstr(err_text(), "raw.bin: shorter than when it was listed"));
    bad = good;
    bad.w = 33;
    assert_int_equal(render(r, &bad, false, &fault), -EBADMSG);
    assert_int_equal(fault, FAULT_TRUNCATED);
    assert_non_null(strstr(err_text(), "raw.bin: raw: 3072 bytes"));
    bad = good;
    bad.coding = ITEM_FILE; /* pixels are no file */
    assert_int_equal(render(r, &bad, false, &fault), -EBADMSG);
    assert_int_equal(truncate(good.path, (off_t)good.offset), 0);
    assert_int_equal(render(r, &good, false, &fault), -EBADMSG);
    assert_int_equal(fault, FAULT_UNREADABLE);
    render_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_png),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
