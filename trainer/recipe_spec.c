/* SPDX-License-Identifier: Apache-2.0 */
/* recipe_spec: what a recipe asks of the loaders and of the heads. Takes a recipe that recipe_load
 * has checked; gives specs and weights. Pure: any thread, no state. Does not parse (recipe.c) and
 * does not talk (recv). */
#include "trainer/method/method.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static void law_of(const struct recipe_law *from, int64_t size, struct view_spec *law)
{
    *law = (struct view_spec){
        .size = (uint32_t)size,
        .crop = CROP_RANDOM,
        .scale = {from->crop.scale[0], from->crop.scale[1]},
        .ratio = {from->crop.ratio[0], from->crop.ratio[1]},
        .flip = from->flip,
        .jitter =
            {
                .p = from->jitter.p,
                .brightness = from->jitter.brightness,
                .contrast = from->jitter.contrast,
                .saturation = from->jitter.saturation,
                .hue = from->jitter.hue,
                .order_per_batch = from->jitter.order == 1,
            },
        .grayscale = from->grayscale,
        .blur =
            {
                .p = from->blur.p,
                .sigma = {from->blur.sigma[0], from->blur.sigma[1]},
                .kernel = (uint32_t)from->blur.kernel,
            },
        .solarize = {from->solarize.p, from->solarize.threshold},
        .rotation = from->rotation,
    };
}

enum group { GROUP_VIEWS, GROUP_SECOND, GROUP_SMALL };

static enum group group_of(const struct recipe *recipe, uint32_t view)
{
    if (view >= recipe->views.count)
        return GROUP_SMALL;
    return view == 1 ? GROUP_SECOND : GROUP_VIEWS;
}

const char *recipe_view_group(const struct recipe *recipe, uint32_t view)
{
    static const char *const names[] = {"views", "views.second", "views.small"};
    return names[group_of(recipe, view)];
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
        .reduce = recipe->views.reduce,
        .n_views = (uint32_t)(recipe->views.count + recipe->views.small.count),
    };
    name_copy(recipe->data.dataset, ret->dataset);
    struct recipe resolved = *recipe;
    conf_resolve(&recipe_table, &resolved);
    const struct {
        int64_t size;
        const struct recipe_law *law;
    } groups[] = {
        [GROUP_VIEWS] = {resolved.views.size, &resolved.views.law},
        [GROUP_SECOND] = {resolved.views.size, &resolved.views.second},
        [GROUP_SMALL] = {resolved.views.small.size, &resolved.views.small.law},
    };
    for (uint32_t v = 0; v < ret->n_views && v < OMEGA_VIEWS_MAX; v++) {
        enum group g = group_of(recipe, v);
        law_of(groups[g].law, groups[g].size, &ret->views[v]);
    }
}

/* As many images a batch as the model takes rows. */
void recipe_eval_spec(const struct recipe *recipe, const char *dataset, struct spec *ret)
{
    int64_t rows = method_of(recipe)->trained_views * recipe->data.batch;
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
