/* SPDX-License-Identifier: Apache-2.0 */
/* jitter: brightness, contrast, saturation and hue in omega's order, as torchvision's adjust_* on
 * float tensors, in place. Any thread; owns nothing. It draws nothing.
 * The loops are free of branches so that a compiler can make vectors of them. */
#include "loaderd/augment/augment.h"

#include <assert.h>

static float clamp_unit(float value)
{
    value = value > 0.0f ? value : 0.0f;
    return value < 1.0f ? value : 1.0f;
}

static void brightness(float *x, size_t pixels, float factor)
{
    for (size_t i = 0; i < 3 * pixels; i++)
        x[i] = clamp_unit(factor * x[i]);
}

/* The mean luma, summed in doubles over fixed lanes: one result on every machine, and no rounding
 * that grows with the picture. */
static float mean_luma(const float *x, size_t pixels)
{
    enum { LANES = 8 };
    const float *red = x, *green = x + pixels, *blue = x + 2 * pixels;
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= pixels; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lane[l] += LUMA_R * red[i + l] + LUMA_G * green[i + l] + LUMA_B * blue[i + l];
    for (; i < pixels; i++)
        lane[i % LANES] += LUMA_R * red[i] + LUMA_G * green[i] + LUMA_B * blue[i];
    double sum = 0;
    for (size_t l = 0; l < LANES; l++)
        sum += lane[l];
    return (float)(sum / (double)pixels);
}

static void contrast(float *x, size_t pixels, float factor)
{
    const float rest = (1.0f - factor) * mean_luma(x, pixels);
    for (size_t i = 0; i < 3 * pixels; i++)
        x[i] = clamp_unit(factor * x[i] + rest);
}

static void saturation(float *x, size_t pixels, float factor)
{
    float *restrict red = x, *restrict green = x + pixels, *restrict blue = x + 2 * pixels;
    for (size_t i = 0; i < pixels; i++) {
        const float luma = LUMA_R * red[i] + LUMA_G * green[i] + LUMA_B * blue[i];
        const float rest = (1.0f - factor) * luma;
        red[i] = clamp_unit(factor * red[i] + rest);
        green[i] = clamp_unit(factor * green[i] + rest);
        blue[i] = clamp_unit(factor * blue[i] + rest);
    }
}

/* One channel of HSV -> RGB: sector is 6 * hue plus 5, 3 or 1 for red, green or blue, modulo 6. */
static float hue_channel(float sector, float value, float chroma)
{
    sector = sector >= 6.0f ? sector - 6.0f : sector;
    const float falling = 4.0f - sector;
    return value - chroma * clamp_unit(sector < falling ? sector : falling);
}

/* RGB -> HSV, hue turned, back to RGB. torchvision goes through saturation = chroma / value and its
 * sector table; written in chroma the two directions share it and no table is needed. */
static void hue(float *x, size_t pixels, float shift)
{
    float *restrict red = x, *restrict green = x + pixels, *restrict blue = x + 2 * pixels;
    for (size_t i = 0; i < pixels; i++) {
        const float r = red[i], g = green[i], b = blue[i];
        const float rg_max = r > g ? r : g, rg_min = r < g ? r : g;
        const float value = rg_max > b ? rg_max : b, least = rg_min < b ? rg_min : b;
        const float chroma = value - least;
        const float scale = 1.0f / (chroma > 0.0f ? chroma : 1.0f);
        const float from_red = (g - b) * scale;
        const float from_green = 2.0f + (b - r) * scale;
        const float from_blue = 4.0f + (r - g) * scale;
        float sixth = value == g ? from_green : from_blue;
        sixth = value == r ? from_red : sixth;
        sixth += 6.0f * shift; /* -1 - 3 .. 5 + 3 */
        sixth = sixth < 0.0f ? sixth + 6.0f : sixth;
        sixth = sixth >= 6.0f ? sixth - 6.0f : sixth;
        red[i] = hue_channel(sixth + 5.0f, value, chroma);
        green[i] = hue_channel(sixth + 3.0f, value, chroma);
        blue[i] = hue_channel(sixth + 1.0f, value, chroma);
    }
}

void jitter_apply(float *x, uint32_t size, const struct omega *omega)
{
    const struct {
        void (*apply)(float *x, size_t pixels, float by);
        float by;
    } steps[JITTER_OPS] = {
        [JITTER_BRIGHTNESS] = {brightness, omega->jitter.brightness},
        [JITTER_CONTRAST] = {contrast, omega->jitter.contrast},
        [JITTER_SATURATION] = {saturation, omega->jitter.saturation},
        [JITTER_HUE] = {hue, omega->jitter.hue},
    };
    for (int i = 0; i < JITTER_OPS; i++) {
        const uint8_t op = omega->jitter.order[i];
        assert(op < JITTER_OPS);
        steps[op].apply(x, (size_t)size * size, steps[op].by);
    }
}
