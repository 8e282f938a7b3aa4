/* SPDX-License-Identifier: Apache-2.0 */
/* process: what this process is allowed and takes of the machine. Any thread; no allocation. */
#ifndef AUGSTREAM_LOADERD_PROCESS_H
#define AUGSTREAM_LOADERD_PROCESS_H

#include "loaderd/monitor/exposition.h"

/* At the start, before there are threads. Whoever started us may have left signals blocked, and
 * limits that are lower than they need be. Shared memory above a limit of file sizes is an error
 * here, not a signal; SIGHUP and SIGUSR1 do nothing until the loop hears them. */
void process_prepare(void);

/* What /proc does not tell stays 0. start_s is left as it is: process_start says it once. */
void process_read(struct exposition_process *ret);

double process_start(void); /* now, in seconds since 1970 */

#endif
