/* SPDX-License-Identifier: Apache-2.0 */
/* pulse: whether the loader makes progress, by a clock that the caller reads: what a watchdog's
 * sign of life and /livez say. Plain data. */
#ifndef AUGSTREAM_LOADERD_PULSE_H
#define AUGSTREAM_LOADERD_PULSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PULSE_LAG_MAX_MS = 5000, /* of the event loop's clock */
    PULSE_GRACE_MS = 30000,  /* beyond an image's deadline: for killing and starting a worker */
    PULSE_TEXT_MAX = 128,
};

struct pulse { /* zeroed */
    uint64_t moved, since_ms;
};

struct pulse_signs {
    uint64_t lag_ms;      /* how late the loop looked at its clock, the last time */
    uint64_t overdue_ms;  /* crew_signs */
    uint64_t deadline_ms; /* after which the crew kills a silent worker */
    /* Batches are being made. What waits for peers that do not read is the peers' affair. */
    bool owed;
    uint64_t moved; /* counts samples that came back and batches that left */
};

/* To be asked several times a second. True when all is well; else *ret_why says what is not. */
bool pulse_beats(struct pulse *pulse, const struct pulse_signs *signs, uint64_t now_ms,
                 char ret_why[PULSE_TEXT_MAX]);

#endif
