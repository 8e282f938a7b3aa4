/* SPDX-License-Identifier: Apache-2.0 */
/* task: what travels between the daemon and one of its worker processes, over a SOCK_SEQPACKET
 * pair: one struct is one record, so nothing is ever split or joined. Both ends are built together;
 * a record of another size is an error. The pixels, their omegas and checksums go into the shared
 * slot, not here. */
#ifndef AUGSTREAM_LOADERD_TASK_H
#define AUGSTREAM_LOADERD_TASK_H

#include "loaderd/batch/session.h"
#include "loaderd/source/source.h"
#include "proto/wire.h"

#include <signal.h>
#include <stdint.h>

enum {
    TASK_FD_SOCKET = 3, /* a worker's file descriptors, beside 0, 1, 2 */
    TASK_FD_POOL = 4,
    TASK_FD_CACHE = 5, /* where there is one */
};

/* Ends a worker that has used up its processor time for one image; nothing else sends it. */
#define TASK_DEADLINE_SIGNAL SIGPROF

enum task_kind {
    TASK_SPEC = 1, /* daemon -> worker: struct task_spec; the next tasks of this session use it */
    TASK_RENDER,   /* daemon -> worker: struct task_render; answered by one TASK_DONE, in order */
    TASK_READY,    /* worker -> daemon: struct task_done, once, when it can take tasks */
    TASK_DONE,     /* worker -> daemon: struct task_done */
};

struct task_spec {
    uint32_t kind;
    uint32_t session; /* below SESSIONS_MAX */
    struct spec spec;
};

/* What a task may know of its sample's picture: whole ones that are there, reduced by 1, 2, 4, 8,
 * and room to put another one. Offsets in the cache's memory. Zeroed: nothing and none. */
enum {
    TASK_REDUCTIONS = 4,
    TASK_SIDE_MAX = 16384, /* pixels: decode's, which the daemon does not see; worker.c holds them
                              equal */
};
struct task_cache {
    uint32_t have;             /* a bit for each */
    uint32_t w, h, reduce_max; /* of the picture, if any is there: struct picture */
    uint64_t at[TASK_REDUCTIONS];
    uint64_t fill, fill_bytes;
};

/* What was done with that. */
struct task_cached {
    uint32_t used; /* a picture that was there was enough */
    uint32_t w, h; /* what was put, if anything was */
    uint32_t reduce, reduce_max;
    uint64_t filled; /* bytes put, 0: none */
    uint64_t wanted; /* bytes for which there was too little room, 0: none */
};

struct task_render {
    uint32_t kind;
    uint32_t session;
    uint64_t ticket; /* comes back as it is */
    uint32_t slot;
    uint32_t epoch, batch;
    uint32_t position, n_samples; /* of the batch in the slot */
    struct item item;
    struct task_cache cache; /* the crew's to fill in */
};

struct task_done {
    uint32_t kind;
    int32_t code; /* as render_sample: 0, -EBADMSG with fault, another -errno */
    uint64_t ticket;
    uint32_t fault;    /* enum wire_fault */
    uint32_t spent_us; /* decoding and augmenting, by the worker's clock */
    struct task_cached cached;
    char text[WIRE_TEXT_MAX];
};

/* What became of a task: what its worker said, or what the crew saw of the worker. */
struct crew_result {
    uint64_t ticket;
    /* 0; -EBADMSG with fault set (FAULT_CRASH and FAULT_DEADLINE come from here); -ECANCELED: the
     * worker died without having looked at it; -EINTR: it was at it, and was killed from outside or
     * stuck, which says nothing of the image; else trouble of the worker's own. */
    int code;
    enum wire_fault fault;
    const char *text; /* "" or what was wrong */
};

#endif
