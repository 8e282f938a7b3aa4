/* SPDX-License-Identifier: Apache-2.0 */
/* omega_read: what omega_json writes reads back to the same bits; what is left out leaves the view
 * as it is; whatever else the text says is refused by name, and no text does harm. */
#include "test.h"

#include "common/file.h"
#include "common/rng.h"
#include "tools/inspect/replay/omega_read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 1024 };

static const struct view_spec law = {.size = 64,
                                     .scale = {.05, 1},
                                     .ratio = {.5, 2},
                                     .flip = .5,
                                     .jitter = {.8, .7, .6, 1.4, .5, false},
                                     .grayscale = .3,
                                     .blur = {.5, {.1, 3}, 9},
                                     .solarize = {.4, .3},
                                     .rotation = .6};

static void draw(uint32_t i, struct omega *ret, struct omega_place *place)
{
    const struct omega_key key = {.seed = 11, .epoch = i % 7, .sample = i * 977, .view = i % 16};
    omega_draw(&law, &key, 1 + i * 31 % 4000, 1 + i * 17 % 3000, ret);
    *place = (struct omega_place){key.epoch, i, key.view, law.size, i % 3 ? (int64_t)i : -1};
}

/* Field by field: padding is nobody's. */
static void assert_same(const struct omega *a, const struct omega *b)
{
    char lines[2][LINE];
    const struct omega_place place = {0};
    omega_json(a, &place, lines[0], LINE);
    omega_json(b, &place, lines[1], LINE);
    assert_string_equal(lines[0], lines[1]);
    const float *const floats[][2] = {{&a->jitter.brightness, &b->jitter.brightness},
                                      {&a->jitter.contrast, &b->jitter.contrast},
                                      {&a->jitter.saturation, &b->jitter.saturation},
                                      {&a->jitter.hue, &b->jitter.hue},
                                      {&a->blur.sigma, &b->blur.sigma},
                                      {&a->solarize.threshold, &b->solarize.threshold}};
    for (size_t i = 0; i < ARRAY_LEN(floats); i++)
        assert_memory_equal(floats[i][0], floats[i][1], sizeof(float));
}

static void test_back(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 5000; i++) {
        struct omega omega, got;
        struct omega_place place, there;
        char line[LINE];
        draw(i, &omega, &place);
        omega_json(&omega, &place, line, sizeof line);
        const struct omega_given given = {.w = i % 2 ? omega.source_w : 0,
                                          .h = i % 2 ? omega.source_h : 0};
        if (omega_read(line, &given, &got, &there))
            fail_msg("%s: %s", line, err_text());
        assert_same(&omega, &got);
        assert_true(there.epoch == place.epoch && there.batch == place.batch &&
                    there.view == place.view && there.size == place.size &&
                    there.label == place.label);
        struct view_spec least;
        omega_law(&got, there.size, &least);
        assert_int_equal(view_spec_check(&least), 0);
        assert_int_equal(omega_check(&got, &least), 0);
    }
}

static const struct omega_given photograph = {.w = 640, .h = 480, .size = 96};

static void test_identity(void **state)
{
    (void)state;
    struct omega o;
    struct omega_place place;
    assert_int_equal(omega_read("{}", &photograph, &o, &place), 0);
    const struct omega none = {
        .source_w = 640,
        .source_h = 480,
        .crop_height = 480,
        .crop_width = 640,
        .jitter = {.brightness = 1, .contrast = 1, .saturation = 1, .order = {0, 1, 2, 3}},
        .blur = {.sigma = 1, .kernel = 9},
        .solarize = {.threshold = 1}};
    assert_same(&o, &none);
    assert_int_equal(place.size, 96);
    assert_int_equal(place.label, -1);
}

/* Said is done; a kernel is found where none is told. */
static void test_by_hand(void **state)
{
    (void)state;
    struct omega o;
    struct omega_place place;
    assert_int_equal(omega_read("{\"blur\":{\"sigma\":1.5}}", &photograph, &o, &place), 0);
    assert_true(o.blur.applied && o.blur.sigma == 1.5f && o.blur.kernel == 9);
    assert_true(!o.jitter.applied && !o.solarize.applied);
    assert_int_equal(omega_read("{\"blur.sigma\":2,\"jitter.hue\":-0.25,\"flip\":true}",
                                &photograph, &o, &place),
                     0);
    assert_true(o.blur.applied && o.jitter.applied && o.jitter.hue == -.25f && o.flip);
    assert_int_equal(
        omega_read("{\"blur\":{\"sigma\":2,\"applied\":false}}", &photograph, &o, &place), 0);
    assert_false(o.blur.applied);
    assert_int_equal(omega_read("{\"solarize\":{\"threshold\":0.5},\"size\":32,\"rotation\":3}",
                                &(struct omega_given){.w = 9, .h = 8, .kernel = 5}, &o, &place),
                     0);
    assert_true(o.solarize.applied && place.size == 32 && o.rotation == 3);
    assert_int_equal(omega_read("{\"blur\":{\"sigma\":1}}",
                                &(struct omega_given){.w = 9, .h = 8, .size = 20, .kernel = 5}, &o,
                                &place),
                     0);
    assert_int_equal(o.blur.kernel, 5);
    assert_int_equal(omega_read("{\"size\":32}", &photograph, &o, &place), 0);
    assert_int_equal(place.size, 96); /* what the command line says holds */
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *why;
    } cases[] = {
        {"", "not JSON"},
        {"{\"flip\":true", "not JSON"},
        {"{\"flip\":true} {}", "one view's line is wanted"},
        {"{\"flip\":true,\"flip\":true}", "not JSON: duplicate object key"},
        {"[1]", "one JSON object"},
        {"{\"blurr\":{}}", "blurr: no key of a record; the nearest known one is 'blur'"},
        {"{\"blur\":{\"sigme\":1}}", "the nearest known one is 'blur.sigma'"},
        {"{\"sigma\":1}", "the nearest known one is 'blur.sigma'"},
        {"{\"blur\":1}", "blur: an object is wanted"},
        {"{\"blur\":{\"sigma\":1},\"blur.sigma\":1}", "blur.sigma: told twice"},
        {"{\"flip\":1}", "flip: true or false is wanted"},
        {"{\"blur\":{\"sigma\":\"1\"}}", "blur.sigma: a number is wanted"},
        {"{\"rotation\":1.0}", "rotation: a whole number is wanted"},
        {"{\"rotation\":4}", "rotation: 4 is not in 0..3"},
        {"{\"blur\":{\"sigma\":1e9}}", "blur.sigma: 1000000000 is not in 0..1024"},
        {"{\"blur\":{\"sigma\":0.001}}", "blur sigma is not in [0.01,1024]"},
        {"{\"blur\":{\"sigma\":1,\"kernel\":4}}", "blur kernel is not an odd number in 1..127"},
        {"{\"blur\":{\"sigma\":1,\"kernel\":127}}", "ok"},
        {"{\"blur\":{\"kernel\":3}}", "blur.sigma: how much to blur is told nowhere"},
        {"{\"jitter\":{\"hue\":0.51}}", "jitter.hue: 0.51 is not in -0.5..0.5"},
        {"{\"jitter\":{\"order\":[0,1,2]}}", "jitter.order: an array of 4 is wanted"},
        {"{\"jitter\":{\"order\":[0,1,2,2]}}", "order is not a permutation"},
        {"{\"jitter\":{\"brightness\":-1}}", "jitter.brightness: -1 is not in 0..101"},
        {"{\"source\":[640,481]}", "source: 640x481, but the picture has 640x480"},
        {"{\"source\":[640]}", "source: an array of 2 is wanted"},
        {"{\"crop\":[0,0,481,640]}", "crop is outside its source"},
        {"{\"crop\":[-1,0,10,10]}", "crop: -1 is not in 0..65535"},
        {"{\"crop\":[0,0,0,10]}", "crop is outside its source"},
        {"{\"label\":-2}", "label: -2 is not in -1..2147483647"},
        {"{\"sample\":4294967296}", "sample: 4294967296 is not in 0..4294967295"},
        {"{\"sample\":99999999999999999999}", "not JSON"},
        {"{\"size\":2000}", "size: 2000 is not in 1..1024"},
        {"{\"view\":16}", "view: 16 is not in 0..15"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct omega o = {.sample = 5};
        struct omega_place place;
        struct omega_given given = photograph;
        if (strcmp(cases[i].why, "ok") == 0)
            given.size = 127;
        const int rc = omega_read(cases[i].json, &given, &o, &place);
        if (strcmp(cases[i].why, "ok") == 0) {
            assert_int_equal(rc, 0);
            continue;
        }
        if (rc != -EBADMSG || !strstr(err_text(), cases[i].why))
            fail_msg("%s: %d, %s", cases[i].json, rc, err_text());
        assert_int_equal(o.sample, 5); /* written only on success */
    }
    struct omega o;
    struct omega_place place;
    const struct omega_given nothing = {.size = 9}, no_size = {.w = 3, .h = 3},
                             small = {.w = 9, .h = 9, .size = 63};
    assert_int_equal(omega_read("{}", &nothing, &o, &place), -EBADMSG);
    assert_string_equal(err_text(), "source: its size is told nowhere");
    assert_int_equal(omega_read("{}", &no_size, &o, &place), -EBADMSG);
    assert_non_null(strstr(err_text(), "size: how large"));
    assert_int_equal(omega_read("{\"blur\":{\"sigma\":1,\"kernel\":127}}", &small, &o, &place),
                     -EBADMSG);
    assert_non_null(strstr(err_text(), "too wide for a view of 63 pixels"));
}

/* Lines with bytes changed, left out and put in: refused, or a record that may be rendered. */
static void test_spoilt(void **state)
{
    (void)state;
    static const char bytes[] = "{}[],:\"\\u0000 nultrefas-+.eE0123456789";
    struct rng rng;
    unsigned good = 0;
    rng_init(&rng, &(struct rng_key){.seed = 3});
    for (uint32_t i = 0; i < 20000; i++) {
        struct omega omega, got;
        struct omega_place place;
        char line[LINE + 8];
        draw(i % 50, &omega, &place);
        omega_json(&omega, &place, line, LINE);
        for (uint32_t changes = 1 + rng_below(&rng, 3); changes; changes--) {
            const size_t len = strlen(line), at = rng_below(&rng, (uint32_t)len);
            const char byte = bytes[rng_below(&rng, sizeof bytes - 1)];
            switch (rng_below(&rng, 3)) {
            case 0:
                line[at] = byte;
                break;
            case 1:
                memmove(line + at, line + at + 1, len - at);
                break;
            default:
                memmove(line + at + 1, line + at, len - at + 1);
                line[at] = byte;
            }
        }
        const int rc = omega_read(line, &(struct omega_given){0}, &got, &place);
        assert_true(rc == 0 || rc == -EBADMSG);
        if (rc)
            continue;
        good++;
        struct view_spec least;
        omega_law(&got, place.size, &least);
        assert_int_equal(view_spec_check(&least), 0);
        assert_int_equal(omega_check(&got, &least), 0);
    }
    assert_true(good > 100 && good < 19900);
}

static void test_text(void **state)
{
    (void)state;
    char path[] = "/tmp/augstream-test-XXXXXX", arg[64];
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "{\"flip\":true}\n", 14), 14);
    snprintf(arg, sizeof arg, "@%s", path);
    char *text;
    assert_int_equal(omega_text(arg, &text), 0);
    assert_string_equal(text, "{\"flip\":true}\n");
    free(text);
    assert_int_equal(omega_text("{}", &text), 0);
    assert_string_equal(text, "{}");
    free(text);
    assert_int_equal(ftruncate(fd, OMEGA_TEXT_MAX + 1), 0);
    assert_int_equal(omega_text(arg, &text), -EBADMSG);
    close(fd);
    unlink(path);
    assert_int_equal(omega_text(arg, &text), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_back),    cmocka_unit_test(test_identity),
        cmocka_unit_test(test_by_hand), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_spoilt),  cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
