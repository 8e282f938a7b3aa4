/* SPDX-License-Identifier: Apache-2.0 */
/* link_monitor: takes a socket, gives events of its connections. The link's thread; owns the socket
 * that they come by. Judges nothing. */
#include "proto/link_monitor.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

static int fail(void)
{
    return err_set(-EIO, "cannot watch connections: %s", zmq_strerror(zmq_errno()));
}

int link_monitor_open(struct link_monitor *monitor, void *zmq, void *watched, unsigned id,
                      int events)
{
    char name[64];
    int unlimited = 0, linger = 0;
    snprintf(name, sizeof name, "inproc://link-monitor-%u", id);
    if (zmq_socket_monitor(watched, name, events) < 0)
        return fail();
    monitor->socket = zmq_socket(zmq, ZMQ_PAIR);
    if (!monitor->socket ||
        zmq_setsockopt(monitor->socket, ZMQ_RCVHWM, &unlimited, sizeof unlimited) < 0 ||
        zmq_setsockopt(monitor->socket, ZMQ_LINGER, &linger, sizeof linger) < 0 ||
        zmq_connect(monitor->socket, name) < 0) {
        int r = fail();
        link_monitor_close(monitor, watched);
        return r;
    }
    return 0;
}

void link_monitor_close(struct link_monitor *monitor, void *watched)
{
    if (watched)
        zmq_socket_monitor(watched, NULL, 0);
    if (monitor->socket)
        zmq_close(monitor->socket);
    monitor->socket = NULL;
}

/* An event has two parts, of which the first is its number and its value. */
struct link_happening link_monitor_next(struct link_monitor *monitor)
{
    struct link_happening happening = {0};
    for (bool more = monitor->socket != NULL, first = true; more; first = false) {
        zmq_msg_t part;
        int rc;
        zmq_msg_init(&part);
        while ((rc = zmq_msg_recv(&part, monitor->socket, ZMQ_DONTWAIT)) < 0 &&
               zmq_errno() == EINTR)
            continue;
        if (rc < 0) {
            zmq_msg_close(&part);
            return (struct link_happening){0};
        }
        uint16_t number;
        if (first && zmq_msg_size(&part) >= sizeof number + sizeof happening.value) {
            const unsigned char *data = zmq_msg_data(&part);
            memcpy(&number, data, sizeof number);
            memcpy(&happening.value, data + sizeof number, sizeof happening.value);
            happening.event = number;
        }
        more = zmq_msg_more(&part);
        zmq_msg_close(&part);
    }
    return happening;
}

const char *link_monitor_refusal(struct link_happening happening, int curve)
{
    switch (happening.event) {
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        return curve ? "our key is refused: its owner has to add it to the list of clients"
                     : "it lets us not in";
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        if (happening.value != ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
            return "no handshake: it is no loader, or its key is another than the one we know";
        return curve ? "we have keys, and it wants none: its endpoint is without CURVE"
                     : "it wants a key, and we have none";
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        return curve ? "the handshake was cut off: its key is another than the one we know, or it "
                       "has just ended"
                     : NULL; /* turned away, or just ended: ZeroMQ tries again */
    default:
        return NULL;
    }
}
