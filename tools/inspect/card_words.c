/* SPDX-License-Identifier: Apache-2.0 */
/* card_words: takes an omega, a pair of them, a law; gives short lines for people. ASCII. */
#include "tools/inspect/card.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void put(struct card_lines *lines, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put(struct card_lines *lines, const char *format, ...)
{
    va_list args;
    if (lines->n == CARD_LINES)
        return;
    va_start(args, format);
    vsnprintf(lines->line[lines->n++], CARD_LINE, format, args);
    va_end(args);
}

/* In five columns, however large. */
static void put_factor(struct card_lines *lines, const char *name, double factor)
{
    put(lines, "%-11sx%.*f", name, factor < 9.995 ? 2 : factor < 99.95 ? 1 : 0, factor);
}

static void put_jitter(struct card_lines *lines, const struct omega *o)
{
    for (int i = 0; i < JITTER_OPS; i++)
        switch (o->jitter.order[i]) {
        case JITTER_BRIGHTNESS:
            put_factor(lines, "brightness", (double)o->jitter.brightness);
            break;
        case JITTER_CONTRAST:
            put_factor(lines, "contrast", (double)o->jitter.contrast);
            break;
        case JITTER_SATURATION:
            put_factor(lines, "saturation", (double)o->jitter.saturation);
            break;
        default:
            put(lines, "hue     %+4.0f deg", 360 * (double)o->jitter.hue);
        }
}

void card_words(const struct omega *o, struct card_lines *ret)
{
    *ret = (struct card_lines){.n = 0};
    const double area =
        (double)o->crop_width * o->crop_height / ((double)o->source_w * (double)o->source_h);
    put(ret, "crop %dx%d", o->crop_width, o->crop_height);
    put(ret, "  at %d,%d", o->crop_left, o->crop_top);
    put(ret, "area       %3.0f %%", 100 * area);
    if (o->flip)
        put(ret, "flipped");
    if (o->jitter.applied)
        put_jitter(ret, o);
    if (o->solarize.applied)
        put(ret, "solarize >= %.2f", (double)o->solarize.threshold);
    if (o->grayscale)
        put(ret, "grayscale");
    if (o->blur.applied)
        put(ret, "blur    %5.2f px", (double)o->blur.sigma);
    if (o->rotation)
        put(ret, "rotated  %3d deg", 90 * o->rotation);
}

/* --- targets --- */

/* Zero has no sign where two decimals show none of it. */
static double shown(float t)
{
    return t > -0.005f && t < 0.005f ? 0 : (double)t;
}

/* Four numbers in two lines, with what each is. */
static void put_four(struct card_lines *lines, const char *name, const char *const of[4],
                     const float t[4])
{
    for (int i = 0; i < 4; i += 2)
        put(lines, "%-6s%-2s%+.2f %-2s%+.2f", i ? "" : name, of[i], shown(t[i]), of[i + 1],
            shown(t[i + 1]));
}

void card_aims(const struct card_view *a, const struct card_view *b, unsigned kinds,
               struct card_lines *ret)
{
    static const char *const crop[] = {"cy", "cx", "h", "w"}, *const color[] = {"b", "c", "s", "h"};
    *ret = (struct card_lines){.n = 0};
    for (int k = 0; k < AUGSELF_KINDS; k++) {
        const enum augself_kind kind = (enum augself_kind)k;
        float t[OMEGA_TARGET_MAX];
        if (!(kinds >> k & 1))
            continue;
        omega_difference(kind, a->omega, a->law, b->omega, b->law, t);
        if (kind == AUGSELF_CROP || kind == AUGSELF_COLOR)
            put_four(ret, augself_kind_name(kind), kind == AUGSELF_CROP ? crop : color, t);
        else if (kind == AUGSELF_FLIP)
            put(ret, "%-10s%.0f %s", augself_kind_name(kind), (double)t[0],
                t[0] > 0.5f ? "the same" : "not same");
        else if (kind == AUGSELF_ROTATION)
            put(ret, "%-10s%.0f quarters", augself_kind_name(kind), (double)t[0]);
        else
            put(ret, "%-9s%+.2f", augself_kind_name(kind), shown(t[0]));
    }
}

/* --- the law --- */

struct text {
    char *to;
    size_t cap, n;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = t->n < t->cap ? vsnprintf(t->to + t->n, t->cap - t->n, format, args) : 0;
    va_end(args);
    t->n += n > 0 ? (size_t)n : 0;
}

void card_law(const struct view_spec *law, char *ret, size_t cap)
{
    struct text t = {.to = ret, .cap = cap};
    add(&t, "%u px", law->size);
    if (law->crop == CROP_CENTER)
        add(&t, ", centre of %u", law->crop_resize);
    else
        add(&t, ", crop %g..%g of w/h %.3g..%.3g", law->scale[0], law->scale[1], law->ratio[0],
            law->ratio[1]);
    if (law->flip > 0)
        add(&t, ", flip %g", law->flip);
    if (law->jitter.p > 0)
        add(&t, ", jitter %g (b %g c %g s %g h %g)", law->jitter.p, law->jitter.brightness,
            law->jitter.contrast, law->jitter.saturation, law->jitter.hue);
    if (law->solarize.p > 0)
        add(&t, ", solarize %g (%g)", law->solarize.p, law->solarize.threshold);
    if (law->grayscale > 0)
        add(&t, ", grayscale %g", law->grayscale);
    if (law->blur.p > 0)
        add(&t, ", blur %g (%g..%g, kernel %u)", law->blur.p, law->blur.sigma[0],
            law->blur.sigma[1], law->blur.kernel);
    if (law->rotation > 0)
        add(&t, ", rotation %g", law->rotation);
}
