/* SPDX-License-Identifier: Apache-2.0 */
/* test_recipe_spec: every field of a recipe's views reaches the law of the views it is about, and
 * of no others; the two specs differ as they should, each weight belongs to its kind. */
#include "test.h"

#include "trainer/recipe.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static struct recipe make(void)
{
    struct recipe r;
    memset(&r, 0, sizeof(r));
    assert_int_equal(conf_defaults(&recipe_table, &r), 0); /* the second view inherits */
    memcpy(r.data.dataset, "flowers", sizeof("flowers"));
    r.run.seed = 5;
    r.data.batch = 64;
    r.views.size = 96;
    r.views.count = 2;
    r.views.law.crop.scale[0] = 0.2;
    r.views.law.crop.scale[1] = 1;
    r.views.law.crop.ratio[0] = 0.75;
    r.views.law.crop.ratio[1] = 1.25;
    r.views.law.flip = 0.5;
    r.views.law.jitter.p = 0.8;
    r.views.law.jitter.brightness = 0.41;
    r.views.law.jitter.contrast = 0.42;
    r.views.law.jitter.saturation = 0.43;
    r.views.law.jitter.hue = 0.1;
    r.views.law.jitter.order = 1;
    r.views.law.grayscale = 0.21;
    r.views.law.blur.p = 0.51;
    r.views.law.blur.sigma[0] = 0.1;
    r.views.law.blur.sigma[1] = 2;
    r.views.law.blur.kernel = 9;
    r.views.law.solarize.p = 0.15;
    r.views.law.solarize.threshold = 0.5;
    r.views.law.rotation = 0.25;
    r.views.reduce = true;
    return r;
}

static void training(void **state)
{
    (void)state;
    struct recipe recipe = make();
    struct spec spec;
    recipe_spec(&recipe, &spec);
    assert_string_equal(spec.dataset, "flowers");
    assert_int_equal(spec.seed, 5);
    assert_int_equal(spec.batch, 64);
    assert_true(spec.shuffle && !spec.partial && spec.reduce);
    assert_int_equal(spec.n_views, 2);
    const struct view_spec *law = &spec.views[1];
    assert_int_equal(law->size, 96);
    assert_int_equal(law->crop, CROP_RANDOM);
    assert_true(law->scale[0] == 0.2 && law->scale[1] == 1);
    assert_true(law->ratio[0] == 0.75 && law->ratio[1] == 1.25);
    assert_true(law->flip == 0.5);
    assert_true(law->jitter.p == 0.8 && law->jitter.brightness == 0.41);
    assert_true(law->jitter.contrast == 0.42 && law->jitter.saturation == 0.43);
    assert_true(law->jitter.hue == 0.1 && law->jitter.order_per_batch);
    assert_true(law->grayscale == 0.21);
    assert_true(law->blur.p == 0.51 && law->blur.sigma[0] == 0.1 && law->blur.sigma[1] == 2);
    assert_int_equal(law->blur.kernel, 9);
    assert_true(law->solarize.p == 0.15 && law->solarize.threshold == 0.5);
    assert_true(law->rotation == 0.25);
    assert_memory_equal(&spec.views[0], &spec.views[1], sizeof(spec.views[0]));
    assert_int_equal(view_spec_check(law), 0);
}

/* The fields of a law, by the end of their options' names. A law of views that differ in one field
 * alone shows whether that option, and no other, is the field's. */
static const struct {
    const char *option, *value;
    size_t at, bytes; /* in struct view_spec */
} fields[] = {
#define FIELD(option, value, field)                                                                \
    {                                                                                              \
        option, value, offsetof(struct view_spec, field), sizeof(((struct view_spec *)0)->field)   \
    }
    FIELD("crop.scale", "[.05, .14]", scale),
    FIELD("crop.ratio", "[.5, 2]", ratio),
    FIELD("flip", ".375", flip),
    FIELD("jitter.p", ".375", jitter.p),
    FIELD("jitter.brightness", ".375", jitter.brightness),
    FIELD("jitter.contrast", ".375", jitter.contrast),
    FIELD("jitter.saturation", ".375", jitter.saturation),
    FIELD("jitter.hue", ".375", jitter.hue),
    FIELD("jitter.order", "image", jitter.order_per_batch),
    FIELD("grayscale", ".375", grayscale),
    FIELD("blur.p", ".375", blur.p),
    FIELD("blur.sigma", "[3, 4]", blur.sigma),
    FIELD("blur.kernel", "3", blur.kernel),
    FIELD("solarize.p", ".375", solarize.p),
    FIELD("solarize.threshold", ".375", solarize.threshold),
    FIELD("rotation", ".375", rotation),
#undef FIELD
};

/* The spec of make() with views.GROUP.OPTION set (group "" or "second." or "small."), and three
 * large and two small views. */
static void spec_with(const char *group, size_t i, struct spec *ret)
{
    struct recipe r = make();
    r.views.count = 3;
    r.views.small.count = 2;
    if (i < ARRAY_LEN(fields)) {
        char set[128];
        snprintf(set, sizeof(set), "views.%s%s=%s", group, fields[i].option, fields[i].value);
        assert_int_equal(conf_set(&recipe_table, &r, set), 0);
    }
    recipe_spec(&r, ret);
    for (uint32_t v = 0; v < ret->n_views; v++)
        assert_int_equal(view_spec_check(&ret->views[v]), 0);
}

static void overrides(void **state)
{
    (void)state;
    static const struct {
        const char *group;
        bool moves[5]; /* the laws of views 0.. */
    } rows[] = {
        {"", {true, true, true, true, true}},
        {"second.", {false, true, false, false, false}},
        {"small.", {false, false, false, true, true}},
    };
    struct spec base;
    spec_with("", SIZE_MAX, &base);
    assert_int_equal(base.n_views, 5);
    for (size_t g = 0; g < ARRAY_LEN(rows); g++)
        for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
            struct spec spec;
            spec_with(rows[g].group, i, &spec);
            for (uint32_t v = 0; v < 5; v++) {
                const char *is = (const char *)&spec.views[v], *was = (const char *)&base.views[v];
                size_t at = fields[i].at, end = at + fields[i].bytes;
                if ((memcmp(is + at, was + at, fields[i].bytes) != 0) != rows[g].moves[v])
                    fail_msg("views.%s%s, view %u", rows[g].group, fields[i].option, v);
                assert_memory_equal(is, was, at); /* nothing else moves */
                assert_memory_equal(is + end, was + end, sizeof(spec.views[v]) - end);
            }
        }
}

/* What the two papers ask for. */
static void asymmetric(void **state)
{
    (void)state;
    struct recipe r = make();
    assert_int_equal(conf_set(&recipe_table, &r, "views={blur: {p: 1}, solarize: {p: 0}}"), 0);
    assert_int_equal(conf_set(&recipe_table, &r, "views.second={blur: {p: .1}, solarize: {p: .2}}"),
                     0);
    struct spec spec;
    recipe_spec(&r, &spec);
    assert_int_equal(spec.n_views, 2);
    assert_true(spec.views[0].blur.p == 1 && spec.views[0].solarize.p == 0);
    assert_true(spec.views[1].blur.p == .1 && spec.views[1].solarize.p == .2);
    assert_true(spec.views[1].jitter.brightness == .41 && spec.views[1].blur.kernel == 9);
    assert_string_equal(recipe_view_group(&r, 0), "views");
    assert_string_equal(recipe_view_group(&r, 1), "views.second");
}

static void multi_crop(void **state)
{
    (void)state;
    struct recipe r = make();
    assert_int_equal(conf_set(&recipe_table, &r, "views.small={count: 6, size: 48}"), 0);
    assert_int_equal(conf_set(&recipe_table, &r, "views.small.crop.scale=[.05, .14]"), 0);
    struct spec spec;
    recipe_spec(&r, &spec);
    assert_int_equal(spec.n_views, 8);
    for (uint32_t v = 0; v < 8; v++) {
        const struct view_spec *law = &spec.views[v];
        assert_int_equal(law->size, v < 2 ? 96 : 48);
        assert_true(law->scale[1] == (v < 2 ? 1 : .14));
        assert_true(law->flip == .5 && law->ratio[1] == 1.25);
    }
    assert_string_equal(recipe_view_group(&r, 1), "views.second");
    assert_string_equal(recipe_view_group(&r, 2), "views.small");
    assert_int_equal(conf_set(&recipe_table, &r, "views.small.size=inherit"), 0);
    recipe_spec(&r, &spec);
    assert_int_equal(spec.views[7].size, 96);
}

static void evaluation(void **state)
{
    (void)state;
    struct recipe recipe = make();
    struct spec spec;
    recipe_eval_spec(&recipe, "test-set", &spec);
    assert_string_equal(spec.dataset, "test-set");
    assert_int_equal(spec.batch, 128);
    assert_true(!spec.shuffle && spec.partial && !spec.reduce);
    assert_int_equal(spec.n_views, 1);
    assert_int_equal(spec.views[0].crop, CROP_CENTER);
    assert_int_equal(spec.views[0].size, 96);
    assert_int_equal(spec.views[0].crop_resize, 96);
    assert_true(spec.views[0].flip == 0 && spec.views[0].jitter.p == 0);
    recipe.data.batch = WIRE_BATCH_MAX;
    recipe_eval_spec(&recipe, "test-set", &spec);
    assert_int_equal(spec.batch, WIRE_BATCH_MAX);
}

static void weights(void **state)
{
    (void)state;
    struct recipe recipe = {
        .augself = {.crop = 1, .color = 2, .flip = 3, .blur = 4, .rotation = 5, .solarize = 6}};
    for (int kind = 0; kind < AUGSELF_KINDS; kind++)
        assert_true(recipe_augself_weight(&recipe, (enum augself_kind)kind) == kind + 1);
    assert_string_equal(augself_kind_name(AUGSELF_ROTATION), "rotation"); /* the order above */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training),   cmocka_unit_test(overrides),  cmocka_unit_test(asymmetric),
        cmocka_unit_test(multi_crop), cmocka_unit_test(evaluation), cmocka_unit_test(weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
