/* SPDX-License-Identifier: Apache-2.0 */
/* Views to the bit: a spec with every operation on, an asymmetric second view and small crops, over
 * pictures that a formula makes (no decoder has a say) and one JPEG. tests/gold/views.txt holds,
 * for each picture and view, a CRC-32C of the records and one of the pixels, over SAMPLES draws:
 * any compiler, vector width or number of workers must come to the same. A change of the first
 * column is a change of OMEGA_SCHEMA, of the second one of "augstream spec" (proto/spec.c): old
 * records no longer render the views that they once did. Then build/tests/gold/gold_views --write
 * tests/gold/views.txt writes the file anew, and the commit says why. */
#include "tests/gold/gold.h"
#include "tests/unit/picture.h"

#include "common/crc32c.h"
#include "common/rng.h"
#include "loaderd/augment/augment.h"
#include "loaderd/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LARGE = 64, SMALL = 40, VIEWS = 4, SAMPLES = 16, SCENE_MAX = 900 * 700 };

static const char table[] = TESTS_DIR "/gold/views.txt";

/* --- scenes --- */

/* Up and down again, 0..255. */
static uint8_t wave(uint32_t t)
{
    t %= 511;
    return (uint8_t)(t < 256 ? t : 510 - t);
}

static uint8_t waves(uint32_t x, uint32_t y, uint32_t c)
{
    return wave(x * (3 + c) + y * y / (40 + 7 * c) + 90 * c);
}

/* Pure colours with hard edges: hue and saturation at their corners. */
static uint8_t blocks(uint32_t x, uint32_t y, uint32_t c)
{
    return (x / 7 + 3 * (y / 5)) >> c & 1 ? 255 : 0;
}

static uint8_t noise(uint32_t x, uint32_t y, uint32_t c)
{
    uint32_t out[4];
    philox4x32_10((uint32_t[4]){x, y, c, 0}, (uint32_t[2]){1, 2}, out);
    return (uint8_t)out[0];
}

static uint8_t slope(uint32_t x, uint32_t y, uint32_t c)
{
    return (uint8_t)((c == 0 ? x / 4 : c == 1 ? y / 3 : (x + y) / 7) & 255);
}

static const struct scene {
    const char *name;
    uint32_t w, h;
    uint8_t (*pixel)(uint32_t x, uint32_t y, uint32_t c); /* NULL: the JPEG */
} scenes[] = {
    {"waves", 300, 200, waves}, {"blocks", 97, 131, blocks}, {"noise", 64, 64, noise},
    {"slope", 900, 700, slope}, {"thin", 400, 9, waves},     {"tiny", 5, 7, noise},
    {"pixel", 1, 1, noise},     {"jpeg", 0, 0, NULL},
};

/* --- the table --- */

struct row {
    const char *scene;
    uint32_t view, omega, pixels; /* the last two: CRC-32C */
};
static struct row rows[ARRAY_LEN(scenes) * VIEWS];

static void spec_fill(struct spec *spec)
{
    *spec = (struct spec){.dataset = "gold", .seed = 2026, .batch = SAMPLES, .n_views = VIEWS};
    const struct view_spec law = {
        .size = LARGE,
        .scale = {0.14, 1},
        .ratio = {0.75, 4.0 / 3},
        .flip = 0.5,
        .jitter = {.p = 0.8, .brightness = 0.8, .contrast = 0.8, .saturation = 0.8, .hue = 0.2},
        .grayscale = 0.2,
        .blur = {.p = 0.9, .sigma = {0.1, 2}, .kernel = 9},
        .solarize = {.p = 0.1, .threshold = 0.5},
        .rotation = 0.4,
    };
    for (uint32_t v = 0; v < VIEWS; v++)
        spec->views[v] = law;
    spec->views[1].blur.p = 0.1;
    spec->views[1].solarize.p = 0.4;
    spec->views[1].jitter.order_per_batch = true;
    for (uint32_t v = 2; v < VIEWS; v++) {
        spec->views[v].size = SMALL;
        spec->views[v].scale[0] = 0.05;
        spec->views[v].scale[1] = 0.14;
        spec->views[v].blur.kernel = 5;
    }
    assert_int_equal(spec_check(spec), 0);
}

/* Everything that the record says, whatever its layout in memory. */
static uint32_t omega_crc(uint32_t crc, const struct omega *omega)
{
    char text[1024];
    const int len = omega_json(omega, &(struct omega_place){.label = -1}, text, sizeof text);
    assert_in_range(len, 1, sizeof text - 1);
    return crc32c(crc, text, (size_t)len);
}

static void add(struct row *row, const struct omega *omega, const uint8_t *pixels, uint32_t size)
{
    row->omega = omega_crc(row->omega, omega);
    row->pixels = crc32c(row->pixels, pixels, (size_t)size * size * 3);
}

static void formula_rows(const struct scene *p, const struct spec *spec, struct row *ret)
{
    static uint8_t rgb[SCENE_MAX * 3], out[LARGE * LARGE * 3];
    for (uint32_t y = 0; y < p->h; y++)
        for (uint32_t x = 0; x < p->w; x++)
            for (uint32_t c = 0; c < 3; c++)
                rgb[(y * p->w + x) * 3 + c] = p->pixel(x, y, c);
    const struct image image = picture_whole(p->w, p->h, rgb);
    struct augment *a;
    assert_int_equal(augment_new(LARGE, &a), 0);
    for (uint32_t sample = 0; sample < SAMPLES; sample++)
        for (uint32_t v = 0; v < VIEWS; v++) {
            const struct omega_key key = {.seed = spec->seed, .sample = sample, .view = v};
            struct omega omega;
            omega_draw(&spec->views[v], &key, p->w, p->h, &omega);
            augment_view(a, &image, &spec->views[v], &omega, out);
            add(&ret[v], &omega, out, spec->views[v].size);
        }
    augment_free(a);
}

/* The first file of the decoders' gold set, as a worker renders it. */
static void jpeg_rows(const struct spec *spec, struct row *ret)
{
    struct gold gold;
    gold_open(&gold, TESTS_DIR "/gold/decode.gold", "AUGDEC01");
    gold_u32(&gold);
    gold_take(&gold, 32 + 16);
    const uint32_t len = gold_u32(&gold);
    struct item item = {.label = -1, .coding = ITEM_FILE};
    snprintf(item.path, sizeof item.path, "/tmp/augstream-views-XXXXXX");
    const int fd = mkstemp(item.path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, gold_take(&gold, len), len), len);
    close(fd);
    static uint8_t out[VIEWS][LARGE * LARGE * 3];
    struct omega omega[VIEWS];
    struct render_task task = {.item = &item, .spec = spec};
    for (uint32_t v = 0; v < VIEWS; v++) {
        task.out[v] = out[v];
        task.omega[v] = &omega[v];
    }
    struct render *render;
    enum wire_fault fault;
    assert_int_equal(render_new(&render), 0);
    for (item.sample = 0; item.sample < SAMPLES; item.sample++) {
        assert_int_equal(render_sample(render, &task, &fault), 0);
        for (uint32_t v = 0; v < VIEWS; v++)
            add(&ret[v], &omega[v], out[v], spec->views[v].size);
    }
    render_free(render);
    unlink(item.path);
    free(gold.bytes);
}

static void rows_make(void)
{
    struct spec spec;
    spec_fill(&spec);
    memset(rows, 0, sizeof rows);
    for (size_t i = 0; i < ARRAY_LEN(scenes); i++) {
        struct row *row = rows + i * VIEWS;
        for (uint32_t v = 0; v < VIEWS; v++) {
            row[v].scene = scenes[i].name;
            row[v].view = v;
        }
        if (scenes[i].pixel)
            formula_rows(&scenes[i], &spec, row);
        else
            jpeg_rows(&spec, row);
    }
}

static void row_print(const struct row *row, char *ret, size_t cap)
{
    snprintf(ret, cap, "%-8s %" PRIu32 "  %08" PRIx32 "  %08" PRIx32 "\n", row->scene, row->view,
             row->omega, row->pixels);
}

static int rows_write(const char *path)
{
    FILE *out = fopen(path, "w");
    if (!out) {
        perror(path);
        return 1;
    }
    fputs("# Written by build/tests/gold/gold_views --write FILE; tests/gold/test_views.c tells.\n"
          "# scene, view, CRC-32C of its records, of its pixels\n",
          out);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[64];
        row_print(&rows[i], text, sizeof text);
        fputs(text, out);
    }
    return fclose(out) == 0 ? 0 : 1;
}

/* --- the test --- */

static void test_views(void **state)
{
    (void)state;
    FILE *in = fopen(table, "r");
    assert_non_null(in);
    char line[128];
    size_t n = 0, wrong = 0;
    while (fgets(line, sizeof line, in)) {
        char ours[64] = "";
        if (line[0] == '#')
            continue;
        if (n < ARRAY_LEN(rows))
            row_print(&rows[n], ours, sizeof ours);
        n++;
        if (strcmp(line, ours) == 0)
            continue;
        print_error("on file: %snow:     %s", line, ours);
        wrong++;
    }
    fclose(in);
    assert_int_equal(wrong, 0);
    assert_int_equal(n, ARRAY_LEN(rows));
}

/* No two rows are alike, and both digests see a change of one bit. */
static void test_rows_tell_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t j = 0; j < i; j++)
            assert_true(rows[i].pixels != rows[j].pixels && rows[i].omega != rows[j].omega);
    struct row a = {0}, b = {0};
    uint8_t pixels[12] = {0};
    struct omega omega = {.jitter = {.hue = 0.1f}};
    add(&a, &omega, pixels, 2);
    omega.jitter.hue = 0x1.99999cp-4f; /* the next float */
    pixels[11] ^= 1;
    add(&b, &omega, pixels, 2);
    assert_true(a.omega != b.omega && a.pixels != b.pixels);
}

int main(int argc, char **argv)
{
    rows_make();
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return rows_write(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_rows_tell_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
