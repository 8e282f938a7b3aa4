/* SPDX-License-Identifier: Apache-2.0 */
/* link_monitor: what ZeroMQ says about a socket's connections, as numbers. For link; the thread of
 * the link. Events wait in memory without a limit: one that is never asked for must not stop
 * ZeroMQ's thread, so whoever opens a monitor asks it now and then. */
#ifndef AUGSTREAM_PROTO_LINK_MONITOR_H
#define AUGSTREAM_PROTO_LINK_MONITOR_H

#include <stdint.h>

struct link_monitor {
    void *socket; /* NULL: not open */
};

struct link_happening {
    int event;      /* ZMQ_EVENT_...; 0: nothing (more) */
    uint32_t value; /* what goes with it: zmq_socket_monitor(3) */
};

/* events of `watched`, a socket of the context `zmq`; id makes its name. -errno: zmq_errno()'s. */
int link_monitor_open(struct link_monitor *monitor, void *zmq, void *watched, unsigned id,
                      int events);

/* Before `watched` is closed; fine when it is not open. */
void link_monitor_close(struct link_monitor *monitor, void *watched);

struct link_happening link_monitor_next(struct link_monitor *monitor);

/* Why a handshake failed, for whoever connects: to be read after the endpoint's name and a colon.
 * NULL: it did not, or for no reason that concerns keys. curve: we came with keys. */
const char *link_monitor_refusal(struct link_happening happening, int curve);

#endif
