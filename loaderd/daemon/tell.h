/* SPDX-License-Identifier: Apache-2.0 */
/* tell: what the service manager is told. Its queue may be full and it may never read: nothing here
 * waits for it. A state is owed until there is room; of a status only the newest counts. The
 * daemon's thread. */
#ifndef AUGSTREAM_LOADERD_TELL_H
#define AUGSTREAM_LOADERD_TELL_H

#include <stdbool.h>
#include <stdint.h>

enum { TELL_OWED_MAX = 4, TELL_STATUS_MAX = 1024 };

struct tell { /* zeroed: nothing told yet */
    unsigned n_owed;
    const char *owed[TELL_OWED_MAX];
    char status[TELL_STATUS_MAX]; /* the last one that was told */
};

/* "READY=1"; a string that stays. 0 when told or owed; -errno when it can never be told. */
int tell_state(struct tell *tell, const char *line);

/* A reload begins; "READY=1" is told at its end. A manager that has not read what came before hears
 * of neither: true when it heard. */
bool tell_reloading(struct tell *tell, uint64_t monotonic_us);

/* Once a second or so: what is owed, then the status if it is a new one. Errors as tell_state. */
int tell_status(struct tell *tell, const char *text);

#endif
