/* SPDX-License-Identifier: Apache-2.0 */
/* decode_jpeg: every kind of JPEG against Pillow's pixels; any part of a picture is, byte for byte,
 * that part of the whole one as libjpeg-turbo alone decodes it; damage is found, never filled in.
 */
#include "jpeg_make.h"
#include "test.h"

#include "tests/gold/decode_gold.h"

#include "common/auto.h"

#include <errno.h>
#include <stdlib.h>

static void test_gold(void **state)
{
    (void)state;
    assert_true(decode_gold_check("jpeg") >= 20);
}

/* --- parts of pictures --- */

static const struct {
    J_COLOR_SPACE colour;
    int sampling[4][2];
} kinds[] = {
    {JCS_YCbCr, {{1, 1}}},
    {JCS_YCbCr, {{2, 1}}},
    {JCS_YCbCr, {{1, 2}}},
    {JCS_YCbCr, {{2, 2}}},
    {JCS_YCbCr, {{4, 1}}},
    {JCS_YCbCr, {{1, 4}}},
    {JCS_YCbCr, {{4, 2}}},
    {JCS_YCbCr, {{2, 2}, {2, 1}, {1, 2}}},
    {JCS_YCbCr, {{2, 2}, {1, 2}, {1, 2}}},
    {JCS_YCbCr, {{2, 2}, {2, 1}, {2, 1}}},
    {JCS_YCbCr, {{1, 1}, {2, 2}, {1, 1}}},
    {JCS_YCbCr, {{3, 1}}},
    {JCS_YCbCr, {{1, 3}}},
    {JCS_YCbCr, {{4, 1}, {2, 1}, {2, 1}}},
    {JCS_RGB, {{1, 1}}},
    {JCS_RGB, {{2, 2}, {1, 1}, {2, 1}}},
    {JCS_GRAYSCALE, {{1, 1}}},
    {JCS_GRAYSCALE, {{2, 2}}},
    {JCS_CMYK, {{1, 1}}},
    {JCS_YCCK, {{2, 2}, {1, 1}, {1, 1}, {2, 2}}},
    {JCS_YCCK, {{2, 1}, {1, 1}, {1, 1}, {2, 1}}},
};

static const uint32_t sides[][2] = {{1, 1},   {2, 9},   {7, 5},   {8, 8},   {17, 16},
                                    {19, 34}, {35, 18}, {64, 48}, {97, 66}, {131, 83}};

static uint32_t below(struct rng *rng, uint32_t n)
{
    return rng_below(rng, n);
}

/* The stored pixel (in [h][w]) of an upright one, by EXIF 2.3 4.6.4.A: which side of the picture
 * the stored row 0 and column 0 are. */
static uint32_t stored_at(unsigned orientation, uint32_t w, uint32_t h, uint32_t y, uint32_t x)
{
    switch (orientation) {
    case 2:
        return y * w + w - 1 - x;
    case 3:
        return (h - 1 - y) * w + w - 1 - x;
    case 4:
        return (h - 1 - y) * w + x;
    case 5:
        return x * w + y;
    case 6:
        return (h - 1 - x) * w + y;
    case 7:
        return (h - 1 - x) * w + w - 1 - y;
    case 8:
        return x * w + w - 1 - y;
    default:
        return y * w + x;
    }
}

/* Corners and single pixels, then anywhere. */
static struct region region_draw(struct rng *rng, uint32_t n, uint32_t w, uint32_t h)
{
    struct region r = {.rows = 1 + below(rng, n < 5 ? 1 : h),
                       .cols = 1 + below(rng, n < 5 ? 1 : w)};
    if (n == 0)
        return (struct region){.rows = h, .cols = w};
    r.top = n < 4 ? (n & 1) * (h - r.rows) : below(rng, h - r.rows + 1);
    r.left = n < 4 ? (n >> 1) * (w - r.cols) : below(rng, w - r.cols + 1);
    return r;
}

static unsigned long compared;

static void parts_compare(struct decoder *decoder, const struct jpeg_made *made,
                          struct image *image)
{
    size_t len;
    auto_free uint8_t *bytes = jpeg_make(made, &len);
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = made->seed, .view = 1, .purpose = RNG_TEST});
    for (uint32_t reduce = 1; reduce <= DECODE_REDUCE_MAX; reduce *= 2) {
        uint32_t w, h; /* stored, reduced */
        auto_free uint8_t *whole = jpeg_make_oracle(bytes, len, reduce, &w, &h);
        const bool across = made->orientation > 4;
        for (uint32_t n = 0; n < 12; n++) {
            struct picture picture;
            enum wire_fault fault = FAULT_NONE;
            assert_int_equal(decode_header(decoder, bytes, len, &picture, &fault), 0);
            assert_int_equal(picture.w, across ? made->h : made->w);
            assert_int_equal(picture.h, across ? made->w : made->h);
            if (reduce > picture.reduce_max)
                break;
            const struct region want = region_draw(&rng, n, across ? h : w, across ? w : h);
            if (decode_pixels(decoder, &want, reduce, image, &fault) != 0)
                fail_msg("%ux%u coding %d: %s", made->w, made->h, made->coding, err_text());
            assert_int_equal(image->reduce, reduce);
            assert_int_equal(image->w, picture.w);
            assert_int_equal(image->h, picture.h);
            const struct region have = image->window;
            assert_true(have.top <= want.top && have.left <= want.left);
            assert_true(have.top + have.rows >= want.top + want.rows);
            assert_true(have.left + have.cols >= want.left + want.cols);
            for (uint32_t y = want.top; y < want.top + want.rows; y++)
                for (uint32_t x = want.left; x < want.left + want.cols; x++) {
                    const uint8_t *ours =
                        image->rgb + 3 * ((y - have.top) * have.cols + x - have.left);
                    const uint8_t *theirs =
                        whole + 3 * (size_t)stored_at(made->orientation, w, h, y, x);
                    if (memcmp(ours, theirs, 3) != 0)
                        fail_msg("%ux%u colour %d sampling %dx%d coding %d orientation %u reduce "
                                 "%u, window %u,%u %ux%u: pixel %u,%u is %d,%d,%d not %d,%d,%d",
                                 made->w, made->h, made->colour, made->sampling[0][0],
                                 made->sampling[0][1], made->coding, made->orientation, reduce,
                                 want.top, want.left, want.rows, want.cols, y, x, ours[0], ours[1],
                                 ours[2], theirs[0], theirs[1], theirs[2]);
                }
            compared++;
        }
    }
}

/* One decoder for all of them, so that nothing of a picture is left for the next. */
static void test_parts(void **state)
{
    (void)state;
    struct decoder *decoder;
    assert_int_equal(decoder_new(&decoder), 0);
    struct image image = {0};
    uint64_t seed = 0;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        for (size_t s = 0; s < ARRAY_LEN(sides); s++)
            for (enum jpeg_coding coding = 0; coding < JPEG_CODINGS; coding++) {
                struct jpeg_made made = {.colour = kinds[k].colour,
                                         .w = sides[s][0],
                                         .h = sides[s][1],
                                         .coding = coding,
                                         .quality = seed % 3 ? 75 + (int)(seed % 25) : 100,
                                         .orientation = (unsigned)(seed % 9),
                                         .seed = seed};
                memcpy(made.sampling, kinds[k].sampling, sizeof made.sampling);
                parts_compare(decoder, &made, &image);
                seed++;
            }
    print_message("%lu windows\n", compared);
    assert_true(compared > 40000);
    image_done(&image);
    decoder_free(decoder);
}

/* --- damage --- */

static const struct jpeg_made small = {
    .colour = JCS_YCbCr, .sampling = {{2, 2}}, .w = 45, .h = 70, .quality = 90, .seed = 5};

/* Of 70 rows: the first, some above the middle, the last, all. */
static const struct region wanted[] = {
    {0, 0, 1, 1}, {17, 9, 20, 11}, {69, 40, 1, 5}, {0, 0, 70, 45}};

static int part_decode(struct decoder *decoder, const uint8_t *bytes, size_t len, size_t part,
                       struct image *image, enum wire_fault *ret_fault)
{
    struct picture picture;
    *ret_fault = FAULT_NONE;
    int rc = decode_header(decoder, bytes, len, &picture, ret_fault);
    if (rc < 0)
        return rc;
    struct region want = wanted[part];
    if (picture.w != small.w || picture.h != small.h) /* damaged, but a header */
        want = (struct region){.rows = picture.h, .cols = picture.w};
    return decode_pixels(decoder, &want, 1, image, ret_fault);
}

/* Cut anywhere, it is refused whatever part is wanted, until nothing but the end marker is missing.
 */
static void test_every_cut(void **state)
{
    (void)state;
    struct decoder *decoder;
    assert_int_equal(decoder_new(&decoder), 0);
    struct image image = {0};
    for (enum jpeg_coding coding = 0; coding < JPEG_CODINGS; coding++) {
        struct jpeg_made made = small;
        made.coding = coding;
        size_t len;
        auto_free uint8_t *bytes = jpeg_make(&made, &len);
        const bool tolerant =
            coding == JPEG_HUFFMAN || coding == JPEG_OPTIMISED || coding == JPEG_RESTARTS;
        for (size_t cut = 3; cut <= len; cut++) {
            auto_free uint8_t *part = malloc(cut);
            assert_non_null(part);
            memcpy(part, bytes, cut);
            for (size_t p = 0; p < ARRAY_LEN(wanted); p++) {
                enum wire_fault fault;
                const int rc = part_decode(decoder, part, cut, p, &image, &fault);
                if (cut == len || (tolerant && cut + 2 >= len))
                    assert_int_equal(rc, 0);
                else if (rc == 0 && !(tolerant && cut + 4 >= len)) /* last byte may be padding */
                    fail_msg("coding %d, %zu of %zu bytes, part %zu", coding, cut, len, p);
                else if (rc == 0)
                    continue;
                else
                    assert_int_equal(fault, FAULT_TRUNCATED);
            }
        }
    }
    image_done(&image);
    decoder_free(decoder);
}

/* Any one byte wrong: a picture or a typed fault. What the whole picture can do, a part can, and it
 * is the same; the decoder is as good as before. */
static void test_every_byte_flipped(void **state)
{
    (void)state;
    struct decoder *decoder;
    assert_int_equal(decoder_new(&decoder), 0);
    struct image image = {0}, whole = {0};
    size_t unseen = 0;
    for (enum jpeg_coding coding = 0; coding < JPEG_CODINGS; coding++) {
        struct jpeg_made made = small;
        made.coding = coding;
        size_t len;
        auto_free uint8_t *bytes = jpeg_make(&made, &len);
        for (size_t i = 0; i < len; i++) {
            bytes[i] ^= 0xff;
            enum wire_fault fault;
            const int all = part_decode(decoder, bytes, len, 3, &whole, &fault);
            assert_true(all == 0 ? fault == FAULT_NONE : fault > FAULT_NONE && fault < FAULT_CRASH);
            for (size_t p = 0; p < 3; p++) {
                const int rc = part_decode(decoder, bytes, len, p, &image, &fault);
                assert_true(rc == 0 ? fault == FAULT_NONE
                                    : fault > FAULT_NONE && fault < FAULT_CRASH);
                unseen += rc == 0 && all < 0;
                if (all < 0)
                    continue;
                assert_int_equal(rc, 0);
                if (whole.w != small.w || whole.h != small.h)
                    continue;
                for (uint32_t y = 0; y < wanted[p].rows; y++)
                    assert_memory_equal(
                        image.rgb +
                            3 * ((wanted[p].top + y - image.window.top) * image.window.cols +
                                 wanted[p].left - image.window.left),
                        whole.rgb + 3 * ((wanted[p].top + y) * whole.window.cols + wanted[p].left),
                        3 * wanted[p].cols);
            }
            bytes[i] ^= 0xff;
        }
        enum wire_fault fault;
        assert_int_equal(part_decode(decoder, bytes, len, 3, &image, &fault), 0);
    }
    assert_true(unseen > 0); /* damage below what is wanted is not looked for */
    image_done(&image);
    image_done(&whole);
    decoder_free(decoder);
}

/* A file without tables of its own has none, whatever was read before it: libjpeg keeps the last
 * file's. (Without Huffman tables the format's typical ones hold: so do motion JPEGs.) */
static void test_no_tables_left_over(void **state)
{
    (void)state;
    struct decoder *decoder;
    assert_int_equal(decoder_new(&decoder), 0);
    struct image image = {0}, again = {0};
    struct jpeg_made made = small;
    size_t len, other_len;
    auto_free uint8_t *bytes = jpeg_make(&made, &len);
    made.coding = JPEG_OPTIMISED;
    made.quality = 30;
    auto_free uint8_t *other = jpeg_make(&made, &other_len);
    static const struct {
        uint8_t marker;
        int rc;
    } rows[] = {{0xdb, -EBADMSG}, {0xc4, 0}};
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        uint8_t bare[1 << 16];
        size_t n = 2;
        memcpy(bare, bytes, 2);
        for (size_t at = 2; at < len;) {
            const size_t segment =
                bytes[at + 1] == 0xda ? len - at : 2 + (size_t)(bytes[at + 2] << 8 | bytes[at + 3]);
            if (bytes[at + 1] != rows[r].marker) {
                memcpy(bare + n, bytes + at, segment);
                n += segment;
            }
            at += segment;
        }
        assert_true(n < len);
        enum wire_fault fault;
        assert_int_equal(part_decode(decoder, other, other_len, 3, &image, &fault), 0);
        assert_int_equal(part_decode(decoder, bare, n, 3, &image, &fault), rows[r].rc);
        assert_int_equal(fault, rows[r].rc ? FAULT_TRUNCATED : FAULT_NONE);
        assert_int_equal(part_decode(decoder, bytes, len, 3, &again, &fault), 0);
        if (rows[r].rc == 0)
            assert_memory_equal(image.rgb, again.rgb, 3 * (size_t)small.w * small.h);
    }
    image_done(&image);
    image_done(&again);
    decoder_free(decoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gold),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_every_byte_flipped),
        cmocka_unit_test(test_no_tables_left_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
