/* SPDX-License-Identifier: Apache-2.0 */
/* err: takes a code and a text, keeps the text per thread. Any thread. Does not log. */
#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static _Thread_local char text[ERR_TEXT_MAX];

int err_set(int code, const char *format, ...)
{
    assert(code < 0);
    char line[ERR_TEXT_MAX]; /* the arguments may point into the old text */
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    snprintf(text, sizeof text, "%s", line);
    return code;
}

const char *err_text(void)
{
    return text;
}

int err_exit(int code)
{
    switch (-code) {
    case 0:
        return EXIT_OK;
    case EBADMSG:
    case ENODATA:
    case ENOENT:
    case EEXIST:
    case EACCES:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case E2BIG:
    case EILSEQ:
    case EOPNOTSUPP: /* a file of a kind that is not read */
        return EXIT_DATA;
    case ETIMEDOUT:
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENOTCONN:
    case EADDRINUSE:
    case EADDRNOTAVAIL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return EXIT_UNAVAILABLE;
    case EINVAL:
    case ERANGE:
        return EXIT_CONFIG;
    default:
        return EXIT_INTERNAL;
    }
}
