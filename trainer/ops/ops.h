/* SPDX-License-Identifier: Apache-2.0 */
/* ops: THE WALL. One documented slot per operation; model code sees only struct ops. The table is
 * filled from ref.c (plain loops, the oracle) and then overridden by a back end; every back end
 * passes one table-driven test against ref.
 *
 * Memory. Every pointer handed to a slot is the back end's memory (mem_new), float32, but for the
 * host pointers of upload, download, conv_weight_* and input_*, and for bf16 images.
 * Types. A plan's shape says what its images are kept in: fp32, or, where the back end has it, bf16
 * (x, y, add and their gradients). The slots without a plan look at the image's own dtype. All else
 * is fp32 always: weights, their gradients, statistics, rows of features, losses, the optimiser;
 * sums run in fp32 or wider. Layout. [N,H,W,C] tensors with H*W > 1 may lie in the back end's own
 * order inside a row; [N,D] tensors are row-major. tensor_import/export convert. Conv weights lie
 * in the plan's own order (conv_weight_*); element-wise work (optimiser, norms) is right on any
 * order. Linear weights are row-major [out,in]. Plans. *_new makes a plan for one shape, with all
 * memory it will need; running a plan allocates nothing. Shapes passed to a run must be the plan's.
 * Threads. One thread calls; a back end may use more inside. Same input, same threads: same bits.
 * Scalars. Losses and the learning rate live in back-end memory, so a GPU step needs no host sync.
 * Errors: -ENOMEM, -ENOTSUP (shape refused), -EIO (device; fatal). */
#ifndef AUGSTREAM_TRAINER_OPS_H
#define AUGSTREAM_TRAINER_OPS_H

#include "trainer/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conv; /* plans: each back end defines its own */
struct bn;
struct maxpool;

/* 2-D convolution, no bias, square kernel. y is [n, ho, wo, c_out], ho = (h + 2 pad - kernel) /
 * stride + 1. need_dx false: the first layer, backward_data is never called. */
struct conv_shape {
    int32_t n, h, w, c_in, c_out, kernel, stride, pad;
    bool need_dx;
    const struct conv *like; /* weights lie as this plan's (a shared or averaged layer); or NULL */
    enum dtype dtype;        /* of x, y and their gradients */
};

/* Batch normalisation over (rows of a group, H, W), then (+ add), then (ReLU).
 * groups: the rows fall into this many equal runs, each with its own statistics (a view each).
 * PyTorch: eps 1e-5, biased variance to normalise, running averages with momentum 0.1 and the
 * unbiased variance, updated group after group (as that many forward calls). A group needs two
 * values or more a channel. */
struct bn_shape {
    int32_t n, h, w, c, groups;
    bool add, relu;
    enum dtype dtype;
};
struct bn_param {
    float *gamma, *beta;               /* [C]; both NULL = no affine */
    float *running_mean, *running_var; /* [C] */
};
struct bn_saved {         /* written by forward, read by backward */
    float *mean, *invstd; /* [groups,C] */
    uint8_t *mask;        /* bn_mask_bytes(shape): which outputs are > 0, in the back end's order */
};
static inline size_t bn_mask_bytes(const struct bn_shape *s)
{
    return ((size_t)s->n * (size_t)s->h * (size_t)s->w * (size_t)s->c + 7) / 8;
}

struct maxpool_shape {
    int32_t n, h, w, c, kernel, stride, pad; /* pad < kernel; padding counts as -inf */
    enum dtype dtype;
};

struct sgd {
    const float *lr; /* one number in back-end memory */
    float scale;     /* of the gradient: 1 / batches that were added up */
    float momentum, weight_decay;
};

struct ops {
    const char *name; /* "ref", "onednn" */
    int threads;
    enum dtype dtype;    /* what a model shall keep its images in */
    const char *no_bf16; /* why plans cannot be bf16; NULL where they can */
    void *state;         /* the back end's own */
    void (*close)(struct ops *o);

    /* --- memory --- */
    void *(*mem_new)(const struct ops *o, size_t bytes); /* zeroed, 64-byte aligned; NULL */
    void (*mem_free)(const struct ops *o, void *p);
    int (*upload)(const struct ops *o, void *to, const void *host, size_t bytes);
    int (*download)(const struct ops *o, void *host, const void *from, size_t bytes);
    int (*tensor_import)(const struct ops *o, const float *host_nhwc, struct tensor *t);
    int (*tensor_export)(const struct ops *o, const struct tensor *t, float *host_nhwc);

    /* --- input: uint8 [rows,H,W,3] (host) -> x rows [first, first+rows), (v/255 - mean)/std --- */
    int (*input_normalize)(const struct ops *o, const uint8_t *host_pixels, int32_t rows,
                           const float mean[3], const float std[3], struct tensor *x,
                           int32_t first);

    /* --- convolution --- */
    int (*conv_new)(const struct ops *o, const struct conv_shape *s, struct conv **ret);
    void (*conv_free)(struct conv *conv);
    int (*conv_weight_load)(struct conv *conv, const float *host_oihw, float *w);
    int (*conv_weight_store)(struct conv *conv, const float *w, float *host_oihw);
    int (*conv_forward)(struct conv *conv, const struct tensor *x, const float *w,
                        struct tensor *y);
    /* dx = (accumulate ? dx : 0) + dy * w */
    int (*conv_backward_data)(struct conv *conv, const struct tensor *dy, const float *w,
                              struct tensor *dx, bool accumulate);
    int (*conv_backward_weight)(struct conv *conv, const struct tensor *x, const struct tensor *dy,
                                float *dw); /* overwrites */

    /* --- batch normalisation (+add) (+ReLU) --- */
    int (*bn_new)(const struct ops *o, const struct bn_shape *s, struct bn **ret);
    void (*bn_free)(struct bn *bn);
    /* y may be x's memory where no backward follows. */
    int (*bn_forward)(struct bn *bn, const struct tensor *x, const struct tensor *add,
                      const struct bn_param *p, struct bn_saved *saved, struct tensor *y);
    int (*bn_infer)(struct bn *bn, const struct tensor *x, const struct tensor *add,
                    const struct bn_param *p, struct tensor *y); /* running averages */
    /* dy is the gradient of y. dx may be dy's memory. dadd (NULL without add) receives the gradient
     * of add: dy behind the ReLU. dgamma, dbeta overwritten (NULL without affine). */
    int (*bn_backward)(struct bn *bn, const struct tensor *x, const struct tensor *dy,
                       const struct bn_param *p, const struct bn_saved *saved, struct tensor *dx,
                       struct tensor *dadd, float *dgamma, float *dbeta);

    /* --- pooling --- */
    int (*maxpool_new)(const struct ops *o, const struct maxpool_shape *s, struct maxpool **ret);
    void (*maxpool_free)(struct maxpool *pool);
    /* Of equal values the first in reading order is taken, as PyTorch does: dy goes there. */
    int (*maxpool_forward)(struct maxpool *pool, const struct tensor *x, struct tensor *y);
    int (*maxpool_backward)(struct maxpool *pool, const struct tensor *dy, struct tensor *dx);
    /* global average: x [N,H,W,C] -> y [N,C] */
    int (*avgpool_forward)(const struct ops *o, const struct tensor *x, struct tensor *y);
    int (*avgpool_backward)(const struct ops *o, const struct tensor *dy, struct tensor *dx);

    /* --- linear: y[N,out] = x[N,in] w[out,in]^T + b (b may be NULL) --- */
    int (*linear_forward)(const struct ops *o, const struct tensor *x, const float *w,
                          const float *b, struct tensor *y);
    int (*linear_backward_data)(const struct ops *o, const struct tensor *dy, const float *w,
                                struct tensor *dx, bool accumulate);
    int (*linear_backward_weight)(const struct ops *o, const struct tensor *x,
                                  const struct tensor *dy, float *dw, float *db); /* overwrites */

    /* --- rows --- */
    /* y [2N,2D] from x [2N,D]: row i < N is (x_i, x_{N+i}), row N+i is (x_{N+i}, x_i) */
    int (*pair_forward)(const struct ops *o, const struct tensor *x, struct tensor *y);
    int (*pair_backward)(const struct ops *o, const struct tensor *dy, struct tensor *dx); /* += */
    /* y [N,A+B]: row i is (a_i, b_i) of a [N,A] and b [N,B]; backward overwrites da and db */
    int (*concat_forward)(const struct ops *o, const struct tensor *a, const struct tensor *b,
                          struct tensor *y);
    int (*concat_backward)(const struct ops *o, const struct tensor *dy, struct tensor *da,
                           struct tensor *db);
    /* rows: y = x / max(|x|, 1e-12), torch.nn.functional.normalize. y may be x's memory. */
    int (*l2_normalize)(const struct ops *o, const struct tensor *x, struct tensor *y);
    /* dx = (dy - y (y . dy)) / max(|x|, 1e-12), without the second term below that; dx may be dy's
     * memory. */
    int (*l2_normalize_backward)(const struct ops *o, const struct tensor *x,
                                 const struct tensor *y, const struct tensor *dy,
                                 struct tensor *dx);
    /* y [N,1] = a . b, row by row of [N,D] */
    int (*row_dot)(const struct ops *o, const struct tensor *a, const struct tensor *b,
                   struct tensor *y);
    /* sum [N,D] += scale [N,1] * a [N,D], row by row: row_dot's backward */
    int (*row_add)(const struct ops *o, const struct tensor *scale, const struct tensor *a,
                   struct tensor *sum);
    int (*fill)(const struct ops *o, float *x, size_t count, float value);
    int (*copy)(const struct ops *o, const float *from, float *to, size_t count);
    int (*add)(const struct ops *o, const float *a, float *sum, size_t count); /* sum += a */
    /* Sinkhorn-Knopp on exp(scores / epsilon), [N,P] (SwAV: Caron et al. 2020, section 3.1 and
     * appendix A): columns to 1/P, then rows to 1/N of the whole, `iterations` times; q [N,P]'s
     * rows sum to 1. q may not be scores' memory. */
    int (*sinkhorn)(const struct ops *o, const struct tensor *scores, float epsilon,
                    int32_t iterations, struct tensor *q);

    /* --- losses: *loss = the unweighted value; dp = the gradient of weight * loss --- */
    /* SimSiam (Chen and He 2021, eq. 2): -mean over both halves of cos(p_i, z_swap(i)), where
     * swap(i) = (i + N) mod 2N; no gradient to z. p, z, dp [2N,D]. */
    int (*loss_cosine)(const struct ops *o, const struct tensor *p, const struct tensor *z,
                       float weight, struct tensor *dp, float *loss);
    /* mean over all elements of (tanh(p) - target)^2 */
    int (*loss_mse_tanh)(const struct ops *o, const struct tensor *p, const float *target,
                         float weight, struct tensor *dp, float *loss);
    /* mean of binary cross-entropy with logits; target in {0,1} */
    int (*loss_bce)(const struct ops *o, const struct tensor *p, const float *target, float weight,
                    struct tensor *dp, float *loss);
    /* mean of soft-max cross-entropy; target: class index as float, [N], in [0,C): the caller's
     * duty; a back end that looks refuses with -EINVAL */
    int (*loss_softmax)(const struct ops *o, const struct tensor *p, const float *target,
                        float weight, struct tensor *dp, float *loss);
    /* the share of rows of p [N,C] whose largest number is that of the target's class (the first of
     * equal ones); with C = 1: that are above 0 just where the target is 1. target [N]. */
    int (*accuracy)(const struct ops *o, const struct tensor *p, const float *target, float *ret);
    /* InfoNCE (van den Oord et al. 2018; MoCo, He et al. 2020, eq. 1): mean of soft-max
     * cross-entropy of (positive [N,1], negative [N,K]) / temperature, the positive being right.
     * The gradients may be in the place of the values. */
    int (*loss_info_nce)(const struct ops *o, const struct tensor *positive,
                         const struct tensor *negative, float temperature, float weight,
                         struct tensor *dpositive, struct tensor *dnegative, float *loss);
    /* NT-Xent (SimCLR, Chen et al. 2020, eq. 1): s [2N,2N] cosines of all rows with all; row i's
     * partner is swap(i), its own column is left out. Mean over the 2N rows. ds may be s' memory.
     */
    int (*loss_nt_xent)(const struct ops *o, const struct tensor *s, float temperature,
                        float weight, struct tensor *ds, float *loss);
    /* mean over rows of -sum_j q_j log soft-max_j(p / temperature); q [N,C] >= 0, any row sum,
     * no gradient to q; dp may be p's memory */
    int (*loss_soft_targets)(const struct ops *o, const struct tensor *p, const struct tensor *q,
                             float temperature, float weight, struct tensor *dp, float *loss);
    /* mean over columns of the (unbiased) standard deviation over rows of l2-normalised x [N,D],
     * times sqrt(D): 1 = spread out, 0 = collapsed or one row (SimSiam section 4.1) */
    int (*spread)(const struct ops *o, const struct tensor *x, float *ret);

    /* --- optimiser: PyTorch's SGD. g = scale*d + weight_decay*w; m = momentum*m + g; w -= lr*m
     * --- */
    int (*sgd_step)(const struct ops *o, const struct sgd *s, float *w, const float *d, float *m,
                    size_t count);
    /* LARS (You et al. 2017, arXiv 1708.03888) of one tensor: as SGD, but g is multiplied by
     * trust * |w| / |g| where neither is 0. */
    int (*lars_step)(const struct ops *o, const struct sgd *s, float trust, float *w,
                     const float *d, float *m, size_t count);
    /* a momentum encoder's: average = momentum * average + (1 - momentum) * w */
    int (*ema_step)(const struct ops *o, float momentum, const float *w, float *average,
                    size_t count);
};

/* name: "ref", "onednn", or "auto" (the fastest that is built in). threads 0 = all that this
 * process may run on; (*ret)->threads is what it got, fewer where OpenMP's limits say so. -EINVAL
 * for an unknown name or threads < 0, -ENOTSUP for one not built in. */
int ops_open(const char *name, int threads, struct ops **ret);
void ops_close(struct ops *ops);

/* Before a model is built: what its images are kept in; fp32 without this. -ENOTSUP for bf16 where
 * the back end or this machine has none. */
int ops_set_dtype(struct ops *ops, enum dtype wish);

/* A back end's file. ops_open has put ref's table in place and set threads; a fill overrides what
 * it does better, and leaves nothing behind when it fails. */
void ops_ref_fill(struct ops *ops);
int ops_onednn_fill(struct ops *ops);

#endif
