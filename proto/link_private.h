/* SPDX-License-Identifier: Apache-2.0 */
/* link_private: a link as link.c makes it and link_message.c uses it; nobody else's. */
#ifndef AUGSTREAM_PROTO_LINK_PRIVATE_H
#define AUGSTREAM_PROTO_LINK_PRIVATE_H

#include "proto/link.h"
#include "proto/link_monitor.h"

struct link {
    const struct link_kind *kind;
    void *socket;
    struct link_monitor monitor; /* not open on a side that binds and has no list of clients */
    struct link_auth *auth;      /* who is asked about each message, or NULL */
    bool curve, connected;
    const char *refusal;
    uint64_t failures;
    int fd;
    char endpoint[LINK_ENDPOINT_MAX];
    struct endpoint_file file; /* on the side that binds */
};

/* What differs between the four of them. */
struct link_kind {
    int type;
    bool binds;
    bool has_peers; /* messages begin with the peer's name */
    int queue;
    int64_t frame_in_max; /* bytes; whoever sends more is cut off before it is allocated */
    size_t body_out_max;
};

/* zmq_errno() as ours. */
int link_errno(void);

#endif
