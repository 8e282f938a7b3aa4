/* SPDX-License-Identifier: Apache-2.0 */
/* err: one message per thread for the last failure.
 * Functions return 0 or >= 0 on success and -errno on failure. Whoever DETECTS a failure sets the
 * message, naming the file, line, sample or peer; whoever relays the code adds nothing. */
#ifndef AUGSTREAM_COMMON_ERR_H
#define AUGSTREAM_COMMON_ERR_H

enum {
    ERR_TEXT_MAX = 1024, /* bytes, with the final NUL; longer messages are cut */
};

/* Exit codes of every program (sysexits.h values). */
enum {
    EXIT_OK = 0,
    EXIT_USAGE = 64,
    EXIT_DATA = 65,
    EXIT_UNAVAILABLE = 69,
    EXIT_INTERNAL = 70,
    EXIT_CONFIG = 78,
};

/* Sets this thread's message and returns code, which must be negative (-errno). */
int err_set(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* This thread's message; "" when none was set. Valid until the next err_set of this thread. */
const char *err_text(void);

/* The exit code for a failure met while running:
 * -EBADMSG -ENODATA -ENOENT -EEXIST -EACCES -ENOTDIR -EISDIR -ELOOP -ENAMETOOLONG -E2BIG -EILSEQ
 * -EOPNOTSUPP -> 65;
 * -ETIMEDOUT -ECONNREFUSED -EHOSTUNREACH -ENOTCONN -EADDRINUSE -EADDRNOTAVAIL, and no room for a
 * file, -ENOSPC -EDQUOT -EFBIG (ulimit -f) -> 69; -EINVAL -ERANGE -> 78; all else -> 70. */
int err_exit(int code);

#endif
