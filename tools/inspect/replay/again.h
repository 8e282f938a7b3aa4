/* SPDX-License-Identifier: Apache-2.0 */
/* again: a recorded batch -> its views again, by several threads, each view held against its
 * checksum in the record, each omega against what its law draws. */
#ifndef AUGSTREAM_TOOLS_INSPECT_AGAIN_H
#define AUGSTREAM_TOOLS_INSPECT_AGAIN_H

#include "proto/wire.h"
#include "tools/inspect/replay/renderer.h"

enum { AGAIN_THREADS_MAX = 256 };

/* What became of one view: bits. None: it was rendered, and is the record's. */
enum again_flag {
    AGAIN_LEFT = 1 << 0,      /* nobody asked for it */
    AGAIN_FAILED = 1 << 1,    /* could not be rendered: the sample's `why` says */
    AGAIN_UNTOLD = 1 << 2,    /* rendered; the record has no checksum of it */
    AGAIN_DIFFERS = 1 << 3,   /* rendered, and it is not the record's */
    AGAIN_OTHERWISE = 1 << 4, /* its omega is not what its law draws */
    AGAIN_AS_DRAWN = 1 << 5,  /* DIFFERS, but rendered as drawn it is the record's */
};

/* Of one batch; valid until the next. */
struct again_result {
    const uint8_t *flags;   /* [n_views][n_samples] */
    const char *const *why; /* [n_samples]; NULL: there is nothing to say */
};

struct again_task {
    const struct wire_message *tap; /* has told its spec */
    const bool *wanted;             /* [n_samples]; NULL: all */
    uint8_t *const
        *pixels; /* [n_views], each [n_samples][size][size][3]; NULL: nobody wants them */
};

struct again;

/* threads: 1..AGAIN_THREADS_MAX. The renderer is a loan until again_free. */
int again_new(const struct renderer *renderer, unsigned threads, struct again **ret);
void again_free(struct again *again); /* takes NULL */

/* The same whatever the number of threads. An image that cannot be rendered is no error of this;
 * -ENOMEM is. */
int again_batch(struct again *again, const struct again_task *task, struct again_result *ret);

#endif
