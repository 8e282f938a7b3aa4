/* SPDX-License-Identifier: Apache-2.0 */
/* utf8: takes bytes, gives a character. Any thread; keeps nothing. */
#include "common/utf8.h"

#include <stdbool.h>

size_t utf8_length(const unsigned char *p, size_t left, uint32_t *ret_value)
{
    static const uint32_t smallest[] = {0, 1, 0x80, 0x800, 0x10000}; /* of so many bytes */
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n > left || (p[0] >= 0x80 && p[0] < 0xc0) || p[0] > 0xf4)
        return 0;
    uint32_t value = n == 1 ? p[0] : p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (p[i] & 0x3f);
    }
    bool surrogate = value >= 0xd800 && value < 0xe000;
    if (value < smallest[n] || value > 0x10ffff || surrogate)
        return 0;
    if (ret_value)
        *ret_value = value;
    return n;
}
