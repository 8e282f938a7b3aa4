/* SPDX-License-Identifier: Apache-2.0 */
/* conf_value: one option's value between YAML scalars and its field. For conf's own files. */
#ifndef AUGSTREAM_COMMON_CONF_VALUE_H
#define AUGSTREAM_COMMON_CONF_VALUE_H

#include "common/conf.h"

enum { CONF_KEY_MAX = 256 }; /* bytes of a full dotted name with its NUL */

/* Where something was said, for messages: "path:line: key: " or "source key: ". */
struct conf_where {
    const char *path;   /* of a file, or NULL */
    const char *source; /* without a file: "--set", "default of" */
    int line;           /* of the file, from 1 */
    const char *key;    /* full name; "" when it is about no key */
};

/* Sets the message and returns -EINVAL. */
int conf_fail(const struct conf_where *where, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A YAML scalar as it was written. */
struct conf_scalar {
    char text[CONF_STR_MAX];
    bool plain; /* not in quotes: then "null", "~" and nothing at all are no text */
    int line;
};

bool conf_scalar_null(const struct conf_scalar *scalar);

/* Checks n scalars (list: they were written as a list) and stores them at field. -EINVAL with the
 * message set; the field is then as it was. */
int conf_value_set(const struct conf_option *option, void *field, const struct conf_scalar *scalars,
                   size_t n, bool list, const struct conf_where *where);

/* YAML flow text that conf_value_set reads back to the same value. */
void conf_value_print(const struct conf_option *option, const void *field, FILE *out);

/* "an integer in 1..1024 pixels": what the option takes. Cut to cap. */
void conf_value_takes(const struct conf_option *option, char *ret, size_t cap);

/* "1..1024", or "" when unbounded. Cut to cap. */
void conf_value_range(const struct conf_option *option, char *ret, size_t cap);

#endif
