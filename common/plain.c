/* SPDX-License-Identifier: Apache-2.0 */
/* plain: takes text from anywhere, gives text without control characters. Any thread. */
#include "common/plain.h"

#include <string.h>

/* Bytes of the control character that text begins with; 0: it begins with none. */
static size_t control_bytes(const char *text, size_t len)
{
    const unsigned char c = (unsigned char)text[0];
    if (c < 0x20 || c == 0x7f)
        return 1;
    const unsigned char second = len > 1 ? (unsigned char)text[1] : 0;
    return c == 0xc2 && second >= 0x80 && second < 0xa0 ? 2 : 0;
}

size_t plain_bytes(char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        const size_t control = control_bytes(text + i, len - i);
        text[n++] = control ? '?' : text[i];
        i += control ? control : 1;
    }
    return n;
}

void plain_text(char *text)
{
    text[plain_bytes(text, strlen(text))] = 0;
}

int plain_put(FILE *out, const char *text)
{
    int columns = 0;
    for (size_t left = strlen(text); left > 0;) {
        const size_t control = control_bytes(text, left), n = control ? control : 1;
        putc(control ? '?' : *text, out);
        columns += control || ((unsigned char)*text & 0xc0) != 0x80;
        text += n;
        left -= n;
    }
    return columns;
}
