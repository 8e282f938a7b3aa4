/* SPDX-License-Identifier: Apache-2.0 */
/* pulse: takes signs and the time, gives a verdict. A worker that is too slow is killed by the crew
 * and replaced; only where that does not happen is the daemon itself ill. */
#include "loaderd/daemon/pulse.h"

#include <inttypes.h>
#include <stdio.h>

bool pulse_beats(struct pulse *pulse, const struct pulse_signs *signs, uint64_t now_ms,
                 char ret_why[PULSE_TEXT_MAX])
{
    if (!signs->owed || signs->moved != pulse->moved || pulse->since_ms == 0)
        *pulse = (struct pulse){.moved = signs->moved, .since_ms = now_ms};
    const uint64_t still_ms = now_ms - pulse->since_ms;
    ret_why[0] = 0;
    if (signs->lag_ms > PULSE_LAG_MAX_MS)
        snprintf(ret_why, PULSE_TEXT_MAX, "the event loop was %" PRIu64 " ms late", signs->lag_ms);
    else if (signs->overdue_ms > PULSE_GRACE_MS)
        snprintf(ret_why, PULSE_TEXT_MAX, "a worker is %" PRIu64 " ms beyond its deadline",
                 signs->overdue_ms);
    else if (still_ms > signs->deadline_ms + PULSE_GRACE_MS)
        snprintf(ret_why, PULSE_TEXT_MAX,
                 "batches are being made, and nothing has moved for %" PRIu64 " ms", still_ms);
    return ret_why[0] == 0;
}
