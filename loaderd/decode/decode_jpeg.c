/* SPDX-License-Identifier: Apache-2.0 */
/* decode_jpeg: takes a JPEG file, gives its size and EXIF orientation, then the part of its pixels
 * that is wanted, as stored. The door to libjpeg-turbo. One thread per struct jpeg_reader, which
 * keeps the library's state and memory from picture to picture. It does not turn the picture. The
 * library answers errors by a call that must not return: that call jumps back to the codec's entry.
 */
#include "loaderd/decode/parts.h"

#include "common/auto.h"
#include "loaderd/decode/jpeg.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>

enum {
    SCANS_MAX = 500,        /* a file of some kilobytes may ask for thousands of passes */
    MEMORY_MAX = 256 << 20, /* bytes; coefficients of the largest picture in several scans */
    EXIF_MARKER = JPEG_APP0 + 1,
    MARKER_BYTES_MAX = 0xffff, /* the format's own limit */
    /* Columns decoded on either side of those that are wanted: at a cut, which the library takes
     * for the picture's edge, smooth chroma upsampling repeats the last sample instead of looking
     * at the next; and it looks at neither where fewer than three samples are left. */
    MARGIN = 8,
    SMOOTHED = 10, /* coefficients of a block that block smoothing would invent if they lack bits */
};

struct jpeg_reader {
    struct jpeg_error_mgr errors; /* first: the library hands it back as cinfo->err */
    struct jpeg_decompress_struct cinfo;
    struct jpeg_progress_mgr progress;
    struct jpeg_source_mgr source;
    struct jpeg_memory memory;
    struct huffman huffman;
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
    struct jpeg_reader *reader = (struct jpeg_reader *)cinfo->err;
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
    struct jpeg_reader *reader = (struct jpeg_reader *)cinfo->err;
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
    struct jpeg_reader *reader = (struct jpeg_reader *)cinfo->err;
    if (reader->cinfo.input_scan_number <= SCANS_MAX)
        return;
    reader->fault = FAULT_UNSUPPORTED;
    err_set(-EBADMSG, "JPEG: more than %d scans", SCANS_MAX);
    longjmp(reader->escape, 1);
}

/* --- the file, whole in memory --- */

static void source_nothing(struct jpeg_decompress_struct *cinfo)
{
    (void)cinfo;
}

/* All bytes were there from the start: they are at an end. */
static boolean source_fill(struct jpeg_decompress_struct *cinfo)
{
    static const JOCTET end[] = {0xff, JPEG_EOI};
    WARNMS(cinfo, JWRN_JPEG_EOF);
    cinfo->src->next_input_byte = end;
    cinfo->src->bytes_in_buffer = sizeof end;
    return TRUE;
}

static void source_skip(struct jpeg_decompress_struct *cinfo, long bytes)
{
    struct jpeg_source_mgr *source = cinfo->src;
    if (bytes > 0 && (size_t)bytes > source->bytes_in_buffer) {
        source_fill(cinfo);
    } else if (bytes > 0) {
        source->next_input_byte += bytes;
        source->bytes_in_buffer -= (size_t)bytes;
    }
}

/* --- the header --- */

static unsigned orientation_of(const struct jpeg_decompress_struct *cinfo)
{
    for (jpeg_saved_marker_ptr m = cinfo->marker_list; m; m = m->next)
        if (m->marker == EXIF_MARKER && m->data_length > 6 && memcmp(m->data, "Exif\0", 5) == 0)
            return exif_orientation(m->data, m->data_length);
    return 1;
}

/* As good as new. The library keeps tables for files that leave theirs out and rely on those of the
 * file before: no file is to depend on another, and their memory is gone with the picture's. */
static void reader_reset(struct jpeg_reader *reader)
{
    struct jpeg_decompress_struct *cinfo = &reader->cinfo;
    jpeg_abort_decompress(cinfo);
    memset(cinfo->quant_tbl_ptrs, 0, sizeof cinfo->quant_tbl_ptrs);
    memset(cinfo->dc_huff_tbl_ptrs, 0, sizeof cinfo->dc_huff_tbl_ptrs);
    memset(cinfo->ac_huff_tbl_ptrs, 0, sizeof cinfo->ac_huff_tbl_ptrs);
    reader->fault = FAULT_NONE;
    reader->ended_early = false;
}

/* May jump. */
static int header_read(struct jpeg_reader *reader, const struct encoded *in, struct stored *stored)
{
    struct jpeg_decompress_struct *cinfo = &reader->cinfo;
    reader_reset(reader);
    reader->source.next_input_byte = in->bytes;
    reader->source.bytes_in_buffer = in->len;
    jpeg_read_header(cinfo, TRUE);
    if (cinfo->jpeg_color_space == JCS_UNKNOWN)
        return decode_fail(&reader->fault, FAULT_UNSUPPORTED,
                           "JPEG: %d components of no known kind", cinfo->num_components);
    *stored = (struct stored){.w = cinfo->image_width,
                              .h = cinfo->image_height,
                              .orientation = orientation_of(cinfo),
                              .reducible = true};
    return decode_limits(stored->w, stored->h, jpeg_has_multiple_scans(cinfo), &reader->fault);
}

/* C11 7.13.1.1: setjmp may stand in few places, and the right side of `=` is none of them. */
static int answer(const struct jpeg_reader *reader, int rc, enum wire_fault *ret_fault)
{
    if (rc < 0)
        *ret_fault = reader->fault;
    return rc;
}

static int jpeg_header(struct decoder *decoder, const struct encoded *in,
                       enum wire_fault *ret_fault)
{
    struct jpeg_reader *reader = decoder->jpeg;
    if (setjmp(reader->escape) != 0)
        return answer(reader, -EBADMSG, ret_fault);
    return answer(reader, header_read(reader, in, &decoder->stored), ret_fault);
}

/* --- the pixels --- */

/* Ink to light, rounded as Pillow does: value * (255 - ink) / 255. */
static uint8_t darken(uint32_t value, uint32_t ink)
{
    const uint32_t product = value * (255 - ink) + 128;
    return (uint8_t)((product + (product >> 8)) >> 8);
}

/* cmyk: 255 = no ink, which is how Adobe stores it and what Pillow takes every file for, marked as
 * Adobe's or not. */
static void cmyk_to_rgb(const uint8_t *cmyk, uint32_t w, uint8_t *rgb)
{
    for (uint32_t i = 0; i < w; i++, cmyk += 4, rgb += 3)
        for (int c = 0; c < 3; c++)
            rgb[c] = darken(cmyk[3], cmyk[c] ^ 255u);
}

static void read_rgb(struct jpeg_decompress_struct *cinfo, struct image *image)
{
    const size_t pitch = 3 * (size_t)image->window.cols;
    for (uint32_t y = 0; y < image->window.rows;) {
        JSAMPROW rows[8];
        JDIMENSION n = 0;
        for (; n < ARRAY_LEN(rows) && y + n < image->window.rows; n++)
            rows[n] = image->rgb + (y + n) * pitch;
        y += jpeg_read_scanlines(cinfo, rows, n);
    }
}

static void read_cmyk(struct jpeg_decompress_struct *cinfo, struct image *image)
{
    const uint32_t w = image->window.cols;
    JSAMPARRAY line = cinfo->mem->alloc_sarray((j_common_ptr)cinfo, JPOOL_IMAGE, 4 * w, 1);
    for (uint32_t y = 0; y < image->window.rows; y++) {
        jpeg_read_scanlines(cinfo, line, 1);
        cmyk_to_rgb(line[0], w, image->rgb + 3 * (size_t)w * y);
    }
}

static void read_unwanted(struct jpeg_decompress_struct *cinfo)
{
    const JDIMENSION bytes = cinfo->output_width * (JDIMENSION)cinfo->output_components;
    JSAMPARRAY line = cinfo->mem->alloc_sarray((j_common_ptr)cinfo, JPOOL_IMAGE, bytes, 1);
    while (cinfo->output_scanline < cinfo->output_height)
        jpeg_read_scanlines(cinfo, line, 1);
}

/* Where bits of the first coefficients never came, the library smooths: it looks at blocks around
 * each block, and a cut picture is no longer a part of the whole one. */
static bool is_smoothed(const struct jpeg_decompress_struct *cinfo)
{
    if (!cinfo->progressive_mode || !cinfo->coef_bits)
        return false;
    for (int c = 0; c < cinfo->num_components; c++)
        for (int i = 1; i < SMOOTHED; i++)
            if (cinfo->coef_bits[c][i] != 0)
                return true;
    return false;
}

/* jpeg_crop_scanline forgets that a component may be reduced less than the others (chroma, so that
 * it needs less upsampling) and still be upsampled: it would stop too far left. */
static bool is_unevenly_reduced(const struct jpeg_decompress_struct *cinfo)
{
    for (int c = 0; c < cinfo->num_components; c++) {
        const jpeg_component_info *info = &cinfo->comp_info[c];
        if (info->DCT_scaled_size != cinfo->min_DCT_scaled_size &&
            info->h_samp_factor * info->DCT_scaled_size !=
                cinfo->max_h_samp_factor * cinfo->min_DCT_scaled_size)
            return true;
    }
    return false;
}

/* The marker that ends the coded data from here on, past stuffed zeros and restarts; 0: none. */
static int marker_after(const uint8_t *next, const uint8_t *end)
{
    while (next < end && (next = memchr(next, 0xff, (size_t)(end - next))) && ++next < end) {
        if (*next == 0xff) /* padding before a marker */
            continue;
        if (*next != 0 && (*next < JPEG_RST0 || *next > JPEG_RST0 + 7))
            return *next;
        next++;
    }
    return 0;
}

/* That of the scan being read. The library may stand behind it, having met it or, where the file
 * ended, made one up. */
static int scan_end(const struct jpeg_reader *reader, bool huffman)
{
    const struct jpeg_decompress_struct *cinfo = &reader->cinfo;
    if (huffman)
        return marker_after(reader->huffman.raw, reader->huffman.raw_end);
    if (reader->ended_early)
        return 0;
    if (cinfo->unread_marker)
        return cinfo->unread_marker;
    const uint8_t *next = cinfo->src->next_input_byte;
    return marker_after(next, next + cinfo->src->bytes_in_buffer);
}

/* The wanted rows have been read. A scan that goes on to the end marker is whole: what is left of
 * it need not be decoded to know that. Any other is decoded to the last row, where a missing bit
 * would be a warning of its own; but arithmetic coding reads on in silence, and of that nobody
 * knows what is missing unless a marker ends it. */
static int check_rest(struct jpeg_reader *reader, bool huffman)
{
    if (scan_end(reader, huffman) == JPEG_EOI)
        return 0;
    read_unwanted(&reader->cinfo);
    if (reader->cinfo.arith_code && scan_end(reader, huffman) == 0)
        return decode_fail(&reader->fault, FAULT_TRUNCATED, "JPEG: no end marker");
    return 0;
}

/* The wanted columns, with the margin that makes them what they are in the whole picture, or all:
 * sets the image's window. */
static int choose_window(struct jpeg_reader *reader, const struct region *want, struct image *image)
{
    struct jpeg_decompress_struct *cinfo = &reader->cinfo;
    const JDIMENSION width = cinfo->output_width, end = want->left + want->cols;
    JDIMENSION left = 0, cols = width;
    if (!is_smoothed(cinfo) && !is_unevenly_reduced(cinfo)) {
        left = want->left > MARGIN ? want->left - MARGIN : 0;
        cols = (width - end > MARGIN ? end + MARGIN : width) - left;
        jpeg_crop_scanline(cinfo, &left, &cols); /* moves left to where a block begins */
    }
    const struct region window = {.top = want->top, .left = left, .rows = want->rows, .cols = cols};
    return image_reserve(image, &window, &reader->fault);
}

/* May jump. */
static int pixels_read(struct jpeg_reader *reader, const struct region *want, uint32_t reduce,
                       struct image *image)
{
    struct jpeg_decompress_struct *cinfo = &reader->cinfo;
    const bool inks = cinfo->num_components == 4, scans = jpeg_has_multiple_scans(cinfo);
    cinfo->out_color_space = inks ? JCS_CMYK : JCS_RGB;
    cinfo->scale_num = 1;
    cinfo->scale_denom = reduce;
    jpeg_start_decompress(cinfo); /* takes in all scans where there are several */
    /* Of several scans nobody knows what is missing. */
    if (reader->ended_early && scans)
        return decode_fail(&reader->fault, FAULT_TRUNCATED, "JPEG: no end marker");
    const bool huffman = huffman_attach(&reader->huffman, cinfo);
    int rc = choose_window(reader, want, image);
    if (rc < 0)
        return rc;
    if (want->top > 0)
        jpeg_skip_scanlines(cinfo, want->top);
    (inks ? read_cmyk : read_rgb)(cinfo, image);
    return scans ? 0 : check_rest(reader, huffman);
}

static int jpeg_pixels(struct decoder *decoder, const struct region *want, uint32_t reduce,
                       struct image *image, enum wire_fault *ret_fault)
{
    struct jpeg_reader *reader = decoder->jpeg;
    if (setjmp(reader->escape) != 0)
        return answer(reader, -EBADMSG, ret_fault);
    return answer(reader, pixels_read(reader, want, reduce, image), ret_fault);
}

static void jpeg_close(struct decoder *decoder)
{
    reader_reset(decoder->jpeg);
}

const struct codec jpeg_codec = {jpeg_header, jpeg_pixels, jpeg_close};

/* --- the reader --- */

/* May jump: the library's creation takes memory. */
static int reader_create(struct jpeg_reader *reader)
{
    if (setjmp(reader->escape))
        return -ENOMEM;
    struct jpeg_decompress_struct *cinfo = &reader->cinfo;
    jpeg_create_decompress(cinfo);
    jpeg_memory_install(&reader->memory, cinfo, MEMORY_MAX);
    jpeg_save_markers(cinfo, EXIF_MARKER, MARKER_BYTES_MAX);
    reader->progress.progress_monitor = on_progress;
    cinfo->progress = &reader->progress;
    cinfo->src = &reader->source;
    return 0;
}

int jpeg_reader_new(struct jpeg_reader **ret)
{
    struct jpeg_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return err_set(-ENOMEM, "no memory to read JPEGs with");
    reader->cinfo.err = jpeg_std_error(&reader->errors);
    reader->errors.error_exit = on_error;
    reader->errors.emit_message = on_message;
    reader->errors.output_message = on_output;
    reader->source = (struct jpeg_source_mgr){.init_source = source_nothing,
                                              .fill_input_buffer = source_fill,
                                              .skip_input_data = source_skip,
                                              .resync_to_restart = jpeg_resync_to_restart,
                                              .term_source = source_nothing};
    if (reader_create(reader) < 0) {
        jpeg_reader_free(reader);
        return err_set(-ENOMEM, "no memory to read JPEGs with");
    }
    *ret = reader;
    return 0;
}

void jpeg_reader_free(struct jpeg_reader *reader)
{
    if (!reader)
        return;
    jpeg_destroy_decompress(&reader->cinfo);
    free(reader);
}
