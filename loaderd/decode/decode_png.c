/* SPDX-License-Identifier: Apache-2.0 */
/* decode_png: takes a PNG file, gives the chunks that make its picture in a copy of their own, and
 * what the others say of it. Pure; any thread. It decodes nothing: that is behind decode_vips.
 * libvips lifts libpng's limit on the memory of a chunk, so a comment of some bytes could claim, or
 * unpack to, gigabytes. What the pixels do not need never gets there. */
#include "loaderd/decode/parts.h"

#include <stdlib.h>
#include <string.h>

enum {
    SIGNATURE = 8,
    FRAME = 12, /* length, type, checksum: what a chunk is beside its data */
};

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Critical chunks have a capital first letter; transparency alters how many samples a pixel has. */
static bool is_needed(const uint8_t *type)
{
    return !(type[0] & 0x20) || memcmp(type, "tRNS", 4) == 0;
}

int png_strip(const struct encoded *in, struct png_essence *ret, enum wire_fault *ret_fault)
{
    struct png_essence essence = {.orientation = 1, .bytes = malloc(in->len)};
    if (!essence.bytes)
        return decode_fail(ret_fault, FAULT_TOO_LARGE, "PNG: no memory for %zu bytes", in->len);
    memcpy(essence.bytes, in->bytes, SIGNATURE);
    essence.len = SIGNATURE;
    bool ended = false;
    for (size_t at = SIGNATURE; !ended && in->len - at >= FRAME;) {
        const uint8_t *chunk = in->bytes + at, *type = chunk + 4;
        const size_t data = big_endian(chunk);
        if (data > in->len - at - FRAME)
            break;
        if (memcmp(type, "acTL", 4) == 0)
            essence.animated = true;
        if (memcmp(type, "eXIf", 4) == 0)
            essence.orientation = exif_orientation(chunk + 8, data);
        if (is_needed(type)) {
            memcpy(essence.bytes + essence.len, chunk, FRAME + data);
            essence.len += FRAME + data;
        }
        ended = memcmp(type, "IEND", 4) == 0;
        at += FRAME + data;
    }
    if (!ended) {
        free(essence.bytes);
        return decode_fail(ret_fault, FAULT_TRUNCATED, "PNG: ends before its end chunk");
    }
    *ret = essence;
    return 0;
}
