/* SPDX-License-Identifier: Apache-2.0 */
/* jitter: brightness, contrast, saturation and hue as torchvision's adjust_* on float tensors: the
 * plain C, a row at a time, in place. Any thread; owns nothing. It draws nothing.
 * The loops are free of branches so that a compiler can make vectors of them. */
#include "loaderd/augment/parts.h"

#include <math.h>

static float clamp_unit(float value)
{
    value = value > 0.0f ? value : 0.0f;
    return value < 1.0f ? value : 1.0f;
}

void brightness_row(float *const row[3], size_t n, const struct colour_step *step)
{
    for (int c = 0; c < 3; c++)
        for (size_t i = 0; i < n; i++)
            row[c][i] = clamp_unit(step->factor * row[c][i]);
}

void contrast_row(float *const row[3], size_t n, const struct colour_step *step)
{
    for (int c = 0; c < 3; c++)
        for (size_t i = 0; i < n; i++)
            row[c][i] = clamp_unit(step->factor * row[c][i] + step->rest);
}

void saturation_row(float *const row[3], size_t n, const struct colour_step *step)
{
    float *restrict red = row[0], *restrict green = row[1], *restrict blue = row[2];
    for (size_t i = 0; i < n; i++) {
        const float luma = LUMA_R * red[i] + LUMA_G * green[i] + LUMA_B * blue[i];
        const float rest = step->rest * luma;
        red[i] = clamp_unit(step->factor * red[i] + rest);
        green[i] = clamp_unit(step->factor * green[i] + rest);
        blue[i] = clamp_unit(step->factor * blue[i] + rest);
    }
}

/* One channel of HSV -> RGB: a trapezium over the sectors, cut out of a triangle `height`. */
static float hue_channel(float height, float least, float chroma)
{
    height = height > 0.0f ? height : 0.0f;
    return least + (height < chroma ? height : chroma);
}

/* RGB -> HSV, hue turned, back to RGB. torchvision goes through saturation = chroma / value, hue in
 * turns and a table of sectors. With the hue in sixths of a turn times the chroma, 0 up to but
 * without six chromas, nothing is divided and gray needs no case of its own. */
void hue_row(float *const row[3], size_t n, const struct colour_step *step)
{
    float *restrict red = row[0], *restrict green = row[1], *restrict blue = row[2];
    for (size_t i = 0; i < n; i++) {
        const float r = red[i], g = green[i], b = blue[i];
        const float rg_max = r > g ? r : g, rg_min = r < g ? r : g;
        const float value = rg_max > b ? rg_max : b, least = rg_min < b ? rg_min : b;
        const float chroma = value - least;
        const float two = chroma + chroma, three = two + chroma, four = two + two;
        const float six = three + three;
        float sector = g >= value ? two + (b - r) : four + (r - g);
        sector = r >= value ? g - b : sector;
        sector += step->factor * chroma; /* from -1 + 1 up to 5 + 7 chromas */
        sector = sector >= six ? sector - six : sector;
        red[i] = hue_channel(fabsf(sector - three) - chroma, least, chroma);
        green[i] = hue_channel(two - fabsf(sector - two), least, chroma);
        blue[i] = hue_channel(two - fabsf(sector - four), least, chroma);
    }
}
