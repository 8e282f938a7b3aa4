/* SPDX-License-Identifier: Apache-2.0 */
/* law: takes a view's law, gives what it says of a figure, in numbers and in words, and draws by
 * it. Pure but for the dice, which are the caller's. Looks at no record. */
#include "tools/inspect/figures/law.h"

#include "common/auto.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- figures --- */

static void uniform(struct law *law, double low, double high)
{
    law->kind = low < high ? LAW_UNIFORM : LAW_CONSTANT;
    law->low = low;
    law->high = high;
}

static void factor(struct law *law, double strength)
{
    uniform(law, fmax(0, 1 - strength), 1 + strength);
}

static void constant(struct law *law, double value)
{
    uniform(law, value, value);
}

static void bit(struct law *law, double p)
{
    law->kind = LAW_BIT;
    law->share[0] = 1 - p;
    law->share[1] = p;
}

static void drawn(struct law *law, double low, double high)
{
    law->kind = LAW_DRAWN;
    law->low = low;
    law->high = high;
}

/* Boxes of whole pixels, so a little beyond the law. */
static void box(enum figure figure, const struct view_spec *of, struct law *law)
{
    const bool random = of->crop == CROP_RANDOM;
    const double slack = random ? (of->scale[1] - of->scale[0]) / 20 : 0;
    if (figure == FIGURE_AREA)
        drawn(law, random ? fmax(0, of->scale[0] - slack) : 0,
              random ? fmin(1, of->scale[1] + slack) : 1);
    else if (figure == FIGURE_RATIO)
        drawn(law, random ? of->ratio[0] * 0.95 : 0, random ? of->ratio[1] * 1.05 : 2);
    else
        drawn(law, 0, 1);
}

/* Turned with probability p, then by any number of quarter turns, none among them. */
static void turns(double p, double share[FIGURE_TURNS])
{
    for (int i = 0; i < FIGURE_TURNS; i++)
        share[i] = p / FIGURE_TURNS + (i == 0 ? 1 - p : 0);
}

static const struct {
    size_t classes;
    double low, high; /* usual, where nothing is told */
} usual[FIGURES] = {
    [FIGURE_AREA] = {0, 0, 1},       [FIGURE_RATIO] = {0, 0.5, 2},
    [FIGURE_CY] = {0, 0, 1},         [FIGURE_CX] = {0, 0, 1},
    [FIGURE_FLIP] = {2, 0, 1},       [FIGURE_JITTER] = {2, 0, 1},
    [FIGURE_BRIGHTNESS] = {0, 0, 2}, [FIGURE_CONTRAST] = {0, 0, 2},
    [FIGURE_SATURATION] = {0, 0, 2}, [FIGURE_HUE] = {0, -0.5, 0.5},
    [FIGURE_ORDER] = {24, 0, 23},    [FIGURE_GRAYSCALE] = {2, 0, 1},
    [FIGURE_BLUR] = {2, 0, 1},       [FIGURE_SIGMA] = {0, 0, 3},
    [FIGURE_KERNEL] = {0, 0, 128},   [FIGURE_SOLARIZE] = {2, 0, 1},
    [FIGURE_THRESHOLD] = {0, 0, 1},  [FIGURE_ROTATION] = {4, 0, 3},
};

void law_of(enum figure figure, const struct view_spec *of, struct law *ret)
{
    *ret = (struct law){
        .low = usual[figure].low, .high = usual[figure].high, .classes = usual[figure].classes};
    if (!of)
        return;
    switch (figure) {
    case FIGURE_AREA:
    case FIGURE_RATIO:
    case FIGURE_CY:
    case FIGURE_CX:
        return box(figure, of, ret);
    case FIGURE_FLIP:
        return bit(ret, of->flip);
    case FIGURE_JITTER:
        return bit(ret, of->jitter.p);
    case FIGURE_BRIGHTNESS:
        return factor(ret, of->jitter.brightness);
    case FIGURE_CONTRAST:
        return factor(ret, of->jitter.contrast);
    case FIGURE_SATURATION:
        return factor(ret, of->jitter.saturation);
    case FIGURE_HUE:
        return uniform(ret, -of->jitter.hue, of->jitter.hue);
    case FIGURE_ORDER:
        ret->kind = LAW_CLASSES;
        for (size_t i = 0; i < FIGURE_ORDERS; i++)
            ret->share[i] = 1.0 / FIGURE_ORDERS;
        return;
    case FIGURE_GRAYSCALE:
        return bit(ret, of->grayscale);
    case FIGURE_BLUR:
        return bit(ret, of->blur.p);
    case FIGURE_SIGMA:
        return uniform(ret, of->blur.sigma[0], of->blur.sigma[1]);
    case FIGURE_KERNEL:
        return constant(ret, of->blur.kernel);
    case FIGURE_SOLARIZE:
        return bit(ret, of->solarize.p);
    case FIGURE_THRESHOLD:
        return constant(ret, of->solarize.threshold);
    case FIGURE_ROTATION:
        ret->kind = LAW_CLASSES;
        return turns(of->rotation, ret->share);
    case FIGURES:
        return;
    }
}

/* --- targets --- */

void law_of_target(size_t target, const struct view_spec *a, const struct view_spec *b,
                   struct law *ret)
{
    *ret = (struct law){.low = -1, .high = 1};
    double sigma = 2, of_a[FIGURE_TURNS] = {0}, of_b[FIGURE_TURNS] = {0};
    if (a && b) {
        ret->kind = LAW_DRAWN;
        sigma = fmax(a->blur.sigma[1], b->blur.sigma[1]);
        turns(a->rotation, of_a);
        turns(b->rotation, of_b);
    }
    switch (target_kind(target)) {
    case AUGSELF_FLIP:
        ret->classes = 2;
        if (a && b)
            bit(ret, a->flip * b->flip + (1 - a->flip) * (1 - b->flip));
        return;
    case AUGSELF_BLUR:
        ret->low = -sigma;
        ret->high = sigma;
        return;
    case AUGSELF_ROTATION:
        ret->classes = FIGURE_TURNS;
        ret->kind = a && b ? LAW_CLASSES : LAW_NONE;
        for (int i = 0; i < FIGURE_TURNS; i++)
            for (int j = 0; j < FIGURE_TURNS; j++)
                ret->share[(i - j) & 3] += of_a[i] * of_b[j];
        return;
    case AUGSELF_CROP:
    case AUGSELF_COLOR:
    case AUGSELF_SOLARIZE:
    case AUGSELF_KINDS:
        return;
    }
}

/* --- words --- */

void law_words(const struct law *law, enum figure figure, const struct view_spec *of, char *ret,
               size_t cap)
{
    switch (law->kind) {
    case LAW_NONE:
        snprintf(ret, cap, "not told");
        return;
    case LAW_UNIFORM:
        snprintf(ret, cap, "uniform %.4g .. %.4g", law->low, law->high);
        return;
    case LAW_CONSTANT:
        snprintf(ret, cap, "always %.4g", law->low);
        return;
    case LAW_BIT:
        snprintf(ret, cap, "p %.4g", law->share[1]);
        return;
    case LAW_CLASSES:
        if (of && figure == FIGURE_ORDER)
            snprintf(ret, cap, "any of 24, one a %s",
                     of->jitter.order_per_batch ? "batch" : "view");
        else if (of && figure == FIGURE_ROTATION)
            snprintf(ret, cap, of->rotation > 0 ? "p %.4g, any of 4" : "p %.4g", of->rotation);
        else
            snprintf(ret, cap, "0 with p %.4g", law->share[0]);
        return;
    case LAW_DRAWN:
        if (of && of->crop == CROP_CENTER)
            snprintf(ret, cap, "the centre");
        else if (of && figure == FIGURE_AREA)
            snprintf(ret, cap, "%.4g .. %.4g where it fits", of->scale[0], of->scale[1]);
        else if (of && figure == FIGURE_RATIO)
            snprintf(ret, cap, "log-uniform %.4g .. %.4g", of->ratio[0], of->ratio[1]);
        else if (of)
            snprintf(ret, cap, "anywhere it fits");
        else
            snprintf(ret, cap, "of both views' laws");
        return;
    }
}

double law_cdf(const struct law *law, double x)
{
    return fmin(fmax((x - law->low) / (law->high - law->low), 0), 1);
}

/* --- draws --- */

uint64_t law_dice_word(struct law_dice *dice)
{
    uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

double law_dice_unit(struct law_dice *dice)
{
    return (double)(law_dice_word(dice) >> 11) * 0x1p-53;
}

static double between(struct law_dice *dice, double low, double high)
{
    return low + (high - low) * law_dice_unit(dice);
}

/* A whole number in 0..n-1. */
static int32_t below(struct law_dice *dice, int32_t n)
{
    return (int32_t)(law_dice_unit(dice) * n);
}

static void box_random(const struct view_spec *of, struct law_dice *dice, struct omega *o)
{
    const double w = o->source_w, h = o->source_h;
    for (int tries = 0; tries < 10; tries++) {
        const double pixels = between(dice, of->scale[0], of->scale[1]) * w * h;
        const double aspect = exp(between(dice, log(of->ratio[0]), log(of->ratio[1])));
        const double box_w = rint(sqrt(pixels * aspect)), box_h = rint(sqrt(pixels / aspect));
        if (box_w < 1 || box_h < 1 || box_w > w || box_h > h)
            continue;
        o->crop_width = (int32_t)box_w;
        o->crop_height = (int32_t)box_h;
        o->crop_top = below(dice, (int32_t)o->source_h - o->crop_height + 1);
        o->crop_left = below(dice, (int32_t)o->source_w - o->crop_width + 1);
        return;
    }
    /* None fits: the whole, cut down in the middle to the nearest aspect that is allowed. */
    const double is = w / h;
    o->crop_width = (int32_t)w;
    o->crop_height = (int32_t)h;
    if (is < of->ratio[0])
        o->crop_height = (int32_t)fmax(1, rint(w / of->ratio[0]));
    if (is > of->ratio[1])
        o->crop_width = (int32_t)fmax(1, rint(h * of->ratio[1]));
    o->crop_top = ((int32_t)o->source_h - o->crop_height) / 2;
    o->crop_left = ((int32_t)o->source_w - o->crop_width) / 2;
}

/* The square that CenterCrop(size) keeps after Resize(crop_resize), in pixels of the source. */
static void box_centre(const struct view_spec *of, struct omega *o)
{
    const double w = o->source_w, h = o->source_h;
    const double side = fmin(w, h) * of->size / of->crop_resize, whole = fmax(1, rint(side));
    o->crop_width = o->crop_height = (int32_t)whole;
    o->crop_top = (int32_t)fmin(fmax(rint((h - side) / 2), 0), h - whole);
    o->crop_left = (int32_t)fmin(fmax(rint((w - side) / 2), 0), w - whole);
}

static float strength(struct law_dice *dice, double x)
{
    return (float)between(dice, fmax(0, 1 - x), 1 + x);
}

void law_draw(const struct view_spec *of, struct law_dice *dice, uint32_t w, uint32_t h,
              struct omega *ret)
{
    struct omega o = {.source_w = w, .source_h = h};
    if (of->crop == CROP_RANDOM)
        box_random(of, dice, &o);
    else
        box_centre(of, &o);
    o.flip = law_dice_unit(dice) < of->flip;
    o.jitter.applied = law_dice_unit(dice) < of->jitter.p;
    o.jitter.brightness = strength(dice, of->jitter.brightness);
    o.jitter.contrast = strength(dice, of->jitter.contrast);
    o.jitter.saturation = strength(dice, of->jitter.saturation);
    o.jitter.hue = (float)between(dice, -of->jitter.hue, of->jitter.hue);
    for (uint8_t i = 0; i < JITTER_OPS; i++) { /* each new one is put in somewhere */
        const int32_t at = below(dice, i + 1);
        o.jitter.order[i] = o.jitter.order[at];
        o.jitter.order[at] = i;
    }
    o.grayscale = law_dice_unit(dice) < of->grayscale;
    o.blur.applied = law_dice_unit(dice) < of->blur.p;
    o.blur.sigma = (float)between(dice, of->blur.sigma[0], of->blur.sigma[1]);
    o.blur.kernel = (uint8_t)of->blur.kernel;
    o.solarize.applied = law_dice_unit(dice) < of->solarize.p;
    o.solarize.threshold = (float)of->solarize.threshold;
    const bool turned = law_dice_unit(dice) < of->rotation;
    o.rotation = (uint8_t)(turned ? below(dice, FIGURE_TURNS) : 0);
    *ret = o;
}
