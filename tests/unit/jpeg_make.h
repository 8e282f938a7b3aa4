/* SPDX-License-Identifier: Apache-2.0 */
/* jpeg_make: JPEG files of any kind, made by libjpeg-turbo for tests, and what the library itself
 * decodes them to, whole. */
#ifndef AUGSTREAM_TESTS_JPEG_MAKE_H
#define AUGSTREAM_TESTS_JPEG_MAKE_H

#include "common/rng.h"
#include "test.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

enum jpeg_coding {
    JPEG_HUFFMAN,
    JPEG_OPTIMISED, /* tables of its own */
    JPEG_RESTARTS,  /* every few MCUs */
    JPEG_SEPARATE,  /* a scan for each component */
    JPEG_PROGRESSIVE,
    JPEG_COARSE, /* progressive, but its last scans, which refine, are missing */
    JPEG_ARITHMETIC,
    JPEG_CODINGS,
};

struct jpeg_made {
    J_COLOR_SPACE colour;
    int sampling[4][2]; /* of each component: across, down; 0: 1 x 1 */
    uint32_t w, h;
    enum jpeg_coding coding;
    int quality;
    unsigned orientation; /* 0: no EXIF */
    uint64_t seed;
};

static inline void jpeg_make_exif(struct jpeg_compress_struct *cinfo, unsigned orientation)
{
    uint8_t exif[] = "Exif\0\0MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\1\0\0\0\0\0";
    exif[6 + 19] = (uint8_t)orientation;
    jpeg_write_marker(cinfo, JPEG_APP0 + 1, exif, sizeof exif - 1);
}

/* Smooth waves with noise on top: coefficients of every frequency, some of them large. */
static inline void jpeg_make_row(const struct jpeg_made *made, struct rng *rng, uint32_t y,
                                 int components, uint8_t *row)
{
    for (uint32_t x = 0; x < made->w; x++)
        for (int c = 0; c < components; c++) {
            const uint32_t wave = (x * (3 + (uint32_t)c) + y * (5 - (uint32_t)c)) % 384;
            const uint32_t value = wave < 192 ? wave : 383 - wave;
            row[x * (uint32_t)components + (uint32_t)c] =
                (uint8_t)(value + (rng_u32(rng) & (x & 16 ? 63 : 7)));
        }
}

static inline void jpeg_make_scans(struct jpeg_compress_struct *cinfo, const struct jpeg_made *made,
                                   jpeg_scan_info scans[8])
{
    int n = 0;
    if (made->coding == JPEG_SEPARATE)
        for (; n < cinfo->num_components; n++)
            scans[n] = (jpeg_scan_info){1, {n}, 0, 63, 0, 0};
    if (made->coding == JPEG_COARSE) { /* the first bits only of every coefficient */
        jpeg_scan_info dc = {cinfo->num_components, {0, 1, 2, 3}, 0, 0, 0, 0};
        scans[n++] = dc;
        for (int c = 0; c < cinfo->num_components; c++)
            scans[n++] = (jpeg_scan_info){1, {c}, 1, 63, 0, 2};
    }
    if (n > 0) {
        cinfo->scan_info = scans;
        cinfo->num_scans = n;
    }
}

/* The bytes are the caller's to free, and no longer than *ret_len. */
static inline uint8_t *jpeg_make(const struct jpeg_made *made, size_t *ret_len)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    jpeg_scan_info scans[8];
    unsigned char *bytes = NULL;
    unsigned long len = 0;
    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &bytes, &len);
    cinfo.image_width = made->w;
    cinfo.image_height = made->h;
    const bool gray = made->colour == JCS_GRAYSCALE,
               inks = made->colour == JCS_CMYK || made->colour == JCS_YCCK;
    cinfo.in_color_space = gray ? JCS_GRAYSCALE : inks ? JCS_CMYK : JCS_RGB;
    cinfo.input_components = gray ? 1 : inks ? 4 : 3;
    jpeg_set_defaults(&cinfo);
    jpeg_set_colorspace(&cinfo, made->colour);
    jpeg_set_quality(&cinfo, made->quality ? made->quality : 85, TRUE);
    for (int c = 0; c < cinfo.num_components; c++) {
        cinfo.comp_info[c].h_samp_factor = made->sampling[c][0] ? made->sampling[c][0] : 1;
        cinfo.comp_info[c].v_samp_factor = made->sampling[c][1] ? made->sampling[c][1] : 1;
    }
    cinfo.optimize_coding = made->coding == JPEG_OPTIMISED;
    cinfo.arith_code = made->coding == JPEG_ARITHMETIC;
    cinfo.restart_interval = made->coding == JPEG_RESTARTS ? 1 + (unsigned)(made->seed % 5) : 0;
    if (made->coding == JPEG_PROGRESSIVE)
        jpeg_simple_progression(&cinfo);
    jpeg_make_scans(&cinfo, made, scans);
    jpeg_start_compress(&cinfo, TRUE);
    if (made->orientation)
        jpeg_make_exif(&cinfo, made->orientation);
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = made->seed, .purpose = RNG_TEST});
    JSAMPLE *row = malloc(4 * (size_t)made->w);
    assert_non_null(row);
    for (uint32_t y = 0; y < made->h; y++) {
        jpeg_make_row(made, &rng, y, cinfo.input_components, row);
        jpeg_write_scanlines(&cinfo, &row, 1);
    }
    free(row);
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    /* Memory of its own length, so that a sanitizer sees any read past it. */
    uint8_t *exact = malloc(len);
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    free(bytes);
    *ret_len = len;
    return exact;
}

/* What the library makes of all of it, as stored, reduced: [h][w][3], the caller's to free. Inks
 * become light here as the formula says, not as decode_jpeg.c computes it. */
static inline uint8_t *jpeg_make_oracle(const uint8_t *bytes, size_t len, uint32_t reduce,
                                        uint32_t *ret_w, uint32_t *ret_h)
{
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&cinfo);
    jpeg_mem_src(&cinfo, bytes, len);
    jpeg_read_header(&cinfo, TRUE);
    const bool inks = cinfo.num_components == 4;
    cinfo.out_color_space = inks ? JCS_CMYK : JCS_RGB;
    cinfo.scale_denom = reduce;
    jpeg_start_decompress(&cinfo);
    const uint32_t w = cinfo.output_width, h = cinfo.output_height;
    uint8_t *rgb = malloc(3 * (size_t)w * h), *line = malloc(4 * (size_t)w);
    assert_true(rgb && line);
    for (uint32_t y = 0; y < h; y++) {
        JSAMPROW row = inks ? line : rgb + 3 * (size_t)w * y;
        jpeg_read_scanlines(&cinfo, &row, 1);
        for (uint32_t i = 0; inks && i < 3 * w; i++) {
            const double ink = row[i / 3 * 4 + i % 3] / 255.0, black = row[i / 3 * 4 + 3] / 255.0;
            const double light = cinfo.saw_Adobe_marker ? ink * black : (1 - ink) * (1 - black);
            rgb[3 * (size_t)w * y + i] = (uint8_t)(light * 255 + 0.5);
        }
    }
    free(line);
    assert_int_equal(cinfo.err->num_warnings, 0);
    jpeg_destroy_decompress(&cinfo);
    *ret_w = w;
    *ret_h = h;
    return rgb;
}

#endif
