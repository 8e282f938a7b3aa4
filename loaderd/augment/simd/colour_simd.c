/* SPDX-License-Identifier: Apache-2.0 */
/* colour_simd: all steps of a pixel's colour in registers: jitter.c, solarize.c and grayscale.c,
 * operation for operation. */
#include "loaderd/augment/simd/simd.h"

struct rgb {
    vec r, g, b;
};

static inline vec clamp_unit(vec v)
{
    return vec_min(vec_max(v, vec_set(0.0f)), vec_set(1.0f));
}

static inline vec luma_of(struct rgb x)
{
    return vec_set(LUMA_R) * x.r + vec_set(LUMA_G) * x.g + vec_set(LUMA_B) * x.b;
}

static inline struct rgb blend(struct rgb x, vec factor, vec rest)
{
    return (struct rgb){clamp_unit(factor * x.r + rest), clamp_unit(factor * x.g + rest),
                        clamp_unit(factor * x.b + rest)};
}

static inline vec hue_channel(vec height, vec least, vec chroma)
{
    return least + vec_min(vec_max(height, vec_set(0.0f)), chroma);
}

static inline struct rgb hue(struct rgb x, vec shift)
{
    const vec value = vec_max(vec_max(x.r, x.g), x.b), least = vec_min(vec_min(x.r, x.g), x.b);
    const vec chroma = value - least;
    const vec two = chroma + chroma, three = two + chroma, four = two + two, six = three + three;
    vec sector = vec_if_ge(x.g, value, two + (x.b - x.r), four + (x.r - x.g));
    sector = vec_if_ge(x.r, value, x.g - x.b, sector) + shift * chroma;
    sector = vec_if_ge(sector, six, sector - six, sector);
    return (struct rgb){hue_channel(vec_abs(sector - three) - chroma, least, chroma),
                        hue_channel(two - vec_abs(sector - two), least, chroma),
                        hue_channel(two - vec_abs(sector - four), least, chroma)};
}

static inline vec solarize(vec x, vec threshold)
{
    return vec_if_ge(x, threshold, vec_set(1.0f) - x, x);
}

static inline struct rgb step_take(const struct colour_step *step, struct rgb x)
{
    const vec factor = vec_set(step->factor), rest = vec_set(step->rest);
    switch (step->op) {
    case COLOUR_BRIGHTNESS:
        return (struct rgb){vec_min(factor * x.r, vec_set(1.0f)),
                            vec_min(factor * x.g, vec_set(1.0f)),
                            vec_min(factor * x.b, vec_set(1.0f))};
    case COLOUR_CONTRAST:
        return blend(x, factor, rest);
    case COLOUR_SATURATION:
        return blend(x, factor, rest * luma_of(x));
    case COLOUR_HUE:
        return hue(x, factor);
    case COLOUR_SOLARIZE:
        return (struct rgb){solarize(x.r, factor), solarize(x.g, factor), solarize(x.b, factor)};
    case COLOUR_GRAYSCALE: {
        const vec luma = luma_of(x);
        return (struct rgb){luma, luma, luma};
    }
    }
    return x;
}

void SIMD(colour)(const struct colour *colour, size_t pitch, const float *const from[3],
                  float *const to[3])
{
    for (size_t i = 0; i < pitch; i += LANES) {
        struct rgb x = {vec_load(from[0] + i), vec_load(from[1] + i), vec_load(from[2] + i)};
        for (uint32_t s = 0; s < colour->n; s++)
            x = step_take(&colour->step[s], x);
        vec_store(to[0] + i, x.r);
        vec_store(to[1] + i, x.g);
        vec_store(to[2] + i, x.b);
    }
}

void SIMD(luma)(size_t pitch, const float *const row[3], double sums[MEAN_LANES])
{
    enum { PARTS = MEAN_LANES / LANES };
    vec sum[PARTS] = {0};
    for (size_t i = 0; i < pitch; i += MEAN_LANES)
        for (size_t j = 0; j < PARTS; j++) {
            const size_t at = i + j * LANES;
            sum[j] += luma_of(
                (struct rgb){vec_load(row[0] + at), vec_load(row[1] + at), vec_load(row[2] + at)});
        }
    float line[MEAN_LANES];
    memcpy(line, sum, sizeof line);
    for (size_t s = 0; s < MEAN_LANES; s++)
        sums[s] += (double)line[s];
}
