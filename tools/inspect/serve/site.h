/* SPDX-License-Identifier: Apache-2.0 */
/* site: a small web server for one person's browser: GET and HEAD, nothing that changes anything,
 * every answer with the headers that keep a page to itself. Knows nothing of what is answered. The
 * only door to libmicrohttpd. Belongs to one thread: whatever happens, happens within site_run. */
#ifndef AUGSTREAM_TOOLS_SERVE_SITE_H
#define AUGSTREAM_TOOLS_SERVE_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SITE_CONNECTIONS_MAX = 32,   /* at once; further ones wait to be accepted */
    SITE_REQUEST_MAX = 16 << 10, /* bytes of a request with its headers */
    SITE_PATIENCE_S = 30,        /* with a connection on which nothing comes */
    SITE_ADDRESS_MAX = 80,       /* bytes of an address with the NUL */
    SITE_ANSWER_MAX = 16 << 20,  /* bytes of an answer */
};

struct site;
struct site_request {
    const char *path; /* begins with / */
    void *private;
};

/* What is answered. The bytes are the server's to keep until the answer has been sent: text that
 * never changes, or (take) a malloc'd block that it frees. */
struct site_answer {
    unsigned status;  /* 200 by default */
    const char *type; /* of the bytes: a MIME type with its charset */
    const char *note; /* the value of an Augstream-Note header, or NULL: copied */
    const void *bytes;
    size_t len;
    bool take;
};
typedef void (*site_answer_fn)(void *user, const struct site_request *request,
                               struct site_answer *ret);

struct site_config {
    const char *bind; /* a numeric address, or localhost; NULL: 127.0.0.1 */
    uint16_t port;    /* 0: any that is free */
    site_answer_fn answer;
    void *user;
};

/* Listens. -EINVAL for what is no address, -EADDRINUSE and whatever else bind(2) says. */
int site_open(const struct site_config *config, struct site **ret);
void site_close(struct site *site); /* fine with NULL */

const char *site_address(const struct site *site); /* "http://127.0.0.1:4711/" */
bool site_loopback(const struct site *site);       /* only this machine can reach it */

/* Serves whatever has come, waiting up to wait_ms for something to come. */
int site_run(struct site *site, int wait_ms);

/* The value behind a name in the query, decoded; NULL: it is not there. A loan until the answer. */
const char *site_query(const struct site_request *request, const char *name);

/* A sentence as the answer. */
void site_say(struct site_answer *ret, unsigned status, const char *sentence);

/* Whether a Host header may be answered: localhost, an address in numbers where everything is
 * listened to, else 127.0.0.1, [::1] or the bound one; each with any port or none. A page of
 * elsewhere whose name has been made to point here (DNS rebinding) comes with that name. */
bool site_host_ok(const char *host, const char *bind);

#endif
