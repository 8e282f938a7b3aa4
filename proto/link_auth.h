/* SPDX-License-Identifier: Apache-2.0 */
/* link_auth: who may connect. Answers ZeroMQ's question about each connection that is to be made
 * (ZAP: rfc.zeromq.org/spec/27) from a list of public keys; it has a thread of its own, so that a
 * busy daemon keeps nobody waiting. It must be there before the first socket is bound: ZeroMQ lets
 * everybody in when nobody answers, unless ZMQ_ZAP_ENFORCE_DOMAIN is set, which link does too.
 * Every call is fine from any thread. */
#ifndef AUGSTREAM_PROTO_LINK_AUTH_H
#define AUGSTREAM_PROTO_LINK_AUTH_H

#include "proto/link_key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link_auth;

enum {
    LINK_AUTH_KEYS_MAX = 4096,
    LINK_AUTH_NAME_MAX = 64,   /* bytes of a client's name with the NUL */
    LINK_AUTH_TEXT_MAX = 256,  /* of link_auth_refused's text */
    LINK_AUTH_FRAMES = 7,      /* of a request of CURVE; others have six */
    LINK_AUTH_FRAME_MAX = 255, /* bytes of one */
    LINK_AUTH_PLACE_MAX = 64,
};

/* The domains that link gives its sockets. */
#define LINK_AUTH_CURVE "augstream.curve" /* a key of the list is wanted */
#define LINK_AUTH_OPEN "augstream.open"   /* everybody: the endpoint itself is guarded, or open */

/* Begins to answer in this ZeroMQ context, at first with an empty list: nobody is let in. */
int link_auth_new(void *zmq, struct link_auth **ret);

/* After the context has been told to end, which the thread waits for. */
void link_auth_free(struct link_auth *auth);

/* Replaces the list, in one step: every file of the folder `path` but hidden ones and NAME_secret,
 * or the one file `path`; files' names are clients' names. "any": every key. A file that is none of
 * keys is told and left out. On failure the list stays as it was. Returns the number of keys;
 * *ret_gone is set when a key of the old list is not in the new one. */
typedef void (*link_auth_tell_fn)(void *hint, const char *text);
int link_auth_load(struct link_auth *auth, const char *path, link_auth_tell_fn tell, void *hint,
                   bool *ret_gone);

/* Whether the owner of a connection may still use it: user is ZeroMQ's User-Id of one of its
 * messages, which is the key's text. A no is counted with the refused. */
bool link_auth_allows(struct link_auth *auth, const char *user);

/* Connections, and messages, refused so far; text is who was the last one, and what was wrong. */
uint64_t link_auth_refused(struct link_auth *auth, char ret_text[LINK_AUTH_TEXT_MAX]);

/* One frame of a request. */
struct link_auth_frame {
    const void *data;
    size_t len;
};

/* The answer to a request as its frames say it: for the thread, and for tests. Logged at debug. */
struct link_auth_answer {
    const char *code, *text;       /* "200", "400", "500" and why */
    char user[LINK_KEY_TEXT];      /* "" unless it is let in by its key */
    char name[LINK_AUTH_NAME_MAX]; /* its client's, who is on the list; else "" */
    uint8_t id_len;                /* of the request, to be given back */
    unsigned char id[LINK_AUTH_FRAME_MAX];
};
void link_auth_judge(struct link_auth *auth, const struct link_auth_frame *frames, size_t n,
                     struct link_auth_answer *ret);

#endif
