/* SPDX-License-Identifier: Apache-2.0 */
/* port: the sockets of a loader: where it listens and its tap. Carries messages between them and
 * serve. The daemon's thread; nothing here blocks. */
#ifndef AUGSTREAM_LOADERD_PORT_H
#define AUGSTREAM_LOADERD_PORT_H

#include "common/conf.h"
#include "loaderd/serve/serve.h"
#include "proto/link.h"

#include <stdbool.h>
#include <stdint.h>

enum { PORT_LINKS_MAX = CONF_LIST_MAX };

struct port {
    struct link_context *context;
    struct link *links[PORT_LINKS_MAX];                /* ROUTERs; NULL while it is cut */
    char endpoints[PORT_LINKS_MAX][LINK_ENDPOINT_MAX]; /* as they were bound */
    uint32_t n_links;
    struct link *tap;                     /* PUB, or NULL */
    char tap_endpoint[LINK_ENDPOINT_MAX]; /* as it was bound */
    uint64_t failures;                    /* of links that were cut */
    struct link_message in;
};

/* port must be zeroed, but for a context that may be given, which is then the port's, and stay
 * where it is; tap "" for none. On failure what is open stays for port_close. */
int port_open(struct port *port, const struct conf_strs *listen, const char *tap);

/* What was sent goes on leaving, for at most 2 s; every frame is back afterwards. */
void port_close(struct port *port);

/* serve_config's send; hint is the port. */
int port_send(void *port, const struct serve_out *out);

/* Gives serve what has come, a bounded number of messages. */
void port_receive(struct port *port, struct serve *serve);

/* Cuts every connection of a link. serve is to be told. The link opens again with port_reopen, at
 * the same address, once ZeroMQ's thread has let go of it: -EADDRINUSE until then. */
void port_cut(struct port *port, uint32_t link);
int port_reopen(struct port *port, uint32_t link);

/* Cuts all who listen to the tap, and opens it again at the same place, once that is free. 0: it is
 * open, there is none, or it is not free yet. */
void port_tap_cut(struct port *port);
int port_tap_again(struct port *port);

uint64_t port_failures(struct port *port); /* handshakes: link_failures */

bool port_ready(struct port *port); /* more has come: to be asked before a sleep */

/* How many links have a message of which their descriptor says nothing: each is a lost edge. Right
 * only after a quiet time, or what has just come is counted. */
uint32_t port_lost_edges(struct port *port);

#endif
