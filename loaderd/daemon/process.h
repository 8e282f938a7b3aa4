/* SPDX-License-Identifier: Apache-2.0 */
/* process: what this process takes of the machine. Any thread; no allocation. */
#ifndef AUGSTREAM_LOADERD_PROCESS_H
#define AUGSTREAM_LOADERD_PROCESS_H

#include "loaderd/exposition.h"

/* What /proc does not tell stays 0. start_s is left as it is: process_start says it once. */
void process_read(struct exposition_process *ret);

double process_start(void); /* now, in seconds since 1970 */

#endif
