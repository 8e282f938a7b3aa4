/* SPDX-License-Identifier: Apache-2.0 */
/* photographs: the parts of real JPEGs that random crops need are those of the whole picture as
 * libjpeg-turbo alone decodes it, byte for byte; views from a reduced decode are close to those
 * from a full one. Needs fullsize.tar of the real images; skipped without. */
#include "tests/unit/jpeg_make.h"
#include "tests/unit/real_data.h"
#include "tests/unit/test.h"

#include "common/file.h"
#include "loaderd/augment/augment.h"
#include "loaderd/decode/decode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TAR_BLOCK = 512, SIZE = 96, DRAWS = 4, FILES_MIN = 50 };

static const double psnr_min = 36; /* dB, on average over the views of reduced pictures */

static const char *tar_path;
static char *tar;
static size_t tar_len;

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(file_read(tar_path, 64 << 20, &tar, &tar_len), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(tar);
    return 0;
}

/* The next plain file from *at on, in memory of its own; NULL at the end. */
static uint8_t *next_file(size_t *at, size_t *ret_len)
{
    while (tar_len - *at >= TAR_BLOCK && tar[*at]) {
        const char *header = tar + *at;
        const size_t len = strtoul(header + 124, NULL, 8), start = *at + TAR_BLOCK;
        assert_true(len <= tar_len - start);
        *at = start + (len + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
        if (header[156] != '0' && header[156] != 0)
            continue;
        uint8_t *bytes = malloc(len);
        assert_non_null(bytes);
        memcpy(bytes, tar + start, len);
        *ret_len = len;
        return bytes;
    }
    return NULL;
}

static const struct view_spec law = {.size = SIZE,
                                     .scale = {0.2, 1},
                                     .ratio = {0.75, 4.0 / 3},
                                     .blur = {.sigma = {1, 1}, .kernel = 1}};

static struct omega draw(const struct picture *picture, uint32_t sample, uint32_t view)
{
    struct omega omega;
    const struct omega_key key = {.seed = 11, .sample = sample, .view = view};
    omega_draw(&law, &key, picture->w, picture->h, &omega);
    return omega;
}

static void read_crop(struct decoder *decoder, const struct omega *omega, uint32_t reduce,
                      struct image *image)
{
    const struct crop_window crop = crop_window(omega, reduce);
    const struct region want = {crop.top, crop.left, crop.rows, crop.cols};
    enum wire_fault fault;
    assert_int_equal(decode_pixels(decoder, &want, reduce, image, &fault), 0);
}

static void test_parts(void **state)
{
    (void)state;
    struct decoder *decoder;
    assert_int_equal(decoder_new(&decoder), 0);
    struct image image = {0};
    uint32_t files = 0;
    size_t at = 0, len;
    for (uint8_t *bytes; (bytes = next_file(&at, &len)); free(bytes), files++) {
        uint32_t w, h;
        auto_free uint8_t *whole = jpeg_make_oracle(bytes, len, 1, &w, &h);
        for (uint32_t n = 0; n < DRAWS; n++) {
            struct picture picture;
            enum wire_fault fault;
            assert_int_equal(decode_header(decoder, bytes, len, &picture, &fault), 0);
            assert_true(picture.w == w && picture.h == h); /* none is turned */
            const struct omega o = draw(&picture, files, n);
            read_crop(decoder, &o, 1, &image);
            for (int32_t y = o.crop_top; y < o.crop_top + o.crop_height; y++)
                assert_memory_equal(image.rgb +
                                        3 * (((uint32_t)y - image.window.top) * image.window.cols +
                                             (uint32_t)o.crop_left - image.window.left),
                                    whole + 3 * ((uint32_t)y * (size_t)w + (uint32_t)o.crop_left),
                                    3 * (size_t)o.crop_width);
        }
    }
    print_message("%u photographs\n", files);
    assert_true(files >= FILES_MIN);
    image_done(&image);
    decoder_free(decoder);
}

static double psnr(const uint8_t *a, const uint8_t *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)(a[i] - b[i]) * (a[i] - b[i]);
    return 10 * log10(255.0 * 255.0 * (double)n / (sum > 0 ? sum : 1));
}

static void test_reduced(void **state)
{
    (void)state;
    struct decoder *decoder;
    struct augment *augment;
    assert_int_equal(decoder_new(&decoder), 0);
    assert_int_equal(augment_new(SIZE, &augment), 0);
    struct image image = {0};
    double sum = 0, least = INFINITY;
    uint32_t views = 0, files = 0;
    size_t at = 0, len;
    for (uint8_t *bytes; (bytes = next_file(&at, &len)); free(bytes), files++)
        for (uint32_t n = 0; n < DRAWS; n++) {
            static uint8_t full[3 * SIZE * SIZE], reduced[3 * SIZE * SIZE];
            struct picture picture;
            enum wire_fault fault;
            assert_int_equal(decode_header(decoder, bytes, len, &picture, &fault), 0);
            const struct omega o = draw(&picture, files, n);
            const int32_t less = o.crop_height < o.crop_width ? o.crop_height : o.crop_width;
            uint32_t reduce = picture.reduce_max;
            while (reduce > 1 && (uint32_t)less < reduce * SIZE)
                reduce /= 2;
            if (reduce == 1)
                continue;
            read_crop(decoder, &o, 1, &image);
            augment_view(augment, &image, &law, &o, full);
            assert_int_equal(decode_header(decoder, bytes, len, &picture, &fault), 0);
            read_crop(decoder, &o, reduce, &image);
            augment_view(augment, &image, &law, &o, reduced);
            const double db = psnr(full, reduced, sizeof full);
            sum += db;
            least = db < least ? db : least;
            views++;
        }
    print_message("%u reduced views: PSNR %.2f dB on average, %.2f at least\n", views, sum / views,
                  least);
    assert_true(views >= FILES_MIN);
    assert_true(sum / views >= psnr_min);
    image_done(&image);
    augment_free(augment);
    decoder_free(decoder);
}

int main(void)
{
    tar_path = real_data("fullsize.tar");
    if (!tar_path)
        return REAL_DATA_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_reduced),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
