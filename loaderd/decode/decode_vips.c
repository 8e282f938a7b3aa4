/* SPDX-License-Identifier: Apache-2.0 */
/* decode_vips: takes a PNG or WebP file, gives its pixels as stored and its EXIF orientation. The
 * door to libvips. One thread; it opens files by memory only, uses libvips' loaders and none of its
 * other operations: the conversion to RGB is a loop here. It does not turn the picture. */
#include "loaderd/decode/parts.h"

#include "common/auto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vips/vips.h>

enum { STRIP = 16 /* rows asked for at once */ };

static void unref_object(void *p)
{
    g_clear_object((GObject **)p);
}

/* libpng's own words go to GLib's log, not to libvips' error buffer: the last of them is kept for
 * the message of a file that fails, and nothing is printed. */
static char remark[160];

static void keep_remark(const gchar *domain, GLogLevelFlags level, const gchar *text, gpointer data)
{
    (void)domain, (void)level, (void)data;
    snprintf(remark, sizeof remark, "%s", text);
}

int vips_door_open(void)
{
    if (VIPS_INIT("augstream") != 0)
        return err_set(-EIO, "libvips does not start: %s", vips_error_buffer());
    /* Everything that loads is off, then two formats are on: libvips' own list of untrusted loaders
     * leaves TIFF, GIF and HEIF on. */
    vips_operation_block_set("VipsForeignLoad", TRUE);
    vips_operation_block_set("VipsForeignLoadPng", FALSE);
    vips_operation_block_set("VipsForeignLoadWebp", FALSE);
    vips_cache_set_max(0); /* no picture comes twice */
    vips_concurrency_set(1);
    g_log_set_handler("VIPS", G_LOG_LEVEL_MASK & ~G_LOG_LEVEL_ERROR, keep_remark, NULL);
    return 0;
}

void vips_door_close(void)
{
    vips_shutdown();
}

/* libvips says in words only that memory was short. */
static enum wire_fault fault_of(const char *text)
{
    return strcasestr(text, "out of memory") ? FAULT_TOO_LARGE : FAULT_TRUNCATED;
}

static int fail_damaged(const char *format, enum wire_fault *ret_fault)
{
    const char *text = vips_error_buffer();
    if (!*text)
        text = *remark ? remark : "damaged";
    int rc =
        decode_fail(ret_fault, fault_of(text), "%s: %.*s", format, (int)strcspn(text, "\n"), text);
    vips_error_clear();
    return rc;
}

struct layout {
    uint32_t w, bands;
    bool wide; /* 16 bits a sample */
};

static void row_to_rgb(const struct layout *layout, const void *row, uint8_t *rgb)
{
    const uint8_t *narrow = row;
    const uint16_t *wide = row;
    const uint32_t bands = layout->bands, step = bands < 3 ? 0 : 1; /* gray: one sample thrice */
    for (uint32_t i = 0; i < layout->w; i++, rgb += 3)
        for (uint32_t c = 0; c < 3; c++)
            rgb[c] = layout->wide ? (uint8_t)(wide[i * bands + c * step] >> 8)
                                  : narrow[i * bands + c * step];
}

/* Pulls the pixels through in strips, top to bottom, so that a sequential loader need not keep
 * them. */
static int read_strips(VipsImage *in, const struct layout *layout, struct image *image)
{
    auto_with(unref_object) VipsRegion *region = vips_region_new(in);
    if (!region)
        return -1;
    for (uint32_t y = 0; y < image->window.rows; y += STRIP) {
        const uint32_t rows = image->window.rows - y < STRIP ? image->window.rows - y : STRIP;
        const VipsRect rect = {0, (int)y, (int)layout->w, (int)rows};
        if (vips_region_prepare(region, &rect) != 0)
            return -1;
        for (uint32_t i = y; i < y + rows; i++)
            row_to_rgb(layout, VIPS_REGION_ADDR(region, 0, (int)i),
                       image->rgb + 3 * (size_t)layout->w * i);
    }
    return 0;
}

static unsigned orientation_of(VipsImage *in)
{
    const void *bytes;
    size_t len;
    if (!vips_image_get_typeof(in, VIPS_META_EXIF_NAME) ||
        vips_image_get_blob(in, VIPS_META_EXIF_NAME, &bytes, &len) != 0)
        return 1;
    return exif_orientation(bytes, len);
}

static bool is_interlaced(VipsImage *in)
{
    int interlaced = 0;
    return vips_image_get_typeof(in, "interlaced") &&
           vips_image_get_int(in, "interlaced", &interlaced) == 0 && interlaced;
}

/* What both formats share, once libvips has read the header. */
static int header_check(struct decoder *decoder, enum wire_fault *ret_fault)
{
    VipsImage *in = decoder->vips.picture;
    const char *format = decoder->vips.format;
    if (vips_image_get_n_pages(in) > 1)
        return decode_fail(ret_fault, FAULT_UNSUPPORTED, "%s: animated", format);
    const int w = vips_image_get_width(in), h = vips_image_get_height(in);
    const int bands = vips_image_get_bands(in), kind = vips_image_get_format(in);
    if (w < 1 || h < 1 || bands < 1 || bands > 4 ||
        (kind != VIPS_FORMAT_UCHAR && kind != VIPS_FORMAT_USHORT))
        return decode_fail(ret_fault, FAULT_UNSUPPORTED, "%s: %dx%d pixels of %d samples", format,
                           w, h, bands);
    decoder->stored.w = (uint32_t)w;
    decoder->stored.h = (uint32_t)h;
    return decode_limits((uint64_t)w, (uint64_t)h, is_interlaced(in), ret_fault);
}

static int png_header(struct decoder *decoder, const struct encoded *in, enum wire_fault *ret_fault)
{
    remark[0] = '\0';
    decoder->vips = (struct vips_source){.format = "PNG"};
    struct png_essence essence;
    int rc = png_strip(in, &essence, ret_fault);
    if (rc < 0)
        return rc;
    decoder->vips.bytes = essence.bytes;
    if (essence.animated) /* libpng would show the first frame and not tell */
        return decode_fail(ret_fault, FAULT_UNSUPPORTED, "PNG: animated");
    VipsImage *picture = NULL;
    if (vips_pngload_buffer(essence.bytes, essence.len, &picture, "access", VIPS_ACCESS_SEQUENTIAL,
                            "fail_on", VIPS_FAIL_ON_ERROR, NULL) != 0)
        return fail_damaged("PNG", ret_fault);
    decoder->vips.picture = picture;
    decoder->stored.orientation = essence.orientation;
    return header_check(decoder, ret_fault);
}

static int webp_header(struct decoder *decoder, const struct encoded *in,
                       enum wire_fault *ret_fault)
{
    remark[0] = '\0';
    decoder->vips = (struct vips_source){.format = "WebP"};
    uint32_t sides[2];
    int rc = webp_sides(in, sides, ret_fault);
    if (rc == 0) /* libvips takes memory for all of them when it opens the file */
        rc = decode_limits(sides[0], sides[1], false, ret_fault);
    if (rc < 0)
        return rc;
    VipsImage *picture = NULL;
    if (vips_webpload_buffer((void *)in->bytes, in->len, &picture, "access", VIPS_ACCESS_SEQUENTIAL,
                             "fail_on", VIPS_FAIL_ON_ERROR, NULL) != 0)
        return fail_damaged("WebP", ret_fault);
    decoder->vips.picture = picture;
    decoder->stored.orientation = orientation_of(picture);
    return header_check(decoder, ret_fault);
}

/* The whole picture, whatever is wanted of it. */
static int read_pixels(struct decoder *decoder, const struct region *want, uint32_t reduce,
                       struct image *image, enum wire_fault *ret_fault)
{
    (void)want, (void)reduce;
    VipsImage *in = decoder->vips.picture;
    const struct region whole = {.rows = decoder->stored.h, .cols = decoder->stored.w};
    int rc = image_reserve(image, &whole, ret_fault);
    if (rc < 0)
        return rc;
    const struct layout layout = {.w = whole.cols,
                                  .bands = (uint32_t)vips_image_get_bands(in),
                                  .wide = vips_image_get_format(in) == VIPS_FORMAT_USHORT};
    return read_strips(in, &layout, image) == 0 ? 0 : fail_damaged(decoder->vips.format, ret_fault);
}

static void close_picture(struct decoder *decoder)
{
    unref_object(&decoder->vips.picture);
    free(decoder->vips.bytes); /* only now: the picture reads them */
    decoder->vips = (struct vips_source){0};
}

const struct codec png_codec = {png_header, read_pixels, close_picture};
const struct codec webp_codec = {webp_header, read_pixels, close_picture};
