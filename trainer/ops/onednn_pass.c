/* SPDX-License-Identifier: Apache-2.0 */
/* onednn_pass: one primitive of a convolution; see onednn.h. Chooses the algorithm: Winograd's,
 * where oneDNN has it for our layout and the image is not so small that its tiles would be mostly
 * padding (fp32 alone); else the direct one in our layout; else whatever oneDNN likes best, with
 * reorders around it. Owner: the plan. One thread. */
#include "trainer/ops/onednn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"

/* Winograd's F(4x4, 3x3) multiplies a quarter as often and costs about two more bits of rounding:
 * a deviation of 1e-6 of the result's. Its tiles are 4x4 pixels of y. */
enum { WINOGRAD_LEAST = 4 };

enum { ALIGN = 64 };

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static const int args[PASS_KINDS][PORTS] = {
    [PASS_FORWARD] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
    [PASS_DATA] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST},
    [PASS_WEIGHT] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST},
};
static const dnnl_query_t queries[PASS_KINDS][PORTS] = {
    [PASS_FORWARD] = {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md},
    [PASS_DATA] = {dnnl_query_diff_src_md, dnnl_query_weights_md, dnnl_query_diff_dst_md},
    [PASS_WEIGHT] = {dnnl_query_src_md, dnnl_query_diff_weights_md, dnnl_query_diff_dst_md},
};
static const enum port_kind outputs[PASS_KINDS] = {
    [PASS_FORWARD] = PORT_Y, [PASS_DATA] = PORT_X, [PASS_WEIGHT] = PORT_W};

/* One way to do it. */
struct way {
    dnnl_alg_kind_t algorithm;
    bool our_layout; /* of x and y; that of the weights is always oneDNN's choice */
};

static dnnl_memory_desc_t free_layout(dnnl_memory_desc_t md)
{
    md.format_kind = dnnl_format_kind_any;
    return md;
}

static dnnl_status_t describe(const struct pass_config *c, enum pass_kind kind, struct way way,
                              dnnl_convolution_desc_t *ret)
{
    const struct conv_shape *s = c->shape;
    dnnl_dims_t stride = {s->stride, s->stride}, pad = {s->pad, s->pad};
    /* at the far edge the last windows may leave pixels over: then padding is negative */
    int32_t ho = (int32_t)c->md[PORT_Y].dims[2], wo = (int32_t)c->md[PORT_Y].dims[3];
    dnnl_dims_t end = {(ho - 1) * s->stride + s->kernel - s->h - s->pad,
                       (wo - 1) * s->stride + s->kernel - s->w - s->pad};
    dnnl_memory_desc_t x = c->md[PORT_X], w = free_layout(c->md[PORT_W]), y = c->md[PORT_Y];
    if (kind != PASS_WEIGHT) /* which writes fp32 */
        w.data_type = x.data_type;
    if (!way.our_layout) {
        x = free_layout(x);
        y = free_layout(y);
    }
    switch (kind) {
    case PASS_DATA:
        return dnnl_convolution_backward_data_desc_init(ret, way.algorithm, &x, &w, &y, stride, pad,
                                                        end);
    case PASS_WEIGHT:
        return dnnl_convolution_backward_weights_desc_init(ret, way.algorithm, &x, &w, NULL, &y,
                                                           stride, pad, end);
    default:
        return dnnl_convolution_forward_desc_init(ret, dnnl_forward_training, way.algorithm, &x, &w,
                                                  NULL, &y, stride, pad, end);
    }
}

/* The primitive's scratch memory is ours to give (dnnl_scratchpad_mode_user): a run allocates none.
 * hint: a backward pass wants to see its forward pass. */
static dnnl_status_t choose(const struct onednn *d, const struct pass_config *c,
                            enum pass_kind kind, struct way way, const_dnnl_primitive_desc_t hint,
                            dnnl_primitive_desc_t *ret)
{
    dnnl_convolution_desc_t desc;
    dnnl_primitive_attr_t attr;
    dnnl_status_t r = describe(c, kind, way, &desc);
    if (r == dnnl_success)
        r = dnnl_primitive_attr_create(&attr);
    if (r != dnnl_success)
        return r;
    r = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (r == dnnl_success)
        r = dnnl_primitive_desc_create(ret, &desc, attr, d->engine, hint);
    dnnl_primitive_attr_destroy(attr);
    return r;
}

static dnnl_status_t choose_with_hint(const struct onednn *d, const struct pass_config *c,
                                      struct way way, dnnl_primitive_desc_t *ret)
{
    if (c->kind == PASS_FORWARD)
        return choose(d, c, PASS_FORWARD, way, NULL, ret);
    dnnl_primitive_desc_t forward;
    dnnl_status_t r = choose(d, c, PASS_FORWARD, way, NULL, &forward);
    if (r != dnnl_success)
        return r;
    r = choose(d, c, c->kind, way, forward, ret);
    dnnl_primitive_desc_destroy(forward);
    return r;
}

/* oneDNN's own plain loops are hundreds of times slower than the rest. */
static bool is_plain_loops(const_dnnl_primitive_desc_t pd)
{
    const char *name = "";
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
    return strncmp(name, "ref", 3) == 0;
}

static int choose_best(const struct onednn *d, const struct pass_config *c,
                       dnnl_primitive_desc_t *ret)
{
    static const struct way ways[] = {{dnnl_convolution_winograd, true},
                                      {dnnl_convolution_direct, true},
                                      {dnnl_convolution_direct, false}};
    enum { WAYS = sizeof(ways) / sizeof(ways[0]) };
    const dnnl_dim_t *out = c->md[PORT_Y].dims;
    bool winograd = c->shape->dtype == DTYPE_FP32 && c->shape->kernel == 3 &&
                    out[2] >= WINOGRAD_LEAST && out[3] >= WINOGRAD_LEAST;
    dnnl_status_t r = dnnl_unimplemented;

    for (int i = winograd ? 0 : 1; i < WAYS; i++) {
        r = choose_with_hint(d, c, ways[i], ret);
        if (r != dnnl_success)
            continue;
        if (i + 1 == WAYS || !is_plain_loops(*ret))
            return 0;
        dnnl_primitive_desc_destroy(*ret);
    }
    const struct conv_shape *s = c->shape;
    char what[128];
    snprintf(what, sizeof(what), "a convolution %dx%d/%d of [%d,%d,%d,%d] to %d channels",
             s->kernel, s->kernel, s->stride, s->n, s->h, s->w, s->c_in, s->c_out);
    return onednn_check(r, what);
}

static dnnl_status_t reorder_new(const struct onednn *d, const dnnl_memory_desc_t *from,
                                 const dnnl_memory_desc_t *to, dnnl_primitive_t *ret)
{
    dnnl_primitive_desc_t pd;
    dnnl_status_t r = dnnl_reorder_primitive_desc_create(&pd, from, d->engine, to, d->engine, NULL);
    if (r != dnnl_success)
        return r;
    r = dnnl_primitive_create(ret, pd);
    dnnl_primitive_desc_destroy(pd);
    return r;
}

/* scratch: where the next piece of scratch memory begins; moved on. */
static dnnl_status_t port_init(const struct onednn *d, struct port *port, bool output,
                               const dnnl_memory_desc_t *ours, const dnnl_memory_desc_t *inner,
                               size_t *scratch)
{
    dnnl_status_t r = dnnl_memory_create(&port->ours, ours, d->engine, DNNL_MEMORY_NONE);
    if (r != dnnl_success || dnnl_memory_desc_equal(ours, inner))
        return r;
    r = dnnl_memory_create(&port->inner, inner, d->engine, DNNL_MEMORY_NONE);
    if (r != dnnl_success)
        return r;
    port->inner_at = *scratch;
    *scratch += aligned(dnnl_memory_desc_get_size(inner));
    return output ? reorder_new(d, inner, ours, &port->reorder)
                  : reorder_new(d, ours, inner, &port->reorder);
}

/* Our weights lie as the forward pass likes them, if that order has no holes; else as PyTorch's. */
static void weights_choose(const struct pass_config *c, const dnnl_memory_desc_t *liked,
                           dnnl_memory_desc_t *ret)
{
    *ret = dnnl_memory_desc_get_size(liked) == dnnl_memory_desc_get_size(&c->md[PORT_W])
               ? *liked
               : c->md[PORT_W];
}

int pass_new(const struct onednn *d, const struct pass_config *c, struct pass *pass,
             dnnl_memory_desc_t *ret_w)
{
    *pass = (struct pass){.output = outputs[c->kind]};
    dnnl_primitive_desc_t pd;
    int r = choose_best(d, c, &pd);
    if (r < 0)
        return r;

    dnnl_memory_desc_t ours[PORTS] = {c->md[PORT_X], c->md[PORT_W], c->md[PORT_Y]};
    if (c->kind == PASS_FORWARD) {
        if (c->keep_w)
            *ret_w = c->md[PORT_W];
        else
            weights_choose(c, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0), ret_w);
        ours[PORT_W] = *ret_w;
    }
    const dnnl_memory_desc_t *work = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    size_t scratch = aligned(dnnl_memory_desc_get_size(work));
    dnnl_status_t status = dnnl_memory_create(&pass->work, work, d->engine, DNNL_MEMORY_NONE);
    for (int i = 0; i < PORTS && status == dnnl_success; i++) {
        pass->port[i].arg = args[c->kind][i];
        status = port_init(d, &pass->port[i], i == (int)pass->output, &ours[i],
                           dnnl_primitive_desc_query_md(pd, queries[c->kind][i], 0), &scratch);
    }
    if (status == dnnl_success)
        status = dnnl_primitive_create(&pass->primitive, pd);
    dnnl_primitive_desc_destroy(pd);
    pass->scratch_bytes = scratch;
    r = onednn_check(status, "a convolution's primitives");
    if (r < 0)
        pass_done(pass);
    return r;
}

void pass_done(struct pass *pass)
{
    if (pass->primitive)
        dnnl_primitive_destroy(pass->primitive);
    if (pass->work)
        dnnl_memory_destroy(pass->work);
    for (int i = 0; i < PORTS; i++) {
        struct port *port = &pass->port[i];
        if (port->reorder)
            dnnl_primitive_destroy(port->reorder);
        if (port->inner)
            dnnl_memory_destroy(port->inner);
        if (port->ours)
            dnnl_memory_destroy(port->ours);
    }
    *pass = (struct pass){0};
}

static dnnl_status_t port_reorder(const struct onednn *d, const struct port *port, bool output)
{
    dnnl_exec_arg_t io[] = {{DNNL_ARG_FROM, output ? port->inner : port->ours},
                            {DNNL_ARG_TO, output ? port->ours : port->inner}};
    return dnnl_primitive_execute(port->reorder, d->stream, 2, io);
}

int pass_run(const struct onednn *d, const struct pass *pass, void *const data[PORTS])
{
    char *scratch = (char *)d->cpu.scratch;
    dnnl_exec_arg_t io[PORTS + 1] = {{DNNL_ARG_SCRATCHPAD, pass->work}};
    onednn_use_threads(d);
    dnnl_status_t r = dnnl_memory_set_data_handle(pass->work, scratch);
    for (int i = 0; i < PORTS && r == dnnl_success; i++) {
        const struct port *port = &pass->port[i];
        io[i + 1] = (dnnl_exec_arg_t){port->arg, port->inner ? port->inner : port->ours};
        r = dnnl_memory_set_data_handle(port->ours, data[i]);
        if (r == dnnl_success && port->inner)
            r = dnnl_memory_set_data_handle(port->inner, scratch + port->inner_at);
        if (r == dnnl_success && port->inner && i != (int)pass->output)
            r = port_reorder(d, port, false);
    }
    if (r == dnnl_success)
        r = dnnl_primitive_execute(pass->primitive, d->stream, PORTS + 1, io);
    if (r == dnnl_success && pass->port[pass->output].inner)
        r = port_reorder(d, &pass->port[pass->output], true);
    if (r == dnnl_success)
        r = dnnl_stream_wait(d->stream);
    return r == dnnl_success ? 0 : err_set(-EIO, "oneDNN: a convolution failed, status %d", (int)r);
}
