/* SPDX-License-Identifier: Apache-2.0 */
/* ref: the reference back end, plain loops in one thread: the oracle that every other back end is
 * held to. Memory is the host's own, every layout the plain one. This file: memory, input, linear,
 * rows and the optimiser; ref_conv.c convolution and pooling, ref_norm.c batch norm, ref_loss.c
 * losses. Does not try to be fast. */
#include "trainer/ops/ref.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

enum { MEM_ALIGN = 64 };

static void *mem_new(const struct ops *o, size_t bytes)
{
    (void)o;
    if (bytes > PTRDIFF_MAX - MEM_ALIGN) /* no object is bigger */
        return NULL;
    size_t whole = (bytes + MEM_ALIGN - 1) / MEM_ALIGN * MEM_ALIGN;
    if (!whole)
        whole = MEM_ALIGN;
    void *p = aligned_alloc(MEM_ALIGN, whole);
    return p ? memset(p, 0, whole) : NULL;
}

static void mem_free(const struct ops *o, void *p)
{
    (void)o;
    free(p);
}

static int upload(const struct ops *o, void *to, const void *host, size_t bytes)
{
    (void)o;
    memcpy(to, host, bytes);
    return 0;
}

static int download(const struct ops *o, void *host, const void *from, size_t bytes)
{
    return upload(o, host, from, bytes);
}

static int tensor_import(const struct ops *o, const float *host_nhwc, struct tensor *t)
{
    return upload(o, t->data, host_nhwc, tensor_count(t) * sizeof(float));
}

static int tensor_export(const struct ops *o, const struct tensor *t, float *host_nhwc)
{
    return upload(o, host_nhwc, t->data, tensor_count(t) * sizeof(float));
}

/* In float, operation by operation as torchvision's ToTensor and Normalize: the same bits. */
static int input_normalize(const struct ops *o, const uint8_t *host_pixels, int32_t rows,
                           const float mean[3], const float std[3], struct tensor *x, int32_t first)
{
    (void)o;
    struct tensor part = tensor_rows(x, first, rows);
    size_t count = tensor_count(&part);
    for (size_t i = 0; i < count; i++)
        part.data[i] = ((float)host_pixels[i] / 255.0f - mean[i % 3]) / std[i % 3];
    return 0;
}

static int linear_forward(const struct ops *o, const struct tensor *x, const float *w,
                          const float *b, struct tensor *y)
{
    (void)o;
    size_t in = (size_t)x->c, out = (size_t)y->c;
    for (size_t n = 0; n < (size_t)x->n; n++)
        for (size_t j = 0; j < out; j++)
            y->data[n * out + j] =
                (float)(ref_dot(x->data + n * in, w + j * in, in) + (b ? b[j] : 0.0f));
    return 0;
}

/* ret[width] (+)= sum over k < count of scale[k * scale_stride] * rows[k][width]. A block of
 * columns at a time, so that the double sums fit on the stack. */
struct rows_sum {
    const float *scale;
    size_t scale_stride, count;
    const float *rows;
    size_t width;
    bool accumulate;
};

static void sum_rows(const struct rows_sum *s, float *ret)
{
    enum { BLOCK = 256 };
    for (size_t at = 0; at < s->width; at += BLOCK) {
        size_t n = s->width - at < BLOCK ? s->width - at : BLOCK;
        double sum[BLOCK] = {0};
        for (size_t k = 0; k < s->count; k++)
            ref_add_scaled(sum, s->scale[k * s->scale_stride], s->rows + k * s->width + at, n);
        for (size_t i = 0; i < n; i++)
            ret[at + i] = (float)(sum[i] + (s->accumulate ? ret[at + i] : 0.0f));
    }
}

static int linear_backward_data(const struct ops *o, const struct tensor *dy, const float *w,
                                struct tensor *dx, bool accumulate)
{
    (void)o;
    size_t in = (size_t)dx->c, out = (size_t)dy->c;
    for (size_t n = 0; n < (size_t)dy->n; n++) {
        struct rows_sum s = {.scale = dy->data + n * out,
                             .scale_stride = 1,
                             .count = out,
                             .rows = w,
                             .width = in,
                             .accumulate = accumulate};
        sum_rows(&s, dx->data + n * in);
    }
    return 0;
}

static int linear_backward_weight(const struct ops *o, const struct tensor *x,
                                  const struct tensor *dy, float *dw, float *db)
{
    (void)o;
    size_t in = (size_t)x->c, out = (size_t)dy->c, rows = (size_t)x->n;
    for (size_t j = 0; j < out; j++) {
        struct rows_sum s = {.scale = dy->data + j,
                             .scale_stride = out,
                             .count = rows,
                             .rows = x->data,
                             .width = in};
        sum_rows(&s, dw + j * in);
    }
    for (size_t j = 0; db && j < out; j++) {
        double sum = 0;
        for (size_t n = 0; n < rows; n++)
            sum += dy->data[n * out + j];
        db[j] = (float)sum;
    }
    return 0;
}

static int pair_forward(const struct ops *o, const struct tensor *x, struct tensor *y)
{
    (void)o;
    size_t half = (size_t)x->n / 2, d = (size_t)x->c;
    for (size_t i = 0; i < 2 * half; i++) {
        size_t other = (i + half) % (2 * half);
        memcpy(y->data + i * 2 * d, x->data + i * d, d * sizeof(float));
        memcpy(y->data + i * 2 * d + d, x->data + other * d, d * sizeof(float));
    }
    return 0;
}

/* Row i of x was the first half of row i of y and the second half of its partner's row. */
static int pair_backward(const struct ops *o, const struct tensor *dy, struct tensor *dx)
{
    (void)o;
    size_t half = (size_t)dx->n / 2, d = (size_t)dx->c;
    for (size_t i = 0; i < 2 * half; i++) {
        size_t other = (i + half) % (2 * half);
        const float *first = dy->data + i * 2 * d, *second = dy->data + other * 2 * d + d;
        for (size_t k = 0; k < d; k++)
            dx->data[i * d + k] =
                (float)((double)dx->data[i * d + k] + ((double)first[k] + second[k]));
    }
    return 0;
}

static int concat_forward(const struct ops *o, const struct tensor *a, const struct tensor *b,
                          struct tensor *y)
{
    (void)o;
    size_t wide_a = (size_t)a->c, wide_b = (size_t)b->c;
    for (size_t n = 0; n < (size_t)y->n; n++) {
        float *row = y->data + n * (wide_a + wide_b);
        memcpy(row, a->data + n * wide_a, wide_a * sizeof(float));
        memcpy(row + wide_a, b->data + n * wide_b, wide_b * sizeof(float));
    }
    return 0;
}

static int concat_backward(const struct ops *o, const struct tensor *dy, struct tensor *da,
                           struct tensor *db)
{
    (void)o;
    size_t wide_a = (size_t)da->c, wide_b = (size_t)db->c;
    for (size_t n = 0; n < (size_t)dy->n; n++) {
        const float *row = dy->data + n * (wide_a + wide_b);
        memcpy(da->data + n * wide_a, row, wide_a * sizeof(float));
        memcpy(db->data + n * wide_b, row + wide_a, wide_b * sizeof(float));
    }
    return 0;
}

static int fill(const struct ops *o, float *x, size_t count, float value)
{
    (void)o;
    for (size_t i = 0; i < count; i++)
        x[i] = value;
    return 0;
}

static int copy(const struct ops *o, const float *from, float *to, size_t count)
{
    (void)o;
    memcpy(to, from, count * sizeof(float));
    return 0;
}

static int add(const struct ops *o, const float *a, float *sum, size_t count)
{
    (void)o;
    for (size_t i = 0; i < count; i++)
        sum[i] += a[i];
    return 0;
}

/* In float: the weights are the state of the run, and PyTorch's are float at every operation. */
static int sgd_step(const struct ops *o, const struct sgd *s, float *w, const float *d, float *m,
                    size_t count)
{
    (void)o;
    float lr = *s->lr;
    for (size_t i = 0; i < count; i++) {
        float g = s->scale * d[i] + s->weight_decay * w[i];
        m[i] = s->momentum * m[i] + g;
        w[i] -= lr * m[i];
    }
    return 0;
}

static int lars_step(const struct ops *o, const struct sgd *s, float trust, float *w,
                     const float *d, float *m, size_t count)
{
    (void)o;
    double w2 = 0, g2 = 0;
    for (size_t i = 0; i < count; i++) {
        double g = (double)(s->scale * d[i] + s->weight_decay * w[i]);
        w2 += (double)w[i] * (double)w[i];
        g2 += g * g;
    }
    float lr = *s->lr, adapt = w2 > 0 && g2 > 0 ? (float)((double)trust * sqrt(w2 / g2)) : 1;
    for (size_t i = 0; i < count; i++) {
        float g = s->scale * d[i] + s->weight_decay * w[i];
        m[i] = s->momentum * m[i] + adapt * g;
        w[i] -= lr * m[i];
    }
    return 0;
}

static int ema_step(const struct ops *o, float momentum, const float *w, float *average,
                    size_t count)
{
    (void)o;
    for (size_t i = 0; i < count; i++)
        average[i] = momentum * average[i] + (1 - momentum) * w[i];
    return 0;
}

static const char no_bf16[] = "the back end ref computes in fp32 alone";

int ref_check_dtype(enum dtype dtype)
{
    return dtype == DTYPE_FP32 ? 0 : err_set(-ENOTSUP, "no bf16: %s", no_bf16);
}

void ops_ref_fill(struct ops *ops)
{
    ops->name = "ref";
    ops->no_bf16 = no_bf16;
    ops->mem_new = mem_new;
    ops->mem_free = mem_free;
    ops->upload = upload;
    ops->download = download;
    ops->tensor_import = tensor_import;
    ops->tensor_export = tensor_export;
    ops->input_normalize = input_normalize;
    ref_conv_fill(ops);
    ref_norm_fill(ops);
    ops->linear_forward = linear_forward;
    ops->linear_backward_data = linear_backward_data;
    ops->linear_backward_weight = linear_backward_weight;
    ops->pair_forward = pair_forward;
    ops->pair_backward = pair_backward;
    ops->concat_forward = concat_forward;
    ops->concat_backward = concat_backward;
    ops->fill = fill;
    ops->copy = copy;
    ops->add = add;
    ref_loss_fill(ops);
    ref_contrast_fill(ops);
    ops->sgd_step = sgd_step;
    ops->lars_step = lars_step;
    ops->ema_step = ema_step;
}
