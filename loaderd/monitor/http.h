/* SPDX-License-Identifier: Apache-2.0 */
/* http: a few pages for whoever watches this machine, over HTTP/1.1 on a loopback port. One answer
 * for each connection. Everything is bounded and made at the start: connections, the bytes and the
 * time of each. The daemon's thread; nothing here blocks. */
#ifndef AUGSTREAM_LOADERD_HTTP_H
#define AUGSTREAM_LOADERD_HTTP_H

#include "proto/endpoint.h"

#include <stddef.h>
#include <uv.h>

enum {
    HTTP_CONNECTIONS_MAX = 8, /* at once; more wait in the kernel */
    HTTP_PATIENCE_MS = 5000,  /* for a whole connection */
};

struct http_page {
    const char *path; /* "/metrics" */
    const char *type; /* of the content */
    /* Writes the body and returns the status, 200 or 5xx; *ret_len is at most cap. */
    int (*write)(void *hint, char *ret, size_t cap, size_t *ret_len);
};

struct http_config {
    uv_loop_t *loop;
    const char
        *address; /* tcp://host:port, has passed endpoint_check; port * is any that is free */
    const struct http_page *pages; /* a loan */
    size_t n_pages;
    size_t body_max; /* bytes of the longest body */
    void *hint;      /* the pages' */
};

struct http;
/* Listens. -EADDRINUSE, -EADDRNOTAVAIL, -ENOMEM. On failure *ret may be set all the same: close it,
 * run the loop, and free it in any case. */
int http_new(const struct http_config *config, struct http **ret);

void http_endpoint(const struct http *http, char ret[LINK_ENDPOINT_MAX]); /* the port picked */

/* Closes every handle: run the loop until nothing is left, then free. NULL is fine for both. */
void http_close(struct http *http);
void http_free(struct http *http);

#endif
