/* SPDX-License-Identifier: Apache-2.0 */
/* ref_conv: what slides a window: convolution and max pooling, and the global average. Weights lie
 * as [out][kernel row][kernel column][in], so a kernel row inside the image is one contiguous run
 * of x and of w: all three passes of a convolution are dot products or sums of such runs. Owner:
 * the plan holds its shape and its double sums; one thread. */
#include "trainer/ops/ref.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

/* The part of a window that lies inside the image, along one axis: taps [first, end) of the kernel;
 * tap 0 would lie at `at`, which may be negative. */
struct taps {
    int32_t at, first, end;
};

static struct taps taps_inside(int32_t out, int32_t stride, int32_t pad, int32_t kernel,
                               int32_t size)
{
    struct taps t = {.at = out * stride - pad};
    t.first = t.at < 0 ? -t.at : 0;
    t.end = size - t.at < kernel ? size - t.at : kernel;
    return t;
}

static int32_t out_size(int32_t size, int32_t kernel, int32_t stride, int32_t pad)
{
    return (size + 2 * pad - kernel) / stride + 1;
}

/* pad < kernel: a window that saw nothing but padding would have no maximum. */
static bool window_ok(int32_t h, int32_t w, int32_t kernel, int32_t stride, int32_t pad)
{
    enum { SIZE_MOST = 1 << 24 }; /* far from any overflow of int32_t */
    return kernel >= 1 && stride >= 1 && pad >= 0 && pad < kernel && h >= 1 && w >= 1 &&
           h <= SIZE_MOST && w <= SIZE_MOST && kernel <= SIZE_MOST && stride <= SIZE_MOST &&
           kernel <= h + 2 * pad && kernel <= w + 2 * pad;
}

/* --- convolution --- */

struct conv {
    struct conv_shape s;
    int32_t ho, wo;
    size_t weights; /* c_out * kernel * kernel * c_in */
    double *dx;     /* [h,w,c_in]: one image's gradient, summed */
    double *dw;     /* [weights] */
};

static void conv_free(struct conv *conv)
{
    if (!conv)
        return;
    free(conv->dx);
    free(conv->dw);
    free(conv);
}

static int conv_new(const struct ops *o, const struct conv_shape *s, struct conv **ret)
{
    (void)o;
    int r = ref_check_dtype(s->dtype);
    if (r < 0)
        return r;
    if (s->n < 1 || s->c_in < 1 || s->c_out < 1 ||
        !window_ok(s->h, s->w, s->kernel, s->stride, s->pad))
        return err_set(-ENOTSUP, "no convolution [%d,%d,%d,%d] -> %d, kernel %d/%d, pad %d", s->n,
                       s->h, s->w, s->c_in, s->c_out, s->kernel, s->stride, s->pad);
    struct conv *conv = calloc(1, sizeof(*conv));
    if (!conv)
        return err_set(-ENOMEM, "no memory for a convolution");
    conv->s = *s;
    conv->ho = out_size(s->h, s->kernel, s->stride, s->pad);
    conv->wo = out_size(s->w, s->kernel, s->stride, s->pad);
    conv->weights = (size_t)s->c_out * (size_t)s->kernel * (size_t)s->kernel * (size_t)s->c_in;
    conv->dx = calloc((size_t)s->h * (size_t)s->w, (size_t)s->c_in * sizeof(double));
    conv->dw = calloc(conv->weights, sizeof(double));
    if (!conv->dx || !conv->dw) {
        conv_free(conv);
        return err_set(-ENOMEM, "no memory for the sums of a convolution");
    }
    *ret = conv;
    return 0;
}

/* Where weight [out][in][y][x] lies in our order. */
static size_t weight_at(const struct conv_shape *s, int32_t out, int32_t in, int32_t y, int32_t x)
{
    size_t k = (size_t)s->kernel;
    return (((size_t)out * k + (size_t)y) * k + (size_t)x) * (size_t)s->c_in + (size_t)in;
}

static int conv_weight_load(struct conv *conv, const float *host_oihw, float *w)
{
    const struct conv_shape *s = &conv->s;
    for (int32_t out = 0; out < s->c_out; out++)
        for (int32_t in = 0; in < s->c_in; in++)
            for (int32_t y = 0; y < s->kernel; y++)
                for (int32_t x = 0; x < s->kernel; x++)
                    w[weight_at(s, out, in, y, x)] = *host_oihw++;
    return 0;
}

static int conv_weight_store(struct conv *conv, const float *w, float *host_oihw)
{
    const struct conv_shape *s = &conv->s;
    for (int32_t out = 0; out < s->c_out; out++)
        for (int32_t in = 0; in < s->c_in; in++)
            for (int32_t y = 0; y < s->kernel; y++)
                for (int32_t x = 0; x < s->kernel; x++)
                    *host_oihw++ = w[weight_at(s, out, in, y, x)];
    return 0;
}

/* The contiguous run of one image and of one output channel's weights that kernel row `y` covers.
 */
struct run {
    size_t image, weight, len; /* offsets, elements */
};

static struct run run_of(const struct conv_shape *s, struct taps ty, struct taps tx, int32_t y)
{
    size_t c = (size_t)s->c_in;
    return (struct run){
        .image = ((size_t)(ty.at + y) * (size_t)s->w + (size_t)(tx.at + tx.first)) * c,
        .weight = ((size_t)y * (size_t)s->kernel + (size_t)tx.first) * c,
        .len = (size_t)(tx.end - tx.first) * c,
    };
}

/* One output pixel of one image: its taps, and its offset in y. */
struct spot {
    struct taps y, x;
    size_t out;
};

static struct spot spot_of(const struct conv *conv, int32_t i)
{
    const struct conv_shape *s = &conv->s;
    int32_t oy = i / conv->wo, ox = i % conv->wo;
    return (struct spot){
        .y = taps_inside(oy, s->stride, s->pad, s->kernel, s->h),
        .x = taps_inside(ox, s->stride, s->pad, s->kernel, s->w),
        .out = (size_t)i * (size_t)s->c_out,
    };
}

static int conv_forward(struct conv *conv, const struct tensor *x, const float *w, struct tensor *y)
{
    const struct conv_shape *s = &conv->s;
    size_t filter = conv->weights / (size_t)s->c_out;

    for (int32_t n = 0; n < s->n; n++) {
        const float *image = tensor_rows(x, n, 1).data;
        float *out = tensor_rows(y, n, 1).data;
        for (int32_t i = 0; i < conv->ho * conv->wo; i++) {
            struct spot at = spot_of(conv, i);
            for (size_t o = 0; o < (size_t)s->c_out; o++) {
                double sum = 0;
                for (int32_t ky = at.y.first; ky < at.y.end; ky++) {
                    struct run run = run_of(s, at.y, at.x, ky);
                    sum += ref_dot(image + run.image, w + o * filter + run.weight, run.len);
                }
                out[at.out + o] = (float)sum;
            }
        }
    }
    return 0;
}

static int conv_backward_data(struct conv *conv, const struct tensor *dy, const float *w,
                              struct tensor *dx, bool accumulate)
{
    const struct conv_shape *s = &conv->s;
    size_t filter = conv->weights / (size_t)s->c_out;
    size_t pixels = (size_t)s->h * (size_t)s->w * (size_t)s->c_in;

    for (int32_t n = 0; n < s->n; n++) {
        const float *dout = tensor_rows(dy, n, 1).data;
        memset(conv->dx, 0, pixels * sizeof(*conv->dx));
        for (int32_t i = 0; i < conv->ho * conv->wo; i++) {
            struct spot at = spot_of(conv, i);
            for (size_t o = 0; o < (size_t)s->c_out; o++)
                for (int32_t ky = at.y.first; ky < at.y.end; ky++) {
                    struct run run = run_of(s, at.y, at.x, ky);
                    ref_add_scaled(conv->dx + run.image, dout[at.out + o],
                                   w + o * filter + run.weight, run.len);
                }
        }
        float *image = tensor_rows(dx, n, 1).data;
        for (size_t i = 0; i < pixels; i++)
            image[i] = (float)(conv->dx[i] + (accumulate ? image[i] : 0.0f));
    }
    return 0;
}

static int conv_backward_weight(struct conv *conv, const struct tensor *x, const struct tensor *dy,
                                float *dw)
{
    const struct conv_shape *s = &conv->s;
    size_t filter = conv->weights / (size_t)s->c_out;

    memset(conv->dw, 0, conv->weights * sizeof(*conv->dw));
    for (int32_t n = 0; n < s->n; n++) {
        const float *image = tensor_rows(x, n, 1).data;
        const float *dout = tensor_rows(dy, n, 1).data;
        for (int32_t i = 0; i < conv->ho * conv->wo; i++) {
            struct spot at = spot_of(conv, i);
            for (size_t o = 0; o < (size_t)s->c_out; o++)
                for (int32_t ky = at.y.first; ky < at.y.end; ky++) {
                    struct run run = run_of(s, at.y, at.x, ky);
                    ref_add_scaled(conv->dw + o * filter + run.weight, dout[at.out + o],
                                   image + run.image, run.len);
                }
        }
    }
    for (size_t i = 0; i < conv->weights; i++)
        dw[i] = (float)conv->dw[i];
    return 0;
}

/* --- max pooling --- */

struct maxpool {
    struct maxpool_shape s;
    int32_t ho, wo;
    int32_t *from; /* [n,ho,wo,c]: the pixel (y * w + x) of x that each output was taken from */
};

static void maxpool_free(struct maxpool *pool)
{
    if (!pool)
        return;
    free(pool->from);
    free(pool);
}

static int maxpool_new(const struct ops *o, const struct maxpool_shape *s, struct maxpool **ret)
{
    (void)o;
    int r = ref_check_dtype(s->dtype);
    if (r < 0)
        return r;
    if (s->n < 1 || s->c < 1 || !window_ok(s->h, s->w, s->kernel, s->stride, s->pad))
        return err_set(-ENOTSUP, "no max pooling of [%d,%d,%d,%d], kernel %d/%d, pad %d", s->n,
                       s->h, s->w, s->c, s->kernel, s->stride, s->pad);
    struct maxpool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return err_set(-ENOMEM, "no memory for max pooling");
    pool->s = *s;
    pool->ho = out_size(s->h, s->kernel, s->stride, s->pad);
    pool->wo = out_size(s->w, s->kernel, s->stride, s->pad);
    pool->from = calloc((size_t)s->n * (size_t)pool->ho * (size_t)pool->wo,
                        (size_t)s->c * sizeof(*pool->from));
    if (!pool->from) {
        maxpool_free(pool);
        return err_set(-ENOMEM, "no memory for the places of max pooling");
    }
    *ret = pool;
    return 0;
}

/* The pixel with the greatest value of channel c in the window; the first of equals, and the last
 * NaN if there is one, as PyTorch picks. */
static int32_t window_max(const struct maxpool_shape *s, const float *image, struct taps ty,
                          struct taps tx, int32_t c)
{
    int32_t best = -1;
    float most = -INFINITY;
    for (int32_t ky = ty.first; ky < ty.end; ky++)
        for (int32_t kx = tx.first; kx < tx.end; kx++) {
            int32_t pixel = (ty.at + ky) * s->w + tx.at + kx;
            float value = image[(size_t)pixel * (size_t)s->c + (size_t)c];
            if (best < 0 || value > most || isnan(value)) {
                best = pixel;
                most = value;
            }
        }
    return best;
}

static int maxpool_forward(struct maxpool *pool, const struct tensor *x, struct tensor *y)
{
    const struct maxpool_shape *s = &pool->s;
    int32_t *from = pool->from;
    float *out = y->data;

    for (int32_t n = 0; n < s->n; n++) {
        const float *image = tensor_rows(x, n, 1).data;
        for (int32_t i = 0; i < pool->ho * pool->wo; i++) {
            struct taps ty = taps_inside(i / pool->wo, s->stride, s->pad, s->kernel, s->h);
            struct taps tx = taps_inside(i % pool->wo, s->stride, s->pad, s->kernel, s->w);
            for (int32_t c = 0; c < s->c; c++) {
                *from = window_max(s, image, ty, tx, c);
                *out++ = image[(size_t)*from++ * (size_t)s->c + (size_t)c];
            }
        }
    }
    return 0;
}

/* At most kernel^2 terms meet in one pixel: float sums are as good as exact here. */
static int maxpool_backward(struct maxpool *pool, const struct tensor *dy, struct tensor *dx)
{
    const struct maxpool_shape *s = &pool->s;
    const int32_t *from = pool->from;
    const float *dout = dy->data;

    memset(dx->data, 0, tensor_count(dx) * sizeof(float));
    for (int32_t n = 0; n < s->n; n++) {
        float *image = tensor_rows(dx, n, 1).data;
        for (int32_t i = 0; i < pool->ho * pool->wo; i++)
            for (int32_t c = 0; c < s->c; c++)
                image[(size_t)*from++ * (size_t)s->c + (size_t)c] += *dout++;
    }
    return 0;
}

/* --- global average --- */

static int avgpool_forward(const struct ops *o, const struct tensor *x, struct tensor *y)
{
    (void)o;
    size_t pixels = (size_t)x->h * (size_t)x->w, c = (size_t)x->c;
    for (int32_t n = 0; n < x->n; n++) {
        const float *image = tensor_rows(x, n, 1).data;
        for (size_t k = 0; k < c; k++) {
            double sum = 0;
            for (size_t i = 0; i < pixels; i++)
                sum += image[i * c + k];
            y->data[(size_t)n * c + k] = (float)(sum / (double)pixels);
        }
    }
    return 0;
}

static int avgpool_backward(const struct ops *o, const struct tensor *dy, struct tensor *dx)
{
    (void)o;
    size_t pixels = (size_t)dx->h * (size_t)dx->w, c = (size_t)dx->c;
    for (int32_t n = 0; n < dx->n; n++) {
        float *image = tensor_rows(dx, n, 1).data;
        for (size_t i = 0; i < pixels * c; i++)
            image[i] = (float)((double)dy->data[(size_t)n * c + i % c] / (double)pixels);
    }
    return 0;
}

void ref_conv_fill(struct ops *ops)
{
    ops->conv_new = conv_new;
    ops->conv_free = conv_free;
    ops->conv_weight_load = conv_weight_load;
    ops->conv_weight_store = conv_weight_store;
    ops->conv_forward = conv_forward;
    ops->conv_backward_data = conv_backward_data;
    ops->conv_backward_weight = conv_backward_weight;
    ops->maxpool_new = maxpool_new;
    ops->maxpool_free = maxpool_free;
    ops->maxpool_forward = maxpool_forward;
    ops->maxpool_backward = maxpool_backward;
    ops->avgpool_forward = avgpool_forward;
    ops->avgpool_backward = avgpool_backward;
}
