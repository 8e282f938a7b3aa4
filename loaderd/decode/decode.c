/* SPDX-License-Identifier: Apache-2.0 */
/* decode: takes encoded bytes, tells their kind by the signature, gives the picture upright. One
 * thread. Owns nothing: the bytes are a loan, the image is the caller's. It knows formats by name
 * only; their libraries are behind decode_jpeg.c and decode_vips.c. */
#include "loaderd/decode/parts.h"

#include "common/auto.h"

/* Formats by their first bytes; '?' stands for any byte. Those without a decoder are known so that
 * a refusal can say what it refused. */
static const struct signature {
    const char *name, *pattern;
    size_t len;
    decoder_fn *decode;
} signatures[] = {
    {"JPEG", "\xff\xd8\xff", 3, jpeg_decode},
    {"PNG", "\x89PNG\r\n\x1a\n", 8, png_decode},
    {"WebP", "RIFF????WEBP", 12, webp_decode},
    {"GIF", "GIF8", 4, NULL},
    {"TIFF", "II*\0", 4, NULL},
    {"TIFF", "MM\0*", 4, NULL},
    {"BigTIFF", "II+\0", 4, NULL},
    {"BigTIFF", "MM\0+", 4, NULL},
    {"BMP", "BM", 2, NULL},
    {"PBM", "P1", 2, NULL},
    {"PGM", "P2", 2, NULL},
    {"PPM", "P3", 2, NULL},
    {"PBM", "P4", 2, NULL},
    {"PGM", "P5", 2, NULL},
    {"PPM", "P6", 2, NULL},
    {"PAM", "P7", 2, NULL},
    {"HEIF or AVIF", "????ftyp", 8, NULL},
    {"JPEG 2000", "\0\0\0\x0cjP  ", 8, NULL},
    {"JPEG 2000", "\xff\x4f\xff\x51", 4, NULL},
    {"JPEG XL", "\0\0\0\x0cJXL ", 8, NULL},
    {"JPEG XL", "\xff\x0a", 2, NULL},
    {"Photoshop", "8BPS", 4, NULL},
    {"icon", "\0\0\1\0", 4, NULL},
    {"QOI", "qoif", 4, NULL},
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

int decode_image(const void *bytes, size_t len, struct image *image, enum wire_fault *ret_fault)
{
    if (len > DECODE_FILE_MAX)
        return decode_fail(ret_fault, FAULT_TOO_LARGE, "%zu bytes: the limit is %d", len,
                           DECODE_FILE_MAX);
    const struct signature *kind = signature_find(bytes, len);
    if (!kind)
        return decode_fail(ret_fault, FAULT_NOT_IMAGE,
                           len ? "no image format begins like this" : "empty");
    if (!kind->decode)
        return decode_fail(ret_fault, FAULT_UNSUPPORTED, "%s: not a format that is decoded",
                           kind->name);
    const struct encoded in = {.bytes = bytes, .len = len};
    unsigned orientation = 1;
    int rc = kind->decode(&in, image, &orientation, ret_fault);
    return rc < 0 ? rc : image_orient(image, orientation, ret_fault);
}
