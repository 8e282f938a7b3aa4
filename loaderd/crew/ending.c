/* SPDX-License-Identifier: Apache-2.0 */
/* ending: takes how a worker ended, gives whether its image is to blame. A signal that is none of a
 * program's own making came from the kernel when memory was short, or from a person: that says
 * nothing of the image. */
#include "loaderd/crew/ending.h"

#include "common/auto.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

enum worker_end ending_of(enum worker_reason reason, int signal)
{
    static const int own[] = {SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGSYS, SIGTRAP};
    if (reason == REASON_STUCK)
        return WORKER_STUCK;
    if (reason == REASON_NONSENSE || signal == 0)
        return WORKER_CRASHED;
    if (signal == TASK_DEADLINE_SIGNAL)
        return WORKER_DEADLINE;
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (signal == own[i])
            return WORKER_CRASHED;
    return WORKER_KILLED;
}

struct crew_result ending_result(enum worker_end end)
{
    static const struct crew_result results[] = {
        [WORKER_CRASHED] = {.code = -EBADMSG, .fault = FAULT_CRASH, .text = ""},
        [WORKER_DEADLINE] = {.code = -EBADMSG, .fault = FAULT_DEADLINE, .text = ""},
        [WORKER_STUCK] = {.code = -EINTR, .text = "its worker gave no answer for too long"},
        [WORKER_KILLED] = {.code = -EINTR, .text = "its worker was killed"},
    };
    return results[end];
}
