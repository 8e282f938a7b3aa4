/* SPDX-License-Identifier: Apache-2.0 */
/* omega: takes a law and a place, gives one view's parameters; takes two views' parameters, gives
 * what AugSelf predicts. Pure functions of their arguments: any thread, no state, no allocation.
 * Does not touch pixels (loaderd/augment does) and does not pack itself (proto/wire does). */
#include "common/omega.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/rng.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CROP_TRIES = 10 }; /* torchvision's */

/* Wide enough for any recipe, narrow enough that float arithmetic on them stays finite. */
static const double ratio_bounds[2] = {1e-3, 1e3};
static const double sigma_min = 0.01, factor_max = 100;

/* Finite and low <= high, both within [min, max]; a NaN fails every comparison. */
static bool ordered(const double pair[2], double min, double max)
{
    return pair[0] >= min && pair[0] <= pair[1] && pair[1] <= max;
}

static int bad_law(const char *what)
{
    return err_set(-EINVAL, "view: %s", what);
}

static int crop_law_check(const struct view_spec *law)
{
    if (law->size < 1 || law->size > OMEGA_VIEW_MAX)
        return err_set(-EINVAL, "view: size %" PRIu32 " is not in 1..%d", law->size,
                       OMEGA_VIEW_MAX);
    switch (law->crop) {
    case CROP_RANDOM:
        if (!ordered(law->scale, 0, 1) || law->scale[0] <= 0)
            return bad_law("crop scale needs 0 < low <= high <= 1");
        if (!ordered(law->ratio, ratio_bounds[0], ratio_bounds[1]))
            return bad_law("crop ratio needs 0.001 <= low <= high <= 1000");
        return 0;
    case CROP_CENTER:
        if (law->crop_resize < law->size || law->crop_resize > OMEGA_SIDE_MAX)
            return err_set(-EINVAL, "view: crop resize %" PRIu32 " is not in %" PRIu32 "..%d",
                           law->crop_resize, law->size, OMEGA_SIDE_MAX);
        return 0;
    }
    return bad_law("crop mode is unknown");
}

static int blur_law_check(const struct view_spec *law)
{
    uint32_t kernel = law->blur.kernel;
    if (law->blur.p == 0) /* not drawn in earnest: only what record and digest need */
        return kernel <= OMEGA_KERNEL_MAX && ordered(law->blur.sigma, 0, OMEGA_VIEW_MAX)
                   ? 0
                   : bad_law("blur is out of bounds");
    if (kernel % 2 == 0 || kernel > OMEGA_KERNEL_MAX)
        return err_set(-EINVAL, "view: blur kernel %" PRIu32 " is not odd in 1..%d", kernel,
                       OMEGA_KERNEL_MAX);
    if (kernel / 2 >= law->size) /* the border is reflected, once */
        return err_set(-EINVAL,
                       "view: blur kernel %" PRIu32 " is too wide for a view of %" PRIu32 " pixels",
                       kernel, law->size);
    if (!ordered(law->blur.sigma, sigma_min, OMEGA_VIEW_MAX))
        return bad_law("blur sigma needs 0.01 <= low <= high <= 1024");
    return 0;
}

int view_spec_check(const struct view_spec *law)
{
    const struct {
        const char *name;
        double value, max;
    } rows[] = {
        {"flip", law->flip, 1},
        {"jitter p", law->jitter.p, 1},
        {"jitter brightness", law->jitter.brightness, factor_max},
        {"jitter contrast", law->jitter.contrast, factor_max},
        {"jitter saturation", law->jitter.saturation, factor_max},
        {"jitter hue", law->jitter.hue, 0.5},
        {"grayscale", law->grayscale, 1},
        {"blur p", law->blur.p, 1},
        {"solarize p", law->solarize.p, 1},
        {"solarize threshold", law->solarize.threshold, 1},
        {"rotation", law->rotation, 1},
    };
    int rc = crop_law_check(law);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!(rows[i].value >= 0 && rows[i].value <= rows[i].max))
            return err_set(-EINVAL, "view: %s %g is not in [0,%g]", rows[i].name, rows[i].value,
                           rows[i].max);
    return blur_law_check(law);
}

void view_spec_eval(struct view_spec *law, uint32_t size, uint32_t resize)
{
    *law = (struct view_spec){
        .size = size,
        .crop = CROP_CENTER,
        .crop_resize = resize,
        .scale = {1, 1},
        .ratio = {1, 1},
        .blur = {.sigma = {1, 1}, .kernel = 1},
        .solarize = {.threshold = 1},
    };
}

/* Uniform in 0..n-1 from exactly two words, where rng_below may take more: no draw may shift those
 * behind it. n is below 2^17, so the bias is below 2^-36. */
static uint32_t draw_below(struct rng *rng, uint32_t n)
{
    return (uint32_t)(rng_unit(rng) * n);
}

/* torchvision's RandomResizedCrop.get_params; rint rounds half to even as Python's round does. All
 * tries are drawn even after one has fitted. */
static void crop_random(const struct view_spec *law, struct rng *rng, struct omega *o)
{
    double w = o->source_w, h = o->source_h;
    double log_low = log(law->ratio[0]), log_high = log(law->ratio[1]);
    bool found = false;
    for (int i = 0; i < CROP_TRIES; i++) {
        double area = w * h * rng_range(rng, law->scale[0], law->scale[1]);
        double ratio = exp(rng_range(rng, log_low, log_high));
        double crop_w = rint(sqrt(area * ratio)), crop_h = rint(sqrt(area / ratio));
        if (found || crop_w < 1 || crop_w > w || crop_h < 1 || crop_h > h)
            continue;
        found = true;
        o->crop_width = (int32_t)crop_w;
        o->crop_height = (int32_t)crop_h;
    }
    double top = rng_unit(rng), left = rng_unit(rng);
    if (found) {
        o->crop_top = (int32_t)(top * (h - o->crop_height + 1));
        o->crop_left = (int32_t)(left * (w - o->crop_width + 1));
        return;
    }
    /* The largest centred box whose ratio is allowed; at least a pixel, which torchvision omits. */
    double crop_w = w, crop_h = h;
    if (w / h < law->ratio[0])
        crop_h = fmax(1, rint(w / law->ratio[0]));
    else if (w / h > law->ratio[1])
        crop_w = fmax(1, rint(h * law->ratio[1]));
    o->crop_width = (int32_t)crop_w;
    o->crop_height = (int32_t)crop_h;
    o->crop_top = ((int32_t)h - o->crop_height) / 2;
    o->crop_left = ((int32_t)w - o->crop_width) / 2;
}

/* The first of `side` pixels centred, as nearly as whole pixels allow, on a line of `whole`. */
static int32_t centred(uint32_t whole, double exact_side, int32_t side)
{
    double first = rint((whole - exact_side) / 2);
    return (int32_t)fmin(fmax(first, 0), (double)whole - side);
}

/* Resizing the shorter side to crop_resize and keeping the centre is cropping this square first. */
static void crop_center(const struct view_spec *law, struct omega *o)
{
    double shorter = fmin(o->source_w, o->source_h);
    double exact = shorter * law->size / law->crop_resize;
    int32_t side = (int32_t)fmax(1, rint(exact));
    o->crop_height = o->crop_width = side;
    o->crop_top = centred(o->source_h, exact, side);
    o->crop_left = centred(o->source_w, exact, side);
}

/* Fisher-Yates. */
static void order_draw(struct rng *rng, uint8_t order[JITTER_OPS])
{
    for (uint8_t i = 0; i < JITTER_OPS; i++)
        order[i] = i;
    for (uint32_t i = JITTER_OPS - 1; i > 0; i--) {
        uint32_t j = draw_below(rng, i + 1);
        uint8_t kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

static void factor_range(double strength, double ret[2])
{
    ret[0] = fmax(0, 1 - strength);
    ret[1] = 1 + strength;
}

static float factor_draw(struct rng *rng, double strength)
{
    double range[2];
    factor_range(strength, range);
    return (float)rng_range(rng, range[0], range[1]);
}

static void jitter_draw(const struct view_spec *law, const struct omega_key *key, struct rng *rng,
                        struct omega *o)
{
    o->jitter.applied = rng_unit(rng) < law->jitter.p;
    o->jitter.brightness = factor_draw(rng, law->jitter.brightness);
    o->jitter.contrast = factor_draw(rng, law->jitter.contrast);
    o->jitter.saturation = factor_draw(rng, law->jitter.saturation);
    o->jitter.hue = (float)rng_range(rng, -law->jitter.hue, law->jitter.hue);
    order_draw(rng, o->jitter.order);
    if (!law->jitter.order_per_batch)
        return;
    struct rng shared;
    rng_init(&shared, &(struct rng_key){.seed = key->seed,
                                        .epoch = key->epoch,
                                        .sample = key->batch,
                                        .view = (uint16_t)key->view,
                                        .purpose = RNG_BATCH_ORDER});
    order_draw(&shared, o->jitter.order);
}

/* The sequence of draws below is part of the wire's meaning: a new parameter goes to the end, and
 * any other change makes old seeds give other views (then OMEGA_SCHEMA goes up). */
void omega_draw(const struct view_spec *law, const struct omega_key *key, uint32_t w, uint32_t h,
                struct omega *ret)
{
    assert(w >= 1 && w <= OMEGA_SIDE_MAX && h >= 1 && h <= OMEGA_SIDE_MAX);
    assert(key->view < OMEGA_VIEWS_MAX);
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = key->seed,
                                     .epoch = key->epoch,
                                     .sample = key->sample,
                                     .view = (uint16_t)key->view,
                                     .purpose = RNG_OMEGA});
    struct omega o = {.sample = key->sample, .source_w = w, .source_h = h};
    /* A centre crop consumes what a random one does, so the law's crop leaves the rest as it is;
     * a fixed box stands in for the ranges it may not have. */
    static const struct view_spec whole = {.scale = {1, 1}, .ratio = {1, 1}};
    crop_random(law->crop == CROP_RANDOM ? law : &whole, &rng, &o);
    if (law->crop == CROP_CENTER)
        crop_center(law, &o);
    o.flip = rng_unit(&rng) < law->flip;
    jitter_draw(law, key, &rng, &o);
    o.grayscale = rng_unit(&rng) < law->grayscale;
    o.blur.applied = rng_unit(&rng) < law->blur.p;
    o.blur.sigma = (float)rng_range(&rng, law->blur.sigma[0], law->blur.sigma[1]);
    o.blur.kernel = (uint8_t)law->blur.kernel;
    o.solarize.applied = rng_unit(&rng) < law->solarize.p;
    o.solarize.threshold = (float)law->solarize.threshold;
    bool turned = rng_unit(&rng) < law->rotation;
    uint8_t turns = (uint8_t)draw_below(&rng, 4);
    o.rotation = turned ? turns : 0;
    *ret = o;
}

/* The ways in which a record can be untrue, by itself. */
static const char *record_fault(const struct omega *o)
{
    if (o->source_w < 1 || o->source_w > OMEGA_SIDE_MAX || o->source_h < 1 ||
        o->source_h > OMEGA_SIDE_MAX)
        return "source size is not in 1..65535";
    if (o->crop_top < 0 || o->crop_left < 0 || o->crop_height < 1 || o->crop_width < 1 ||
        (int64_t)o->crop_top + o->crop_height > o->source_h ||
        (int64_t)o->crop_left + o->crop_width > o->source_w)
        return "crop is outside its source";
    const float factors[] = {o->jitter.brightness, o->jitter.contrast, o->jitter.saturation};
    for (size_t i = 0; i < ARRAY_LEN(factors); i++)
        if (!(factors[i] >= 0 && factors[i] <= (float)(1 + factor_max)))
            return "jitter factor is not in [0,101]";
    if (!(fabsf(o->jitter.hue) <= 0.5f))
        return "jitter hue is not in [-0.5,0.5]";
    unsigned seen = 0;
    for (int i = 0; i < JITTER_OPS; i++)
        seen |= o->jitter.order[i] < JITTER_OPS ? 1u << o->jitter.order[i] : 0;
    if (seen != (1u << JITTER_OPS) - 1)
        return "jitter order is not a permutation";
    if (!(o->blur.sigma >= (o->blur.applied ? (float)sigma_min : 0) &&
          o->blur.sigma <= OMEGA_VIEW_MAX))
        return o->blur.applied ? "blur sigma is not in [0.01,1024]"
                               : "blur sigma is not in [0,1024]";
    if (o->blur.kernel > OMEGA_KERNEL_MAX || (o->blur.applied && o->blur.kernel % 2 == 0))
        return "blur kernel is not an odd number in 1..127";
    if (!(o->solarize.threshold >= 0 && o->solarize.threshold <= 1))
        return "solarize threshold is not in [0,1]";
    return o->rotation < 4 ? NULL : "rotation is not in 0..3";
}

/* Whether an apply-bit can come from probability p. */
static bool bit_possible(bool applied, double p)
{
    return applied ? p > 0 : p < 1;
}

/* Rounded to float as the draw rounds, so that the bounds themselves pass. */
static bool within(float value, double low, double high)
{
    return value >= (float)low && value <= (float)high;
}

static bool factor_possible(float value, double strength)
{
    double range[2];
    factor_range(strength, range);
    return within(value, range[0], range[1]);
}

/* The ways in which it can be untrue of this law. A random box is left at being inside its source:
 * rounding to pixels and the fallback may leave the law's scale. */
static const char *law_fault(const struct omega *o, const struct view_spec *law)
{
    if (law->crop == CROP_CENTER) {
        struct omega box = {.source_w = o->source_w, .source_h = o->source_h};
        crop_center(law, &box);
        if (box.crop_top != o->crop_top || box.crop_left != o->crop_left ||
            box.crop_height != o->crop_height || box.crop_width != o->crop_width)
            return "crop is not the law's centre";
    }
    if (!bit_possible(o->flip, law->flip))
        return "flip cannot come from its law";
    if (!bit_possible(o->jitter.applied, law->jitter.p) ||
        !factor_possible(o->jitter.brightness, law->jitter.brightness) ||
        !factor_possible(o->jitter.contrast, law->jitter.contrast) ||
        !factor_possible(o->jitter.saturation, law->jitter.saturation) ||
        !within(o->jitter.hue, -law->jitter.hue, law->jitter.hue))
        return "jitter cannot come from its law";
    if (!bit_possible(o->grayscale, law->grayscale))
        return "grayscale cannot come from its law";
    if (!bit_possible(o->blur.applied, law->blur.p) || o->blur.kernel != law->blur.kernel ||
        !within(o->blur.sigma, law->blur.sigma[0], law->blur.sigma[1]))
        return "blur cannot come from its law";
    if (!bit_possible(o->solarize.applied, law->solarize.p) ||
        o->solarize.threshold != (float)law->solarize.threshold)
        return "solarize cannot come from its law";
    /* A drawn turn may be none at all. */
    return o->rotation == 0 || law->rotation > 0 ? NULL : "rotation cannot come from its law";
}

int omega_check(const struct omega *omega, const struct view_spec *law)
{
    const char *fault = record_fault(omega);
    if (!fault && law)
        fault = law_fault(omega, law);
    return fault ? err_set(-EBADMSG, "omega of sample %" PRIu32 ": %s", omega->sample, fault) : 0;
}

static const struct {
    const char *name;
    size_t len;
} kinds[AUGSELF_KINDS] = {
    [AUGSELF_CROP] = {"crop", 4},         [AUGSELF_COLOR] = {"color", 4},
    [AUGSELF_FLIP] = {"flip", 1},         [AUGSELF_BLUR] = {"blur", 1},
    [AUGSELF_ROTATION] = {"rotation", 1}, [AUGSELF_SOLARIZE] = {"solarize", 1},
};

const char *augself_kind_name(enum augself_kind kind)
{
    return kinds[kind].name;
}

size_t augself_target_len(enum augself_kind kind)
{
    return kinds[kind].len;
}

/* Centre and size as fractions of the source: cy, cx, h, w. */
static void crop_normalise(const struct omega *o, bool mirror, double ret[4])
{
    double w = o->source_w, h = o->source_h;
    double cx = (o->crop_left + o->crop_width / 2.0) / w;
    ret[0] = (o->crop_top + o->crop_height / 2.0) / h;
    ret[1] = mirror ? 1 - cx : cx;
    ret[2] = o->crop_height / h;
    ret[3] = o->crop_width / w;
}

static double factor_normalise(float value, double strength)
{
    double range[2];
    factor_range(strength, range);
    return range[1] > range[0] ? (value - 1.0) / (range[1] - range[0]) : 0;
}

static void color_normalise(const struct omega *o, const struct view_spec *law, double ret[4])
{
    memset(ret, 0, 4 * sizeof ret[0]);
    if (!o->jitter.applied)
        return;
    ret[0] = factor_normalise(o->jitter.brightness, law->jitter.brightness);
    ret[1] = factor_normalise(o->jitter.contrast, law->jitter.contrast);
    ret[2] = factor_normalise(o->jitter.saturation, law->jitter.saturation);
    ret[3] = law->jitter.hue > 0 ? o->jitter.hue / (2 * law->jitter.hue) : 0;
}

void omega_difference(enum augself_kind kind, const struct omega *a, const struct view_spec *law_a,
                      const struct omega *b, const struct view_spec *law_b, float *ret)
{
    double of_a[OMEGA_TARGET_MAX] = {0}, of_b[OMEGA_TARGET_MAX] = {0};
    switch (kind) {
    case AUGSELF_CROP: /* both in the frame that a reader of view a sees */
        crop_normalise(a, a->flip, of_a);
        crop_normalise(b, a->flip, of_b);
        break;
    case AUGSELF_COLOR:
        color_normalise(a, law_a, of_a);
        color_normalise(b, law_b, of_b);
        break;
    case AUGSELF_FLIP: /* not a difference: whether they agree */
        of_a[0] = a->flip == b->flip;
        break;
    case AUGSELF_BLUR:
        of_a[0] = a->blur.applied ? a->blur.sigma : 0;
        of_b[0] = b->blur.applied ? b->blur.sigma : 0;
        break;
    case AUGSELF_ROTATION:
        of_a[0] = (a->rotation - b->rotation) & 3; /* mod 4, never negative */
        break;
    case AUGSELF_SOLARIZE:
        of_a[0] = a->solarize.applied ? a->solarize.threshold : 1;
        of_b[0] = b->solarize.applied ? b->solarize.threshold : 1;
        break;
    case AUGSELF_KINDS:
        assert(!"an augself kind");
    }
    for (size_t i = 0; i < kinds[kind].len; i++)
        ret[i] = (float)(of_a[i] - of_b[i]);
}

void omega_encode(const struct omega *o, const struct view_spec *law, float ret[OMEGA_CODE_LEN])
{
    double code[OMEGA_CODE_LEN] = {0}, most = law->blur.sigma[1];
    crop_normalise(o, false, code);
    code[4] = o->flip;
    code[5] = o->jitter.applied;
    color_normalise(o, law, code + 6);
    code[10] = o->grayscale;
    code[11] = o->blur.applied && most > 0 ? (double)o->blur.sigma / most : 0;
    code[12] = o->solarize.applied ? 1 - (double)o->solarize.threshold : 0;
    code[13 + (o->rotation & 3)] = 1;
    for (size_t i = 0; i < OMEGA_CODE_LEN; i++)
        ret[i] = (float)code[i];
}

static const char *json_bool(bool value)
{
    return value ? "true" : "false";
}

/* %.9g gives a float back bit for bit. */
int omega_json(const struct omega *omega, const struct omega_place *place, char *ret, size_t cap)
{
    const struct omega *o = omega;
    char label[24] = "null";
    if (place->label >= 0)
        snprintf(label, sizeof label, "%" PRId64, place->label);
    return snprintf(
        ret, cap,
        "{\"epoch\":%" PRIu32 ",\"batch\":%" PRIu32 ",\"sample\":%" PRIu32 ",\"view\":%" PRIu32
        ",\"label\":%s,\"source\":[%" PRIu32 ",%" PRIu32 "],\"crop\":[%" PRId32 ",%" PRId32
        ",%" PRId32 ",%" PRId32 "],\"size\":%" PRIu32 ",\"flip\":%s,"
        "\"jitter\":{\"applied\":%s,\"brightness\":%.9g,\"contrast\":%.9g,\"saturation\":%.9g,"
        "\"hue\":%.9g,\"order\":[%u,%u,%u,%u]},\"grayscale\":%s,"
        "\"blur\":{\"applied\":%s,\"sigma\":%.9g,\"kernel\":%u},"
        "\"solarize\":{\"applied\":%s,\"threshold\":%.9g},\"rotation\":%u}",
        place->epoch, place->batch, o->sample, place->view, label, o->source_w, o->source_h,
        o->crop_top, o->crop_left, o->crop_height, o->crop_width, place->size, json_bool(o->flip),
        json_bool(o->jitter.applied), o->jitter.brightness, o->jitter.contrast,
        o->jitter.saturation, o->jitter.hue, o->jitter.order[0], o->jitter.order[1],
        o->jitter.order[2], o->jitter.order[3], json_bool(o->grayscale), json_bool(o->blur.applied),
        o->blur.sigma, o->blur.kernel, json_bool(o->solarize.applied), o->solarize.threshold,
        o->rotation);
}
