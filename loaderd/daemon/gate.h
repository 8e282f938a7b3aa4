/* SPDX-License-Identifier: Apache-2.0 */
/* gate: who may connect to a loader, as its configuration says: our key, the list of clients, the
 * modes of ipc sockets. Its context is the port's. The daemon's thread. */
#ifndef AUGSTREAM_LOADERD_DAEMON_GATE_H
#define AUGSTREAM_LOADERD_DAEMON_GATE_H

#include "loaderd/config.h"
#include "loaderd/monitor/metrics.h"
#include "loaderd/serve/port.h"

struct gate {
    const struct config *config;
    struct metrics *metrics;
    struct port *port;
    struct link_auth *auth;
};

/* Before port_open: makes the port's context, and reads key and list. -EINVAL: no key can be read;
 * its message is the file's. gate must be zeroed. */
int gate_open(struct gate *gate, const struct config *config, struct metrics *metrics,
              struct port *port);

/* Reads the list of clients again. A key that is gone gets no new connection, each message of one
 * that stands is refused, and all that listen to the tap must come again. On failure nothing has
 * changed. */
int gate_reload(struct gate *gate);

/* Counts who was refused, and opens the tap again after a reload; every second or so. */
void gate_tick(struct gate *gate);

/* For --check: whether gate_open would find the key and the list of clients. */
int gate_check(const struct config *config);

/* Reads the secret key that the configuration names. */
int gate_key(const struct config *config, struct link_key *ret);

#endif
