/* SPDX-License-Identifier: Apache-2.0 */
/* test_simsiam: a whole SimSiam + AugSelf model against PyTorch (tools/gold/model.py, in double):
 * targets, losses, every gradient, every weight and running average after three SGD steps.
 *     test_simsiam BACKEND      exit 77 where the back end is not built in
 * How near: losses 1e-5 relative; gradients 1e-4 of their tensor's largest; weights and averages
 * after the steps 1e-4 of their tensor's largest, and the way a weight went 1e-3 of the longest way
 * in its tensor, lest an optimiser that does too little pass. */
#include "tests/unit/test.h"

#include "trainer/model.h"
#include "trainer/safetensors.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 8, VIEWS = 2, ROWS = VIEWS * IMAGES, SIZE = 32, STEPS = 3, SKIP = 77 };

/* model.py's constants */
static const float lr[STEPS] = {0.03F, 0.024F, 0.015F}, lr_constant = 0.03F;
static const int batch_of_step[STEPS] = {0, 1, 0};
static const char *const batch_names[] = {"a", "b"};

/* Some gradients are 0 by design (the shift in front of a norm) and only rounding is left of them:
 * this much counts as a tensor's largest. The way goes from the initial to the final weight. */
static const double least_gradient = 1e-3, least_way = 1e-3;

static struct fixture {
    struct safetensors *gold;
    struct ops *ops;
    struct model *model;
    struct omega omega[ARRAY_LEN(batch_names)][ROWS];
    struct model_batch batch[ARRAY_LEN(batch_names)];
    struct spec spec;
} f;

static void recipe_fill(struct recipe *r)
{
    r->data.batch = IMAGES;
    r->views.size = SIZE;
    r->views.count = VIEWS;
    static const double mean[3] = {0.43, 0.42, 0.39}, std[3] = {0.27, 0.26, 0.27};
    memcpy(r->views.mean, mean, sizeof(mean));
    memcpy(r->views.std, std, sizeof(std));
    r->views.law.jitter.p = 0.8;
    r->views.law.jitter.brightness = 0.4;
    r->views.law.jitter.contrast = 0.4;
    r->views.law.jitter.saturation = 0.4;
    r->views.law.jitter.hue = 0.1;
    r->views.second = r->views.law;
    r->model.width = 8;
    r->method.projector.layers = 2;
    r->method.projector.dim = 32;
    r->method.predictor.dim = 16;
    r->augself.crop = 1;
    r->augself.color = 1;
    r->augself.hidden = 24;
    r->optim.momentum = 0.9;
    r->optim.weight_decay = 5e-4;
}

/* The tensor prefix+name, of that type and that many numbers. */
static const void *gold(const char *prefix, const char *name, enum safetensors_dtype dtype,
                        size_t count)
{
    char full[SAFETENSORS_NAME_MAX];
    snprintf(full, sizeof(full), "%s%s", prefix, name);
    const struct safetensor *t = safetensors_find(f.gold, full);
    if (!t)
        fail_msg("the gold file has no %s", full);
    assert_int_equal(t->dtype, dtype);
    assert_int_equal(t->bytes, count * safetensors_dtype_bytes(dtype));
    return t->data;
}

static void batch_read(int b)
{
    char prefix[32];
    snprintf(prefix, sizeof(prefix), "%s.omega.", batch_names[b]);
    const int64_t *source = gold(prefix, "source", ST_I64, ROWS * 2);
    const int64_t *crop = gold(prefix, "crop", ST_I64, ROWS * 4);
    const uint8_t *flip = gold(prefix, "flip", ST_U8, ROWS);
    const uint8_t *applied = gold(prefix, "jitter_applied", ST_U8, ROWS);
    const float *jitter = gold(prefix, "jitter", ST_F32, ROWS * 4);
    for (int i = 0; i < ROWS; i++) {
        f.omega[b][i] = (struct omega){
            .source_w = (uint32_t)source[2 * i],
            .source_h = (uint32_t)source[2 * i + 1],
            .crop_top = (int32_t)crop[4 * i],
            .crop_left = (int32_t)crop[4 * i + 1],
            .crop_height = (int32_t)crop[4 * i + 2],
            .crop_width = (int32_t)crop[4 * i + 3],
            .flip = flip[i],
            .jitter = {.applied = applied[i],
                       .brightness = jitter[4 * i],
                       .contrast = jitter[4 * i + 1],
                       .saturation = jitter[4 * i + 2],
                       .hue = jitter[4 * i + 3],
                       .order = {0, 1, 2, 3}},
        };
    }
    snprintf(prefix, sizeof(prefix), "%s.", batch_names[b]);
    f.batch[b] = (struct model_batch){
        .n_runs = 1,
        .run = {{gold(prefix, "views", ST_U8, (size_t)ROWS * SIZE * SIZE * 3), ROWS}},
        .omega = f.omega[b],
    };
}

static int setup(void **state)
{
    (void)state;
    static struct recipe recipe;
    recipe_fill(&recipe);
    recipe_spec(&recipe, &f.spec);
    assert_int_equal(safetensors_open(TESTS_DIR "/gold/simsiam_augself.safetensors", &f.gold), 0);
    assert_int_equal(model_new(&recipe, f.ops, &f.model), 0);
    for (int b = 0; b < (int)ARRAY_LEN(batch_names); b++)
        batch_read(b);
    struct net *net = model_net(f.model);
    for (size_t i = 0; i < net->n_params; i++) {
        struct param *p = &net->param[i];
        assert_int_equal(net_load(net, p, p->w, gold("init.", p->name, ST_F32, p->count)), 0);
    }
    for (size_t i = 0; i < net->n_buffers; i++) {
        struct buffer *b = &net->buffer[i];
        size_t count = (size_t)b->count;
        if (count == 0)
            b->counter = *(const int64_t *)gold("init.", b->name, ST_I64, 1);
        else
            assert_int_equal(f.ops->upload(f.ops, b->data, gold("init.", b->name, ST_F32, count),
                                           count * sizeof(float)),
                             0);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    model_free(f.model);
    safetensors_close(f.gold);
    return 0;
}

/* The largest difference, as a part of the largest number wanted (or of least). */
static double distance(const float *got, const float *want, size_t count, double least)
{
    double largest = least, worst = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)want[i]));
        double error = fabs((double)got[i] - (double)want[i]);
        worst = error > worst || isnan(error) ? error : worst;
    }
    return worst / largest;
}

/* A parameter's w or d on the host; the caller frees. */
static float *fetch(const struct param *p, bool gradient)
{
    struct net *net = model_net(f.model);
    float *host = malloc(p->count * sizeof(float));
    assert_non_null(host);
    assert_int_equal(net_store(net, p, gradient ? p->d : p->w, host), 0);
    return host;
}

static double gradient_distance(const struct param *p)
{
    auto_free float *got = fetch(p, true);
    return distance(got, gold("grad.", p->name, ST_F32, p->count), p->count, least_gradient);
}

static double weight_distance(const struct param *p)
{
    auto_free float *got = fetch(p, false);
    return distance(got, gold("final.", p->name, ST_F32, p->count), p->count, 0);
}

static double way_distance(const struct param *p)
{
    auto_free float *got = fetch(p, false);
    auto_free float *want = malloc(p->count * sizeof(float));
    assert_non_null(want);
    const float *init = gold("init.", p->name, ST_F32, p->count);
    const float *final = gold("final.", p->name, ST_F32, p->count);
    for (size_t i = 0; i < p->count; i++) {
        got[i] -= init[i];
        want[i] = final[i] - init[i];
    }
    return distance(got, want, p->count, least_way);
}

/* Names every tensor that is too far away before failing. */
static void check_params(const char *what, double (*measure)(const struct param *p), double bound)
{
    struct net *net = model_net(f.model);
    int bad = 0;
    double worst = 0;
    for (size_t i = 0; i < net->n_params; i++) {
        double d = measure(&net->param[i]);
        worst = fmax(worst, d);
        if (!(d <= bound)) {
            print_error("%s of %s is off by %g\n", what, net->param[i].name, d);
            bad++;
        }
    }
    print_message("%s: worst %.3g of %g\n", what, worst, bound);
    assert_int_equal(bad, 0);
}

static void targets(void **state)
{
    (void)state;
    static const char *const names[] = {"target.crop", "target.color"};
    static const enum augself_kind kinds[] = {AUGSELF_CROP, AUGSELF_COLOR};
    const struct view_spec *law = &f.spec.views[0];
    for (int b = 0; b < (int)ARRAY_LEN(batch_names); b++) {
        for (int k = 0; k < (int)ARRAY_LEN(kinds); k++) {
            char prefix[4];
            snprintf(prefix, sizeof(prefix), "%s.", batch_names[b]);
            const float *want = gold(prefix, names[k], ST_F32, ROWS * 4);
            float got[ROWS * 4];
            for (int i = 0; i < ROWS; i++)
                omega_difference(kinds[k], &f.omega[b][i], law, &f.omega[b][(i + IMAGES) % ROWS],
                                 law, &got[4 * i]);
            assert_true(distance(got, want, ROWS * 4, 0) < 1e-6);
        }
    }
}

static void check_losses(int step)
{
    char prefix[32];
    struct model_losses losses;
    snprintf(prefix, sizeof(prefix), "step.%d.", step);
    assert_int_equal(model_losses(f.model, &losses), 0);
    assert_int_equal(losses.n, 5); /* loss, simsiam, spread, augself.crop, augself.color */
    for (uint32_t i = 0; i < losses.n; i++) {
        double want = *(const double *)gold(prefix, losses.item[i].name, ST_F64, 1);
        double error = fabs((double)losses.item[i].value - want) / fabs(want);
        print_message("%s%s %.7f is off by %.3g\n", prefix, losses.item[i].name, want, error);
        assert_true(error < 1e-5);
    }
}

static void losses_and_gradients(void **state)
{
    (void)state;
    assert_int_equal(model_gradients(f.model, &f.batch[0]), 0);
    check_losses(0);
    check_params("gradient", gradient_distance, 1e-4);
}

static void check_averages(void)
{
    struct net *net = model_net(f.model);
    for (size_t i = 0; i < net->n_buffers; i++) {
        const struct buffer *b = &net->buffer[i];
        if (b->count == 0) {
            const int64_t *want = gold("final.", b->name, ST_I64, 1);
            assert_int_equal(b->counter, *want);
            continue;
        }
        size_t count = (size_t)b->count;
        float *host = malloc(count * sizeof(float));
        assert_non_null(host);
        assert_int_equal(f.ops->download(f.ops, host, b->data, count * sizeof(float)), 0);
        double d = distance(host, gold("final.", b->name, ST_F32, count), count, 0);
        free(host);
        if (!(d < 1e-4))
            fail_msg("final.%s is off by %g", b->name, d);
    }
}

static void three_steps(void **state)
{
    (void)state;
    for (int step = 0; step < STEPS; step++) {
        assert_int_equal(model_gradients(f.model, &f.batch[batch_of_step[step]]), 0);
        check_losses(step);
        assert_int_equal(model_update(f.model, lr[step], lr_constant), 0);
    }
    check_params("weight", weight_distance, 1e-4);
    check_params("way", way_distance, 1e-3);
    check_averages();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(targets, setup, teardown),
        cmocka_unit_test_setup_teardown(losses_and_gradients, setup, teardown),
        cmocka_unit_test_setup_teardown(three_steps, setup, teardown),
    };
    int r = ops_open(argc > 1 ? argv[1] : "ref", 0, &f.ops);
    if (r == -ENOTSUP) {
        printf("skipped: %s\n", err_text());
        return SKIP;
    }
    if (r < 0) {
        fprintf(stderr, "%s\n", err_text());
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ops_close(f.ops);
    return failed;
}
