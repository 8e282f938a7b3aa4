/* SPDX-License-Identifier: Apache-2.0 */
/* decode_raw: takes the three planes of a picture as sets of small pictures store them, gives RGB
 * of the part that is wanted and touches nothing else of them. Pure but for the image; one thread
 * for each decoder. It reads no file and knows no set: what the planes are like it is told. */
#include "loaderd/decode/parts.h"

/* Columns become rows in tiles of this side: of both a few cache lines are open at a time. */
enum { TILE = 16 };

static int raw_header(struct decoder *decoder, const struct encoded *in, enum wire_fault *ret_fault)
{
    const struct raw *raw = &decoder->raw;
    if (raw->w == 0 || raw->h == 0)
        return decode_fail(ret_fault, FAULT_UNSUPPORTED, "raw: %ux%u pixels", raw->w, raw->h);
    int rc = decode_limits(raw->w, raw->h, false, ret_fault);
    if (rc < 0)
        return rc;
    const size_t bytes = 3 * (size_t)raw->w * raw->h;
    if (in->len != bytes)
        return decode_fail(ret_fault, FAULT_TRUNCATED, "raw: %zu bytes: %ux%u pixels have %zu",
                           in->len, raw->w, raw->h, bytes);
    decoder->raw_bytes = in->bytes;
    decoder->stored = (struct stored){.w = raw->w, .h = raw->h, .orientation = 1};
    return 0;
}

/* From the wanted region's first sample on; plane: bytes from one channel to the next. */
static void planes_to_rgb(const uint8_t *at, size_t plane, const struct raw *raw,
                          struct image *image)
{
    const uint32_t cols = image->window.cols;
    uint8_t *restrict out = image->rgb;
    for (uint32_t y = 0; y < image->window.rows; y++, at += raw->w)
        for (uint32_t x = 0; x < cols; x++, out += 3) {
            out[0] = at[x];
            out[1] = at[x + plane];
            out[2] = at[x + 2 * plane];
        }
}

static void tile_to_rgb(const uint8_t *at, size_t plane, size_t pitch_in, const struct region *tile,
                        uint8_t *restrict out, size_t pitch_out)
{
    for (uint32_t y = 0; y < tile->rows; y++, at++, out += pitch_out)
        for (uint32_t x = 0; x < tile->cols; x++) {
            const uint8_t *sample = at + x * pitch_in;
            out[3 * x] = sample[0];
            out[3 * x + 1] = sample[plane];
            out[3 * x + 2] = sample[2 * plane];
        }
}

static void columns_to_rgb(const uint8_t *at, size_t plane, const struct raw *raw,
                           struct image *image)
{
    const uint32_t rows = image->window.rows, cols = image->window.cols;
    for (uint32_t y = 0; y < rows; y += TILE)
        for (uint32_t x = 0; x < cols; x += TILE) {
            const struct region tile = {.rows = rows - y < TILE ? rows - y : TILE,
                                        .cols = cols - x < TILE ? cols - x : TILE};
            tile_to_rgb(at + (size_t)x * raw->h + y, plane, raw->h, &tile,
                        image->rgb + 3 * ((size_t)y * cols + x), 3 * (size_t)cols);
        }
}

static int raw_pixels(struct decoder *decoder, const struct region *want, uint32_t reduce,
                      struct image *image, enum wire_fault *ret_fault)
{
    (void)reduce; /* 1: not reducible */
    const struct raw *raw = &decoder->raw;
    int rc = image_reserve(image, want, ret_fault);
    if (rc < 0)
        return rc;
    const size_t plane = (size_t)raw->w * raw->h;
    if (raw->by_columns)
        columns_to_rgb(decoder->raw_bytes + (size_t)want->left * raw->h + want->top, plane, raw,
                       image);
    else
        planes_to_rgb(decoder->raw_bytes + (size_t)want->top * raw->w + want->left, plane, raw,
                      image);
    return 0;
}

static void raw_close(struct decoder *decoder)
{
    decoder->raw_bytes = NULL;
}

const struct codec raw_codec = {raw_header, raw_pixels, raw_close};
