/* SPDX-License-Identifier: Apache-2.0 */
/* test_recipe_spec: every field of a recipe's views reaches the law, the two specs differ as they
 * should, each weight belongs to its kind. */
#include "test.h"

#include "trainer/recipe.h"

#include <string.h>

static struct recipe make(void)
{
    struct recipe r = {0};
    memcpy(r.data.dataset, "flowers", sizeof("flowers"));
    r.run.seed = 5;
    r.data.batch = 64;
    r.views.size = 96;
    r.views.count = 2;
    r.views.crop.scale[0] = 0.2;
    r.views.crop.scale[1] = 1;
    r.views.crop.ratio[0] = 0.75;
    r.views.crop.ratio[1] = 1.25;
    r.views.flip = 0.5;
    r.views.jitter.p = 0.8;
    r.views.jitter.brightness = 0.41;
    r.views.jitter.contrast = 0.42;
    r.views.jitter.saturation = 0.43;
    r.views.jitter.hue = 0.1;
    r.views.jitter.order = 1;
    r.views.grayscale = 0.21;
    r.views.blur.p = 0.51;
    r.views.blur.sigma[0] = 0.1;
    r.views.blur.sigma[1] = 2;
    r.views.blur.kernel = 9;
    r.views.solarize.p = 0.15;
    r.views.solarize.threshold = 0.5;
    r.views.rotation = 0.25;
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
    assert_true(spec.shuffle && !spec.partial);
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

static void evaluation(void **state)
{
    (void)state;
    struct recipe recipe = make();
    struct spec spec;
    recipe_eval_spec(&recipe, "test-set", &spec);
    assert_string_equal(spec.dataset, "test-set");
    assert_int_equal(spec.batch, 128);
    assert_true(!spec.shuffle && spec.partial);
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
        cmocka_unit_test(training),
        cmocka_unit_test(evaluation),
        cmocka_unit_test(weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
