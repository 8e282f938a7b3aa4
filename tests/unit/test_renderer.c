/* SPDX-License-Identifier: Apache-2.0 */
/* renderer: views come out of their records as the loader's own render made them, whatever place
 * the images are told by, and by a twin as well; images that are not the record's, or have changed,
 * are told apart; a picture that is looked at is upright, never enlarged, and the mean of what it
 * covers. */
#include "jpeg_make.h"
#include "test.h"

#include "common/file.h"
#include "loaderd/render.h"
#include "tools/inspect/replay/renderer.h"
#include "trainer/watch/picture.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 24, VIEWS = 2, BYTES = 3 * SIZE * SIZE, SAMPLES = 3 };

static char folder[] = "/tmp/augstream-test-XXXXXX";
static struct spec spec = {.dataset = "d", .seed = 7, .batch = 1, .reduce = true, .n_views = VIEWS};

static void put_file(const char *path, const void *bytes, size_t len)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}

static void put_jpeg(const char *path, uint32_t w, uint32_t h, unsigned orientation)
{
    const struct jpeg_made made = {.colour = JCS_YCbCr,
                                   .sampling = {{2, 2}},
                                   .w = w,
                                   .h = h,
                                   .orientation = orientation,
                                   .seed = w};
    size_t len;
    auto_free uint8_t *bytes = jpeg_make(&made, &len);
    put_file(path, bytes, len);
}

/* Three samples of two classes: a plain photograph, one that lies on its side, a PNG. */
static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder) || chdir(folder) != 0 || file_mkdirs("set/a") || file_mkdirs("set/b"))
        return -1;
    put_jpeg("set/a/0.jpg", 201, 157, 0);
    put_jpeg("set/a/1.jpg", 90, 130, 6);
    uint8_t rgb[40 * 30 * 3];
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)(i * 7);
    assert_int_equal(picture_save("set/b/0.png", rgb, 40, 30), 0);
    for (uint32_t v = 0; v < VIEWS; v++)
        spec.views[v] = (struct view_spec){.size = SIZE,
                                           .scale = {.1, 1},
                                           .ratio = {.75, 1.3333},
                                           .flip = .5,
                                           .jitter = {.8, .4, .4, .4, .1, false},
                                           .grayscale = .2,
                                           .blur = {.5, {.1, 2}, 5},
                                           .solarize = {0, 1}};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

struct drawn {
    struct omega omega[VIEWS];
    uint8_t pixels[VIEWS][BYTES];
};

/* As a worker does it. */
static void draw(uint32_t sample, struct drawn *ret)
{
    struct source *source;
    struct render *render;
    struct item item;
    enum wire_fault fault;
    assert_int_equal(source_open(&(struct source_spec){.format = "folder", .path = "set"}, &source),
                     0);
    assert_int_equal(render_new(&render), 0);
    source->item(source, sample, &item);
    struct render_task task = {.item = &item, .spec = &spec, .epoch = 3, .batch = 4};
    for (uint32_t v = 0; v < VIEWS; v++) {
        task.omega[v] = &ret->omega[v];
        task.out[v] = ret->pixels[v];
    }
    assert_int_equal(render_sample(render, &task, &fault), 0);
    render_free(render);
    source_free(source);
}

static int again(struct renderer *r, const struct drawn *drawn, struct drawn *ret,
                 enum wire_fault *ret_fault)
{
    const struct omega *omega[VIEWS];
    uint8_t *out[VIEWS];
    for (uint32_t v = 0; v < VIEWS; v++) {
        omega[v] = &drawn->omega[v];
        out[v] = ret->pixels[v];
    }
    return renderer_views(r, &spec, omega, out, ret_fault);
}

static void assert_again(struct renderer *r, uint32_t sample)
{
    static struct drawn drawn, got;
    enum wire_fault fault;
    draw(sample, &drawn);
    memset(&got, 0, sizeof got);
    assert_int_equal(again(r, &drawn, &got, &fault), 0);
    assert_memory_equal(got.pixels, drawn.pixels, sizeof got.pixels);
}

static void test_places(void **state)
{
    (void)state;
    static const char config[] = "listen: [ipc:///tmp/x]\ndatasets:\n  d: {path: set}\n";
    static const char recipe[] =
        "run: {name: t}\ndata: {dataset: d, loaders: embedded, path: set, format: folder}\n";
    put_file("loaderd.yaml", config, strlen(config));
    put_file("recipe.yaml", recipe, strlen(recipe));
    const struct source_options places[] = {
        {.data = "set"},
        {.data = "set", .format = "folder"},
        {.config = "loaderd.yaml"},
        {.recipe = "recipe.yaml"},
        {.recipe = "recipe.yaml", .sets = {"data.path=set"}, .n_sets = 1},
    };
    uint8_t fingerprint[DIGEST_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct renderer *r;
        assert_int_equal(source_check(&places[i], "replay"), 0);
        if (renderer_open(&places[i], "d", i ? fingerprint : NULL, &r))
            fail_msg("%zu: %s", i, err_text());
        memcpy(fingerprint, renderer_fingerprint(r), sizeof fingerprint);
        assert_int_equal(renderer_samples(r), SAMPLES);
        for (uint32_t s = 0; s < SAMPLES; s++)
            assert_again(r, s);
        char name[64];
        renderer_name(r, 1, name, sizeof name);
        assert_string_equal(name, "a/1.jpg");
        renderer_name(r, SAMPLES, name, sizeof name);
        assert_string_equal(name, "");
        assert_string_equal(renderer_class(r, 1), "b");
        assert_null(renderer_class(r, 2));
        assert_null(renderer_class(r, -1));
        renderer_close(r);
    }
    struct renderer *r;
    fingerprint[3] ^= 1;
    assert_int_equal(renderer_open(&places[0], "d", fingerprint, &r), -EBADMSG);
    assert_non_null(strstr(err_text(), "set: its 3 samples are not the ones of the record"));
    assert_int_equal(renderer_open(&places[2], "e", NULL, &r), -ENOENT);
    assert_non_null(strstr(err_text(), "loaderd.yaml: has no dataset e"));
    assert_int_equal(renderer_open(&places[2], NULL, NULL, &r), 0); /* it has but one */
    renderer_close(r);
    static const char remote[] =
        "run: {name: t}\ndata: {dataset: d, loaders: ['tcp://127.0.0.1:5555']}\n";
    put_file("remote.yaml", remote, strlen(remote));
    assert_int_equal(
        renderer_open(&(struct source_options){.recipe = "remote.yaml"}, "d", NULL, &r), -EINVAL);
    assert_non_null(strstr(err_text(), "has no data.path"));
}

struct twin {
    struct renderer *renderer;
    const struct drawn *drawn; /* [SAMPLES] */
    int wrong;
};

static void *twin_run(void *arg)
{
    struct twin *twin = arg;
    struct drawn *got = malloc(sizeof *got);
    enum wire_fault fault;
    for (int i = 0; i < 60; i++) {
        const struct drawn *drawn = &twin->drawn[i % SAMPLES];
        twin->wrong += again(twin->renderer, drawn, got, &fault) != 0 ||
                       memcmp(got->pixels, drawn->pixels, sizeof got->pixels) != 0;
    }
    free(got);
    return NULL;
}

static void test_twins(void **state)
{
    (void)state;
    static struct drawn drawn[SAMPLES];
    struct twin twins[3] = {{.drawn = drawn}, {.drawn = drawn}, {.drawn = drawn}};
    pthread_t threads[3];
    for (uint32_t i = 0; i < SAMPLES; i++)
        draw(i, &drawn[i]);
    assert_int_equal(
        renderer_open(&(struct source_options){.data = "set"}, NULL, NULL, &twins[0].renderer), 0);
    for (int i = 1; i < 3; i++)
        assert_int_equal(renderer_twin(twins[0].renderer, &twins[i].renderer), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, twin_run, &twins[i]), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 2; i >= 0; i--) {
        assert_int_equal(twins[i].wrong, 0);
        renderer_close(twins[i].renderer);
    }
}

/* What is not of this picture, or of no picture that there is. */
static void test_untrue(void **state)
{
    (void)state;
    static struct drawn drawn, got, other;
    struct renderer *r;
    enum wire_fault fault;
    assert_int_equal(renderer_open(&(struct source_options){.data = "set"}, NULL, NULL, &r), 0);
    draw(0, &drawn);
    other = drawn;
    other.omega[0].sample = other.omega[1].sample = SAMPLES;
    assert_int_equal(again(r, &other, &got, &fault), -EINVAL);
    assert_string_equal(err_text(), "sample 3: the dataset has 3");
    other = drawn;
    other.omega[1].source_w++;
    assert_int_equal(again(r, &other, &got, &fault), -EINVAL);
    assert_int_equal(fault, FAULT_NONE);
    assert_non_null(strstr(err_text(), "202x157 pixels, not of 0, 201x157"));
    spec.views[1].size = OMEGA_VIEW_MAX + 1;
    assert_int_equal(again(r, &drawn, &got, &fault), -EINVAL);
    spec.views[1].size = SIZE;

    assert_int_equal(truncate("set/a/0.jpg", 900), 0);
    assert_int_equal(again(r, &drawn, &got, &fault), -EBADMSG);
    assert_int_equal(fault, FAULT_TRUNCATED);
    assert_non_null(strstr(err_text(), "set/a/0.jpg"));
    assert_int_equal(unlink("set/a/0.jpg"), 0);
    assert_int_equal(again(r, &drawn, &got, &fault), -EBADMSG);
    assert_int_equal(fault, FAULT_UNREADABLE);
    put_jpeg("set/a/0.jpg", 200, 157, 0);
    assert_int_equal(again(r, &drawn, &got, &fault), -EINVAL);
    put_jpeg("set/a/0.jpg", 201, 157, 0);
    assert_int_equal(again(r, &drawn, &got, &fault), 0);
    assert_memory_equal(got.pixels, drawn.pixels, sizeof got.pixels);
    renderer_close(r);
}

/* Of one image: whatever sample the record names. */
static void test_image(void **state)
{
    (void)state;
    static struct drawn drawn, got;
    struct renderer *r;
    enum wire_fault fault;
    uint32_t w, h;
    assert_int_equal(renderer_image("set/a/1.jpg", &r), 0);
    assert_int_equal(renderer_size(r, 0, &w, &h), 0);
    assert_int_equal(w, 130);
    assert_int_equal(h, 90);
    draw(1, &drawn);
    drawn.omega[0].sample = drawn.omega[1].sample = 77;
    assert_int_equal(again(r, &drawn, &got, &fault), 0);
    assert_memory_equal(got.pixels, drawn.pixels, sizeof got.pixels);
    char name[64];
    renderer_name(r, 5, name, sizeof name);
    assert_string_equal(name, "set/a/1.jpg");
    renderer_close(r);
    assert_int_equal(renderer_image("gone.jpg", &r), 0);
    assert_int_equal(renderer_size(r, 0, &w, &h), -EBADMSG);
    assert_non_null(strstr(err_text(), "gone.jpg"));
    renderer_close(r);
}

static void test_source(void **state)
{
    (void)state;
    struct renderer *r;
    struct canvas canvas;
    uint32_t w, h;
    assert_int_equal(renderer_open(&(struct source_options){.data = "set"}, NULL, NULL, &r), 0);
    /* the PNG as it is: smaller than what is allowed */
    assert_int_equal(renderer_source(r, 2, 100, &canvas, &w, &h), 0);
    assert_true(canvas.w == 40 && canvas.h == 30 && w == 40 && h == 30);
    for (size_t i = 0; i < 40 * 30 * 3; i++)
        assert_int_equal(canvas.rgb[i], (uint8_t)(i * 7));
    auto_free uint8_t *whole = canvas.rgb;
    /* at half its sides, each pixel is the mean of four */
    assert_int_equal(renderer_source(r, 2, 20, &canvas, &w, &h), 0);
    assert_true(canvas.w == 20 && canvas.h == 15 && w == 40 && h == 30);
    for (uint32_t y = 0; y < 15; y++)
        for (uint32_t x = 0; x < 60; x++) {
            const uint8_t *p = whole + y * 2 * 120 + x / 3 * 6 + x % 3;
            assert_int_equal(canvas.rgb[y * 60 + x], (p[0] + p[3] + p[120] + p[123] + 2) / 4);
        }
    canvas_done(&canvas);
    /* 40x30 -> 12x9: pixels of 10/3, whose weights add up: the mean is kept */
    assert_int_equal(renderer_source(r, 2, 12, &canvas, &w, &h), 0);
    assert_true(canvas.w == 12 && canvas.h == 9);
    double sums[2] = {0};
    for (size_t i = 0; i < 40 * 30 * 3; i++)
        sums[0] += whole[i];
    for (size_t i = 0; i < 12 * 9 * 3; i++)
        sums[1] += canvas.rgb[i];
    assert_true(sums[1] / (12 * 9) - sums[0] / (40 * 30) < 1 &&
                sums[1] / (12 * 9) - sums[0] / (40 * 30) > -1);
    canvas_done(&canvas);
    /* one that lies on its side stands up */
    assert_int_equal(renderer_source(r, 1, 65, &canvas, &w, &h), 0);
    assert_true(canvas.w == 65 && canvas.h == 45 && w == 130 && h == 90);
    canvas_done(&canvas);
    assert_int_equal(renderer_source(r, 0, 1, &canvas, &w, &h), 0);
    assert_true(canvas.w == 1 && canvas.h == 1);
    canvas_done(&canvas);
    assert_int_equal(renderer_source(r, SAMPLES, 1, &canvas, &w, &h), -EINVAL);
    renderer_close(r);
}

static void test_options(void **state)
{
    (void)state;
    struct source_options o = {0};
    assert_false(source_told(&o));
    assert_int_equal(source_check(&o, "replay"), -EINVAL);
    assert_int_equal(source_option(&o, 'd', "x"), 0);
    assert_int_equal(source_option(&o, SOURCE_FRACTION, "0"), -EINVAL);
    assert_int_equal(source_option(&o, SOURCE_FRACTION, "nan"), -EINVAL);
    assert_int_equal(source_option(&o, SOURCE_FRACTION, "0.5x"), -EINVAL);
    assert_int_equal(source_option(&o, SOURCE_FRACTION, "0.5"), 1);
    assert_int_equal(source_option(&o, SOURCE_CONFIG, "c"), 1);
    assert_true(source_told(&o));
    assert_int_equal(source_check(&o, "replay"), -EINVAL);
    assert_non_null(strstr(err_text(), "--fraction are of --data"));
    assert_int_equal(source_option(&o, SOURCE_DATA, "x"), 1);
    assert_int_equal(source_check(&o, "replay"), -EINVAL);
    assert_non_null(strstr(err_text(), "One of --data"));
    o.config = NULL;
    assert_int_equal(source_check(&o, "replay"), 0);
    assert_int_equal(source_option(&o, SOURCE_SET, "a=1"), 1);
    assert_int_equal(source_check(&o, "replay"), -EINVAL);
    for (size_t i = 1; i < CONF_LIST_MAX; i++)
        assert_int_equal(source_option(&o, SOURCE_SET, "a=1"), 1);
    assert_int_equal(source_option(&o, SOURCE_SET, "a=1"), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places), cmocka_unit_test(test_twins),
        cmocka_unit_test(test_image),  cmocka_unit_test(test_source),
        cmocka_unit_test(test_untrue), cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
