/* SPDX-License-Identifier: Apache-2.0 */
/* onednn: what the files of the oneDNN back end share; private to onednn*.c, which are the only
 * door to oneDNN (version 2's C interface). Convolutions are oneDNN's, the rest is cpu*.c's. */
#ifndef AUGSTREAM_TRAINER_OPS_ONEDNN_H
#define AUGSTREAM_TRAINER_OPS_ONEDNN_H

#include "trainer/ops/cpu.h"

#include <oneapi/dnnl/dnnl.h>

struct onednn {
    struct cpu cpu; /* first: ops->state is both */
    dnnl_engine_t engine;
    dnnl_stream_t stream;
};

/* 0, or -ENOMEM, -ENOTSUP (a shape that oneDNN refuses) or -EIO, with a message about `what`. */
int onednn_check(dnnl_status_t status, const char *what);

/* Makes oneDNN use the back end's number of threads in this thread's next calls: those that make a
 * primitive as well as those that run it. */
void onednn_use_threads(const struct onednn *d);

void onednn_conv_fill(struct ops *ops);

/* pass: one of a convolution's three computations as a primitive, with what stands between its
 * memory layouts and ours. Everything is made by pass_new; pass_run only sets addresses. */
enum pass_kind { PASS_FORWARD, PASS_DATA, PASS_WEIGHT, PASS_KINDS };
enum port_kind { PORT_X, PORT_W, PORT_Y, PORTS }; /* or their gradients */

struct port {
    int arg;                  /* the primitive's name for it */
    dnnl_memory_t ours;       /* in our layout */
    dnnl_memory_t inner;      /* in the primitive's layout, in scratch memory; NULL if the same */
    dnnl_primitive_t reorder; /* from one to the other */
    size_t inner_at;          /* bytes into the scratch memory */
};

struct pass {
    dnnl_primitive_t primitive;
    struct port port[PORTS];
    enum port_kind output;
    dnnl_memory_t work;   /* the primitive's own scratch memory, at its beginning */
    size_t scratch_bytes; /* in all */
};

struct pass_config {
    enum pass_kind kind;
    const struct conv_shape *shape;
    dnnl_memory_desc_t md[PORTS]; /* our layouts; W of PASS_FORWARD is chosen by pass_new... */
                                  /* bf16 x and y: W stays fp32; a pass that reads it makes */
                                  /* itself a rounded copy in the order that it likes */
    bool keep_w;                  /* ...unless it is given */
};

/* ret_w: for PASS_FORWARD, the layout of the weights from now on. */
int pass_new(const struct onednn *d, const struct pass_config *c, struct pass *pass,
             dnnl_memory_desc_t *ret_w);
void pass_done(struct pass *pass);
int pass_run(const struct onednn *d, const struct pass *pass, void *const data[PORTS]);

#endif
