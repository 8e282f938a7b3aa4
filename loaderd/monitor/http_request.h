/* SPDX-License-Identifier: Apache-2.0 */
/* http_request: what a client of /metrics and friends sent: the head of one HTTP/1.1 request (RFC
 * 9112), judged without any input or output. Any thread; no state, no allocation. */
#ifndef AUGSTREAM_LOADERD_HTTP_REQUEST_H
#define AUGSTREAM_LOADERD_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

enum { HTTP_REQUEST_MAX = 4096 /* bytes of a whole head */ };

struct http_request {
    int status;       /* 0: answer it; else what to refuse it with: 400, 405, 413, 431, 505 */
    bool head;        /* HEAD: the answer has no body */
    const char *path; /* into the bytes, without host and query; status 0 only */
    size_t path_len;
};

/* True when the bytes hold a whole head, or can never become one that is taken: *ret says which.
 * False: more bytes are needed. */
bool http_request_read(const char *bytes, size_t len, struct http_request *ret);

/* The path is exactly this one. */
bool http_request_is(const struct http_request *request, const char *path);

#endif
