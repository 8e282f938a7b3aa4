/* SPDX-License-Identifier: Apache-2.0 */
/* colour: takes omega, gives the steps that every pixel's colour goes through, split where contrast
 * needs the mean of the view as it is by then; and the plain C that takes them, operation by
 * operation. Any thread; owns nothing. */
#include "loaderd/augment/parts.h"

#include <assert.h>
#include <string.h>

static void add(struct colour *colour, enum colour_op op, float factor, float rest)
{
    assert(colour->n < COLOUR_STEPS_MAX);
    colour->step[colour->n++] = (struct colour_step){op, factor, rest};
}

/* Sixths of a turn, 1 up to but without 7: no hue, counted from -1 to 5 sixths, is then below 0. */
static float hue_shift(float hue)
{
    const float shift = 6.0f * hue;
    return shift < 1.0f ? shift + 6.0f : shift;
}

void colour_plan(const struct omega *omega, struct colour_plan *ret)
{
    *ret = (struct colour_plan){.mean = false};
    struct colour *at = &ret->head;
    const float saturation = omega->jitter.saturation;
    for (int i = 0; i < JITTER_OPS && omega->jitter.applied; i++) {
        switch (omega->jitter.order[i]) {
        case JITTER_BRIGHTNESS:
            add(at, COLOUR_BRIGHTNESS, omega->jitter.brightness, 0);
            break;
        case JITTER_CONTRAST:
            ret->mean = true;
            at = &ret->tail;
            add(at, COLOUR_CONTRAST, omega->jitter.contrast, 0);
            break;
        case JITTER_SATURATION:
            add(at, COLOUR_SATURATION, saturation, 1.0f - saturation);
            break;
        case JITTER_HUE:
            add(at, COLOUR_HUE, hue_shift(omega->jitter.hue), 0);
            break;
        default:
            assert(!"omega_check has let a wrong order pass");
        }
    }
    if (omega->solarize.applied)
        add(at, COLOUR_SOLARIZE, omega->solarize.threshold, 0);
    if (omega->grayscale)
        add(at, COLOUR_GRAYSCALE, 0, 0);
}

void colour_mean(struct colour_plan *plan, float mean)
{
    struct colour_step *contrast = &plan->tail.step[0];
    contrast->rest = (1.0f - contrast->factor) * mean;
}

void colour_plain(const struct colour *colour, size_t pitch, const float *const from[3],
                  float *const to[3])
{
    static void (*const rows[])(float *const row[3], size_t n, const struct colour_step *step) = {
        [COLOUR_BRIGHTNESS] = brightness_row, [COLOUR_CONTRAST] = contrast_row,
        [COLOUR_SATURATION] = saturation_row, [COLOUR_HUE] = hue_row,
        [COLOUR_SOLARIZE] = solarize_row,     [COLOUR_GRAYSCALE] = grayscale_row,
    };
    for (int c = 0; c < 3; c++)
        if (to[c] != from[c])
            memcpy(to[c], from[c], pitch * sizeof(float));
    for (uint32_t i = 0; i < colour->n; i++)
        rows[colour->step[i].op](to, pitch, &colour->step[i]);
}

/* Fixed lanes make one result on every machine; doubles from row to row keep rounding from growing
 * with the picture. */
void luma_plain(size_t pitch, const float *const row[3], double sums[MEAN_LANES])
{
    const float *red = row[0], *green = row[1], *blue = row[2];
    float line[MEAN_LANES] = {0};
    for (size_t i = 0; i < pitch; i++)
        line[i % MEAN_LANES] += LUMA_R * red[i] + LUMA_G * green[i] + LUMA_B * blue[i];
    for (size_t s = 0; s < MEAN_LANES; s++)
        sums[s] += (double)line[s];
}
