/* SPDX-License-Identifier: Apache-2.0 */
/* jam: how long all slots have stood with peers that do not take what they were sent (a trainer
 * stopped with ^Z, a host that is gone), by a clock that the caller reads. Plain data. */
#ifndef AUGSTREAM_LOADERD_JAM_H
#define AUGSTREAM_LOADERD_JAM_H

#include <stdbool.h>
#include <stdint.h>

enum { JAM_MAX_MS = 20000 };

struct jam { /* zeroed: none */
    bool stands;
    uint64_t since_ms;
    uint64_t arrived; /* batches that had been taken by then */
};

/* jammed, arrived: as serve says. True when nothing has moved for JAM_MAX_MS: whoever holds the
 * slots is to be cut off. It then begins anew. */
bool jam_turn(struct jam *jam, bool jammed, uint64_t arrived, uint64_t now_ms);

#endif
