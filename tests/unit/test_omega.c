/* SPDX-License-Identifier: Apache-2.0 */
/* omega: laws and records that cannot be are refused, every difference is the paper's, and the JSON
 * line is exact. What is drawn is tested in test_omega_draw.c. */
#include "test.h"

#include "common/omega.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct view_spec law(void)
{
    return (struct view_spec){
        .size = 96,
        .scale = {0.2, 1},
        .ratio = {0.75, 4.0 / 3},
        .flip = 0.5,
        .jitter = {.p = 0.8, .brightness = 0.4, .contrast = 0.4, .saturation = 0.4, .hue = 0.1},
        .grayscale = 0.2,
        .blur = {.p = 0.5, .sigma = {0.1, 2}, .kernel = 9},
        .solarize = {.p = 0.5, .threshold = 0.5},
        .rotation = 0.5,
    };
}

static struct omega record(void)
{
    return (struct omega){
        .sample = 12,
        .source_w = 200,
        .source_h = 100,
        .crop_top = 10,
        .crop_left = 20,
        .crop_height = 40,
        .crop_width = 60,
        .jitter = {true, 1.2f, 0.8f, 1, -0.05f, {3, 1, 0, 2}},
        .blur = {true, 1.5f, 9},
        .solarize = {true, 0.5f},
    };
}

static void test_law_bounds(void **state)
{
    (void)state;
    struct view_spec good = law(), v = law();
    assert_int_equal(view_spec_check(&good), 0);
#define REFUSED(field, bad, word)                                                                  \
    do {                                                                                           \
        v = good;                                                                                  \
        v.field = bad;                                                                             \
        assert_int_equal(view_spec_check(&v), -EINVAL);                                            \
        if (!strstr(err_text(), word))                                                             \
            fail_msg("'%s' does not name %s", err_text(), word);                                   \
    } while (0)
    REFUSED(size, 0, "size");
    REFUSED(size, OMEGA_VIEW_MAX + 1, "size");
    REFUSED(crop, 7, "crop mode");
    REFUSED(scale[0], 0, "scale");
    REFUSED(scale[0], NAN, "scale");
    REFUSED(scale[1], 0.1, "scale");
    REFUSED(scale[1], 1.01, "scale");
    REFUSED(ratio[0], -1, "ratio");
    REFUSED(ratio[1], INFINITY, "ratio");
    REFUSED(ratio[1], 0.5, "ratio");
    REFUSED(flip, 1.1, "flip");
    REFUSED(flip, NAN, "flip");
    REFUSED(jitter.p, -0.1, "jitter p");
    REFUSED(jitter.brightness, -0.1, "brightness");
    REFUSED(jitter.contrast, 1e9, "contrast");
    REFUSED(jitter.saturation, NAN, "saturation");
    REFUSED(jitter.hue, 0.51, "hue");
    REFUSED(grayscale, 2, "grayscale");
    REFUSED(blur.p, 2, "blur p");
    REFUSED(blur.kernel, 8, "kernel");
    REFUSED(blur.kernel, 129, "kernel");
    REFUSED(size, 4, "kernel"); /* a kernel of 9 reaches 4 pixels: more than can be reflected */
    REFUSED(blur.sigma[0], 0, "sigma");
    REFUSED(blur.sigma[1], 0.05, "sigma");
    REFUSED(blur.sigma[1], INFINITY, "sigma");
    REFUSED(solarize.p, 1.5, "solarize p");
    REFUSED(solarize.threshold, 1.5, "threshold");
    REFUSED(rotation, NAN, "rotation");
    v = good;
    v.size = 5;
    assert_int_equal(view_spec_check(&v), 0);
    v = good;
    memset(&v.blur, 0, sizeof v.blur); /* no blur needs no kernel */
    assert_int_equal(view_spec_check(&v), 0);
    good = v;
    REFUSED(blur.kernel, 300, "blur"); /* but a record has eight bits for it */
    view_spec_eval(&good, 96, 110);
    assert_int_equal(view_spec_check(&good), 0);
    REFUSED(crop_resize, 95, "resize");
    REFUSED(crop_resize, 1u << 30, "resize");
#undef REFUSED
}

static void test_record_bounds(void **state)
{
    (void)state;
    struct omega good = record(), o;
    struct view_spec of = law();
    assert_int_equal(omega_check(&good, NULL), 0);
    assert_int_equal(omega_check(&good, &of), 0);
#define REFUSED(law, field, bad, word)                                                             \
    do {                                                                                           \
        o = good;                                                                                  \
        o.field = bad;                                                                             \
        assert_int_equal(omega_check(&o, law), -EBADMSG);                                          \
        if (!strstr(err_text(), word) || !strstr(err_text(), "sample 12"))                         \
            fail_msg("'%s' does not name %s and the sample", err_text(), word);                    \
    } while (0)
    REFUSED(NULL, source_w, 0, "source");
    REFUSED(NULL, source_h, OMEGA_SIDE_MAX + 1, "source");
    REFUSED(NULL, crop_top, -1, "crop");
    REFUSED(NULL, crop_left, -1, "crop");
    REFUSED(NULL, crop_top, 61, "crop");
    REFUSED(NULL, crop_left, 141, "crop");
    REFUSED(NULL, crop_left, INT32_MAX, "crop");
    REFUSED(NULL, crop_height, 0, "crop");
    REFUSED(NULL, crop_width, 0, "crop");
    REFUSED(NULL, jitter.brightness, NAN, "jitter");
    REFUSED(NULL, jitter.contrast, -1, "jitter");
    REFUSED(NULL, jitter.saturation, INFINITY, "jitter");
    REFUSED(NULL, jitter.hue, 0.6f, "hue");
    REFUSED(NULL, jitter.hue, NAN, "hue");
    REFUSED(NULL, jitter.order[0], 1, "order");
    REFUSED(NULL, jitter.order[0], 4, "order");
    REFUSED(NULL, jitter.order[0], 255, "order");
    REFUSED(NULL, blur.sigma, 0, "sigma");
    REFUSED(NULL, blur.sigma, NAN, "sigma");
    REFUSED(NULL, blur.kernel, 8, "kernel");
    REFUSED(NULL, blur.kernel, 200, "kernel");
    REFUSED(NULL, solarize.threshold, NAN, "threshold");
    REFUSED(NULL, rotation, 4, "rotation");
    REFUSED(&of, jitter.brightness, 1.41f, "jitter");
    REFUSED(&of, jitter.contrast, 0.59f, "jitter");
    REFUSED(&of, jitter.saturation, 1.41f, "jitter");
    REFUSED(&of, jitter.hue, 0.11f, "jitter");
    REFUSED(&of, blur.kernel, 7, "blur");
    REFUSED(&of, blur.sigma, 2.1f, "blur");
    REFUSED(&of, solarize.threshold, 0.4f, "solarize");
    of.flip = of.grayscale = of.rotation = 0;
    REFUSED(&of, flip, true, "flip");
    REFUSED(&of, grayscale, true, "grayscale");
    REFUSED(&of, rotation, 1, "rotation");
    of.flip = 1;
    REFUSED(&of, flip, false, "flip");
    of = law();
    of.jitter.p = 0;
    REFUSED(&of, jitter.applied, true, "jitter");
    of = law();
    of.blur.p = 0;
    REFUSED(&of, blur.applied, true, "blur");
    of = law();
    of.solarize.p = 1;
    REFUSED(&of, solarize.applied, false, "solarize");
#undef REFUSED
    of = law();
    o = good;
    o.jitter.brightness = 1.4f; /* the bounds themselves, as floats */
    o.jitter.contrast = 0.6f;
    o.jitter.hue = -0.1f;
    o.blur.sigma = 0.1f;
    assert_int_equal(omega_check(&o, &of), 0);
}

static void assert_target(enum augself_kind kind, const struct omega *a, const struct omega *b,
                          const double *expected)
{
    struct view_spec of = law();
    float got[OMEGA_TARGET_MAX] = {-9, -9, -9, -9};
    omega_difference(kind, a, &of, b, &of, got);
    for (size_t i = 0; i < OMEGA_TARGET_MAX; i++)
        if (i < augself_target_len(kind) ? fabs(got[i] - expected[i]) > 1e-6 : got[i] != -9)
            fail_msg("%s[%zu] is %g", augself_kind_name(kind), i, got[i]);
}

/* Source 200 x 100. Centres (cy, cx): a (.3, .25), b (.6, .7); sizes (h, w): a (.4, .3), b (.8,
 * .2). A flip of the first view of the pair, and only that, turns the sign of the cx difference. */
static void test_crop(void **state)
{
    (void)state;
    struct omega a = record(), b = record();
    b.crop_top = 20;
    b.crop_left = 120;
    b.crop_height = 80;
    b.crop_width = 40;
    static const struct {
        bool flip_a, flip_b;
        double ab_cx, ba_cx;
    } rows[] = {
        {false, false, -0.45, 0.45},
        {true, false, 0.45, 0.45},
        {false, true, -0.45, -0.45},
        {true, true, 0.45, -0.45},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        a.flip = rows[i].flip_a;
        b.flip = rows[i].flip_b;
        assert_target(AUGSELF_CROP, &a, &b, (double[]){-0.3, rows[i].ab_cx, -0.4, 0.1});
        assert_target(AUGSELF_CROP, &b, &a, (double[]){0.3, rows[i].ba_cx, 0.4, -0.1});
        assert_target(AUGSELF_CROP, &a, &a, (double[]){0, 0, 0, 0});
    }
}

static void test_color(void **state)
{
    (void)state;
    struct omega a = record(), b = record();
    b.jitter.brightness = 0.6f;
    b.jitter.contrast = 1.4f;
    b.jitter.saturation = 0.9f;
    b.jitter.hue = 0.1f;
    assert_target(AUGSELF_COLOR, &a, &b, (double[]){0.75, -0.75, 0.125, -0.75});
    assert_target(AUGSELF_COLOR, &b, &a, (double[]){-0.75, 0.75, -0.125, 0.75});
    b.jitter.applied = false; /* its values are on record, but not in the picture */
    assert_target(AUGSELF_COLOR, &a, &b, (double[]){0.25, -0.25, 0, -0.25});
    assert_target(AUGSELF_COLOR, &b, &a, (double[]){-0.25, 0.25, 0, 0.25});
    a.jitter.applied = false;
    assert_target(AUGSELF_COLOR, &a, &b, (double[]){0, 0, 0, 0});
}

/* Each view by its own law's width; a range cut at 0; an empty range. */
static void test_color_laws(void **state)
{
    (void)state;
    struct omega a = record(), b = record();
    struct view_spec law_a = law(), law_b = law();
    law_b.jitter.brightness = 1.5; /* factors 0..2.5 */
    law_b.jitter.contrast = 0;
    law_b.jitter.hue = 0;
    b.jitter.brightness = 2;
    b.jitter.contrast = 1;
    b.jitter.hue = 0;
    float got[OMEGA_TARGET_MAX];
    omega_difference(AUGSELF_COLOR, &a, &law_a, &b, &law_b, got);
    const double expected[] = {0.25 - 0.4, -0.25, 0, -0.25};
    for (int i = 0; i < OMEGA_TARGET_MAX; i++)
        assert_true(fabs(got[i] - expected[i]) < 1e-6);
}

static void test_one_number_targets(void **state)
{
    (void)state;
    struct omega a = record(), b = record();
    assert_target(AUGSELF_FLIP, &a, &b, (double[]){1});
    a.flip = true;
    assert_target(AUGSELF_FLIP, &a, &b, (double[]){0});
    assert_target(AUGSELF_FLIP, &b, &a, (double[]){0});
    b.flip = true;
    assert_target(AUGSELF_FLIP, &a, &b, (double[]){1});

    b.blur.sigma = 0.25f;
    assert_target(AUGSELF_BLUR, &a, &b, (double[]){1.25});
    assert_target(AUGSELF_BLUR, &b, &a, (double[]){-1.25});
    b.blur.applied = false;
    assert_target(AUGSELF_BLUR, &a, &b, (double[]){1.5});
    a.blur.applied = false;
    assert_target(AUGSELF_BLUR, &a, &b, (double[]){0});

    b.solarize.threshold = 0.25f;
    assert_target(AUGSELF_SOLARIZE, &a, &b, (double[]){0.25});
    b.solarize.applied = false;
    assert_target(AUGSELF_SOLARIZE, &a, &b, (double[]){-0.5});
    assert_target(AUGSELF_SOLARIZE, &b, &a, (double[]){0.5});
    a.solarize.applied = false;
    assert_target(AUGSELF_SOLARIZE, &a, &b, (double[]){0});

    for (uint8_t i = 0; i < 4; i++) {
        for (uint8_t j = 0; j < 4; j++) {
            a.rotation = i;
            b.rotation = j;
            assert_target(AUGSELF_ROTATION, &a, &b, (double[]){(i + 4 - j) % 4});
        }
    }
}

static void test_encode(void **state)
{
    (void)state;
    struct view_spec l = law();
    struct omega o = record(); /* crop 40 x 60 at (10, 20) of 100 x 200 */
    o.flip = true;
    o.grayscale = true;
    o.rotation = 2;
    o.solarize.threshold = 0.75F;
    static const float want[OMEGA_CODE_LEN] = {0.3F,   0.25F, 0.4F,  0.3F,  1, 1, 0.25F, -0.25F, 0,
                                               -0.25F, 1,     0.75F, 0.25F, 0, 0, 1,     0};
    float code[OMEGA_CODE_LEN];
    omega_encode(&o, &l, code);
    for (int i = 0; i < OMEGA_CODE_LEN; i++)
        assert_true(fabsf(code[i] - want[i]) < 1e-6F);
    /* values of what was not applied do not show, and a law without a range divides by nothing */
    static const float plain[OMEGA_CODE_LEN] = {0.3F, 0.25F, 0.4F, 0.3F, 0, 0, 0, 0, 0,
                                                0,    0,     0,    0,    1, 0, 0, 0};
    o.flip = o.grayscale = o.jitter.applied = o.blur.applied = o.solarize.applied = false;
    o.rotation = 0;
    omega_encode(&o, &l, code);
    for (int i = 0; i < OMEGA_CODE_LEN; i++)
        assert_true(fabsf(code[i] - plain[i]) < 1e-6F);
    o.blur.applied = o.jitter.applied = true;
    l = (struct view_spec){.size = 96};
    omega_encode(&o, &l, code);
    for (int i = 0; i < OMEGA_CODE_LEN; i++)
        assert_true(fabsf(code[i] - (i == 5 ? 1 : plain[i])) < 1e-6F);
}

static void test_kinds(void **state)
{
    (void)state;
    const char *names[] = {"crop", "color", "flip", "blur", "rotation", "solarize"};
    for (size_t i = 0; i < AUGSELF_KINDS; i++) {
        assert_string_equal(augself_kind_name((enum augself_kind)i), names[i]);
        assert_in_range(augself_target_len((enum augself_kind)i), 1, OMEGA_TARGET_MAX);
    }
}

static void test_json(void **state)
{
    (void)state;
    struct omega o = record();
    struct omega_place place = {.epoch = 3, .batch = 4, .view = 1, .size = 96, .label = -1};
    char text[1024];
    int n = omega_json(&o, &place, text, sizeof text);
    assert_string_equal(
        text, "{\"epoch\":3,\"batch\":4,\"sample\":12,\"view\":1,\"label\":null,"
              "\"source\":[200,100],\"crop\":[10,20,40,60],\"size\":96,\"flip\":false,"
              "\"jitter\":{\"applied\":true,\"brightness\":1.20000005,\"contrast\":0.800000012,"
              "\"saturation\":1,\"hue\":-0.0500000007,\"order\":[3,1,0,2]},\"grayscale\":false,"
              "\"blur\":{\"applied\":true,\"sigma\":1.5,\"kernel\":9},"
              "\"solarize\":{\"applied\":true,\"threshold\":0.5},\"rotation\":0}");
    assert_int_equal(n, strlen(text));
    assert_true(strtof(strstr(text, "hue") + 5, NULL) == -0.05f);
    place.label = 7;
    o.flip = o.grayscale = true;
    o.rotation = 3;
    omega_json(&o, &place, text, sizeof text);
    assert_non_null(strstr(text, "\"label\":7,"));
    assert_non_null(strstr(text, "\"flip\":true,"));
    assert_non_null(strstr(text, "\"grayscale\":true,"));
    assert_non_null(strstr(text, "\"rotation\":3}"));
    assert_true(omega_json(&o, &place, text, 10) > 10); /* the length it would need */
    assert_int_equal(strlen(text), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_law_bounds), cmocka_unit_test(test_record_bounds),
        cmocka_unit_test(test_crop),       cmocka_unit_test(test_color),
        cmocka_unit_test(test_color_laws), cmocka_unit_test(test_one_number_targets),
        cmocka_unit_test(test_encode),     cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
