/* SPDX-License-Identifier: Apache-2.0 */
/* desk: where a page's requests are answered: which path gets what. Everything it needs is lent to
 * it. The thread of site_run. */
#ifndef AUGSTREAM_TOOLS_SERVE_DESK_H
#define AUGSTREAM_TOOLS_SERVE_DESK_H

#include "common/err.h"
#include "tools/inspect/serve/pictures.h"
#include "tools/inspect/serve/reel.h"
#include "tools/inspect/serve/site.h"
#include "tools/inspect/serve/state.h"

struct desk {
    const char *from;    /* the endpoint or file */
    struct state *state; /* what has come */
    struct reel *reel;   /* the record; NULL: it is a tap */
    struct pictures *pictures;
    bool there;                 /* somebody is at the endpoint */
    bool read;                  /* the record has been read to its end */
    double began;               /* unix seconds: a page sees by it that this is another process */
    char trouble[ERR_TEXT_MAX]; /* what the feed said last, or "" */
};

double desk_now(void); /* unix seconds */

/* A site_answer_fn; user is the desk. */
void desk_answer(void *desk, const struct site_request *request, struct site_answer *ret);

#endif
