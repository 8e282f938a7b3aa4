/* SPDX-License-Identifier: Apache-2.0 */
/* daemon: the running loader: brings stock, sockets and workers together and turns the event loop
 * until a signal ends it. One thread owns everything but the slots' reference counts. */
#ifndef AUGSTREAM_LOADERD_DAEMON_H
#define AUGSTREAM_LOADERD_DAEMON_H

#include "loaderd/config.h"

/* Runs until SIGTERM or SIGINT has been served: peers are told, what they asked for is finished and
 * sent, within 25 s; a second signal ends at once. 0 then; -errno when it cannot start or go on.
 * worker: path of the worker's program. */
int daemon_run(const struct config *config, const char *worker);

#endif
