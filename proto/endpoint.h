/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint: where a link binds or connects, as text: tcp://host:port or ipc://path (at most 107
 * bytes; @abstract is refused). Says what is wrong before ZeroMQ is asked, which takes some texts
 * that name nothing, and unlinks whatever lies at an ipc path. Any thread. */
#ifndef AUGSTREAM_PROTO_ENDPOINT_H
#define AUGSTREAM_PROTO_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

enum { LINK_ENDPOINT_MAX = 256 /* bytes with the NUL */ };

/* The text alone; tcp://host:* and port 0 are for binding only. -EINVAL names it. */
int endpoint_check(const char *endpoint, bool binds);

/* Whether an endpoint that passed may be bound: at an ipc path lies nothing, or a socket that
 * nobody listens to, or only what is left of a process that died. -EADDRINUSE: somebody does;
 * -EADDRNOTAVAIL: something else lies there. */
int endpoint_vacant(const char *endpoint);

/* The socket that binding made at an ipc path, so that it, and no other, is removed at the end:
 * ZeroMQ leaves it. Nothing happens at tcp. */
struct endpoint_file {
    uint64_t device, inode; /* both 0: none */
};
void endpoint_note(const char *endpoint, struct endpoint_file *ret);
void endpoint_remove(const char *endpoint, const struct endpoint_file *file);

#endif
