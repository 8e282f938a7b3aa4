/* SPDX-License-Identifier: Apache-2.0 */
/* render: a sample's views are a function of its task alone, whatever was rendered before, and
 * those of the whole picture, reduced where the spec allows it and the crops do; they take no
 * memory; every way in which a file can fail is a fault that names the file. */
#include "alloc_count.h"
#include "jpeg_make.h"
#include "picture.h"
#include "test.h"

#include "common/crc32c.h"
#include "loaderd/augment/augment.h"
#include "loaderd/decode/decode.h"
#include "loaderd/render.h"
#include "tests/gold/gold.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 24, BYTES = 3 * SIZE * SIZE };

/* Made pictures, large enough to be reduced: all orientations that matter, one that must not be. */
static const struct jpeg_made made[] = {
    {.colour = JCS_YCbCr, .sampling = {{2, 2}}, .w = 331, .h = 257, .seed = 1},
    {.colour = JCS_YCbCr, .sampling = {{2, 1}}, .w = 256, .h = 248, .orientation = 3, .seed = 2},
    {.colour = JCS_YCbCr, .sampling = {{1, 1}}, .w = 300, .h = 232, .orientation = 6, .seed = 3},
    {.colour = JCS_YCbCr, .sampling = {{2, 2}}, .w = 301, .h = 233, .orientation = 7, .seed = 4},
    {.colour = JCS_GRAYSCALE, .w = 97, .h = 450, .coding = JPEG_RESTARTS, .seed = 5},
    {.colour = JCS_CMYK, .w = 211, .h = 222, .orientation = 5, .seed = 6},
    {.colour = JCS_YCbCr, .sampling = {{2, 2}}, .w = 290, .h = 270, .coding = JPEG_PROGRESSIVE},
};

static char folder[64];
static struct spec spec = {.dataset = "test", .seed = 77, .batch = 1, .n_views = 2};

struct result {
    uint8_t pixels[2][BYTES];
    struct omega omega[2];
    uint32_t check[2];
};

static struct item item_of(const char *name, uint32_t sample)
{
    struct item item = {.sample = sample, .label = -1, .coding = ITEM_FILE};
    snprintf(item.path, sizeof item.path, "%s/%s", folder, name);
    return item;
}

static void write_file(const char *name, const void *bytes, size_t len)
{
    const struct item item = item_of(name, 0);
    FILE *out = fopen(item.path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}

static const char *made_name(size_t i)
{
    static char name[16];
    snprintf(name, sizeof name, "made%zu.jpg", i);
    return name;
}

/* a.jpg: the first file of the gold set; within.bin: the same between other bytes. */
static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/augstream-render-XXXXXX");
    assert_non_null(mkdtemp(folder));
    struct gold gold;
    gold_open(&gold, TESTS_DIR "/gold/decode.gold", "AUGDEC01");
    gold_u32(&gold);
    gold_take(&gold, 32 + 16);
    const uint32_t len = gold_u32(&gold);
    const void *jpeg = gold_take(&gold, len);
    write_file("a.jpg", jpeg, len);
    write_file("cut.jpg", jpeg, len / 2);
    write_file("empty.jpg", jpeg, 0);
    auto_free char *within = calloc(1, len + 200);
    assert_non_null(within);
    memcpy(within + 100, jpeg, len);
    write_file("within.bin", within, len + 200);
    free(gold.bytes);
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        size_t made_len;
        auto_free uint8_t *bytes = jpeg_make(&made[i], &made_len);
        write_file(made_name(i), bytes, made_len);
    }
    for (uint32_t v = 0; v < 2; v++)
        spec.views[v] = (struct view_spec){
            .size = SIZE,
            .scale = {0.2, 1},
            .ratio = {0.75, 4.0 / 3},
            .flip = 0.5,
            .jitter = {.p = 0.8, .brightness = 0.4, .contrast = 0.4, .saturation = 0.4, .hue = 0.1},
            .grayscale = 0.2,
            .blur = {.p = 0.5, .sigma = {0.1, 2}, .kernel = 9}};
    assert_int_equal(view_spec_check(&spec.views[0]), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"a.jpg",      "cut.jpg",  "empty.jpg",
                                        "within.bin", "fifo.jpg", "large.jpg"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct item item = item_of(names[i], 0);
        unlink(item.path);
    }
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        const struct item item = item_of(made_name(i), 0);
        unlink(item.path);
    }
    return rmdir(folder);
}

static int render(struct render *r, const struct item *item, struct result *ret,
                  enum wire_fault *fault)
{
    const struct render_task task = {.item = item,
                                     .spec = &spec,
                                     .epoch = 3,
                                     .batch = 5,
                                     .out = {ret->pixels[0], ret->pixels[1]},
                                     .omega = {&ret->omega[0], &ret->omega[1]},
                                     .check = {&ret->check[0], &ret->check[1]}};
    *fault = FAULT_NONE;
    return render_sample(r, &task, fault);
}

static void test_pure(void **state)
{
    (void)state;
    struct render *one, *other;
    assert_int_equal(render_new(&one), 0);
    assert_int_equal(render_new(&other), 0);
    static struct result first, again, elsewhere;
    enum wire_fault fault;
    for (uint32_t sample = 0; sample < 20; sample++) {
        const struct item item = item_of("a.jpg", sample);
        struct item within = item_of("within.bin", sample);
        within.offset = 100;
        struct stat st;
        assert_int_equal(stat(item.path, &st), 0);
        within.length = (uint64_t)st.st_size;
        const struct item bad = item_of("cut.jpg", sample);
        assert_int_equal(render(one, &item, &first, &fault), 0);
        assert_int_equal(render(one, &bad, &again, &fault), -EBADMSG);
        assert_int_equal(render(one, &item, &again, &fault), 0);
        assert_int_equal(render(other, &within, &elsewhere, &fault), 0);
        assert_memory_equal(first.pixels, again.pixels, sizeof first.pixels);
        assert_memory_equal(first.pixels, elsewhere.pixels, sizeof first.pixels);
        for (int v = 0; v < 2; v++) {
            assert_int_equal(omega_check(&first.omega[v], &spec.views[v]), 0);
            assert_int_equal(first.omega[v].sample, sample);
            assert_int_equal(first.check[v], crc32c(0, first.pixels[v], BYTES));
            assert_int_equal(elsewhere.check[v], first.check[v]);
        }
    }
    render_free(one);
    render_free(other);
    render_free(NULL);
}

/* The two views of one law are two draws, and so are two samples of one file. */
static void test_views_differ(void **state)
{
    (void)state;
    struct render *r;
    assert_int_equal(render_new(&r), 0);
    static struct result a, b;
    enum wire_fault fault;
    const struct item item = item_of("a.jpg", 1), twin = item_of("a.jpg", 2);
    assert_int_equal(render(r, &item, &a, &fault), 0);
    assert_int_equal(render(r, &twin, &b, &fault), 0);
    assert_memory_not_equal(a.pixels[0], a.pixels[1], BYTES);
    assert_memory_not_equal(a.pixels[0], b.pixels[0], BYTES);
    render_free(r);
}

/* A record is enough to make the view again, and is looked at before it is believed. */
static void test_recorded(void **state)
{
    (void)state;
    struct render *r;
    assert_int_equal(render_new(&r), 0);
    static struct result first, again;
    enum wire_fault fault;
    const struct item item = item_of("a.jpg", 4);
    assert_int_equal(render(r, &item, &first, &fault), 0);
    again.omega[0] = first.omega[0];
    again.omega[1] = first.omega[1];
    const struct render_task task = {.item = &item,
                                     .spec = &spec,
                                     .epoch = 99, /* where it was drawn matters no more */
                                     .batch = 99,
                                     .out = {again.pixels[0], again.pixels[1]},
                                     .omega = {&again.omega[0], &again.omega[1]},
                                     .recorded = true};
    assert_int_equal(render_sample(r, &task, &fault), 0);
    assert_memory_equal(first.pixels, again.pixels, sizeof first.pixels);

    again.omega[1].flip = !again.omega[1].flip;
    assert_int_equal(render_sample(r, &task, &fault), 0);
    assert_memory_equal(first.pixels[0], again.pixels[0], BYTES);
    assert_memory_not_equal(first.pixels[1], again.pixels[1], BYTES);

    struct omega *o = &again.omega[1];
    const struct omega good = *o;
    o->source_w++; /* another picture */
    assert_int_equal(render_sample(r, &task, &fault), -EINVAL);
    assert_non_null(strstr(err_text(), "view 1: a record of sample 4"));
    *o = good;
    o->sample++;
    assert_int_equal(render_sample(r, &task, &fault), -EINVAL);
    *o = good;
    o->crop_left = (int32_t)o->source_w; /* out of it */
    assert_int_equal(render_sample(r, &task, &fault), -EINVAL);
    *o = good;
    o->blur.kernel += 2; /* another law's, perhaps wider than the view */
    assert_int_equal(render_sample(r, &task, &fault), -EINVAL);
    assert_non_null(strstr(err_text(), "view 1: omega of sample 4: blur"));
    render_free(r);
}

/* As many views as there may be, of differing sizes and laws: each is what its own law makes of
 * its own draws. */
static void test_every_view(void **state)
{
    (void)state;
    static uint8_t pixels[OMEGA_VIEWS_MAX][BYTES], again[BYTES];
    static struct omega omega[OMEGA_VIEWS_MAX];
    struct spec many = spec;
    struct render_task task = {.spec = &many, .epoch = 3, .batch = 5};
    many.n_views = OMEGA_VIEWS_MAX;
    for (uint32_t v = 0; v < many.n_views; v++) {
        many.views[v] = spec.views[0];
        many.views[v].size = SIZE - v % 3 * 8;
        many.views[v].blur.kernel = 1 + 2 * (v % 3);
        many.views[v].blur.p = v % 2;
        many.views[v].solarize.p = v % 4 == 3;
        many.views[v].solarize.threshold = 0.5;
        many.views[v].rotation = v % 5 == 4;
        assert_int_equal(view_spec_check(&many.views[v]), 0);
        task.out[v] = pixels[v];
        task.omega[v] = &omega[v];
    }
    struct render *r;
    enum wire_fault fault;
    const struct item item = item_of("a.jpg", 6);
    task.item = &item;
    assert_int_equal(render_new(&r), 0);
    assert_int_equal(render_sample(r, &task, &fault), 0);
    for (uint32_t v = 0; v < many.n_views; v++) {
        const size_t bytes = (size_t)many.views[v].size * many.views[v].size * 3;
        assert_int_equal(omega_check(&omega[v], &many.views[v]), 0);
        for (uint32_t u = 0; u < v; u++)
            assert_true(many.views[u].size != many.views[v].size ||
                        memcmp(pixels[u], pixels[v], bytes) != 0);
        /* the one view by itself, from its record */
        struct spec one = {.n_views = 1, .views = {many.views[v]}};
        const struct render_task alone = {
            .item = &item, .spec = &one, .out = {again}, .omega = {&omega[v]}, .recorded = true};
        memset(again, 0, sizeof again);
        assert_int_equal(render_sample(r, &alone, &fault), 0);
        assert_memory_equal(again, pixels[v], bytes);
    }
    render_free(r);
}

/* As many source pixels each way as the view has, eight, four or two times over, in both crops. */
static uint32_t reduce_of(const struct result *result, uint32_t max)
{
    for (uint32_t reduce = max; reduce > 1; reduce /= 2) {
        bool fits = true;
        for (int v = 0; v < 2; v++)
            fits = fits && result->omega[v].crop_height >= (int32_t)reduce * SIZE &&
                   result->omega[v].crop_width >= (int32_t)reduce * SIZE;
        if (fits)
            return reduce;
    }
    return 1;
}

/* The views of a file's omegas, rendered from all of its pixels. */
static void whole_views(const struct jpeg_made *of, const struct result *result, struct result *ret,
                        uint32_t *ret_reduce)
{
    size_t len;
    auto_free uint8_t *bytes = jpeg_make(of, &len);
    struct decoder *decoder;
    struct augment *augment;
    struct picture picture;
    struct image image = {0};
    enum wire_fault fault;
    assert_int_equal(decoder_new(&decoder), 0);
    assert_int_equal(augment_new(SIZE, &augment), 0);
    assert_int_equal(decode_header(decoder, bytes, len, &picture, &fault), 0);
    const uint32_t reduce = spec.reduce ? reduce_of(result, picture.reduce_max) : 1;
    const struct region whole = {.rows = (picture.h + reduce - 1) / reduce,
                                 .cols = (picture.w + reduce - 1) / reduce};
    assert_int_equal(decode_pixels(decoder, &whole, reduce, &image, &fault), 0);
    for (int v = 0; v < 2; v++) {
        assert_int_equal(result->omega[v].source_w, picture.w);
        assert_int_equal(result->omega[v].source_h, picture.h);
        augment_view(augment, &image, &spec.views[v], &result->omega[v], ret->pixels[v]);
    }
    image_done(&image);
    augment_free(augment);
    decoder_free(decoder);
    *ret_reduce = reduce;
}

static void test_parts(void **state)
{
    (void)state;
    struct render *r;
    assert_int_equal(render_new(&r), 0);
    static struct result part, whole, full;
    unsigned seen[DECODE_REDUCE_MAX + 1] = {0};
    for (size_t i = 0; i < ARRAY_LEN(made); i++)
        for (uint32_t sample = 0; sample < 24; sample++) {
            const struct item item = item_of(made_name(i), sample);
            enum wire_fault fault;
            uint32_t reduce;
            for (int reduced = 0; reduced < 2; reduced++) {
                spec.reduce = reduced;
                assert_int_equal(render(r, &item, &part, &fault), 0);
                whole_views(&made[i], &part, &whole, &reduce);
                for (int v = 0; v < 2; v++)
                    assert_memory_equal(part.pixels[v], whole.pixels[v], BYTES);
                if (!reduced)
                    full = part;
                seen[reduce]++;
            }
            assert_memory_equal(full.omega, part.omega, sizeof full.omega);
        }
    spec.reduce = false;
    for (uint32_t reduce = 1; reduce <= DECODE_REDUCE_MAX; reduce *= 2)
        assert_true(seen[reduce] > 0);
    render_free(r);
}

/* Once a worker has met pictures of a size, it takes no memory for another. */
static void test_takes_no_memory(void **state)
{
    (void)state;
    struct render *r;
    assert_int_equal(render_new(&r), 0);
    static struct result result;
    enum wire_fault fault;
    unsigned long before = 0;
    for (int round = 0; round < 2; round++) {
        before = alloc_count();
        for (size_t i = 0; i < ARRAY_LEN(made); i++)
            for (uint32_t sample = 0; sample < 9; sample++) {
                spec.reduce = sample & 1;
                const struct item item = item_of(made_name(i), sample);
                assert_int_equal(render(r, &item, &result, &fault), 0);
            }
    }
    assert_int_equal(alloc_count(), before);
    spec.reduce = false;
    render_free(r);
}

static void test_faults(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(item_of("fifo.jpg", 0).path, 0600), 0);
    const struct item large = item_of("large.jpg", 0);
    write_file("large.jpg", "", 0);
    assert_int_equal(truncate(large.path, (off_t)DECODE_FILE_MAX + 1), 0); /* sparse */
    static const struct {
        const char *name;
        uint64_t offset, length;
        enum wire_fault fault;
    } rows[] = {
        {"cut.jpg", 0, 0, FAULT_TRUNCATED},
        {"empty.jpg", 0, 0, FAULT_NOT_IMAGE},
        {"missing.jpg", 0, 0, FAULT_UNREADABLE},
        {"fifo.jpg", 0, 0, FAULT_UNREADABLE},
        {"", 0, 0, FAULT_UNREADABLE},
        {"large.jpg", 0, 0, FAULT_TOO_LARGE},
        {"a.jpg", 1 << 20, 0, FAULT_UNREADABLE},
        {"a.jpg", 0, 1 << 20, FAULT_UNREADABLE},
        {"a.jpg", 9, UINT64_MAX, FAULT_UNREADABLE},
        {"a.jpg", 9, 20, FAULT_NOT_IMAGE},
    };
    struct render *r;
    assert_int_equal(render_new(&r), 0);
    static struct result result;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct item item = item_of(rows[i].name, 0);
        item.offset = rows[i].offset;
        item.length = rows[i].length;
        enum wire_fault fault;
        assert_int_equal(render(r, &item, &result, &fault), -EBADMSG);
        assert_int_equal(fault, rows[i].fault);
        assert_non_null(strstr(err_text(), item.path));
    }
    render_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pure),     cmocka_unit_test(test_views_differ),
        cmocka_unit_test(test_recorded), cmocka_unit_test(test_every_view),
        cmocka_unit_test(test_parts),    cmocka_unit_test(test_takes_no_memory),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
