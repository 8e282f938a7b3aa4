/* SPDX-License-Identifier: Apache-2.0 */
/* text: takes bytes from anywhere, gives a printable line. A byte counts as a column, so text of
 * more than ASCII may be cut earlier than it had to be; no character is cut in two. */
#include "tools/inspect/tensors/text.h"

#include "common/plain.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A byte within a character of UTF-8. */
static bool is_inner(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Bytes of text that fit in room. */
static size_t fit(const char *text, size_t len, size_t room)
{
    size_t n = len < room ? len : room;
    while (n > 0 && n < len && is_inner(text[n]))
        n--;
    return n;
}

void text_line(const char *text, size_t len, size_t width, char ret[TEXT_MAX])
{
    assert(width < TEXT_MAX && width > 3);
    const bool cut = len > width;
    const size_t n = fit(text, len, cut ? width - 3 : width);
    memcpy(ret, text, n);
    memcpy(ret + n, "...", 4);
    if (!cut)
        ret[n] = 0;
    plain_text(ret);
}

void text_name(const char *name, size_t width, char ret[TEXT_MAX])
{
    assert(width < TEXT_MAX && width > 2);
    const size_t len = strlen(name);
    if (len <= width) {
        text_line(name, len, width > 3 ? width : 4, ret);
        return;
    }
    const size_t head = fit(name, len, (width - 1) / 2);
    const char *tail = name + len - (width - 1 - (width - 1) / 2);
    while (is_inner(*tail))
        tail++;
    snprintf(ret, TEXT_MAX, "%.*s~%s", (int)head, name, tail);
    plain_text(ret);
}

void text_shape(const struct safetensor *tensor, char ret[TEXT_MAX])
{
    int at = snprintf(ret, TEXT_MAX, "[");
    for (int i = 0; i < tensor->ndim; i++)
        at += snprintf(ret + at, TEXT_MAX - (size_t)at, "%s%lld", i ? "," : "",
                       (long long)tensor->shape[i]);
    snprintf(ret + at, TEXT_MAX - (size_t)at, "]");
}
