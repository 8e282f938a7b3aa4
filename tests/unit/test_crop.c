/* SPDX-License-Identifier: Apache-2.0 */
/* crop: exact where it copies, Pillow's weights where it reduces or enlarges, blind to all that is
 * outside the box, safe at the extremes. */
#include "picture.h"
#include "planes.h"

#include <math.h>

static struct planes view;

static struct omega box(int32_t top, int32_t left, int32_t height, int32_t width)
{
    return (struct omega){
        .crop_top = top, .crop_left = left, .crop_height = height, .crop_width = width};
}

static struct image image_of(uint32_t w, uint32_t h)
{
    uint8_t *rgb = calloc((size_t)w * h, 3);
    assert_non_null(rgb);
    struct image image = picture_whole(w, h, rgb);
    image.capacity = 3 * (size_t)w * h;
    return image;
}

/* Down to the byte that it will be again. */
static void test_copies(void **state)
{
    (void)state;
    struct image image = image_of(10, 8);
    for (uint32_t shade = 0; shade < 256; shade += 5) {
        for (size_t i = 0; i < image.capacity; i++)
            image.rgb[i] = (uint8_t)(i + shade);
        const struct omega omega = box(2, 3, 5, 5);
        planes_crop(&view, &image, &omega, 5);
        for (uint32_t c = 0; c < 3; c++)
            for (uint32_t i = 0; i < 5; i++)
                for (uint32_t j = 0; j < 5; j++) {
                    const uint8_t byte = image.rgb[((i + 2) * 10 + j + 3) * 3 + c];
                    const float x = planes_at(&view, c, i)[j];
                    assert_true(x == (float)(1.0 / 255) * byte);
                    assert_int_equal((uint8_t)(x * 255.0f + 0.5f), byte);
                }
    }
    image_done(&image);
}

/* 4 pixels to 2: support 2, so the first output weighs pixels 0, 1, 2 by 3/7, 3/7, 1/7. */
static void test_reduces(void **state)
{
    (void)state;
    struct image image = image_of(4, 4);
    static const uint8_t column[4] = {0, 70, 140, 210};
    for (size_t p = 0; p < 16; p++)
        memset(image.rgb + 3 * p, column[p % 4], 3);
    const struct omega omega = box(0, 0, 4, 4);
    planes_crop(&view, &image, &omega, 2);
    const double left = (3 * 0 + 3 * 70 + 140) / 7.0 / 255,
                 right = (70 + 3 * 140 + 3 * 210) / 7.0 / 255;
    for (uint32_t i = 0; i < 6; i++) {
        assert_float_equal(planes_at(&view, i / 2, i % 2)[0], left, 1e-6);
        assert_float_equal(planes_at(&view, i / 2, i % 2)[1], right, 1e-6);
    }
    image_done(&image);
}

/* 2 pixels to 4: centres at 0.25, 0.75, 1.25, 1.75, so 0, 1/4, 3/4, 1 of the way. */
static void test_enlarges(void **state)
{
    (void)state;
    struct image image = image_of(2, 2);
    memset(image.rgb + 6, 255, 6); /* the lower row */
    const struct omega omega = box(0, 0, 2, 2);
    planes_crop(&view, &image, &omega, 4);
    static const float rows[4] = {0, 0.25f, 0.75f, 1};
    for (uint32_t c = 0; c < 3; c++)
        for (uint32_t p = 0; p < 16; p++)
            assert_float_equal(planes_at(&view, c, p / 4)[p % 4], rows[p / 4], 1e-6);
    image_done(&image);
}

static void test_blind_outside(void **state)
{
    (void)state;
    struct image image = image_of(40, 30);
    memset(image.rgb, 255, image.capacity);
    for (uint32_t i = 7; i < 7 + 11; i++)
        memset(image.rgb + (i * 40 + 9) * 3, 0, 23 * 3);
    const struct omega omega = box(7, 9, 11, 23);
    for (uint32_t size = 1; size <= 64; size += 7) {
        planes_crop(&view, &image, &omega, size);
        for (size_t i = 0; i < 3 * size * pitch_of(size); i++)
            assert_true(view.x[i] == 0.0f);
    }
    image_done(&image);
}

/* Of a picture of which only a window was decoded, a box within gives the same view. */
static void test_window(void **state)
{
    (void)state;
    struct image image = image_of(40, 30);
    for (size_t i = 0; i < image.capacity; i++)
        image.rgb[i] = (uint8_t)(i * i >> 3);
    struct image part = image_of(29, 13);
    part.w = 40;
    part.h = 30;
    part.window.top = 6;
    part.window.left = 8;
    for (uint32_t i = 0; i < 13; i++)
        memcpy(part.rgb + i * 29 * 3, image.rgb + ((i + 6) * 40 + 8) * 3, 29 * 3);
    static const int32_t boxes[][4] = {{6, 8, 13, 29}, {7, 9, 11, 23}, {18, 36, 1, 1}};
    static struct planes whole;
    for (size_t b = 0; b < ARRAY_LEN(boxes); b++) {
        const struct omega omega = box(boxes[b][0], boxes[b][1], boxes[b][2], boxes[b][3]);
        for (uint32_t size = 1; size <= 64; size += 7) {
            planes_crop(&whole, &image, &omega, size);
            planes_crop(&view, &part, &omega, size);
            assert_memory_equal(view.x, whole.x, 3 * size * pitch_of(size) * sizeof(float));
        }
    }
    image_done(&image);
    image_done(&part);
}

/* The crop of a picture that the decoder has reduced: the triangle over the box in the reduced
 * picture's pixels, in double and in one go over both axes. */
static double reduced_tap(uint32_t i, uint32_t size, const int32_t span[2], uint32_t reduce,
                          uint32_t pixel)
{
    const double start = (double)span[0] / reduce, scale = (double)span[1] / reduce / size;
    const double center = start + (i + 0.5) * scale;
    const double weight = 1 - fabs(pixel + 0.5 - center) / fmax(scale, 1);
    const bool touched = pixel + 1 > start && pixel < start + (double)span[1] / reduce;
    return touched && weight > 0 ? weight : 0;
}

static void test_reduced(void **state)
{
    (void)state;
    static const struct {
        uint32_t reduce, size;
        int32_t rows[2], columns[2]; /* start, length */
    } cases[] = {
        {2, 8, {0, 20}, {0, 32}},   {2, 7, {3, 31}, {1, 40}},  {4, 5, {17, 60}, {6, 43}},
        {8, 6, {101, 64}, {7, 99}}, {8, 9, {50, 77}, {3, 72}}, {8, 3, {9, 3}, {6, 4}},
    };
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        const uint32_t reduce = cases[n].reduce, size = cases[n].size;
        struct image image = image_of(30, 40);
        image.w *= reduce;
        image.h *= reduce;
        image.reduce = reduce;
        for (size_t i = 0; i < image.capacity; i++)
            image.rgb[i] = (uint8_t)(i * i >> 2);
        const int32_t *rows = cases[n].rows, *columns = cases[n].columns;
        const struct omega omega = box(rows[0], columns[0], rows[1], columns[1]);
        planes_crop(&view, &image, &omega, size);
        for (uint32_t i = 0; i < size * size; i++) {
            double sum[3] = {0}, weights = 0;
            for (uint32_t p = 0; p < 30 * 40; p++) {
                const double weight = reduced_tap(i / size, size, rows, reduce, p / 30) *
                                      reduced_tap(i % size, size, columns, reduce, p % 30);
                weights += weight;
                for (uint32_t c = 0; c < 3; c++)
                    sum[c] += weight * image.rgb[3 * p + c] / 255;
            }
            for (uint32_t c = 0; c < 3; c++)
                assert_float_equal(planes_at(&view, c, i / size)[i % size], sum[c] / weights, 1e-6);
        }
        image_done(&image);
    }
}

/* A crop reads every pixel of its window, and needs no other. */
static void test_window_is_tight(void **state)
{
    (void)state;
    static const struct {
        uint32_t reduce, size;
        int32_t box[4]; /* top, left, height, width */
        struct crop_window window;
    } cases[] = {
        {1, 5, {3, 2, 5, 5}, {3, 2, 5, 5}},     {1, 4, {0, 0, 11, 9}, {0, 0, 11, 9}},
        {1, 9, {7, 1, 2, 3}, {7, 1, 2, 3}},     {2, 4, {4, 6, 8, 10}, {2, 3, 4, 5}},
        {2, 4, {5, 7, 8, 10}, {2, 3, 5, 6}},    {4, 3, {15, 12, 13, 12}, {3, 3, 4, 3}},
        {8, 2, {23, 17, 33, 16}, {2, 2, 5, 3}}, {8, 7, {23, 15, 1, 2}, {2, 1, 1, 2}},
        {8, 1, {31, 24, 50, 41}, {3, 3, 8, 6}}, {4, 6, {3, 3, 26, 26}, {0, 0, 8, 8}},
        {2, 12, {1, 1, 12, 12}, {0, 0, 7, 7}},  {8, 5, {1, 7, 40, 40}, {0, 0, 6, 6}},
    };
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        const int32_t *b = cases[n].box;
        const struct omega omega = box(b[0], b[1], b[2], b[3]);
        const struct crop_window w = crop_window(&omega, cases[n].reduce);
        assert_memory_equal(&w, &cases[n].window, sizeof w);
        struct image part = image_of(w.cols, w.rows);
        part.w = part.h = 200;
        part.reduce = cases[n].reduce;
        part.window.top = w.top;
        part.window.left = w.left;
        for (uint32_t p = 0; p < w.rows * w.cols; p++) {
            memset(part.rgb, 0, part.capacity);
            part.rgb[3 * p + 1] = 255;
            planes_crop(&view, &part, &omega, cases[n].size);
            float sum = 0;
            for (uint32_t i = 0; i < view.size * view.size; i++)
                sum += planes_at(&view, 1, i / view.size)[i % view.size];
            assert_true(sum > 0);
        }
        image_done(&part);
    }
}

/* White stays exactly in range at any scale: later operations rely on [0,1]. */
static void test_extremes(void **state)
{
    (void)state;
    static const struct {
        uint32_t w, h;
    } rows[] = {{1, 1}, {DECODE_SIDE_MAX, 1}, {1, DECODE_SIDE_MAX}, {DECODE_SIDE_MAX, 3}, {7, 333}};
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        struct image image = image_of(rows[r].w, rows[r].h);
        memset(image.rgb, 255, image.capacity);
        const struct omega omega = box(0, 0, (int32_t)rows[r].h, (int32_t)rows[r].w);
        for (uint32_t size = 1; size <= 64; size += 21) {
            planes_crop(&view, &image, &omega, size);
            for (uint32_t i = 0; i < 3 * size * size; i++) {
                const float x = planes_at(&view, i / size / size, i / size % size)[i % size];
                assert_float_equal(x, 1, 1e-5);
                assert_true(x <= 1.0f);
            }
        }
        image_done(&image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies),          cmocka_unit_test(test_reduces),
        cmocka_unit_test(test_enlarges),        cmocka_unit_test(test_blind_outside),
        cmocka_unit_test(test_window),          cmocka_unit_test(test_reduced),
        cmocka_unit_test(test_window_is_tight), cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
