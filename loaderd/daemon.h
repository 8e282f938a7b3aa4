/* SPDX-License-Identifier: Apache-2.0 */
/* daemon: the running loader: opens datasets, slots, sockets and workers, turns the event loop
 * until a signal ends it. One thread owns everything but the slots' reference counts. */
#ifndef AUGSTREAM_LOADERD_DAEMON_H
#define AUGSTREAM_LOADERD_DAEMON_H

#include "loaderd/config.h"

/* Runs until SIGTERM or SIGINT has been served: peers are told, what they asked for is finished and
 * sent, within 25 s; a second signal ends at once. 0 then; -errno when it cannot start or go on. */
int daemon_run(const struct config *config);

/* Opens every dataset and prints a line for each: name, samples, classes, ignored files. */
int daemon_check(const struct config *config);

#endif
