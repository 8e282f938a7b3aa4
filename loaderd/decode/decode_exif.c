/* SPDX-License-Identifier: Apache-2.0 */
/* decode_exif: takes an EXIF block, gives the orientation it states. Pure; any thread. It reads
 * this one tag of the first directory and nothing else, so there is little that a hostile block
 * could do. */
#include "loaderd/decode/parts.h"

#include <string.h>

enum {
    PREFIX = 6, /* "Exif\0\0" before the TIFF header */
    HEADER = 8, /* byte order, 42, offset of the first directory */
    ENTRY = 12, /* tag, type, count, value */
    TAG_ORIENTATION = 0x0112,
    TYPE_SHORT = 3,
};

static uint32_t number(const uint8_t *p, int bytes, bool little)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | p[little ? bytes - 1 - i : i];
    return value;
}

unsigned exif_orientation(const uint8_t *bytes, size_t len)
{
    if (len >= PREFIX && memcmp(bytes, "Exif\0", PREFIX - 1) == 0) {
        bytes += PREFIX;
        len -= PREFIX;
    }
    if (len < HEADER)
        return 1;
    const bool little = memcmp(bytes, "II*\0", 4) == 0;
    if (!little && memcmp(bytes, "MM\0*", 4) != 0)
        return 1;
    const size_t directory = number(bytes + 4, 4, little);
    if (directory > len - 2)
        return 1;
    const size_t count = number(bytes + directory, 2, little);
    for (size_t i = 0, at = directory + 2; i < count && at + ENTRY <= len; i++, at += ENTRY) {
        const uint8_t *entry = bytes + at;
        if (number(entry, 2, little) != TAG_ORIENTATION)
            continue;
        const uint32_t value = number(entry + 8, 2, little);
        const bool valid = number(entry + 2, 2, little) == TYPE_SHORT &&
                           number(entry + 4, 4, little) == 1 && value >= 1 && value <= 8;
        return valid ? value : 1;
    }
    return 1;
}
