/* SPDX-License-Identifier: Apache-2.0 */
/* log: one line per event on stderr. Under journald (JOURNAL_STREAM set) lines carry the <N> level
 * prefix; else "ident: level: text". Rooms never log above debug; the owner of an error does. */
#ifndef AUGSTREAM_COMMON_LOG_H
#define AUGSTREAM_COMMON_LOG_H

/* syslog levels */
enum log_level {
    LOG_ERROR = 3,
    LOG_WARN = 4,
    LOG_NOTE = 5,
    LOG_INFO = 6,
    LOG_DEBUG = 7,
};

/* ident (a loan, kept) names the program. Lines above the level (numerically) are dropped. */
void log_open(const char *ident, enum log_level level);

/* Control characters in the text become '?': a peer's or a file's name cannot forge lines. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_note(...) log_line(LOG_NOTE, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
