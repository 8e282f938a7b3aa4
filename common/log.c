/* SPDX-License-Identifier: Apache-2.0 */
/* log: takes a level and a text, writes one line to stderr with one write(2), so lines of several
 * threads and processes never mix. Any thread. */
#include "common/log.h"

#include "common/plain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *log_ident = "augstream";
static enum log_level log_max = LOG_INFO;
static int log_journal;

void log_open(const char *ident, enum log_level level)
{
    log_ident = ident;
    log_max = level;
    log_journal = getenv("JOURNAL_STREAM") != NULL;
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_ERROR:
        return "error: ";
    case LOG_WARN:
        return "warning: ";
    case LOG_DEBUG:
        return "debug: ";
    default:
        return "";
    }
}

void log_line(enum log_level level, const char *format, ...)
{
    if (level > log_max)
        return;
    char line[2048];
    int head = log_journal ? snprintf(line, sizeof line, "<%d>", (int)level)
                           : snprintf(line, sizeof line, "%s: %s", log_ident, level_name(level));
    size_t used = (size_t)head < sizeof line ? (size_t)head : sizeof line - 1;
    va_list args;
    va_start(args, format);
    int body = vsnprintf(line + used, sizeof line - used, format, args);
    va_end(args);
    size_t end = used + (body > 0 ? (size_t)body : 0);
    if (end > sizeof line - 2)
        end = sizeof line - 2;
    end = used + plain_bytes(line + used, end - used);
    line[end] = '\n';
    if (write(STDERR_FILENO, line, end + 1) < 0)
        return; /* nowhere left to say it */
}
