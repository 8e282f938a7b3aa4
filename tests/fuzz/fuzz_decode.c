/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_decode: any bytes as an image file: libFuzzer's entry, which replay_decode.c calls as well.
 * Beyond not crashing it must hold that
 *   - a decoder that has seen other files answers as a new one does, to the byte;
 *   - where the whole picture can be had, every part of it can, and is the same;
 *   - where libjpeg-turbo alone decodes all of it without a word, the pixels are the same.
 * A breach aborts. Which parts are asked for is drawn from the bytes themselves. */
#include "tests/fuzz/fuzz.h"

#include "common/crc32c.h"
#include "common/rng.h"
#include "loaderd/decode/decode.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

enum {
    AREA_MAX = 1 << 20, /* pixels; of a larger picture only the header is read and one pixel */
    PARTS = 6,
};

struct answer {
    int rc;
    enum wire_fault fault;
    struct picture picture;
};

static struct decoder *used, *fresh;
static struct image whole, part, other;

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_decode: %s\n", what);
    abort();
}

static struct decoder *decoder_make(void)
{
    struct decoder *decoder = NULL;
    check(decode_open() == 0 && decoder_new(&decoder) == 0, "no decoder");
    return decoder;
}

static struct answer header(struct decoder *decoder, const uint8_t *data, size_t size)
{
    struct answer a = {0};
    a.rc = decode_header(decoder, data, size, &a.picture, &a.fault);
    check(a.rc == 0 ? a.fault == FAULT_NONE : a.fault > FAULT_NONE && a.fault < FAULT_CRASH,
          "a header's answer is neither a picture nor a typed fault");
    check(a.rc != 0 || (a.picture.w >= 1 && a.picture.w <= DECODE_SIDE_MAX && a.picture.h >= 1 &&
                        a.picture.h <= DECODE_SIDE_MAX),
          "a size out of bounds");
    return a;
}

static bool same_answer(const struct answer *a, const struct answer *b)
{
    return a->rc == b->rc && a->fault == b->fault && a->picture.w == b->picture.w &&
           a->picture.h == b->picture.h && a->picture.reduce_max == b->picture.reduce_max;
}

static struct answer pixels(struct decoder *decoder, const uint8_t *data, size_t size,
                            const struct region *want, uint32_t reduce, struct image *image)
{
    struct answer a = header(decoder, data, size);
    check(a.rc == 0, "a header that could be read no longer can");
    a.rc = decode_pixels(decoder, want, reduce, image, &a.fault);
    check(a.rc == 0 ? a.fault == FAULT_NONE : a.fault > FAULT_NONE && a.fault < FAULT_CRASH,
          "the answer is neither pixels nor a typed fault");
    return a;
}

/* Every byte of the region is looked at: memory that was never written shows under valgrind. */
static bool same_pixels(const struct image *a, const struct image *b, const struct region *r)
{
    uint32_t differ = 0;
    for (uint32_t y = r->top; y < r->top + r->rows; y++) {
        const uint8_t *pa =
            a->rgb + 3 * ((size_t)(y - a->window.top) * a->window.cols + r->left - a->window.left);
        const uint8_t *pb =
            b->rgb + 3 * ((size_t)(y - b->window.top) * b->window.cols + r->left - b->window.left);
        for (size_t i = 0; i < 3 * (size_t)r->cols; i++)
            differ |= pa[i] ^ pb[i];
    }
    return differ == 0;
}

static struct region region_draw(struct rng *rng, uint32_t w, uint32_t h)
{
    struct region r = {.rows = 1 + rng_below(rng, h), .cols = 1 + rng_below(rng, w)};
    r.top = rng_below(rng, h - r.rows + 1);
    r.left = rng_below(rng, w - r.cols + 1);
    return r;
}

static void parts(const uint8_t *data, size_t size, uint32_t reduce, bool sound)
{
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = crc32c(0, data, size), .purpose = RNG_TEST});
    const uint32_t w = (whole.w + reduce - 1) / reduce, h = (whole.h + reduce - 1) / reduce;
    for (int n = 0; n < PARTS; n++) {
        const struct region want = region_draw(&rng, w, h);
        const struct answer a = pixels(used, data, size, &want, reduce, &part);
        const struct answer b = pixels(fresh, data, size, &want, reduce, &other);
        check(same_answer(&a, &b), "two decoders answer differently");
        check(a.rc != 0 || same_pixels(&part, &other, &want), "two decoders' pixels differ");
        check(!sound || a.rc == 0, "the whole picture can be had, a part of it cannot");
        check(!sound || same_pixels(&part, &whole, &want), "a part is not that of the whole");
    }
}

/* --- libjpeg-turbo by itself --- */

struct plain {
    struct jpeg_error_mgr errors; /* first: the library hands it back as cinfo->err */
    struct jpeg_decompress_struct cinfo;
    jmp_buf escape;
};

static void on_error(j_common_ptr cinfo)
{
    longjmp(((struct plain *)cinfo->err)->escape, 1);
}

static void on_message(j_common_ptr cinfo, int level)
{
    if (level < 0)
        on_error(cinfo);
}

/* Compares row by row, as stored; orientation has its own tests. */
static void compare_plain(const uint8_t *data, size_t size)
{
    static struct plain plain;
    static JSAMPLE row[3 * DECODE_SIDE_MAX];
    struct jpeg_decompress_struct *cinfo = &plain.cinfo;
    cinfo->err = jpeg_std_error(&plain.errors);
    plain.errors.error_exit = on_error;
    plain.errors.emit_message = on_message;
    if (setjmp(plain.escape) == 0) {
        jpeg_create_decompress(cinfo);
        jpeg_mem_src(cinfo, data, size);
        jpeg_read_header(cinfo, TRUE);
        cinfo->out_color_space = JCS_RGB; /* inks are an error: they are ours to convert */
        jpeg_start_decompress(cinfo);
        while (cinfo->output_scanline < cinfo->output_height) {
            JSAMPROW rows[1] = {row};
            const size_t y = cinfo->output_scanline, bytes = 3 * (size_t)whole.w;
            jpeg_read_scanlines(cinfo, rows, 1);
            check(memcmp(row, whole.rgb + y * bytes, bytes) == 0, "libjpeg-turbo says otherwise");
        }
    }
    jpeg_destroy_decompress(cinfo);
}

/* Without an EXIF block that could turn it. */
static bool is_plain_jpeg(const uint8_t *data, size_t size)
{
    return size > 3 && memcmp(data, "\xff\xd8\xff", 3) == 0 && !memmem(data, size, "Exif", 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!used)
        used = decoder_make();
    fresh = decoder_make();
    const struct answer a = header(used, data, size), b = header(fresh, data, size);
    check(same_answer(&a, &b), "two decoders read a header differently");
    const bool large = a.rc == 0 && (uint64_t)a.picture.w * a.picture.h > AREA_MAX;
    if (large) {
        const struct region one = {.rows = 1, .cols = 1};
        pixels(used, data, size, &one, a.picture.reduce_max, &part);
    }
    for (uint32_t reduce = 1; a.rc == 0 && !large && reduce <= a.picture.reduce_max; reduce *= 2) {
        const struct region all = {.rows = (a.picture.h + reduce - 1) / reduce,
                                   .cols = (a.picture.w + reduce - 1) / reduce};
        const struct answer c = pixels(used, data, size, &all, reduce, &whole);
        if (c.rc == 0 && reduce == 1 && is_plain_jpeg(data, size))
            compare_plain(data, size);
        whole.w = a.picture.w;
        whole.h = a.picture.h;
        parts(data, size, reduce, c.rc == 0);
    }
    decoder_free(fresh);
    return 0;
}

void fuzz_done(void)
{
    decoder_free(used);
    used = NULL;
    image_done(&whole);
    image_done(&part);
    image_done(&other);
    decode_close();
}
