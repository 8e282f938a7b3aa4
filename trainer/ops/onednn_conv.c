/* SPDX-License-Identifier: Apache-2.0 */
/* onednn_conv: the convolution slots. Takes and gives tensors in cpu.h's layout; the weights lie as
 * the forward pass likes them, and the gradient lies as the weights. Owner: the plan holds its
 * primitives; their scratch memory is the back end's. One thread calls. */
#include "trainer/ops/cpu_bf16_conv.h"
#include "trainer/ops/onednn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "common/auto.h"
#include "common/err.h"

struct conv {
    const struct ops *ops;
    struct onednn *d;
    bool need_dx;
    struct conv_shape shape;
    bool small;           /* cpu_bf16_conv.c's, without any pass */
    dnnl_memory_desc_t w; /* the layout of the weights, which are fp32 */
    struct pass pass[PASS_KINDS];
    size_t sum_at;           /* bytes into the scratch memory: dx before it is added */
    struct port load, store; /* weights between PyTorch's order and ours */
};

static dnnl_status_t tensor_md(dnnl_dims_t dims, enum dtype dtype, dnnl_memory_desc_t *ret)
{
    if (dtype == DTYPE_BF16)
        return dnnl_memory_desc_init_by_tag(ret, 4, dims, dnnl_bf16, dnnl_nhwc);
    dnnl_format_tag_t tag = cpu_blocked((int32_t)dims[1]) ? dnnl_nChw16c : dnnl_nhwc;
    return dnnl_memory_desc_init_by_tag(ret, 4, dims, dnnl_f32, tag);
}

static void port_done(struct port *port)
{
    if (port->reorder)
        dnnl_primitive_destroy(port->reorder);
    if (port->inner)
        dnnl_memory_destroy(port->inner);
    if (port->ours)
        dnnl_memory_destroy(port->ours);
}

static void conv_free(struct conv *conv)
{
    if (!conv)
        return;
    for (int i = 0; i < PASS_KINDS; i++)
        pass_done(&conv->pass[i]);
    port_done(&conv->load);
    port_done(&conv->store);
    free(conv);
}

static void *scratch_at(const struct conv *conv, size_t bytes)
{
    return (char *)conv->d->cpu.scratch + bytes;
}

/* Reorders weights between PyTorch's OIHW and the plan's layout: load from the host, store to it.
 */
static int weight_ports(struct conv *conv, const dnnl_memory_desc_t *oihw,
                        const dnnl_memory_desc_t *ours)
{
    const struct {
        struct port *port;
        const dnnl_memory_desc_t *from, *to;
    } rows[] = {{&conv->load, oihw, ours}, {&conv->store, ours, oihw}};
    dnnl_status_t r = dnnl_success;
    for (size_t i = 0; i < ARRAY_LEN(rows) && r == dnnl_success; i++) {
        dnnl_primitive_desc_t pd;
        r = dnnl_memory_create(&rows[i].port->ours, rows[i].from, conv->d->engine,
                               DNNL_MEMORY_NONE);
        if (r == dnnl_success)
            r = dnnl_memory_create(&rows[i].port->inner, rows[i].to, conv->d->engine,
                                   DNNL_MEMORY_NONE);
        if (r == dnnl_success)
            r = dnnl_reorder_primitive_desc_create(&pd, rows[i].from, conv->d->engine, rows[i].to,
                                                   conv->d->engine, NULL);
        if (r != dnnl_success)
            break;
        r = dnnl_primitive_create(&rows[i].port->reorder, pd);
        dnnl_primitive_desc_destroy(pd);
    }
    return onednn_check(r, "a convolution's weights");
}

static int weight_reorder(struct conv *conv, const struct port *port, const float *from, float *to)
{
    dnnl_exec_arg_t io[] = {{DNNL_ARG_FROM, port->ours}, {DNNL_ARG_TO, port->inner}};
    onednn_use_threads(conv->d);
    dnnl_status_t r = dnnl_memory_set_data_handle(port->ours, (void *)from);
    if (r == dnnl_success)
        r = dnnl_memory_set_data_handle(port->inner, to);
    if (r == dnnl_success)
        r = dnnl_primitive_execute(port->reorder, conv->d->stream, 2, io);
    if (r == dnnl_success)
        r = dnnl_stream_wait(conv->d->stream);
    return r == dnnl_success ? 0
                             : err_set(-EIO, "oneDNN: weights not reordered, status %d", (int)r);
}

static int conv_weight_load(struct conv *conv, const float *host_oihw, float *w)
{
    return weight_reorder(conv, &conv->load, host_oihw, w);
}

static int conv_weight_store(struct conv *conv, const float *w, float *host_oihw)
{
    return weight_reorder(conv, &conv->store, w, host_oihw);
}

static int conv_forward(struct conv *conv, const struct tensor *x, const float *w, struct tensor *y)
{
    const struct cpu *cpu = &conv->d->cpu;
    if (conv->small) {
        cpu->matrix->conv_forward(cpu, &conv->shape, x, w, y);
        return 0;
    }
    return pass_run(conv->d, &conv->pass[PASS_FORWARD], (void *[]){x->data, (float *)w, y->data});
}

static int conv_backward_data(struct conv *conv, const struct tensor *dy, const float *w,
                              struct tensor *dx, bool accumulate)
{
    const struct cpu *cpu = &conv->d->cpu;
    assert(conv->need_dx);
    if (conv->small) {
        cpu->matrix->conv_backward_data(cpu, &conv->shape, dy, w, dx, accumulate);
        return 0;
    }
    void *to = accumulate ? scratch_at(conv, conv->sum_at) : dx->data;
    int r = pass_run(conv->d, &conv->pass[PASS_DATA], (void *[]){to, (float *)w, dy->data});
    if (r < 0 || !accumulate)
        return r;
    if (conv->shape.dtype == DTYPE_FP32)
        return conv->ops->add(conv->ops, to, dx->data, tensor_count(dx));
    cpu->bf16_add(to, tensor_bf16(dx), tensor_count(dx), cpu->threads);
    return 0;
}

static int conv_backward_weight(struct conv *conv, const struct tensor *x, const struct tensor *dy,
                                float *dw)
{
    const struct cpu *cpu = &conv->d->cpu;
    if (conv->small) {
        cpu->matrix->conv_backward_weight(cpu, &conv->shape, x, dy, dw);
        return 0;
    }
    return pass_run(conv->d, &conv->pass[PASS_WEIGHT], (void *[]){x->data, dw, dy->data});
}

/* The weights' layout before forward has a say; bf16: that of the gradient, which the optimiser
 * reads beside them, where this one has no holes. What the passes read is made from them anyway. */
static dnnl_status_t weights_md(const struct conv_shape *s, const dnnl_memory_desc_t *oihw,
                                dnnl_memory_desc_t *ret)
{
    if (s->dtype == DTYPE_BF16 && cpu_blocked(s->c_in) && cpu_blocked(s->c_out) && !s->like)
        return dnnl_memory_desc_init_by_tag(ret, 4, oihw->dims, dnnl_f32, dnnl_OIhw16i16o);
    *ret = s->like ? s->like->w : *oihw;
    return dnnl_success;
}

/* The three passes, and room in the shared scratch memory for the largest of them. */
static int conv_passes(struct conv *conv, const struct conv_shape *s, int32_t ho, int32_t wo)
{
    dnnl_memory_desc_t oihw;
    struct pass_config c = {.shape = s, .keep_w = s->like || s->dtype == DTYPE_BF16};
    dnnl_status_t status =
        tensor_md((dnnl_dims_t){s->n, s->c_in, s->h, s->w}, s->dtype, &c.md[PORT_X]);
    if (status == dnnl_success)
        status = tensor_md((dnnl_dims_t){s->n, s->c_out, ho, wo}, s->dtype, &c.md[PORT_Y]);
    if (status == dnnl_success)
        status = dnnl_memory_desc_init_by_tag(
            &oihw, 4, (dnnl_dims_t){s->c_out, s->c_in, s->kernel, s->kernel}, dnnl_f32, dnnl_oihw);
    if (status == dnnl_success)
        status = weights_md(s, &oihw, &c.md[PORT_W]);
    if (status != dnnl_success)
        return onednn_check(status, "a convolution's shapes");
    size_t bytes = 0;
    for (int kind = PASS_FORWARD; kind < PASS_KINDS; kind++) {
        if (kind == PASS_DATA && !s->need_dx)
            continue;
        c.kind = (enum pass_kind)kind;
        int r = pass_new(conv->d, &c, &conv->pass[kind], &conv->w);
        if (r < 0)
            return r;
        c.md[PORT_W] = conv->w; /* forward comes first: the others take its layout */
        if (conv->pass[kind].scratch_bytes > bytes)
            bytes = conv->pass[kind].scratch_bytes;
    }
    conv->sum_at = bytes;
    if (s->need_dx)
        bytes +=
            dtype_bytes(s->dtype) * (size_t)s->n * (size_t)s->h * (size_t)s->w * (size_t)s->c_in;
    int r = cpu_reserve(&conv->d->cpu, bytes);
    return r < 0 ? r : weight_ports(conv, &oihw, &conv->w);
}

/* A small bf16 image where there are matrix units; weights that lie otherwise, as another plan's,
 * would have to be reordered. */
static int small_init(struct conv *conv, const struct conv_shape *s)
{
    struct cpu *cpu = &conv->d->cpu;
    dnnl_memory_desc_t oihw, ohwi;
    if (s->dtype != DTYPE_BF16 || !cpu->matrix || !cpu->matrix->conv_wants(s))
        return 0;
    dnnl_dims_t dims = {s->c_out, s->c_in, s->kernel, s->kernel};
    dnnl_status_t r = dnnl_memory_desc_init_by_tag(&oihw, 4, dims, dnnl_f32, dnnl_oihw);
    if (r == dnnl_success)
        r = dnnl_memory_desc_init_by_tag(&ohwi, 4, dims, dnnl_f32, dnnl_ohwi);
    if (r != dnnl_success)
        return onednn_check(r, "a convolution's shapes");
    if (s->like && !dnnl_memory_desc_equal(&s->like->w, &ohwi))
        return 0;
    conv->small = true;
    conv->w = ohwi;
    int reserved = cpu_reserve(cpu, cpu->matrix->conv_scratch(s));
    return reserved < 0 ? reserved : weight_ports(conv, &oihw, &conv->w);
}

static int conv_new(const struct ops *o, const struct conv_shape *s, struct conv **ret)
{
    bool shape_ok = s->n >= 1 && s->c_in >= 1 && s->c_out >= 1 && s->h >= 1 && s->w >= 1 &&
                    s->kernel >= 1 && s->stride >= 1 && s->pad >= 0 &&
                    s->h + 2 * s->pad >= s->kernel && s->w + 2 * s->pad >= s->kernel;
    if (!shape_ok)
        return err_set(-ENOTSUP, "no convolution [%d,%d,%d,%d] -> %d, kernel %d/%d, pad %d", s->n,
                       s->h, s->w, s->c_in, s->c_out, s->kernel, s->stride, s->pad);
    if (s->dtype == DTYPE_BF16 && o->no_bf16)
        return err_set(-ENOTSUP, "no bf16 convolution: %s", o->no_bf16);
    int32_t ho = (s->h + 2 * s->pad - s->kernel) / s->stride + 1;
    int32_t wo = (s->w + 2 * s->pad - s->kernel) / s->stride + 1;
    struct conv *conv = calloc(1, sizeof(*conv));
    if (!conv)
        return err_set(-ENOMEM, "no memory for a convolution");
    conv->ops = o;
    conv->d = o->state;
    conv->need_dx = s->need_dx;
    conv->shape = *s;
    onednn_use_threads(conv->d); /* a primitive is cut for the threads there are when it is made */
    int r = small_init(conv, s);
    if (r == 0 && !conv->small)
        r = conv_passes(conv, s, ho, wo);
    if (r < 0) {
        conv_free(conv);
        return r;
    }
    *ret = conv;
    return 0;
}

void onednn_conv_fill(struct ops *ops)
{
    ops->conv_new = conv_new;
    ops->conv_free = conv_free;
    ops->conv_weight_load = conv_weight_load;
    ops->conv_weight_store = conv_weight_store;
    ops->conv_forward = conv_forward;
    ops->conv_backward_data = conv_backward_data;
    ops->conv_backward_weight = conv_backward_weight;
}
