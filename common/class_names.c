/* SPDX-License-Identifier: Apache-2.0 */
/* class_names: takes names, says whether they may be told, copies them into the caller's memory.
 * Any thread; keeps nothing. */
#include "common/class_names.h"

#include "common/err.h"
#include "common/utf8.h"

#include <stdbool.h>
#include <string.h>

/* What steers whoever shows it: C0, DEL and C1; the ends of lines and paragraphs, and what makes
 * the text behind it run the other way. */
static bool is_control(uint32_t value)
{
    return value < 0x20 || (value >= 0x7f && value <= 0x9f) ||
           (value >= 0x2028 && value <= 0x202e) || (value >= 0x2066 && value <= 0x2069);
}

int class_name_check(int code, uint32_t label, const char *name)
{
    const size_t len = strnlen(name, CLASS_NAME_MAX);
    if (len == 0 || len == CLASS_NAME_MAX)
        return err_set(code, "class_names: class %u: a name has 1 to %d bytes", label,
                       CLASS_NAME_MAX - 1);
    for (size_t i = 0; i < len;) {
        uint32_t value = 0;
        const size_t n = utf8_length((const unsigned char *)name + i, len - i, &value);
        if (n == 0)
            return err_set(code, "class_names: class %u: not UTF-8 text (byte %zu)", label, i);
        if (is_control(value))
            return err_set(code, "class_names: class %u: has a control character (byte %zu)", label,
                           i);
        i += n;
    }
    return 0;
}

int class_names_check(int code, const char *const *names, uint32_t n)
{
    if (n > CLASS_NAMES_MAX)
        return err_set(code, "class_names: %u, at most %d", n, CLASS_NAMES_MAX);
    size_t bytes = 0;
    for (uint32_t i = 0; i < n; i++) {
        int rc = class_name_check(code, i, names[i]);
        if (rc < 0)
            return rc;
        bytes += strlen(names[i]) + CLASS_NAME_COST;
    }
    if (bytes > CLASS_NAMES_BYTES)
        return err_set(code, "class_names: %zu bytes, at most %d", bytes, CLASS_NAMES_BYTES);
    return 0;
}

size_t class_names_bytes(const char *const *names, uint32_t n)
{
    size_t bytes = n * sizeof *names;
    for (uint32_t i = 0; i < n; i++)
        bytes += strlen(names[i]) + 1;
    return bytes;
}

const char *const *class_names_lay(void *memory, const char *const *names, uint32_t n)
{
    const char **copies = memory;
    char *at = (char *)(copies + n);
    for (uint32_t i = 0; i < n; i++) {
        const size_t size = strlen(names[i]) + 1;
        memcpy(at, names[i], size);
        copies[i] = at;
        at += size;
    }
    return (const char *const *)copies;
}
