/* SPDX-License-Identifier: Apache-2.0 */
/* decode_webp: takes a WebP file, gives the sides that its first chunk states (RFC 9649, sections
 * 2.4 to 2.7). Pure; any thread. It decodes nothing and judges nothing else: that is behind
 * decode_vips, which takes memory for the whole picture as soon as it opens a file. */
#include "loaderd/decode/parts.h"

#include "common/auto.h"

#include <string.h>

enum {
    CHUNK = 12, /* where the first chunk begins: after "RIFF", a length, "WEBP" */
    DATA = CHUNK + 8,
};

static uint32_t number(const uint8_t *p, int bytes)
{
    uint32_t value = 0;
    while (bytes > 0)
        value = value << 8 | p[--bytes];
    return value;
}

/* After a frame tag and a start code of 3 bytes each; the upper two bits ask for scaling. */
static void lossy(const uint8_t *data, uint32_t sides[2])
{
    sides[0] = number(data + 6, 2) & 0x3fff;
    sides[1] = number(data + 8, 2) & 0x3fff;
}

static void lossless(const uint8_t *data, uint32_t sides[2])
{
    const uint32_t bits = number(data + 1, 4);
    sides[0] = 1 + (bits & 0x3fff);
    sides[1] = 1 + (bits >> 14 & 0x3fff);
}

/* The canvas, on which every frame must fit. */
static void extended(const uint8_t *data, uint32_t sides[2])
{
    sides[0] = 1 + number(data + 4, 3);
    sides[1] = 1 + number(data + 7, 3);
}

static const struct {
    char name[4];
    size_t bytes; /* of its data that are read */
    void (*sides)(const uint8_t *data, uint32_t sides[2]);
} firsts[] = {
    {{'V', 'P', '8', ' '}, 10, lossy},
    {{'V', 'P', '8', 'L'}, 5, lossless},
    {{'V', 'P', '8', 'X'}, 10, extended},
};

int webp_sides(const struct encoded *in, uint32_t ret_sides[2], enum wire_fault *ret_fault)
{
    for (size_t i = 0; in->len >= DATA && i < ARRAY_LEN(firsts); i++)
        if (memcmp(in->bytes + CHUNK, firsts[i].name, 4) == 0 &&
            in->len - DATA >= firsts[i].bytes) {
            firsts[i].sides(in->bytes + DATA, ret_sides);
            return 0;
        }
    return decode_fail(ret_fault, FAULT_TRUNCATED, "WebP: does not begin with a picture");
}
