/* SPDX-License-Identifier: Apache-2.0 */
/* pictures: a view is the loader's own to the bit and its checksum is compared; a source is small
 * enough; what is kept stays within its bounds and is not rendered twice; images that are missing,
 * others, or bad are told, each with its reason. */
#include "garden.h"
#include "test.h"

#include "common/crc32c.h"
#include "tools/inspect/serve/pictures.h"

#include <errno.h>
#include <png.h>

enum { SIZE = 24, SAMPLES = 6 };

static struct garden garden;
static struct source_options options;
static char path[128];

static int set_up(void **state)
{
    (void)state;
    garden_new(&garden);
    garden_plant(&garden, "set", SAMPLES);
    snprintf(path, sizeof path, "%s/set", garden.root);
    options.data = path;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    garden_done(&garden);
    return 0;
}

static void pictures_auto(struct pictures **pictures)
{
    pictures_free(*pictures);
}
#define auto_pictures auto_with(pictures_auto) struct pictures

/* A batch of the set, as a loader would tell it. */
static void shown_make(struct shown *ret)
{
    *ret = (struct shown){.number = 1,
                          .told_spec = true,
                          .spec = {.dataset = "set", .batch = SAMPLES, .n_views = 2},
                          .sizes = {SIZE, SIZE},
                          .of = SAMPLES,
                          .n = SAMPLES,
                          .told_checks = true};
    struct renderer *renderer;
    assert_int_equal(renderer_open(&options, NULL, NULL, &renderer), 0);
    memcpy(ret->fingerprint, renderer_fingerprint(renderer), sizeof ret->fingerprint);
    for (uint32_t v = 0; v < 2; v++) {
        view_spec_eval(&ret->spec.views[v], SIZE, SIZE);
        ret->spec.views[v].crop = CROP_RANDOM;
        ret->spec.views[v].scale[0] = .2;
        ret->spec.views[v].scale[1] = 1;
        ret->spec.views[v].ratio[0] = .75;
        ret->spec.views[v].ratio[1] = 1.3333;
        ret->spec.views[v].flip = .5;
    }
    for (uint32_t i = 0; i < SAMPLES; i++) {
        struct shown_sample *s = &ret->samples[i];
        uint8_t rgb[2][SIZE * SIZE * 3], *out[2] = {rgb[0], rgb[1]};
        const struct omega *omega[2] = {&s->omega[0], &s->omega[1]};
        enum wire_fault fault;
        uint32_t w, h;
        s->position = i;
        assert_int_equal(renderer_size(renderer, i, &w, &h), 0);
        for (uint32_t v = 0; v < 2; v++) {
            const struct omega_key key = {.seed = 3, .sample = i, .view = v};
            omega_draw(&ret->spec.views[v], &key, w, h, &s->omega[v]);
        }
        assert_int_equal(renderer_views(renderer, &ret->spec, omega, out, &fault), 0);
        for (uint32_t v = 0; v < 2; v++)
            s->checks[v] = crc32c(0, rgb[v], sizeof rgb[v]);
    }
    renderer_close(renderer);
}

/* The pixels' checksum of a PNG file. */
static uint32_t sum_of(const struct picture *picture, uint32_t *ret_w, uint32_t *ret_h)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_int_equal(png_image_begin_read_from_memory(&image, picture->bytes, picture->len), 1);
    image.format = PNG_FORMAT_RGB;
    auto_free uint8_t *rgb = malloc(PNG_IMAGE_SIZE(image));
    assert_non_null(rgb);
    assert_int_equal(png_image_finish_read(&image, NULL, rgb, 0, NULL), 1);
    *ret_w = image.width;
    *ret_h = image.height;
    return crc32c(0, rgb, (size_t)image.width * image.height * 3);
}

static void test_views(void **state)
{
    (void)state;
    static struct shown shown;
    shown_make(&shown);
    auto_pictures *pictures;
    assert_int_equal(pictures_new(&options, &pictures), 0);
    assert_int_equal(pictures_can(pictures, &shown), 0);
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < SAMPLES; i++)
            for (uint32_t v = 0; v < 2; v++) {
                struct picture picture;
                uint32_t w, h;
                assert_int_equal(pictures_view(pictures, &shown, &shown.samples[i], v, &picture),
                                 0);
                assert_int_equal(picture.check, PICTURES_SAME);
                assert_int_equal(sum_of(&picture, &w, &h), shown.samples[i].checks[v]);
                assert_int_equal(w, SIZE);
                assert_int_equal(h, SIZE);
            }
    /* what the loader says of its pixels is compared, of this very batch and of no other */
    shown.index = 1;
    shown.samples[2].checks[1] ^= 1;
    struct picture picture;
    assert_int_equal(pictures_view(pictures, &shown, &shown.samples[2], 1, &picture), 0);
    assert_int_equal(picture.check, PICTURES_DIFFER);
    assert_int_equal(pictures_view(pictures, &shown, &shown.samples[2], 0, &picture), 0);
    assert_int_equal(picture.check, PICTURES_SAME);
    shown.index = 2;
    shown.told_checks = false;
    assert_int_equal(pictures_view(pictures, &shown, &shown.samples[2], 1, &picture), 0);
    assert_int_equal(picture.check, PICTURES_NOT_TOLD);
}

static void test_source(void **state)
{
    (void)state;
    static struct shown shown;
    shown_make(&shown);
    auto_pictures *pictures;
    assert_int_equal(pictures_new(&options, &pictures), 0);
    struct picture picture, small;
    uint32_t w, h;
    assert_int_equal(pictures_source(pictures, &shown, &shown.samples[1], false, &picture), 0);
    assert_int_equal(picture.check, PICTURES_NOT_TOLD);
    (void)sum_of(&picture, &w, &h);
    assert_int_equal(w, GARDEN_SIDE); /* never enlarged */
    assert_int_equal(h, GARDEN_SIDE);
    /* another sample's is another picture */
    const void *first = picture.bytes;
    assert_int_equal(pictures_source(pictures, &shown, &shown.samples[2], false, &picture), 0);
    assert_ptr_not_equal(picture.bytes, first);
    /* asked for again, it is the one that was kept */
    assert_int_equal(pictures_source(pictures, &shown, &shown.samples[1], false, &picture), 0);
    assert_ptr_equal(picture.bytes, first);
    assert_int_equal(pictures_source(pictures, &shown, &shown.samples[1], true, &small), 0);
    assert_ptr_not_equal(small.bytes, first);
    char name[64], class[64];
    pictures_names(pictures, &shown, &shown.samples[1], name, sizeof name, class, sizeof class);
    assert_non_null(strstr(name, ".jpg"));
}

/* More pictures than are kept: the last ones stay, all can still be had. */
static void test_kept(void **state)
{
    (void)state;
    static struct shown shown;
    shown_make(&shown);
    auto_pictures *pictures;
    assert_int_equal(pictures_new(&options, &pictures), 0);
    struct picture picture;
    for (uint32_t i = 0; i < PICTURES_KEPT; i++) { /* two each */
        shown.index = i;
        assert_int_equal(pictures_view(pictures, &shown, &shown.samples[i % SAMPLES], 0, &picture),
                         0);
    }
    const void *last = picture.bytes;
    assert_int_equal(
        pictures_view(pictures, &shown, &shown.samples[shown.index % SAMPLES], 0, &picture), 0);
    assert_ptr_equal(picture.bytes, last);
    shown.index = 0;
    assert_int_equal(pictures_view(pictures, &shown, &shown.samples[0], 1, &picture), 0);
    assert_int_equal(picture.check, PICTURES_SAME);
}

static void test_none(void **state)
{
    (void)state;
    static struct shown shown;
    shown_make(&shown);
    struct picture picture;
    auto_pictures *untold;
    assert_int_equal(pictures_new(NULL, &untold), 0);
    assert_int_equal(pictures_can(untold, &shown), -ENODATA);
    assert_int_equal(pictures_view(untold, &shown, &shown.samples[0], 0, &picture), -ENODATA);
    assert_int_equal(pictures_source(untold, &shown, &shown.samples[0], false, &picture), -ENODATA);
    char name[8] = "x", class[8] = "x";
    pictures_names(untold, &shown, &shown.samples[0], name, sizeof name, class, sizeof class);
    assert_string_equal(name, "");
    assert_string_equal(class, "");

    auto_pictures *pictures;
    assert_int_equal(pictures_new(&options, &pictures), 0);
    struct shown other = shown;
    other.fingerprint[0] ^= 1;
    assert_int_equal(pictures_can(pictures, &other), -EBADMSG);
    assert_int_equal(pictures_can(pictures, &other), -EBADMSG); /* kept, and told again */
    assert_true(strlen(err_text()) > 0);
    assert_int_equal(pictures_can(pictures, &shown), 0); /* the others are as they were */
    const struct source_options nowhere = {.data = "/nowhere/at/all"};
    auto_pictures *gone;
    assert_int_equal(pictures_new(&nowhere, &gone), 0);
    assert_true(pictures_can(gone, &shown) < 0);
    assert_non_null(strstr(err_text(), "/nowhere/at/all"));
    /* a law that is not told: no views, but sources */
    other = shown;
    other.told_spec = false;
    memset(other.fingerprint, 0, sizeof other.fingerprint);
    assert_int_equal(pictures_view(pictures, &other, &other.samples[0], 0, &picture), -ENODATA);
    assert_int_equal(pictures_source(pictures, &other, &other.samples[0], false, &picture), 0);
    /* a sample that is not there */
    other = shown;
    other.samples[0].omega[0].sample = other.samples[0].omega[1].sample = 1000;
    assert_true(pictures_view(pictures, &other, &other.samples[0], 0, &picture) < 0);
    assert_true(pictures_source(pictures, &other, &other.samples[0], false, &picture) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
