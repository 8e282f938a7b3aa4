/* SPDX-License-Identifier: Apache-2.0 */
/* decode: takes encoded bytes, tells their kind by the signature, gives the picture upright. One
 * thread per struct decoder, which owns the libraries' state; the bytes are a loan, the image is
 * the caller's. It knows formats by name only; their libraries are behind decode_jpeg.c and
 * decode_vips.c. Raw pixels have no signature: they come with their size. */
#include "loaderd/decode/parts.h"

#include "common/auto.h"
#include "loaderd/source/source.h"

#include <assert.h>
#include <stdlib.h>

/* Formats by their first bytes; '?' stands for any byte. Those without a decoder are known so that
 * a refusal can say what it refused. */
static const struct signature {
    const char *name, *pattern;
    size_t len;
    const struct codec *codec;
    uint32_t encoding; /* enum encoding; 0 where there is no codec */
} signatures[] = {
    {"JPEG", "\xff\xd8\xff", 3, &jpeg_codec, ENCODING_JPEG},
    {"PNG", "\x89PNG\r\n\x1a\n", 8, &png_codec, ENCODING_PNG},
    {"WebP", "RIFF????WEBP", 12, &webp_codec, ENCODING_WEBP},
    {"GIF", "GIF8", 4, NULL, 0},
    {"TIFF", "II*\0", 4, NULL, 0},
    {"TIFF", "MM\0*", 4, NULL, 0},
    {"BigTIFF", "II+\0", 4, NULL, 0},
    {"BigTIFF", "MM\0+", 4, NULL, 0},
    {"BMP", "BM", 2, NULL, 0},
    {"PBM", "P1", 2, NULL, 0},
    {"PGM", "P2", 2, NULL, 0},
    {"PPM", "P3", 2, NULL, 0},
    {"PBM", "P4", 2, NULL, 0},
    {"PGM", "P5", 2, NULL, 0},
    {"PPM", "P6", 2, NULL, 0},
    {"PAM", "P7", 2, NULL, 0},
    {"HEIF or AVIF", "????ftyp", 8, NULL, 0},
    {"JPEG 2000", "\0\0\0\x0cjP  ", 8, NULL, 0},
    {"JPEG 2000", "\xff\x4f\xff\x51", 4, NULL, 0},
    {"JPEG XL", "\0\0\0\x0cJXL ", 8, NULL, 0},
    {"JPEG XL", "\xff\x0a", 2, NULL, 0},
    {"Photoshop", "8BPS", 4, NULL, 0},
    {"icon", "\0\0\1\0", 4, NULL, 0},
    {"QOI", "qoif", 4, NULL, 0},
};

static bool signature_fits(const struct signature *signature, const uint8_t *bytes, size_t len)
{
    if (len < signature->len)
        return false;
    for (size_t i = 0; i < signature->len; i++)
        if (signature->pattern[i] != '?' && (uint8_t)signature->pattern[i] != bytes[i])
            return false;
    return true;
}

static const struct signature *signature_find(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(signatures); i++)
        if (signature_fits(&signatures[i], bytes, len))
            return &signatures[i];
    return NULL;
}

int decode_limits(uint64_t w, uint64_t h, bool interlaced, enum wire_fault *ret_fault)
{
    const uint64_t area_max = interlaced ? DECODE_AREA_INTERLACED_MAX : DECODE_AREA_MAX;
    if (w <= DECODE_SIDE_MAX && h <= DECODE_SIDE_MAX && w * h <= area_max)
        return 0;
    return decode_fail(ret_fault, FAULT_TOO_LARGE,
                       "%llux%llu pixels%s: the limits are %d a side and %llu in all",
                       (unsigned long long)w, (unsigned long long)h,
                       interlaced ? ", interlaced or progressive" : "", DECODE_SIDE_MAX,
                       (unsigned long long)area_max);
}

int decode_open(void)
{
    return vips_door_open();
}

void decode_close(void)
{
    vips_door_close();
}

static void decoder_freep(struct decoder **decoder)
{
    decoder_free(*decoder);
}

int decoder_new(struct decoder **ret)
{
    auto_with(decoder_freep) struct decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return err_set(-ENOMEM, "no memory to decode with");
    int rc = jpeg_reader_new(&decoder->jpeg);
    if (rc < 0)
        return rc;
    *ret = take_ptr(&decoder);
    return 0;
}

/* Lets go of the picture whose header was read. */
static void decoder_forget(struct decoder *decoder)
{
    if (decoder->codec)
        decoder->codec->close(decoder);
    decoder->codec = NULL;
}

void decoder_free(struct decoder *decoder)
{
    if (!decoder)
        return;
    decoder_forget(decoder);
    jpeg_reader_free(decoder->jpeg);
    image_done(&decoder->sideways);
    free(decoder);
}

/* The picture's header, by the codec that is its own. */
static int header_read(struct decoder *decoder, const struct codec *codec, const struct encoded *in,
                       struct picture *ret, enum wire_fault *ret_fault)
{
    decoder->stored = (struct stored){.orientation = 1};
    decoder->codec = codec;
    int rc = codec->header(decoder, in, ret_fault);
    if (rc < 0) {
        decoder_forget(decoder);
        return rc;
    }
    const struct stored *stored = &decoder->stored;
    const bool transposed = stored->orientation > 4;
    *ret = (struct picture){.w = transposed ? stored->h : stored->w,
                            .h = transposed ? stored->w : stored->h,
                            .reduce_max = image_reduce_max(stored)};
    return 0;
}

int decode_allow(const void *bytes, size_t len, uint32_t allow, enum wire_fault *ret_fault)
{
    const struct signature *kind = signature_find(bytes, len);
    if (!kind || !kind->codec || (kind->encoding & allow))
        return 0;
    return decode_fail(ret_fault, FAULT_UNSUPPORTED, "%s: not a kind that this dataset allows",
                       kind->name);
}

int decode_header(struct decoder *decoder, const void *bytes, size_t len, struct picture *ret,
                  enum wire_fault *ret_fault)
{
    decoder_forget(decoder);
    if (len > DECODE_FILE_MAX)
        return decode_fail(ret_fault, FAULT_TOO_LARGE, "%zu bytes: the limit is %d", len,
                           DECODE_FILE_MAX);
    const struct signature *kind = signature_find(bytes, len);
    if (!kind)
        return decode_fail(ret_fault, FAULT_NOT_IMAGE,
                           len ? "no image format begins like this" : "empty");
    if (!kind->codec)
        return decode_fail(ret_fault, FAULT_UNSUPPORTED, "%s: not a format that is decoded",
                           kind->name);
    const struct encoded in = {.bytes = bytes, .len = len};
    return header_read(decoder, kind->codec, &in, ret, ret_fault);
}

int decode_raw_header(struct decoder *decoder, const struct raw *raw, const void *bytes, size_t len,
                      struct picture *ret, enum wire_fault *ret_fault)
{
    decoder_forget(decoder);
    decoder->raw = *raw;
    const struct encoded in = {.bytes = bytes, .len = len};
    return header_read(decoder, &raw_codec, &in, ret, ret_fault);
}

int decode_pixels(struct decoder *decoder, const struct region *want, uint32_t reduce,
                  struct image *image, enum wire_fault *ret_fault)
{
    const struct stored stored = decoder->stored;
    assert(decoder->codec && reduce >= 1 && image_reduce_max(&stored) % reduce == 0);
    const struct region region = image_stored_region(&stored, reduce, want);
    const uint32_t w = (stored.w + reduce - 1) / reduce, h = (stored.h + reduce - 1) / reduce;
    assert(region.rows >= 1 && region.top < h && region.rows <= h - region.top);
    assert(region.cols >= 1 && region.left < w && region.cols <= w - region.left);
    struct image *out = stored.orientation == 1 ? image : &decoder->sideways;
    int rc = decoder->codec->pixels(decoder, &region, reduce, out, ret_fault);
    decoder_forget(decoder);
    if (rc < 0)
        return rc;
    out->w = stored.w;
    out->h = stored.h;
    out->reduce = reduce;
    return out == image ? 0 : image_turn(out, stored.orientation, image, ret_fault);
}
