/* SPDX-License-Identifier: Apache-2.0 */
/* planes: a view between its operations, for tests: each operation alone, in plain C, over a whole
 * view. What augment.c does row by row and in as few passes as it can, this does one by one. */
#ifndef AUGSTREAM_TESTS_PLANES_H
#define AUGSTREAM_TESTS_PLANES_H

#include "test.h"

#include "loaderd/augment/parts.h"

#include <stdlib.h>
#include <string.h>

enum { PLANES_SIZE_MAX = 64 };

/* x: [3][size][pitch_of(size)] */
struct planes {
    uint32_t size;
    float x[3 * PLANES_SIZE_MAX * PLANES_SIZE_MAX];
};

static inline float *planes_at(struct planes *p, uint32_t c, uint32_t y)
{
    return p->x + (c * p->size + y) * pitch_of(p->size);
}

static inline void planes_row(struct planes *p, uint32_t y, float *ret[3])
{
    for (uint32_t c = 0; c < 3; c++)
        ret[c] = planes_at(p, c, y);
}

/* Crop, resize, and flip where omega says so. */
static inline void planes_crop(struct planes *p, const struct image *image,
                               const struct omega *omega, uint32_t size)
{
    assert_true(size <= PLANES_SIZE_MAX);
    p->size = size;
    struct crop crop;
    assert_int_equal(crop_init(&crop, size), 0);
    crop_open(&crop, kernels_at(0), image, omega, size);
    for (uint32_t y = 0; y < size; y++) {
        float *row[3];
        planes_row(p, y, row);
        crop_row(&crop, y, row);
    }
    crop_done(&crop);
}

static inline float planes_mean(struct planes *p)
{
    double sums[MEAN_LANES] = {0}, sum = 0;
    for (uint32_t y = 0; y < p->size; y++) {
        const float *const row[3] = {planes_at(p, 0, y), planes_at(p, 1, y), planes_at(p, 2, y)};
        luma_plain(p->size, row, sums);
    }
    for (int s = 0; s < MEAN_LANES; s++)
        sum += sums[s];
    return (float)(sum / ((double)p->size * p->size));
}

typedef void (*planes_op_fn)(float *const row[3], size_t n, const struct colour_step *step);

static inline void planes_colour(struct planes *p, planes_op_fn op, float factor, float rest)
{
    const struct colour_step step = {.factor = factor, .rest = rest};
    for (uint32_t y = 0; y < p->size; y++) {
        float *row[3];
        planes_row(p, y, row);
        op(row, p->size, &step);
    }
}

static inline void planes_jitter(struct planes *p, const struct omega *omega)
{
    const float saturation = omega->jitter.saturation, contrast = omega->jitter.contrast;
    float shift = 6.0f * omega->jitter.hue;
    shift = shift < 1.0f ? shift + 6.0f : shift;
    for (int i = 0; i < JITTER_OPS; i++) {
        const uint8_t op = omega->jitter.order[i];
        if (op == JITTER_BRIGHTNESS)
            planes_colour(p, brightness_row, omega->jitter.brightness, 0);
        else if (op == JITTER_CONTRAST)
            planes_colour(p, contrast_row, contrast, (1.0f - contrast) * planes_mean(p));
        else if (op == JITTER_SATURATION)
            planes_colour(p, saturation_row, saturation, 1.0f - saturation);
        else
            planes_colour(p, hue_row, shift, 0);
    }
}

static inline void planes_blur(struct planes *p, float sigma, uint32_t kernel)
{
    static struct planes before;
    static float line[BLUR_LINE];
    before = *p;
    struct blur_taps taps;
    blur_taps_fill(&taps, sigma, kernel);
    for (uint32_t c = 0; c < 3; c++)
        blur_plain(&(struct blur_pass){.taps = &taps,
                                       .size = p->size,
                                       .in = planes_at(&before, c, 0),
                                       .out = planes_at(p, c, 0),
                                       .line = line});
}

static inline void planes_round(struct planes *p, uint8_t *ret)
{
    for (uint32_t y = 0; y < p->size; y++)
        for (uint32_t x = 0; x < p->size; x++)
            for (uint32_t c = 0; c < 3; c++)
                ret[(y * p->size + x) * 3 + c] = (uint8_t)(planes_at(p, c, y)[x] * 255.0f + 0.5f);
}

#endif
