/* SPDX-License-Identifier: Apache-2.0 */
/* omega_draw: every parameter follows its law (fixed seeds; Kolmogorov-Smirnov at its 0.1 % point,
 * proportions within 5 standard errors), is a function of its place only, and stands still when
 * another parameter's law changes. */
#include "test.h"

#include "common/omega.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 20000 };

static double drawn[N]; /* of one parameter */

static struct view_spec law(void)
{
    return (struct view_spec){
        .size = 96,
        .scale = {0.2, 0.5}, /* on a square always fits at the first try: no law is bent */
        .ratio = {0.75, 4.0 / 3},
        .flip = 0.5,
        .jitter = {.p = 0.8, .brightness = 0.4, .contrast = 0.3, .saturation = 1.5, .hue = 0.1},
        .grayscale = 0.2,
        .blur = {.p = 0.5, .sigma = {0.1, 2}, .kernel = 9},
        .solarize = {.p = 0.1, .threshold = 0.5},
        .rotation = 0.5,
    };
}

static struct omega draw(const struct view_spec *v, uint32_t sample, uint32_t w, uint32_t h)
{
    struct omega o;
    omega_draw(v, &(struct omega_key){.seed = 1, .sample = sample}, w, h, &o);
    assert_int_equal(omega_check(&o, v), 0);
    return o;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* drawn[] against U(low, high). */
static void assert_uniform(const char *what, double low, double high)
{
    qsort(drawn, N, sizeof drawn[0], by_value);
    double worst = 0;
    for (int i = 0; i < N; i++) {
        double cdf = (drawn[i] - low) / (high - low);
        worst = fmax(worst, fmax(fabs(cdf - (double)i / N), fabs(cdf - (i + 1.0) / N)));
    }
    if (worst > 1.95 / sqrt(N))
        fail_msg("%s is not uniform in [%g,%g]: D = %g", what, low, high, worst);
}

static void assert_share(const char *what, int count, double p)
{
    if (fabs(count - N * p) > 5 * sqrt(N * p * (1 - p)))
        fail_msg("%s: %d of %d is not a share of %g", what, count, N, p);
}

static void test_crop_laws(void **state)
{
    (void)state;
    struct view_spec v = law();
    static struct omega o[N];
    enum { SIDE = 30000 }; /* so large that rounding to pixels does not show */
    for (uint32_t i = 0; i < N; i++)
        o[i] = draw(&v, i, SIDE, SIDE);
    for (int i = 0; i < N; i++)
        drawn[i] = (double)o[i].crop_height * o[i].crop_width / SIDE / SIDE;
    assert_uniform("area", 0.2, 0.5);
    for (int i = 0; i < N; i++)
        drawn[i] = log((double)o[i].crop_width / o[i].crop_height);
    assert_uniform("log ratio", log(0.75), log(4.0 / 3));
    for (int i = 0; i < N; i++)
        drawn[i] = (o[i].crop_top + 0.5) / (SIDE - o[i].crop_height + 1);
    assert_uniform("top", 0, 1);
    for (int i = 0; i < N; i++)
        drawn[i] = (o[i].crop_left + 0.5) / (SIDE - o[i].crop_width + 1);
    assert_uniform("left", 0, 1);
}

static void test_color_laws(void **state)
{
    (void)state;
    struct view_spec v = law();
    static struct omega o[N];
    int applied = 0, orders[256] = {0};
    double product = 0;
    for (uint32_t i = 0; i < N; i++) {
        o[i] = draw(&v, i, 100, 100);
        applied += o[i].jitter.applied;
        const uint8_t *order = o[i].jitter.order;
        orders[order[0] | order[1] << 2 | order[2] << 4 | order[3] << 6]++;
        product += (o[i].jitter.brightness - 1) * (o[i].jitter.contrast - 1);
    }
    assert_share("jitter", applied, 0.8);
    for (int i = 0; i < N; i++)
        drawn[i] = o[i].jitter.brightness;
    assert_uniform("brightness", 0.6, 1.4);
    for (int i = 0; i < N; i++)
        drawn[i] = o[i].jitter.contrast;
    assert_uniform("contrast", 0.7, 1.3);
    for (int i = 0; i < N; i++)
        drawn[i] = o[i].jitter.saturation;
    assert_uniform("saturation", 0, 2.5);
    for (int i = 0; i < N; i++)
        drawn[i] = o[i].jitter.hue;
    assert_uniform("hue", -0.1, 0.1);
    /* Independent: the correlation's standard error is 1 / sqrt(N). */
    assert_true(fabs(product / N / (0.4 * 0.3 / 3)) < 5 / sqrt(N));
    int seen = 0;
    double chi = 0;
    for (int i = 0; i < 256; i++) {
        seen += orders[i] > 0;
        chi += orders[i] ? pow(orders[i] - N / 24.0, 2) / (N / 24.0) : 0;
    }
    assert_int_equal(seen, 24);
    assert_true(chi < 49.7); /* 0.1 % point of chi-square with 23 degrees */
}

static void test_other_laws(void **state)
{
    (void)state;
    struct view_spec v = law();
    int flip = 0, gray = 0, blur = 0, solarize = 0, both = 0, turns[4] = {0};
    for (uint32_t i = 0; i < N; i++) {
        struct omega o = draw(&v, i, 100, 100);
        flip += o.flip;
        gray += o.grayscale;
        blur += o.blur.applied;
        solarize += o.solarize.applied;
        both += o.flip && o.blur.applied;
        turns[o.rotation]++;
        drawn[i] = o.blur.sigma;
        assert_int_equal(o.blur.kernel, 9);
        assert_true(o.solarize.threshold == 0.5f);
    }
    assert_share("flip", flip, 0.5);
    assert_share("grayscale", gray, 0.2);
    assert_share("blur", blur, 0.5);
    assert_share("solarize", solarize, 0.1);
    assert_share("flip and blur", both, 0.25);
    assert_share("no turn", turns[0], 0.5 + 0.5 / 4);
    for (int k = 1; k < 4; k++)
        assert_share("turn", turns[k], 0.5 / 4);
    assert_uniform("sigma", 0.1, 2);
}

/* Where the ratio never fits the source, torchvision takes the largest centred box of a ratio that
 * does: these rows are what its get_params returns. */
static void test_fallback_boxes(void **state)
{
    (void)state;
    static const struct {
        double scale, ratio[2];
        uint32_t w, h;
        int32_t top, left, height, width;
    } rows[] = {
        {1, {0.75, 4.0 / 3}, 1000, 10, 0, 493, 10, 13},
        {1, {0.75, 4.0 / 3}, 10, 1000, 493, 0, 13, 10},
        {1, {0.5, 0.6}, 100, 101, 0, 19, 101, 61},
        {1, {0.99, 1.01}, 65535, 1, 0, 32767, 1, 1},
        {1, {3, 4}, 1, 1, 0, 0, 1, 1}, /* torchvision has no such box */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct view_spec v = law();
        v.scale[0] = v.scale[1] = rows[i].scale;
        v.ratio[0] = rows[i].ratio[0];
        v.ratio[1] = rows[i].ratio[1];
        for (uint32_t sample = 0; sample < 20; sample++) {
            struct omega o = draw(&v, sample, rows[i].w, rows[i].h);
            assert_int_equal(o.crop_top, rows[i].top);
            assert_int_equal(o.crop_left, rows[i].left);
            assert_int_equal(o.crop_height, rows[i].height);
            assert_int_equal(o.crop_width, rows[i].width);
        }
    }
}

/* The share of whole-image boxes tells ten tries from nine and from eleven. A try's chances, summed
 * over a fine grid of (area, log ratio): p to fit, q of these to be the whole image itself. */
static void test_ten_tries(void **state)
{
    (void)state;
    struct view_spec v = law();
    v.scale[0] = 0.9;
    v.scale[1] = 1;
    v.ratio[0] = 0.5;
    v.ratio[1] = 4;
    enum { GRID = 1000, W = 200, H = 100 };
    double p = 0, q = 0;
    for (int i = 0; i < GRID; i++) {
        double area = W * H * (0.9 + 0.1 * (i + 0.5) / GRID);
        for (int j = 0; j < GRID; j++) {
            double ratio = exp(log(0.5) + (log(4) - log(0.5)) * (j + 0.5) / GRID);
            double w = rint(sqrt(area * ratio)), h = rint(sqrt(area / ratio));
            p += w <= W && h <= H ? 1.0 / GRID / GRID : 0;
            q += w == W && h == H ? 1.0 / GRID / GRID : 0;
        }
    }
    int whole = 0;
    for (uint32_t i = 0; i < N; i++) {
        struct omega o = draw(&v, i, W, H);
        whole += o.crop_width == W && o.crop_height == H;
    }
    double fallback = pow(1 - p, 10);
    assert_share("whole image", whole, fallback + (1 - fallback) * q / p);
}

static void test_center(void **state)
{
    (void)state;
    static const struct {
        uint32_t size, resize, w, h;
        int32_t top, left, side;
    } rows[] = {
        {96, 96, 96, 96, 0, 0, 96},
        {224, 256, 512, 256, 16, 144, 224},
        {224, 256, 256, 512, 144, 16, 224},
        {96, 96, 100, 300, 100, 0, 100},
        {1, 1000, 10, 10, 5, 5, 1},
        {3, 4, 1, 7, 3, 0, 1},
        {224, 224, 65535, 65535, 0, 0, 65535},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct view_spec v;
        view_spec_eval(&v, rows[i].size, rows[i].resize);
        assert_int_equal(view_spec_check(&v), 0);
        struct omega o = draw(&v, (uint32_t)i, rows[i].w, rows[i].h);
        assert_int_equal(o.crop_top, rows[i].top);
        assert_int_equal(o.crop_left, rows[i].left);
        assert_int_equal(o.crop_height, rows[i].side);
        assert_int_equal(o.crop_width, rows[i].side);
        assert_false(o.flip || o.jitter.applied || o.grayscale || o.blur.applied ||
                     o.solarize.applied || o.rotation);
        o.crop_left++;
        assert_true(omega_check(&o, &v) < 0);
    }
    /* Any source: inside it (draw checks that), and the true box within half a pixel. */
    for (uint32_t w = 1; w < 40; w++) {
        for (uint32_t h = 1; h < 40; h++) {
            struct view_spec v;
            view_spec_eval(&v, 7, 9);
            struct omega o = draw(&v, 0, w, h);
            double side = fmax(1, fmin(w, h) * 7 / 9.0);
            assert_true(fabs(o.crop_width - side) <= 0.5);
            assert_true(fabs(o.crop_left - (w - side) / 2) <= 0.5);
            assert_true(fabs(o.crop_top - (h - side) / 2) <= 0.5);
        }
    }
}

static void test_place_names_the_draw(void **state)
{
    (void)state;
    struct view_spec v = law();
    struct omega_key key = {.seed = 5, .epoch = 6, .batch = 7, .sample = 8, .view = 1};
    struct omega first, again;
    omega_draw(&v, &key, 300, 200, &first);
    omega_draw(&v, &key, 300, 200, &again);
    assert_int_equal(first.crop_left, again.crop_left);
    assert_true(first.jitter.hue == again.jitter.hue);
    key.batch++; /* is not read */
    omega_draw(&v, &key, 300, 200, &again);
    assert_true(first.jitter.hue == again.jitter.hue);
    assert_memory_equal(first.jitter.order, again.jitter.order, JITTER_OPS);
#define MOVES(field)                                                                               \
    do {                                                                                           \
        struct omega_key other = key;                                                              \
        other.field++;                                                                             \
        omega_draw(&v, &other, 300, 200, &again);                                                  \
        assert_true(first.jitter.hue != again.jitter.hue);                                         \
        assert_true(first.blur.sigma != again.blur.sigma);                                         \
    } while (0)
    MOVES(seed);
    MOVES(epoch);
    MOVES(sample);
    MOVES(view);
#undef MOVES
}

/* The values, apart from the apply-bits and the box, of two records. */
static void assert_same_rest(const struct omega *a, const struct omega *b)
{
    assert_true(a->jitter.brightness == b->jitter.brightness);
    assert_true(a->jitter.contrast == b->jitter.contrast);
    assert_true(a->jitter.saturation == b->jitter.saturation);
    assert_true(a->jitter.hue == b->jitter.hue);
    assert_memory_equal(a->jitter.order, b->jitter.order, JITTER_OPS);
    assert_true(a->blur.sigma == b->blur.sigma);
}

static void test_draws_stand_still(void **state)
{
    (void)state;
    struct view_spec v = law(), none = law(), all = law(), box = law();
    none.flip = none.jitter.p = none.grayscale = none.blur.p = none.solarize.p = none.rotation = 0;
    all.flip = all.jitter.p = all.grayscale = all.blur.p = all.solarize.p = all.rotation = 1;
    box.crop = CROP_CENTER;
    box.crop_resize = 96;
    for (uint32_t i = 0; i < 200; i++) {
        struct omega o = draw(&v, i, 300, 200), n = draw(&none, i, 300, 200);
        struct omega a = draw(&all, i, 300, 200), c = draw(&box, i, 40, 50);
        struct omega thin = draw(&v, i, 3000, 2); /* many tries */
        assert_false(n.flip || n.jitter.applied || n.grayscale || n.blur.applied ||
                     n.solarize.applied || n.rotation);
        assert_true(a.flip && a.jitter.applied && a.grayscale && a.blur.applied &&
                    a.solarize.applied);
        assert_same_rest(&o, &n);
        assert_same_rest(&o, &a);
        assert_same_rest(&o, &c);
        assert_same_rest(&o, &thin);
        assert_int_equal(o.crop_left, a.crop_left);
        assert_int_equal(o.crop_top, n.crop_top);
        assert_int_equal(o.flip, c.flip);
        assert_int_equal(o.rotation, thin.rotation);
        if (o.rotation)
            assert_int_equal(o.rotation, a.rotation);
    }
}

static void test_order_per_batch(void **state)
{
    (void)state;
    struct view_spec image = law(), batch = law();
    batch.jitter.order_per_batch = true;
    uint8_t first[JITTER_OPS] = {0};
    int differ = 0, moved = 0;
    for (uint32_t i = 0; i < 100; i++) {
        struct omega a, b;
        struct omega_key key = {.seed = 1, .batch = 3, .sample = i};
        omega_draw(&image, &key, 300, 200, &a);
        omega_draw(&batch, &key, 300, 200, &b);
        assert_int_equal(omega_check(&b, &batch), 0);
        if (i == 0)
            memcpy(first, b.jitter.order, JITTER_OPS);
        assert_memory_equal(b.jitter.order, first, JITTER_OPS);
        differ += memcmp(a.jitter.order, first, JITTER_OPS) != 0;
        memcpy(b.jitter.order, a.jitter.order, JITTER_OPS);
        assert_same_rest(&a, &b);
        key.batch = i;
        omega_draw(&batch, &key, 300, 200, &b);
        moved += memcmp(b.jitter.order, first, JITTER_OPS) != 0;
    }
    assert_true(differ > 80 && moved > 80); /* 96 expected */
}

/* Recorded runs depend on these numbers (a separate Python program of the same definition gives
 * them too): a change here is a change of OMEGA_SCHEMA. */
static void test_pinned(void **state)
{
    (void)state;
    struct view_spec v = law();
    v.scale[1] = 1;
    struct omega o;
    omega_draw(&v, &(struct omega_key){.seed = 42, .epoch = 1, .batch = 2, .sample = 3, .view = 1},
               640, 480, &o);
    char text[1024];
    const struct omega_place place = {.epoch = 1, .batch = 2, .view = 1, .size = 96, .label = 0};
    omega_json(&o, &place, text, sizeof text);
    assert_string_equal(
        text, "{\"epoch\":1,\"batch\":2,\"sample\":3,\"view\":1,\"label\":0,"
              "\"source\":[640,480],\"crop\":[23,248,271,352],\"size\":96,\"flip\":false,"
              "\"jitter\":{\"applied\":true,\"brightness\":0.721777737,"
              "\"contrast\":0.999496818,\"saturation\":1.57384396,"
              "\"hue\":0.0506131798,\"order\":[1,2,3,0]},\"grayscale\":false,"
              "\"blur\":{\"applied\":false,\"sigma\":1.68811107,\"kernel\":9},\"solarize\":{"
              "\"applied\":false,\"threshold\":0.5},\"rotation\":1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crop_laws),
        cmocka_unit_test(test_color_laws),
        cmocka_unit_test(test_other_laws),
        cmocka_unit_test(test_fallback_boxes),
        cmocka_unit_test(test_ten_tries),
        cmocka_unit_test(test_center),
        cmocka_unit_test(test_place_names_the_draw),
        cmocka_unit_test(test_draws_stand_still),
        cmocka_unit_test(test_order_per_batch),
        cmocka_unit_test(test_pinned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
