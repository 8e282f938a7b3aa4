/* SPDX-License-Identifier: Apache-2.0 */
/* port: takes endpoints, gives open sockets. Looks into no message. */
#include "loaderd/serve/port.h"

#include "common/err.h"

#include <errno.h>
#include <poll.h>

enum { TURN_MESSAGES = 32 }; /* of one link in a turn, so that no peer can starve the rest */

int port_open(struct port *port, const struct conf_strs *listen, const char *tap)
{
    int r = port->context ? 0 : link_context_new(&port->context);
    for (size_t i = 0; r == 0 && i < listen->n; i++) {
        r = link_router_bind(port->context, listen->v[i], &port->links[i]);
        if (r == 0)
            r = link_endpoint(port->links[port->n_links++], port->endpoints[i], LINK_ENDPOINT_MAX);
    }
    if (r == 0 && tap[0])
        r = link_pub_bind(port->context, tap, &port->tap);
    if (r == 0 && tap[0])
        r = link_endpoint(port->tap, port->tap_endpoint, LINK_ENDPOINT_MAX);
    return r;
}

void port_close(struct port *port)
{
    for (uint32_t i = 0; i < port->n_links; i++)
        link_close(port->links[i]);
    link_close(port->tap);
    link_context_free(port->context);
    port->n_links = 0;
    port->tap = NULL;
    port->context = NULL;
}

int port_send(void *hint, const struct serve_out *out)
{
    struct port *port = hint;
    struct link *link = out->peer ? port->links[out->link] : port->tap;
    if (!link)
        return err_set(-EHOSTUNREACH, "the connection was cut");
    return link_send(link, out->peer, out->body, out->len, out->frames, out->n_frames);
}

static void receive(struct port *port, uint32_t link, struct serve *serve)
{
    struct link_message *in = &port->in;
    for (int i = 0; i < TURN_MESSAGES; i++) {
        int r = link_receive(port->links[link], in);
        if (r == -EBADMSG)
            serve_bad_message(serve, link, in);
        else if (r < 0)
            break;
        else
            serve_message(serve, link, in);
        link_message_done(in);
    }
}

void port_receive(struct port *port, struct serve *serve)
{
    for (uint32_t i = 0; i < port->n_links; i++)
        if (port->links[i])
            receive(port, i, serve);
}

void port_tap_cut(struct port *port)
{
    if (!port->tap)
        return;
    port->failures += link_failures(port->tap);
    link_cut(port->tap);
    port->tap = NULL;
}

int port_tap_again(struct port *port)
{
    if (port->tap || !port->tap_endpoint[0])
        return 0;
    int r = link_pub_bind(port->context, port->tap_endpoint, &port->tap);
    return r == -EADDRINUSE ? 0 : r;
}

uint64_t port_failures(struct port *port)
{
    uint64_t n = port->failures;
    for (uint32_t i = 0; i < port->n_links; i++)
        n += port->links[i] ? link_failures(port->links[i]) : 0;
    return n + (port->tap ? link_failures(port->tap) : 0);
}

void port_cut(struct port *port, uint32_t link)
{
    port->failures += link_failures(port->links[link]);
    link_cut(port->links[link]);
    port->links[link] = NULL;
}

int port_reopen(struct port *port, uint32_t link)
{
    return link_router_bind(port->context, port->endpoints[link], &port->links[link]);
}

bool port_ready(struct port *port)
{
    for (uint32_t i = 0; i < port->n_links; i++)
        if (port->links[i] && link_ready(port->links[i]))
            return true;
    return false;
}

uint32_t port_lost_edges(struct port *port)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < port->n_links; i++) {
        if (!port->links[i])
            continue;
        struct pollfd fd = {.fd = link_fd(port->links[i]), .events = POLLIN};
        n += poll(&fd, 1, 0) == 0 && link_ready(port->links[i]);
    }
    return n;
}
