/* SPDX-License-Identifier: Apache-2.0 */
/* param: every row gives what the record holds, under the name that its line of JSON has; sets what
 * it says, and nothing that cannot be true. */
#include "test.h"

#include "tools/inspect/feed/param.h"
#include "wire_samples.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

static struct samples samples;

static void view_of(uint32_t i, struct param_view *ret)
{
    param_view_at(sample_message(&samples, WIRE_TAP), i, ret);
}

static void test_view_at(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < SAMPLE_VIEWS * SAMPLE_BATCH; i++) {
        struct param_view v;
        view_of(i, &v);
        assert_ptr_equal(v.omega, &samples.omega[i]);
        assert_ptr_equal(v.law, &samples.message.tap.spec.views[v.view]);
        assert_int_equal(v.view, i / SAMPLE_BATCH);
        assert_int_equal(v.size, v.view ? SAMPLE_SIZE / 2 : SAMPLE_SIZE);
        assert_int_equal(v.epoch, 7);
        assert_int_equal(v.batch, UINT32_MAX);
        assert_int_equal(v.label, samples.labels[i % SAMPLE_BATCH]);
    }
    struct param_view v;
    samples.message.tap.told_spec = false; /* by an older loader */
    param_view_at(&samples.message, 0, &v);
    assert_null(v.law);
}

/* The part of the line that the name names; indices are named too. */
static const json_t *part_of(const json_t *line, const char *name)
{
    static const char *const of_arrays[][3] = {
        {"source.w", "source", "0"}, {"source.h", "source", "1"},  {"crop.top", "crop", "0"},
        {"crop.left", "crop", "1"},  {"crop.height", "crop", "2"}, {"crop.width", "crop", "3"}};
    for (size_t i = 0; i < ARRAY_LEN(of_arrays); i++)
        if (strcmp(name, of_arrays[i][0]) == 0)
            return json_array_get(json_object_get(line, of_arrays[i][1]),
                                  (size_t)(of_arrays[i][2][0] - '0'));
    char text[64], *rest, *word;
    snprintf(text, sizeof text, "%s", name);
    for (word = strtok_r(text, ".", &rest); word && line; word = strtok_r(NULL, ".", &rest))
        line = json_is_array(line) ? json_array_get(line, (size_t)(word[0] - '0'))
                                   : json_object_get(line, word);
    return line;
}

/* omega_json is the oracle. */
static void test_as_the_line_says(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < SAMPLE_VIEWS * SAMPLE_BATCH; i++) {
        struct param_view v;
        view_of(i, &v);
        char text[1024];
        const struct omega_place place = {v.epoch, v.batch, v.view, v.size, v.label};
        omega_json(v.omega, &place, text, sizeof text);
        json_t *line = json_loads(text, 0, NULL);
        assert_non_null(line);
        size_t known = 0;
        for (size_t p = 0; p < params_n; p++) {
            const struct view_param *param = &params[p];
            const json_t *said = part_of(line, param->name);
            if (!said)
                continue;
            known++;
            if (json_is_null(said))
                assert_false(param_applied(param, &v));
            else if (param->kind == PARAM_REAL)
                assert_true((float)param->get(&v) == (float)json_number_value(said));
            else if (param->kind == PARAM_BIT)
                assert_true(param->get(&v) == json_is_true(said));
            else
                assert_true(param->get(&v) == (double)json_integer_value(said));
        }
        assert_int_equal(known, params_n - 6); /* all but crop.cy and what else follows */
        json_decref(line);
    }
}

static const struct view_param *row(const char *name)
{
    const struct view_param *param = param_find(name);
    if (!param)
        fail_msg("no parameter %s", name);
    return param;
}

static void test_what_follows(void **state)
{
    (void)state;
    struct omega o = {.source_w = 640, .source_h = 480, .crop_top = 120, .crop_left = 160};
    o.crop_height = 240;
    o.crop_width = 160;
    const struct param_view v = {.omega = &o, .label = -1};
    assert_true(row("crop.cy")->get(&v) == 0.5);
    assert_true(row("crop.cx")->get(&v) == 0.375);
    assert_true(row("crop.h")->get(&v) == 0.5);
    assert_true(row("crop.w")->get(&v) == 0.25);
    assert_true(row("crop.area")->get(&v) == 0.125);
    assert_true(row("crop.ratio")->get(&v) == (double)(float)(2.0 / 3));
    /* cut as it was, flipped or not */
    o.flip = true;
    assert_true(row("crop.cx")->get(&v) == 0.375);
}

static void test_applied(void **state)
{
    (void)state;
    struct omega o = {.source_w = 1};
    const struct param_view v = {.omega = &o, .label = -1};
    static const struct {
        const char *begins;
        size_t offset;
    } bits[] = {{"jitter.", offsetof(struct omega, jitter.applied)},
                {"blur.", offsetof(struct omega, blur.applied)},
                {"solarize.", offsetof(struct omega, solarize.applied)}};
    for (int on = 0; on < 2; on++) {
        for (size_t b = 0; b < ARRAY_LEN(bits); b++)
            *(bool *)((char *)&o + bits[b].offset) = on;
        for (size_t p = 0; p < params_n; p++) {
            bool depends = false;
            for (size_t b = 0; b < ARRAY_LEN(bits); b++)
                depends |= strncmp(params[p].name, bits[b].begins, strlen(bits[b].begins)) == 0 &&
                           !strstr(params[p].name, ".applied");
            depends = depends ? !on : strcmp(params[p].name, "label") == 0;
            assert_int_equal(param_applied(&params[p], &v), !depends);
        }
    }
}

static void test_set(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double value;
        bool taken;
        const char *bit; /* that it turns on */
    } cases[] = {
        {"crop.top", 10, true, NULL},
        {"crop.top", 11, false, NULL}, /* 90 of 100 rows */
        {"crop.top", -1, false, NULL},
        {"crop.top", 0.5, false, NULL},
        {"crop.left", 20, true, NULL},
        {"crop.left", 1e300, false, NULL},
        {"crop.height", 100, true, NULL},
        {"crop.height", 0, false, NULL},
        {"crop.width", 1, true, NULL},
        {"flip", 1, true, NULL},
        {"flip", 0.5, false, NULL},
        {"grayscale", 1, true, NULL},
        {"grayscale", -1, false, NULL},
        {"jitter.applied", 1, true, NULL},
        {"jitter.brightness", 0.25, true, "jitter.applied"},
        {"jitter.brightness", -0.25, false, NULL},
        {"jitter.contrast", 1.5, true, "jitter.applied"},
        {"jitter.contrast", NAN, false, NULL},
        {"jitter.saturation", 0, true, "jitter.applied"},
        {"jitter.saturation", INFINITY, false, NULL},
        {"jitter.hue", -0.5, true, "jitter.applied"},
        {"jitter.hue", 0.75, false, NULL},
        {"blur.applied", 1, true, NULL},
        {"blur.sigma", 1.5, true, "blur.applied"},
        {"blur.sigma", 0, false, NULL},
        {"blur.kernel", 11, true, "blur.applied"},
        {"blur.kernel", 10, false, NULL},
        {"blur.kernel", 267, false, NULL}, /* 11 in a byte */
        {"solarize.applied", 1, true, NULL},
        {"solarize.threshold", 0.25, true, "solarize.applied"},
        {"solarize.threshold", 1.25, false, NULL},
        {"rotation", 3, true, NULL},
        {"rotation", 4, false, NULL},
        {"rotation", 258, false, NULL}, /* 2 in a byte */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct omega o = {.source_w = 200, .source_h = 100, .crop_height = 90, .crop_width = 180};
        memcpy(o.jitter.order, (uint8_t[]){0, 1, 2, 3}, JITTER_OPS);
        o.blur.sigma = 1;
        o.blur.kernel = 9;
        const struct omega before = o;
        const struct param_view v = {.omega = &o};
        const struct view_param *param = row(cases[i].name);
        assert_non_null(param->set);
        const int rc = param->set(&o, cases[i].value);
        if (rc != (cases[i].taken ? 0 : -EINVAL))
            fail_msg("%s = %g: %d", cases[i].name, cases[i].value, rc);
        if (!cases[i].taken) {
            assert_memory_equal(&o, &before, sizeof o);
            continue;
        }
        assert_true(param->get(&v) == cases[i].value);
        assert_true(param_applied(param, &v));
        if (cases[i].bit)
            assert_true(row(cases[i].bit)->get(&v) == 1);
        assert_int_equal(omega_check(&o, NULL), 0);
    }
}

/* Each setter has had its case above; what is not omega's, or follows, has none. */
static void test_who_sets(void **state)
{
    (void)state;
    size_t n = 0;
    for (size_t p = 0; p < params_n; p++)
        n += params[p].set != NULL;
    assert_int_equal(n, 17);
}

static void test_names(void **state)
{
    (void)state;
    char text[256];
    for (size_t p = 0; p < params_n; p++) {
        assert_ptr_equal(param_find(params[p].name), &params[p]); /* none is twice there */
        param_nearest(params[p].name, text, sizeof text);
        assert_string_equal(text, params[p].name);
    }
    assert_null(param_find("blur"));
    assert_null(param_find(""));
    static const char *const cases[][2] = {
        {"blur.sgima", "blur.sigma"},
        {"sigma", "blur.sigma"},
        {"jitter.sigma", "blur.sigma"},
        {"flop", "flip"},
        {"greyscale", "grayscale"},
        {"blur", "blur.applied, blur.sigma, blur.kernel"},
        {"blr", "blur.applied, blur.sigma, blur.kernel"},
        {"jitter.order", "jitter.order.0, jitter.order.1, jitter.order.2, jitter.order.3"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        param_nearest(cases[i][0], text, sizeof text);
        assert_string_equal(text, cases[i][1]);
    }
    param_nearest("jitter", text, 20); /* cut, and ended */
    assert_int_equal(strlen(text), 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_view_at),      cmocka_unit_test(test_as_the_line_says),
        cmocka_unit_test(test_what_follows), cmocka_unit_test(test_applied),
        cmocka_unit_test(test_set),          cmocka_unit_test(test_who_sets),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
