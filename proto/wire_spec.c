/* SPDX-License-Identifier: Apache-2.0 */
/* wire_spec: a spec and its laws, struct <-> protobuf-c's messages, for OpenSession and for Tap.
 * Copies what the struct can hold; bounds of values are wire_check's and spec_check's. */
#include "proto/wire_private.h"

#include "common/err.h"

#include <errno.h>

static void fill_law(Augstream__V1__Law *to, const struct view_spec *from)
{
    to->size = from->size;
    to->crop_mode = from->crop;
    to->crop_resize = from->crop_resize;
    to->scale_low = from->scale[0];
    to->scale_high = from->scale[1];
    to->ratio_low = from->ratio[0];
    to->ratio_high = from->ratio[1];
    to->flip = from->flip;
    to->jitter_p = from->jitter.p;
    to->brightness = from->jitter.brightness;
    to->contrast = from->jitter.contrast;
    to->saturation = from->jitter.saturation;
    to->hue = from->jitter.hue;
    to->jitter_order_per_batch = from->jitter.order_per_batch;
    to->grayscale = from->grayscale;
    to->blur_p = from->blur.p;
    to->sigma_low = from->blur.sigma[0];
    to->sigma_high = from->blur.sigma[1];
    to->kernel = from->blur.kernel;
    to->solarize_p = from->solarize.p;
    to->solarize_threshold = from->solarize.threshold;
    to->rotation = from->rotation;
}

static void read_law(struct view_spec *to, const Augstream__V1__Law *from)
{
    *to = (struct view_spec){
        .size = from->size,
        .crop = (enum crop_mode)from->crop_mode, /* wire_check knows which there are */
        .crop_resize = from->crop_resize,
        .scale = {from->scale_low, from->scale_high},
        .ratio = {from->ratio_low, from->ratio_high},
        .flip = from->flip,
        .jitter = {.p = from->jitter_p,
                   .brightness = from->brightness,
                   .contrast = from->contrast,
                   .saturation = from->saturation,
                   .hue = from->hue,
                   .order_per_batch = from->jitter_order_per_batch},
        .grayscale = from->grayscale,
        .blur = {.p = from->blur_p,
                 .sigma = {from->sigma_low, from->sigma_high},
                 .kernel = from->kernel},
        .solarize = {.p = from->solarize_p, .threshold = from->solarize_threshold},
        .rotation = from->rotation,
    };
}

Augstream__V1__Spec *wire_fill_spec(struct wire *w, const struct spec *spec)
{
    Augstream__V1__Spec *p = &w->out.spec;
    p->dataset = (char *)spec->dataset;
    p->seed = spec->seed;
    p->batch = spec->batch;
    p->shuffle = spec->shuffle;
    p->partial = spec->partial;
    p->reduce = spec->reduce;
    p->n_views = spec->n_views;
    p->views = w->out.law_list;
    for (uint32_t v = 0; v < spec->n_views; v++)
        fill_law(&w->out.laws[v], &spec->views[v]);
    return p;
}

int wire_read_spec(const Augstream__V1__Spec *from, struct spec *ret)
{
    if (from->n_views > OMEGA_VIEWS_MAX)
        return err_set(-EBADMSG, "spec.views: %zu, at most %d", from->n_views, OMEGA_VIEWS_MAX);
    ret->seed = from->seed;
    ret->batch = from->batch;
    ret->shuffle = from->shuffle;
    ret->partial = from->partial;
    ret->reduce = from->reduce;
    ret->n_views = (uint32_t)from->n_views;
    for (uint32_t v = 0; v < ret->n_views; v++)
        read_law(&ret->views[v], from->views[v]);
    return wire_read_text(ret->dataset, sizeof ret->dataset, from->dataset, "spec.dataset");
}
