/* SPDX-License-Identifier: Apache-2.0 */
/* recipe_spec: what a recipe asks of the loaders and of the heads. Takes a recipe that recipe_load
 * has checked; gives specs and weights. Pure: any thread, no state. Does not parse (recipe.c) and
 * does not talk (recv). */
#include "trainer/recipe.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static void law_of(const struct recipe *recipe, struct view_spec *law)
{
    *law = (struct view_spec){
        .size = (uint32_t)recipe->views.size,
        .crop = CROP_RANDOM,
        .scale = {recipe->views.crop.scale[0], recipe->views.crop.scale[1]},
        .ratio = {recipe->views.crop.ratio[0], recipe->views.crop.ratio[1]},
        .flip = recipe->views.flip,
        .jitter =
            {
                .p = recipe->views.jitter.p,
                .brightness = recipe->views.jitter.brightness,
                .contrast = recipe->views.jitter.contrast,
                .saturation = recipe->views.jitter.saturation,
                .hue = recipe->views.jitter.hue,
                .order_per_batch = recipe->views.jitter.order == 1,
            },
        .grayscale = recipe->views.grayscale,
        .blur =
            {
                .p = recipe->views.blur.p,
                .sigma = {recipe->views.blur.sigma[0], recipe->views.blur.sigma[1]},
                .kernel = (uint32_t)recipe->views.blur.kernel,
            },
        .solarize = {recipe->views.solarize.p, recipe->views.solarize.threshold},
        .rotation = recipe->views.rotation,
    };
}

/* recipe_load has refused names that would be cut here. */
static void name_copy(const char *name, char to[WIRE_NAME_MAX])
{
    snprintf(to, WIRE_NAME_MAX, "%.*s", WIRE_NAME_MAX - 1, name);
}

void recipe_spec(const struct recipe *recipe, struct spec *ret)
{
    *ret = (struct spec){
        .seed = (uint64_t)recipe->run.seed,
        .batch = (uint32_t)recipe->data.batch,
        .shuffle = true,
        .n_views = (uint32_t)recipe->views.count,
    };
    name_copy(recipe->data.dataset, ret->dataset);
    for (uint32_t v = 0; v < ret->n_views && v < OMEGA_VIEWS_MAX; v++)
        law_of(recipe, &ret->views[v]);
}

/* As many images a batch as the model takes rows. */
void recipe_eval_spec(const struct recipe *recipe, const char *dataset, struct spec *ret)
{
    int64_t rows = recipe->views.count * recipe->data.batch;
    *ret = (struct spec){
        .seed = (uint64_t)recipe->run.seed,
        .batch = (uint32_t)(rows < WIRE_BATCH_MAX ? rows : WIRE_BATCH_MAX),
        .partial = true,
        .n_views = 1,
    };
    name_copy(dataset, ret->dataset);
    uint32_t size = (uint32_t)recipe->views.size;
    view_spec_eval(&ret->views[0], size, size);
}

static const size_t weight_offset[AUGSELF_KINDS] = {
    [AUGSELF_CROP] = offsetof(struct recipe, augself.crop),
    [AUGSELF_COLOR] = offsetof(struct recipe, augself.color),
    [AUGSELF_FLIP] = offsetof(struct recipe, augself.flip),
    [AUGSELF_BLUR] = offsetof(struct recipe, augself.blur),
    [AUGSELF_ROTATION] = offsetof(struct recipe, augself.rotation),
    [AUGSELF_SOLARIZE] = offsetof(struct recipe, augself.solarize),
};

double recipe_augself_weight(const struct recipe *recipe, enum augself_kind kind)
{
    double weight;
    memcpy(&weight, (const char *)recipe + weight_offset[kind], sizeof(weight));
    return weight;
}
