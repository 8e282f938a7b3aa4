/* SPDX-License-Identifier: Apache-2.0 */
/* jpeg_huffman: every version gives the pixels that libjpeg-turbo's own decoder gives, from codes
 * of every length, of a part of a picture too; what is not one sequential scan is left to the
 * library; damage is told as what it is, in what is passed over as well. */
#include "jpeg_make.h"
#include "test.h"

#include "loaderd/decode/jpeg.h"

#include <setjmp.h>

#include <jerror.h>

struct rig {
    struct jpeg_error_mgr errors; /* first: the library hands it back as cinfo->err */
    struct jpeg_decompress_struct cinfo;
    struct huffman huffman;
    jmp_buf escape;
    bool library;               /* its own decoder is to be used */
    JDIMENSION top, left, cols; /* where reading is to begin; cols 0: whole rows */
    bool attached;
    int warning;
};

static struct rig rig;

static void on_error(j_common_ptr cinfo)
{
    longjmp(((struct rig *)cinfo->err)->escape, 1);
}

/* The first warning ends it. */
static void on_message(j_common_ptr cinfo, int level)
{
    struct rig *r = (struct rig *)cinfo->err;
    if (level >= 0)
        return;
    r->warning = cinfo->err->msg_code;
    longjmp(r->escape, 1);
}

/* The pixels from rig.top down, 3 bytes each, of rig.cols or more columns, the caller's; NULL, with
 * rig.warning or an error's code set. The library widens the columns to whole blocks. */
static uint8_t *rig_decode(const uint8_t *bytes, size_t len)
{
    struct jpeg_decompress_struct *cinfo = &rig.cinfo;
    cinfo->err = jpeg_std_error(&rig.errors);
    rig.errors.error_exit = on_error;
    rig.errors.emit_message = on_message;
    rig.warning = 0;
    static uint8_t *rgb;
    rgb = NULL;
    if (setjmp(rig.escape)) {
        jpeg_destroy_decompress(cinfo);
        free(rgb);
        return NULL;
    }
    jpeg_create_decompress(cinfo);
    jpeg_mem_src(cinfo, bytes, len);
    jpeg_read_header(cinfo, TRUE);
    cinfo->out_color_space = JCS_RGB;
    jpeg_start_decompress(cinfo);
    rig.attached = !rig.library && huffman_attach(&rig.huffman, cinfo);
    JDIMENSION left = rig.left, cols = rig.cols;
    if (cols > 0)
        jpeg_crop_scanline(cinfo, &left, &cols);
    const size_t pitch = 3 * (size_t)cinfo->output_width;
    rgb = calloc(cinfo->output_height, pitch);
    assert_non_null(rgb);
    if (rig.top > 0)
        jpeg_skip_scanlines(cinfo, rig.top);
    while (cinfo->output_scanline < cinfo->output_height) {
        JSAMPROW row = rgb + pitch * (cinfo->output_scanline - rig.top);
        jpeg_read_scanlines(cinfo, &row, 1);
    }
    jpeg_destroy_decompress(cinfo);
    return rgb;
}

static const int samplings[][4][2] = {{{1, 1}}, {{2, 2}}, {{4, 1}}, {{2, 2}, {2, 1}, {1, 2}}};

static void test_versions(void **state)
{
    (void)state;
    size_t ran = 0;
    for (size_t v = 0; v < n_huffman_versions; v++) {
        if (!huffman_versions[v].runs_here()) {
            print_message("%s: this processor has not what it takes\n", huffman_versions[v].name);
            continue;
        }
        ran++;
        rig.huffman.version = &huffman_versions[v];
        for (uint64_t seed = 0; seed < 120; seed++) {
            struct jpeg_made made = {.colour = seed % 7 ? JCS_YCbCr : JCS_GRAYSCALE,
                                     .w = 1 + (uint32_t)(seed * 37 % 150),
                                     .h = 1 + (uint32_t)(seed * 53 % 130),
                                     .coding = (enum jpeg_coding)(seed % JPEG_CODINGS),
                                     .quality = 10 + (int)(seed * 11 % 91),
                                     .seed = seed};
            memcpy(made.sampling, samplings[seed % ARRAY_LEN(samplings)], sizeof made.sampling);
            size_t len;
            uint32_t w, h;
            auto_free uint8_t *bytes = jpeg_make(&made, &len);
            auto_free uint8_t *oracle = jpeg_make_oracle(bytes, len, 1, &w, &h);
            auto_free uint8_t *ours = rig_decode(bytes, len);
            assert_non_null(ours);
            assert_memory_equal(ours, oracle, 3 * (size_t)w * h);
            assert_ptr_equal(rig.huffman.version, &huffman_versions[v]);
            assert_int_equal(rig.attached, made.coding == JPEG_HUFFMAN ||
                                               made.coding == JPEG_OPTIMISED ||
                                               made.coding == JPEG_RESTARTS);
        }
    }
    assert_true(ran >= 1);
    rig.huffman.version = NULL;
}

/* Some rows and columns left out. */
static void test_parts(void **state)
{
    (void)state;
    for (size_t v = 0; v < n_huffman_versions; v++) {
        if (!huffman_versions[v].runs_here())
            continue;
        rig.huffman.version = &huffman_versions[v];
        for (uint64_t seed = 0; seed < 60; seed++) {
            static const enum jpeg_coding codings[] = {JPEG_HUFFMAN, JPEG_OPTIMISED, JPEG_RESTARTS};
            struct jpeg_made made = {.colour = seed % 5 ? JCS_YCbCr : JCS_GRAYSCALE,
                                     .w = 100 + (uint32_t)(seed * 37 % 150),
                                     .h = 60 + (uint32_t)(seed * 53 % 130),
                                     .coding = codings[seed % ARRAY_LEN(codings)],
                                     .quality = 30 + (int)(seed * 11 % 71),
                                     .seed = seed};
            memcpy(made.sampling, samplings[seed % ARRAY_LEN(samplings)], sizeof made.sampling);
            size_t len;
            auto_free uint8_t *bytes = jpeg_make(&made, &len);
            rig.top = (JDIMENSION)(seed * 7 % 50);
            rig.left = (JDIMENSION)(seed * 13 % 40);
            rig.cols = 1 + (JDIMENSION)(seed * 17 % 60);
            rig.library = true;
            auto_free uint8_t *oracle = rig_decode(bytes, len);
            rig.library = false;
            auto_free uint8_t *ours = rig_decode(bytes, len);
            assert_non_null(oracle);
            assert_non_null(ours);
            assert_true(rig.attached);
            assert_memory_equal(ours, oracle, 3 * (size_t)rig.cols * (made.h - rig.top));
        }
    }
    rig.huffman.version = NULL;
    rig.top = rig.left = rig.cols = 0;
}

/* --- a scan written bit by bit: one component, typical tables --- */

enum { FILE_MAX = 1 << 12 };

static uint8_t file[FILE_MAX];
static size_t file_len, scan_start;
static uint32_t held;
static int n_held;

static void put_bits(uint64_t value, int bits)
{
    for (int i = bits - 1; i >= 0; i--) {
        held = held << 1 | (uint32_t)(value >> i & 1);
        if (++n_held == 8) {
            file[file_len++] = (uint8_t)held;
            if ((uint8_t)held == 0xff)
                file[file_len++] = 0;
            n_held = 0;
        }
    }
}

static void put_marker(uint8_t marker)
{
    while (n_held)
        put_bits(1, 1);
    file[file_len++] = 0xff;
    file[file_len++] = marker;
}

/* The headers of a gray picture of 8 x 8 blocks beside each other, with the tables of annex K. */
static void begin(uint32_t blocks, int restarts)
{
    const struct jpeg_made made = {.colour = JCS_GRAYSCALE,
                                   .w = 8 * blocks,
                                   .h = 8,
                                   .coding = restarts ? JPEG_RESTARTS : JPEG_HUFFMAN,
                                   .seed = (uint64_t)restarts - !!restarts};
    size_t len;
    auto_free uint8_t *bytes = jpeg_make(&made, &len);
    for (file_len = 0; file_len < len; file_len++) {
        file[file_len] = bytes[file_len];
        if (file_len > 2 && file[file_len - 1] == 0xff && file[file_len] == 0xda)
            break;
    }
    for (int i = 0; i < 9; i++) {
        file_len++;
        file[file_len] = bytes[file_len];
    }
    scan_start = file_len;
    n_held = 0;
}

/* Of the typical luminance tables: a difference of 0 is 00, of 1 bit 010 + bit; the end of a block
 * 1010, run 0 and 1 bit 00 + bit, a run of 16 zeros 11111111001, run 15 and 1 bit 1111111111110101.
 */
static void put_block(void)
{
    put_bits(0, 2);
    put_bits(10, 4);
}

static int outcome(void)
{
    uint8_t *exact = malloc(file_len);
    assert_non_null(exact);
    memcpy(exact, file, file_len);
    auto_free uint8_t *rgb = rig_decode(exact, file_len);
    free(exact);
    return rgb ? 0 : rig.warning;
}

static void test_bits(void **state)
{
    (void)state;
    begin(2, 0);
    put_block();
    put_block();
    put_marker(0xd9);
    assert_int_equal(outcome(), 0);
    assert_true(rig.attached);

    begin(2, 0); /* what follows does not end the block, and then there is no more */
    put_block();
    put_bits(0, 2);
    put_bits(5, 3);
    put_marker(0xd9);
    assert_int_equal(outcome(), JWRN_HIT_MARKER);

    begin(1, 0); /* the same without a marker */
    put_bits(0, 2);
    assert_int_equal(outcome(), JWRN_HIT_MARKER);

    begin(1, 0); /* all 63 coefficients and no end of block */
    put_bits(0, 2);
    for (int i = 0; i < 63; i++)
        put_bits(1, 3);
    put_marker(0xd9);
    assert_int_equal(outcome(), 0);

    begin(2, 0); /* the same, and one look sees the next block's first code behind the last one */
    put_bits(0, 2);
    for (int i = 0; i < 63; i++)
        put_bits(1, 3);
    put_block();
    put_marker(0xd9);
    assert_int_equal(outcome(), 0);

    begin(1, 0); /* three runs of 16 and one of 15: the last coefficient is the 64th */
    put_bits(0, 2);
    for (int i = 0; i < 3; i++)
        put_bits(0x7f9, 11);
    put_bits(1, 3);
    for (int i = 0; i < 13; i++)
        put_bits(1, 3);
    put_bits(1, 3);
    put_marker(0xd9);
    assert_int_equal(outcome(), 0);

    begin(2, 0); /* 0xff may be written with more of its kind before it, as padding */
    put_block();
    put_bits(0, 2);
    put_bits(10, 4);
    put_bits(15, 4); /* the padding: a whole byte up to here */
    file[file_len++] = 0xff;
    file[file_len++] = 0xff;
    put_marker(0xd9);
    assert_int_equal(outcome(), 0);
}

static void test_damage(void **state)
{
    (void)state;
    begin(1, 0); /* sixteen ones are no code */
    put_bits(0, 2);
    put_bits(0xffff, 16);
    put_bits(0, 64);
    put_marker(0xd9);
    assert_int_equal(outcome(), JWRN_HUFF_BAD_CODE);

    begin(1, 0); /* a difference of no known length: the typical table ends with 11111111 0 */
    put_bits(0x1ff, 9);
    put_bits(0, 64);
    put_marker(0xd9);
    assert_int_equal(outcome(), JWRN_HUFF_BAD_CODE);

    begin(1, 0); /* a coefficient beyond the 64th */
    put_bits(0, 2);
    for (int i = 0; i < 60; i++)
        put_bits(1, 3);
    put_bits(0xfff5, 16);
    put_bits(1, 1);
    put_bits(0, 64);
    put_marker(0xd9);
    assert_int_equal(outcome(), JWRN_HUFF_BAD_CODE);

    begin(1, 0); /* a run of zeros beyond the 64th */
    put_bits(0, 2);
    for (int i = 0; i < 4; i++)
        put_bits(0x7f9, 11);
    put_bits(0, 64);
    put_marker(0xd9);
    assert_int_equal(outcome(), JWRN_HUFF_BAD_CODE);
}

/* Of five blocks beside each other the last two are wanted; the first are damaged. */
static void test_damage_passed_over(void **state)
{
    (void)state;
    static const struct {
        uint64_t bits;
        int n, outcome;
    } rows[] = {
        {0xffff, 16, JWRN_HUFF_BAD_CODE},
        {UINT64_C(0x7f9) << 33 | UINT64_C(0x7f9) << 22 | 0x7f9 << 11 | 0x7f9, 44,
         JWRN_HUFF_BAD_CODE},      /* four runs of 16 zeros */
        {0xa, 4, JWRN_HIT_MARKER}, /* nothing wrong but that there is no more */
    };
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        begin(5, 0);
        put_block();
        put_bits(0, 2);
        put_bits(rows[r].bits, rows[r].n);
        for (int i = 0; i < 100 && rows[r].outcome == JWRN_HUFF_BAD_CODE; i++)
            put_bits(0, 2);
        put_marker(0xd9);
        rig.left = 24;
        rig.cols = 16;
        assert_int_equal(outcome(), rows[r].outcome);
        rig.left = rig.cols = 0;
    }
}

static void test_restarts(void **state)
{
    (void)state;
    static const struct {
        uint8_t before[6];
        int n;
        uint8_t marker;
        int outcome;
    } rows[] = {
        {{0}, 0, 0xd0, 0},
        {{0xff, 0xff}, 2, 0xd0, 0},                   /* padding */
        {{0x12, 0x34, 0xff, 0x00, 0x56}, 5, 0xd0, 0}, /* what the library leaves out as well */
        {{0}, 0, 0xd1, JWRN_MUST_RESYNC},
        {{0}, 0, 0xd9, JWRN_MUST_RESYNC},
    };
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        begin(2, 1);
        put_block();
        while (n_held)
            put_bits(1, 1);
        memcpy(file + file_len, rows[r].before, (size_t)rows[r].n);
        file_len += (size_t)rows[r].n;
        put_marker(rows[r].marker);
        put_block();
        put_marker(0xd9);
        assert_int_equal(outcome(), rows[r].outcome);
    }
    begin(2, 1); /* the file ends where the marker should be */
    put_block();
    while (n_held)
        put_bits(1, 1);
    assert_int_equal(outcome(), JWRN_MUST_RESYNC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_damage_passed_over),
        cmocka_unit_test(test_restarts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
