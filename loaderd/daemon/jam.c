/* SPDX-License-Identifier: Apache-2.0 */
/* jam: takes what serve sees, gives the moment to act. */
#include "loaderd/daemon/jam.h"

bool jam_turn(struct jam *jam, bool jammed, uint64_t arrived, uint64_t now_ms)
{
    if (!jammed || !jam->stands || arrived != jam->arrived) {
        *jam = (struct jam){.stands = jammed, .since_ms = now_ms, .arrived = arrived};
        return false;
    }
    if (now_ms - jam->since_ms < JAM_MAX_MS)
        return false;
    jam->stands = false;
    return true;
}
