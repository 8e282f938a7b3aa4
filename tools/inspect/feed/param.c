/* SPDX-License-Identifier: Apache-2.0 */
/* param: takes a view, gives its numbers by name. The getters are one line each; the rows below say
 * which is whose. Any thread; owns nothing. Draws nothing and renders nothing. */
#include "tools/inspect/feed/param.h"

#include "common/auto.h"
#include "common/conf_table.h"
#include "common/err.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- what a view has --- */

#define GETTER(name, value)                                                                        \
    static double get_##name(const struct param_view *v)                                           \
    {                                                                                              \
        return (double)(value);                                                                    \
    }
GETTER(epoch, v->epoch)
GETTER(batch, v->batch)
GETTER(sample, v->omega->sample)
GETTER(view, v->view)
GETTER(label, v->label)
GETTER(source_w, v->omega->source_w)
GETTER(source_h, v->omega->source_h)
GETTER(crop_top, v->omega->crop_top)
GETTER(crop_left, v->omega->crop_left)
GETTER(crop_height, v->omega->crop_height)
GETTER(crop_width, v->omega->crop_width)
GETTER(size, v->size)
GETTER(flip, v->omega->flip)
GETTER(jitter_applied, v->omega->jitter.applied)
GETTER(brightness, v->omega->jitter.brightness)
GETTER(contrast, v->omega->jitter.contrast)
GETTER(saturation, v->omega->jitter.saturation)
GETTER(hue, v->omega->jitter.hue)
GETTER(order_0, v->omega->jitter.order[0])
GETTER(order_1, v->omega->jitter.order[1])
GETTER(order_2, v->omega->jitter.order[2])
GETTER(order_3, v->omega->jitter.order[3])
GETTER(grayscale, v->omega->grayscale)
GETTER(blur_applied, v->omega->blur.applied)
GETTER(sigma, v->omega->blur.sigma)
GETTER(kernel, v->omega->blur.kernel)
GETTER(solarize_applied, v->omega->solarize.applied)
GETTER(threshold, v->omega->solarize.threshold)
GETTER(rotation, v->omega->rotation)
#undef GETTER

/* What follows: shares of the source, as it was cut (not mirrored). */
static double get_crop_h(const struct param_view *v)
{
    return (float)((double)v->omega->crop_height / v->omega->source_h);
}

static double get_crop_w(const struct param_view *v)
{
    return (float)((double)v->omega->crop_width / v->omega->source_w);
}

static double get_crop_cy(const struct param_view *v)
{
    return (float)((v->omega->crop_top + v->omega->crop_height / 2.0) / v->omega->source_h);
}

static double get_crop_cx(const struct param_view *v)
{
    return (float)((v->omega->crop_left + v->omega->crop_width / 2.0) / v->omega->source_w);
}

static double get_crop_area(const struct param_view *v)
{
    const struct omega *o = v->omega;
    return (float)((double)o->crop_height * o->crop_width /
                   ((double)o->source_h * (double)o->source_w));
}

static double get_crop_ratio(const struct param_view *v)
{
    return (float)((double)v->omega->crop_width / v->omega->crop_height);
}

/* --- whether it counts --- */

static bool is_labelled(const struct param_view *v)
{
    return v->label >= 0;
}

static bool is_jittered(const struct param_view *v)
{
    return v->omega->jitter.applied;
}

static bool is_blurred(const struct param_view *v)
{
    return v->omega->blur.applied;
}

static bool is_solarized(const struct param_view *v)
{
    return v->omega->solarize.applied;
}

/* --- setting --- */

/* omega becomes `changed`, if that can be true. */
static int adopt(struct omega *omega, const struct omega *changed, double value)
{
    if (omega_check(changed, NULL) < 0) {
        char why[ERR_TEXT_MAX];
        snprintf(why, sizeof why, "%s", err_text());
        return err_set(-EINVAL, "%.9g: %s", value, why);
    }
    *omega = *changed;
    return 0;
}

/* The whole number that value is, within int32_t; -EINVAL. */
static int whole(double value, int32_t *ret)
{
    if (!(value >= INT32_MIN && value <= INT32_MAX) || value != trunc(value))
        return err_set(-EINVAL, "%.9g: a whole number is wanted", value);
    *ret = (int32_t)value;
    return 0;
}

static int bit(double value, bool *ret)
{
    if (value != 0 && value != 1)
        return err_set(-EINVAL, "%.9g: 0 or 1 is wanted", value);
    *ret = value == 1;
    return 0;
}

static int set_box(struct omega *omega, double value, size_t field)
{
    struct omega changed = *omega;
    int32_t *const box[4] = {&changed.crop_top, &changed.crop_left, &changed.crop_height,
                             &changed.crop_width};
    int rc = whole(value, box[field]);
    return rc < 0 ? rc : adopt(omega, &changed, value);
}

static int set_crop_top(struct omega *omega, double value)
{
    return set_box(omega, value, 0);
}

static int set_crop_left(struct omega *omega, double value)
{
    return set_box(omega, value, 1);
}

static int set_crop_height(struct omega *omega, double value)
{
    return set_box(omega, value, 2);
}

static int set_crop_width(struct omega *omega, double value)
{
    return set_box(omega, value, 3);
}

static int set_flip(struct omega *omega, double value)
{
    return bit(value, &omega->flip);
}

static int set_jitter_applied(struct omega *omega, double value)
{
    return bit(value, &omega->jitter.applied);
}

static int set_grayscale(struct omega *omega, double value)
{
    return bit(value, &omega->grayscale);
}

static int set_blur_applied(struct omega *omega, double value)
{
    return bit(value, &omega->blur.applied);
}

static int set_solarize_applied(struct omega *omega, double value)
{
    return bit(value, &omega->solarize.applied);
}

static int set_brightness(struct omega *omega, double value)
{
    struct omega changed = *omega;
    changed.jitter.applied = true;
    changed.jitter.brightness = (float)value;
    return adopt(omega, &changed, value);
}

static int set_contrast(struct omega *omega, double value)
{
    struct omega changed = *omega;
    changed.jitter.applied = true;
    changed.jitter.contrast = (float)value;
    return adopt(omega, &changed, value);
}

static int set_saturation(struct omega *omega, double value)
{
    struct omega changed = *omega;
    changed.jitter.applied = true;
    changed.jitter.saturation = (float)value;
    return adopt(omega, &changed, value);
}

static int set_hue(struct omega *omega, double value)
{
    struct omega changed = *omega;
    changed.jitter.applied = true;
    changed.jitter.hue = (float)value;
    return adopt(omega, &changed, value);
}

static int set_sigma(struct omega *omega, double value)
{
    struct omega changed = *omega;
    changed.blur.applied = true;
    changed.blur.sigma = (float)value;
    return adopt(omega, &changed, value);
}

static int set_kernel(struct omega *omega, double value)
{
    struct omega changed = *omega;
    int32_t number = 0;
    int rc = whole(value, &number);
    if (rc < 0)
        return rc;
    if (number < 1 || number > OMEGA_KERNEL_MAX)
        return err_set(-EINVAL, "%.9g: an odd number from 1 to %d is wanted", value,
                       OMEGA_KERNEL_MAX);
    changed.blur.applied = true;
    changed.blur.kernel = (uint8_t)number;
    return adopt(omega, &changed, value);
}

static int set_threshold(struct omega *omega, double value)
{
    struct omega changed = *omega;
    changed.solarize.applied = true;
    changed.solarize.threshold = (float)value;
    return adopt(omega, &changed, value);
}

static int set_rotation(struct omega *omega, double value)
{
    struct omega changed = *omega;
    int32_t number = 0;
    int rc = whole(value, &number);
    if (rc < 0)
        return rc;
    if (number < 0 || number > 3)
        return err_set(-EINVAL, "%.9g: 0 to 3 quarter turns", value);
    changed.rotation = (uint8_t)number;
    return adopt(omega, &changed, value);
}

/* --- the rows --- */

const struct view_param params[] = {
    {"epoch", "", PARAM_WHOLE, get_epoch, NULL, NULL},
    {"batch", "", PARAM_WHOLE, get_batch, NULL, NULL},
    {"sample", "", PARAM_WHOLE, get_sample, NULL, NULL},
    {"view", "", PARAM_WHOLE, get_view, NULL, NULL},
    {"label", "", PARAM_WHOLE, get_label, is_labelled, NULL},
    {"source.w", "px", PARAM_WHOLE, get_source_w, NULL, NULL},
    {"source.h", "px", PARAM_WHOLE, get_source_h, NULL, NULL},
    {"crop.top", "px", PARAM_WHOLE, get_crop_top, NULL, set_crop_top},
    {"crop.left", "px", PARAM_WHOLE, get_crop_left, NULL, set_crop_left},
    {"crop.height", "px", PARAM_WHOLE, get_crop_height, NULL, set_crop_height},
    {"crop.width", "px", PARAM_WHOLE, get_crop_width, NULL, set_crop_width},
    {"size", "px", PARAM_WHOLE, get_size, NULL, NULL},
    {"flip", "", PARAM_BIT, get_flip, NULL, set_flip},
    {"jitter.applied", "", PARAM_BIT, get_jitter_applied, NULL, set_jitter_applied},
    {"jitter.brightness", "", PARAM_REAL, get_brightness, is_jittered, set_brightness},
    {"jitter.contrast", "", PARAM_REAL, get_contrast, is_jittered, set_contrast},
    {"jitter.saturation", "", PARAM_REAL, get_saturation, is_jittered, set_saturation},
    {"jitter.hue", "turns", PARAM_REAL, get_hue, is_jittered, set_hue},
    {"jitter.order.0", "", PARAM_WHOLE, get_order_0, is_jittered, NULL},
    {"jitter.order.1", "", PARAM_WHOLE, get_order_1, is_jittered, NULL},
    {"jitter.order.2", "", PARAM_WHOLE, get_order_2, is_jittered, NULL},
    {"jitter.order.3", "", PARAM_WHOLE, get_order_3, is_jittered, NULL},
    {"grayscale", "", PARAM_BIT, get_grayscale, NULL, set_grayscale},
    {"blur.applied", "", PARAM_BIT, get_blur_applied, NULL, set_blur_applied},
    {"blur.sigma", "px", PARAM_REAL, get_sigma, is_blurred, set_sigma},
    {"blur.kernel", "px", PARAM_WHOLE, get_kernel, is_blurred, set_kernel},
    {"solarize.applied", "", PARAM_BIT, get_solarize_applied, NULL, set_solarize_applied},
    {"solarize.threshold", "", PARAM_REAL, get_threshold, is_solarized, set_threshold},
    {"rotation", "quarter turns", PARAM_WHOLE, get_rotation, NULL, set_rotation},
    {"crop.cy", "of the source", PARAM_REAL, get_crop_cy, NULL, NULL},
    {"crop.cx", "of the source", PARAM_REAL, get_crop_cx, NULL, NULL},
    {"crop.h", "of the source", PARAM_REAL, get_crop_h, NULL, NULL},
    {"crop.w", "of the source", PARAM_REAL, get_crop_w, NULL, NULL},
    {"crop.area", "of the source", PARAM_REAL, get_crop_area, NULL, NULL},
    {"crop.ratio", "w/h", PARAM_REAL, get_crop_ratio, NULL, NULL},
};
const size_t params_n = ARRAY_LEN(params);

const struct view_param *param_find(const char *name)
{
    for (size_t i = 0; i < params_n; i++)
        if (strcmp(params[i].name, name) == 0)
            return &params[i];
    return NULL;
}

void param_nearest(const char *name, char *ret, size_t cap)
{
    struct conf_option options[ARRAY_LEN(params)] = {0};
    char asked[CONF_KEY_MAX], found[CONF_KEY_MAX];
    for (size_t i = 0; i < params_n; i++)
        options[i].name = params[i].name;
    const struct conf_table table = {.options = options, .n_options = params_n};
    snprintf(asked, sizeof asked, "%s", name);
    conf_key_nearest(&table, asked, found);
    snprintf(ret, cap, "%s", found);
    if (param_find(found))
        return;
    size_t used = 0; /* a group: all that is in it */
    for (size_t i = 0, len = strlen(found); i < params_n; i++)
        if (strncmp(params[i].name, found, len) == 0 && params[i].name[len] == '.' && used < cap)
            used +=
                (size_t)snprintf(ret + used, cap - used, "%s%s", used ? ", " : "", params[i].name);
}

bool param_applied(const struct view_param *param, const struct param_view *view)
{
    return !param->applied || param->applied(view);
}

void param_view_at(const struct wire_message *tap, uint32_t i, struct param_view *ret)
{
    const struct wire_batch *b = &tap->tap.batch;
    const uint32_t view = i / b->n_samples;
    *ret = (struct param_view){
        .omega = &b->omega[i],
        .law = tap->tap.told_spec ? &tap->tap.spec.views[view] : NULL,
        .epoch = b->epoch,
        .batch = b->index,
        .view = view,
        .size = b->sizes[view],
        .label = b->labels[i % b->n_samples],
    };
}
