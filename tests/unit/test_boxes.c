/* SPDX-License-Identifier: Apache-2.0 */
/* boxes: overlaps by hand, rows without a box left out, a shuffle that the seed names; a sheet has
 * each box where it is, and nothing outside its view. */
#include "test.h"

#include "tools/evaluate/boxes.h"

#include <errno.h>
#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 160, N = 3 };

static void test_overlap(void **state)
{
    (void)state;
    static const struct {
        double a[4], b[4], overlap;
    } cases[] = {
        {{0, 0, 1, 1}, {0, 0, 1, 1}, 1},         {{0, 0, .5, 1}, {.25, 0, .5, 1}, 1.0 / 3},
        {{0, 0, .5, .5}, {.5, .5, .5, .5}, 0},   {{.1, .1, .2, .4}, {.1, .2, .2, .2}, .5},
        {{-.5, 0, 1, 1}, {0, 0, 1, 1}, 1.0 / 3}, /* told to begin outside */
        {{.2, .2, -.1, .5}, {0, 0, 1, 1}, 0},    /* told to have no side */
        {{.2, .2, 0, 0}, {.2, .2, 0, 0}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(fabs(box_overlap(cases[i].a, cases[i].b) - cases[i].overlap) < 1e-12);
        assert_true(fabs(box_overlap(cases[i].b, cases[i].a) - cases[i].overlap) < 1e-12);
    }
}

static float x[N] = {0, 1, 2};
static int64_t labels[N] = {0, 0, 0}, samples[N] = {0, 1, 2};
static float some[4 * N] = {.25f, .25f, .5f, .5f, NAN, NAN, NAN, NAN, .5f, 0, .5f, 1};

static struct table table_of(float *boxes)
{
    return (struct table){.f = {N, 1, x, labels, samples, 0, 1}, .boxes = boxes, .name = "made"};
}

static void test_rows(void **state)
{
    (void)state;
    float none[4 * N];
    for (size_t i = 0; i < 4 * N; i++)
        none[i] = NAN;
    struct table t = table_of(some), without = table_of(NULL), empty = table_of(none);
    struct boxes b;
    assert_int_equal(boxes_of(&t, &b), 0);
    assert_true(b.n == 2 && b.rows[0] == 0 && b.rows[1] == 2 && b.y[0] == .25 && b.y[11] == 1);
    const double w = 0, mean[4] = {.25, .25, .5, .5};
    const struct ridge constant = {1, 4, (double[4]){w, w, w, w}, (double *)mean};
    const struct ridge_rows rows = boxes_rows(&b);
    assert_true(fabs(ridge_error(&constant, &rows) - (.0625 + .0625 + .25) / 8) < 1e-12);
    assert_true(fabs(boxes_overlap(&b, &constant) - (1 + .125 / .625) / 2) < 1e-12);
    double found[2], middle[4];
    boxes_beside(&b, mean, found);
    assert_true(fabs(found[0] - ridge_error(&constant, &rows)) < 1e-12);
    assert_true(fabs(found[1] - boxes_overlap(&b, &constant)) < 1e-12);
    boxes_mean(&b, &(struct boxes){.n = 0}, middle);
    assert_true(middle[0] == .375 && middle[1] == .125 && middle[2] == .5 && middle[3] == .75);
    boxes_done(&b);
    assert_int_equal(boxes_of(&without, &b), -ENODATA);
    assert_non_null(strstr(err_text(), "made: holds no boxes"));
    assert_int_equal(boxes_of(&empty, &b), -ENODATA);
    assert_non_null(strstr(err_text(), "made: none of 3 rows has a box"));
}

static void test_shuffle(void **state)
{
    (void)state;
    enum { MANY = 50 };
    uint32_t rows[3][MANY];
    const uint64_t seeds[3] = {1, 2, 1};
    for (int k = 0; k < 3; k++) {
        for (uint32_t i = 0; i < MANY; i++)
            rows[k][i] = i;
        struct boxes b = {.rows = rows[k], .n = MANY};
        boxes_shuffle(&b, seeds[k]);
        uint64_t seen = 0;
        for (uint32_t i = 0; i < MANY; i++)
            seen |= 1ull << rows[k][i];
        assert_true(seen == (1ull << MANY) - 1);
    }
    assert_memory_equal(rows[0], rows[2], sizeof rows[0]);
    assert_true(memcmp(rows[0], rows[1], sizeof rows[0]) != 0);
}

static uint32_t at(const uint8_t *rgb, uint32_t w, uint32_t px, uint32_t py)
{
    const uint8_t *p = rgb + 3 * ((size_t)py * w + px);
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

/* Views of one grey; one told box is in the middle, another reaches beyond all sides. */
static void test_sheet(void **state)
{
    (void)state;
    enum { LEFT = 12, TOP = 12 + 22 + 22, GREY = 0x808080, GREEN = 0x2EDC5A, RED = 0xFF3B3B };
    struct table t = table_of(some);
    struct boxes b;
    assert_int_equal(boxes_of(&t, &b), 0);
    uint8_t *pixels = malloc(N * SIDE * SIDE * 3);
    memset(pixels, 0x80, N * SIDE * SIDE * 3);
    const struct views v = {.pixels = pixels, .n = N, .side = SIDE};
    /* row 0: .125 .125 .75 .75; row 2: -.875 .125 2.75 .75 */
    const struct ridge r = {1, 4, (double[4]){-.5, 0, 1, 0}, (double[4]){.125, .125, .75, .75}};
    char path[] = "/tmp/boxes.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    const struct boxes_sheet sheet = {&b, &r, &v, 99, {"made", NULL, NULL}};
    assert_int_equal(boxes_sheet_save(&sheet, path), 0);
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_file(&image, path));
    image.format = PNG_FORMAT_RGB;
    uint8_t *rgb = malloc(PNG_IMAGE_SIZE(image));
    assert_true(png_image_finish_read(&image, NULL, rgb, 0, NULL));
    const uint32_t w = image.width, second = LEFT + SIDE + LEFT;
    assert_int_equal(w, second + SIDE + LEFT);
    assert_true(at(rgb, w, LEFT, TOP) == GREY && at(rgb, w, LEFT + 80, TOP + 80) == GREY);
    assert_true(at(rgb, w, LEFT + 40, TOP + 80) == GREEN); /* true: from 40 to 120 */
    assert_true(at(rgb, w, LEFT + 119, TOP + 80) == GREEN &&
                at(rgb, w, LEFT + 120, TOP + 80) == GREY);
    assert_true(at(rgb, w, LEFT + 20, TOP + 80) == RED); /* told: from 20 to 140 */
    assert_true(at(rgb, w, LEFT + 80, TOP + 139) == RED &&
                at(rgb, w, LEFT + 80, TOP + 140) == GREY);
    assert_true(at(rgb, w, second + 80, TOP + 20) == RED && at(rgb, w, second, TOP + 20) == RED);
    assert_true(at(rgb, w, second - 1, TOP + 20) == 0xFFFFFF); /* cut off at the view */
    assert_true(at(rgb, w, second + 159, TOP + 80) == GREEN);
    unlink(path);
    free(rgb);
    free(pixels);
    boxes_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_shuffle),
        cmocka_unit_test(test_sheet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
