/* SPDX-License-Identifier: Apache-2.0 */
/* embed: `loaders: embedded`. Writes a loaderd.yaml, starts a private augstream-loaderd on an ipc
 * socket, waits for READY, stops it at the end. The child dies with its parent. */
#ifndef AUGSTREAM_TRAINER_EMBED_H
#define AUGSTREAM_TRAINER_EMBED_H

#include "common/conf.h"

struct embed;

struct embed_dataset {
    const char *name, *path, *format;
    const char *split, *classes; /* NULL or "": the format's usual one, all */
    double fraction;             /* of each class's samples; 0 stands for 1 */
};
struct embed_config {
    const struct embed_dataset *datasets;
    size_t n_datasets;
    uint32_t workers; /* 0 = one per core */
    uint32_t window;
    uint64_t batch_bytes; /* pixels of the largest batch that it must hold; 0 = the loader's own */
    const volatile int *stop;   /* embed_start gives up with -EINTR when it is nonzero; or NULL */
    const double *bad_rate_max; /* NULL = the loader's own */
    /* What it says, a line at a time, in place of standard error; or NULL. By another thread, until
     * embed_stop returns. */
    void (*said)(void *hint, const char *line);
    void *said_hint;
};

/* The loaderd binary: beside this program's own, or ../loaderd/, or in PATH (in that order);
 * $AUGSTREAM_LOADERD overrides. -ENOENT without one. When it ends before READY: its own last line
 * of error, and the error that its exit code stands for. */
int embed_start(const struct embed_config *config, struct embed **ret);
const char *embed_endpoint(const struct embed *embed); /* ipc://... */
const char *embed_tap(const struct embed *embed);

/* 0 while it runs; once it has ended, how: what ended it, or its exit code and last error. */
int embed_check(struct embed *embed);
void embed_stop(struct embed *embed); /* SIGTERM, waits for it; removes the socket folder */

#endif
