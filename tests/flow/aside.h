/* SPDX-License-Identifier: Apache-2.0 */
/* aside: what ASan keeps aside to catch its later use, and which to a test that weighs a process
 * looks like growth: freed memory (256 MiB, and 1 MiB more for each thread) and the stack frames of
 * functions that have returned (some MiB for each thread, taken little by little). */
#ifndef AUGSTREAM_TESTS_ASIDE_H
#define AUGSTREAM_TESTS_ASIDE_H

#include <stdio.h>
#include <stdlib.h>

/* Processes that begin after this keep little of the one and nothing of the other. All else that
 * was asked of ASan stays asked: of an option that is given twice, the last counts. */
static inline void keep_little_aside(void)
{
    static const char little[] = "quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
                                 ":detect_stack_use_after_return=0";
    const char *given = getenv("ASAN_OPTIONS");
    char options[1024];
    int len =
        snprintf(options, sizeof options, "%s%s%s", given ? given : "", given ? ":" : "", little);
    if (len < 0 || (size_t)len >= sizeof options)
        abort(); /* rather than to weigh what is kept aside */
    setenv("ASAN_OPTIONS", options, 1);
}

#endif
