/* SPDX-License-Identifier: Apache-2.0 */
/* decode_jpeg: takes a JPEG file, gives its pixels as stored and its EXIF orientation. The door to
 * libjpeg-turbo. One thread; the library's state lives for one call. It does not turn the picture.
 * The library answers errors by a call that must not return: that call jumps back to jpeg_decode.
 */
#include "loaderd/decode/parts.h"

#include "common/auto.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

enum {
    SCANS_MAX = 500,        /* a file of some kilobytes may ask for thousands of passes */
    MEMORY_MAX = 256 << 20, /* bytes; coefficients of the largest picture in several scans */
    EXIF_MARKER = JPEG_APP0 + 1,
    MARKER_BYTES_MAX = 0xffff, /* the format's own limit */
};

struct reader {
    struct jpeg_error_mgr errors; /* first: the library hands it back as cinfo->err */
    struct jpeg_decompress_struct cinfo;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    enum wire_fault fault;
    bool ended_early; /* the file stopped without its end marker */
};

/* Errors that speak of the format, not of damage. */
static const struct {
    int code;
    enum wire_fault fault;
} error_faults[] = {
    {JERR_ARITH_NOTIMPL, FAULT_UNSUPPORTED},   {JERR_BAD_J_COLORSPACE, FAULT_UNSUPPORTED},
    {JERR_BAD_PRECISION, FAULT_UNSUPPORTED},   {JERR_CCIR601_NOTIMPL, FAULT_UNSUPPORTED},
    {JERR_COMPONENT_COUNT, FAULT_UNSUPPORTED}, {JERR_CONVERSION_NOTIMPL, FAULT_UNSUPPORTED},
    {JERR_EMPTY_IMAGE, FAULT_UNSUPPORTED},     {JERR_FRACT_SAMPLE_NOTIMPL, FAULT_UNSUPPORTED},
    {JERR_NOTIMPL, FAULT_UNSUPPORTED},         {JERR_NOT_COMPILED, FAULT_UNSUPPORTED},
    {JERR_SOF_UNSUPPORTED, FAULT_UNSUPPORTED}, {JERR_IMAGE_TOO_BIG, FAULT_TOO_LARGE},
    {JERR_NO_BACKING_STORE, FAULT_TOO_LARGE},  {JERR_OUT_OF_MEMORY, FAULT_TOO_LARGE},
    {JERR_WIDTH_OVERFLOW, FAULT_TOO_LARGE},
};

/* Warnings after which every pixel is still what the encoder wrote. All others mean that the
 * library is about to invent data. */
static const int harmless_warnings[] = {
    JWRN_ADOBE_XFORM, JWRN_BOGUS_ICC,      JWRN_EXTRANEOUS_DATA,
    JWRN_JFIF_MAJOR,  JWRN_NOT_SEQUENTIAL, JWRN_TOO_MUCH_DATA,
};

static void give_up(j_common_ptr cinfo, enum wire_fault fault)
{
    struct reader *reader = (struct reader *)cinfo->err;
    char text[JMSG_LENGTH_MAX];
    cinfo->err->format_message(cinfo, text);
    reader->fault = fault;
    err_set(-EBADMSG, "JPEG: %s", text);
    longjmp(reader->escape, 1);
}

static void on_error(j_common_ptr cinfo)
{
    for (size_t i = 0; i < ARRAY_LEN(error_faults); i++)
        if (error_faults[i].code == cinfo->err->msg_code)
            give_up(cinfo, error_faults[i].fault);
    give_up(cinfo, FAULT_TRUNCATED);
}

static void on_message(j_common_ptr cinfo, int level)
{
    if (level >= 0) /* traces */
        return;
    struct reader *reader = (struct reader *)cinfo->err;
    if (cinfo->err->msg_code == JWRN_JPEG_EOF) {
        reader->ended_early = true;
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(harmless_warnings); i++)
        if (harmless_warnings[i] == cinfo->err->msg_code)
            return;
    give_up(cinfo, FAULT_TRUNCATED);
}

static void on_output(j_common_ptr cinfo)
{
    (void)cinfo; /* the library would print to stderr */
}

static void on_progress(j_common_ptr cinfo)
{
    struct reader *reader = (struct reader *)cinfo->err;
    if (reader->cinfo.input_scan_number <= SCANS_MAX)
        return;
    reader->fault = FAULT_UNSUPPORTED;
    err_set(-EBADMSG, "JPEG: more than %d scans", SCANS_MAX);
    longjmp(reader->escape, 1);
}

/* Ink to light, rounded as Pillow does: value * (255 - ink) / 255. */
static uint8_t darken(uint32_t value, uint32_t ink)
{
    const uint32_t product = value * (255 - ink) + 128;
    return (uint8_t)((product + (product >> 8)) >> 8);
}

/* cmyk: ink, 255 = full; Adobe's files store it inverted. */
static void cmyk_to_rgb(const uint8_t *cmyk, uint32_t w, bool inverted, uint8_t *rgb)
{
    const uint8_t flip = inverted ? 255 : 0;
    for (uint32_t i = 0; i < w; i++, cmyk += 4, rgb += 3) {
        const uint32_t light = 255u - (cmyk[3] ^ flip);
        for (int c = 0; c < 3; c++)
            rgb[c] = darken(light, cmyk[c] ^ flip);
    }
}

static void read_rgb(struct jpeg_decompress_struct *cinfo, struct image *image)
{
    const size_t pitch = 3 * (size_t)image->w;
    while (cinfo->output_scanline < cinfo->output_height) {
        JSAMPROW rows[8];
        JDIMENSION n = 0;
        for (; n < ARRAY_LEN(rows) && cinfo->output_scanline + n < cinfo->output_height; n++)
            rows[n] = image->rgb + (cinfo->output_scanline + n) * pitch;
        jpeg_read_scanlines(cinfo, rows, n);
    }
}

static void read_cmyk(struct jpeg_decompress_struct *cinfo, struct image *image)
{
    JSAMPARRAY line = cinfo->mem->alloc_sarray((j_common_ptr)cinfo, JPOOL_IMAGE, 4 * image->w, 1);
    while (cinfo->output_scanline < cinfo->output_height) {
        uint8_t *rgb = image->rgb + 3 * (size_t)image->w * cinfo->output_scanline;
        jpeg_read_scanlines(cinfo, line, 1);
        cmyk_to_rgb(line[0], image->w, cinfo->saw_Adobe_marker, rgb);
    }
}

static unsigned orientation_of(const struct jpeg_decompress_struct *cinfo)
{
    for (jpeg_saved_marker_ptr m = cinfo->marker_list; m; m = m->next)
        if (m->marker == EXIF_MARKER && m->data_length > 6 && memcmp(m->data, "Exif\0", 5) == 0)
            return exif_orientation(m->data, m->data_length);
    return 1;
}

/* Everything that may jump. */
static int read_picture(struct reader *reader, const struct encoded *in, struct image *image,
                        unsigned *ret_orientation)
{
    struct jpeg_decompress_struct *cinfo = &reader->cinfo;
    jpeg_create_decompress(cinfo);
    cinfo->mem->max_memory_to_use = MEMORY_MAX;
    reader->progress.progress_monitor = on_progress;
    cinfo->progress = &reader->progress;
    jpeg_mem_src(cinfo, in->bytes, in->len);
    jpeg_save_markers(cinfo, EXIF_MARKER, MARKER_BYTES_MAX);
    jpeg_read_header(cinfo, TRUE);
    const bool scans = jpeg_has_multiple_scans(cinfo);
    int rc = decode_limits(cinfo->image_width, cinfo->image_height, scans, &reader->fault);
    if (rc < 0)
        return rc;
    const bool inks = cinfo->num_components == 4;
    if (cinfo->jpeg_color_space == JCS_UNKNOWN)
        return decode_fail(&reader->fault, FAULT_UNSUPPORTED,
                           "JPEG: %d components of no known kind", cinfo->num_components);
    cinfo->out_color_space = inks ? JCS_CMYK : JCS_RGB;
    rc = image_reserve(image, cinfo->image_width, cinfo->image_height, &reader->fault);
    if (rc < 0)
        return rc;
    *ret_orientation = orientation_of(cinfo);
    jpeg_start_decompress(cinfo);
    (inks ? read_cmyk : read_rgb)(cinfo, image);
    /* Without an end marker a picture in one Huffman-coded scan is whole all the same: a missing
     * bit would have been a warning of its own. Of several scans, or of arithmetic coding, which
     * reads on in silence, nobody knows what is missing. */
    if (reader->ended_early && (scans || cinfo->arith_code))
        return decode_fail(&reader->fault, FAULT_TRUNCATED, "JPEG: no end marker");
    return 0;
}

int jpeg_decode(const struct encoded *in, struct image *image, unsigned *ret_orientation,
                enum wire_fault *ret_fault)
{
    struct reader reader = {0};
    reader.cinfo.err = jpeg_std_error(&reader.errors);
    reader.errors.error_exit = on_error;
    reader.errors.emit_message = on_message;
    reader.errors.output_message = on_output;
    int rc = setjmp(reader.escape) ? -EBADMSG : read_picture(&reader, in, image, ret_orientation);
    jpeg_destroy_decompress(&reader.cinfo);
    if (rc < 0)
        *ret_fault = reader.fault;
    return rc;
}
