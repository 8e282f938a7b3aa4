/* SPDX-License-Identifier: Apache-2.0 */
/* tell: takes states and statuses, gives each to the service manager once, in order. */
#include "loaderd/daemon/tell.h"

#include "common/notify.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What is owed, oldest first, as far as there is room. What can never be told is owed no longer. */
static int pay(struct tell *tell)
{
    int r = 0;
    while (tell->n_owed > 0 && r == 0) {
        r = notify_send(tell->owed[0]);
        if (r == -EAGAIN)
            return 0;
        tell->n_owed--;
        memmove(tell->owed, tell->owed + 1, tell->n_owed * sizeof tell->owed[0]);
    }
    return r;
}

int tell_state(struct tell *tell, const char *line)
{
    assert(tell->n_owed < TELL_OWED_MAX);
    tell->owed[tell->n_owed++] = line;
    return pay(tell);
}

bool tell_reloading(struct tell *tell, uint64_t monotonic_us)
{
    char line[64];
    snprintf(line, sizeof line, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, monotonic_us);
    return pay(tell) == 0 && tell->n_owed == 0 && notify_send(line) == 0;
}

int tell_status(struct tell *tell, const char *text)
{
    char line[TELL_STATUS_MAX];
    int r = pay(tell);
    if (r < 0 || tell->n_owed > 0)
        return r;
    snprintf(line, sizeof line, "STATUS=%s", text);
    if (strcmp(line, tell->status) == 0)
        return 0;
    r = notify_send(line);
    if (r == 0)
        memcpy(tell->status, line, sizeof line);
    return r == -EAGAIN ? 0 : r;
}
