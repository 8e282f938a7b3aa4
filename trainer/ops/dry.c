/* SPDX-License-Identifier: Apache-2.0 */
/* dry: see dry.h. Takes what any back end takes, gives counts. One thread; the table owns the
 * reserved address space and its counters. A slot without arithmetic that counts does nothing at
 * all: so does "nothing" to a pixel, a loss or a weight. */
#include "trainer/ops/dry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/auto.h"
#include "common/err.h"

/* A piece of address space. The list is short: a model has one for each kind of memory. */
struct region {
    struct region *next;
    void *base;
    size_t bytes;
};

struct dry {
    struct region *regions;
    struct dry_counts counts;
    uint64_t largest_input, pooled; /* bytes */
};

/* A plan is its shape. */
struct conv {
    struct dry *dry;
    uint64_t macs; /* of each of its three passes */
};
struct bn {
    struct bn_shape shape;
};
struct maxpool {
    struct maxpool_shape shape;
};

static struct dry *dry_of(const struct ops *o)
{
    return o->state;
}

/* --- memory --- */

static void *mem_new(const struct ops *o, size_t bytes)
{
    struct dry *dry = dry_of(o);
    struct region *region = calloc(1, sizeof(*region));
    if (!region)
        return NULL;
    region->bytes = bytes ? bytes : 1;
    region->base =
        mmap(NULL, region->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region->base == MAP_FAILED) {
        free(region);
        return NULL;
    }
    region->next = dry->regions;
    dry->regions = region;
    return region->base;
}

static void region_free(struct region *region)
{
    munmap(region->base, region->bytes);
    free(region);
}

static void mem_free(const struct ops *o, void *p)
{
    for (struct region **at = &dry_of(o)->regions; *at; at = &(*at)->next) {
        struct region *region = *at;
        if (region->base != p)
            continue;
        *at = region->next;
        region_free(region);
        return;
    }
}

static int upload(const struct ops *o, void *to, const void *host, size_t bytes)
{
    (void)o, (void)to, (void)host, (void)bytes;
    return 0;
}

static int download(const struct ops *o, void *host, const void *from, size_t bytes)
{
    (void)o, (void)from;
    if (bytes > 0)
        memset(host, 0, bytes);
    return 0;
}

static int tensor_import(const struct ops *o, const float *host, struct tensor *t)
{
    (void)o, (void)host, (void)t;
    return 0;
}

static int tensor_export(const struct ops *o, const struct tensor *t, float *host)
{
    return download(o, host, NULL, tensor_count(t) * sizeof(float));
}

static int input_normalize(const struct ops *o, const uint8_t *pixels, int32_t rows,
                           const float mean[3], const float std[3], struct tensor *x, int32_t first)
{
    (void)o, (void)pixels, (void)rows, (void)mean, (void)std, (void)x, (void)first;
    return 0;
}

/* --- convolution --- */

static uint64_t product(uint64_t a, int32_t b)
{
    return a * (uint64_t)b;
}

static int conv_new(const struct ops *o, const struct conv_shape *s, struct conv **ret)
{
    struct dry *dry = dry_of(o);
    int32_t ho = (s->h + 2 * s->pad - s->kernel) / s->stride + 1;
    int32_t wo = (s->w + 2 * s->pad - s->kernel) / s->stride + 1;
    if (s->h + 2 * s->pad < s->kernel || s->w + 2 * s->pad < s->kernel)
        return err_set(-ENOTSUP, "no convolution of %dx%d pixels with kernel %d, pad %d", s->h,
                       s->w, s->kernel, s->pad);
    struct conv *conv = calloc(1, sizeof(*conv));
    if (!conv)
        return err_set(-ENOMEM, "no memory for a convolution");
    conv->dry = dry;
    uint64_t outputs = product(product(product((uint64_t)s->n, ho), wo), s->c_out);
    conv->macs = product(product(product(outputs, s->c_in), s->kernel), s->kernel);
    uint64_t input =
        dtype_bytes(s->dtype) * product(product(product((uint64_t)s->n, s->h), s->w), s->c_in);
    if (s->need_dx && input > dry->largest_input)
        dry->largest_input = input;
    *ret = conv;
    return 0;
}

static void conv_free(struct conv *conv)
{
    free(conv);
}

static int conv_weight_load(struct conv *conv, const float *host, float *w)
{
    (void)conv, (void)host, (void)w;
    return 0;
}

/* Nobody asks a dry run for its weights; the buffer's size is not known here. */
static int conv_weight_store(struct conv *conv, const float *w, float *host)
{
    (void)conv, (void)w, (void)host;
    return err_set(-ENOTSUP, "a dry run has no weights");
}

static int conv_count(struct conv *conv)
{
    conv->dry->counts.macs += conv->macs;
    return 0;
}

static int conv_forward(struct conv *conv, const struct tensor *x, const float *w, struct tensor *y)
{
    (void)x, (void)w, (void)y;
    return conv_count(conv);
}

static int conv_backward_data(struct conv *conv, const struct tensor *dy, const float *w,
                              struct tensor *dx, bool accumulate)
{
    (void)dy, (void)w, (void)dx, (void)accumulate;
    return conv_count(conv);
}

static int conv_backward_weight(struct conv *conv, const struct tensor *x, const struct tensor *dy,
                                float *dw)
{
    (void)x, (void)dy, (void)dw;
    return conv_count(conv);
}

/* --- norms and pooling: no products --- */

static int bn_new(const struct ops *o, const struct bn_shape *s, struct bn **ret)
{
    (void)o;
    *ret = calloc(1, sizeof(**ret));
    if (!*ret)
        return err_set(-ENOMEM, "no memory for a norm");
    (*ret)->shape = *s;
    return 0;
}

static void bn_free(struct bn *bn)
{
    free(bn);
}

static int bn_forward(struct bn *bn, const struct tensor *x, const struct tensor *add,
                      const struct bn_param *p, struct bn_saved *saved, struct tensor *y)
{
    (void)bn, (void)x, (void)add, (void)p, (void)saved, (void)y;
    return 0;
}

static int bn_infer(struct bn *bn, const struct tensor *x, const struct tensor *add,
                    const struct bn_param *p, struct tensor *y)
{
    (void)bn, (void)x, (void)add, (void)p, (void)y;
    return 0;
}

static int bn_backward(struct bn *bn, const struct tensor *x, const struct tensor *dy,
                       const struct bn_param *p, const struct bn_saved *saved, struct tensor *dx,
                       struct tensor *dadd, float *dgamma, float *dbeta)
{
    (void)bn, (void)x, (void)dy, (void)p, (void)saved, (void)dx, (void)dadd, (void)dgamma;
    (void)dbeta;
    return 0;
}

static int maxpool_new(const struct ops *o, const struct maxpool_shape *s, struct maxpool **ret)
{
    *ret = calloc(1, sizeof(**ret));
    if (!*ret)
        return err_set(-ENOMEM, "no memory for a pool");
    (*ret)->shape = *s;
    int32_t ho = (s->h + 2 * s->pad - s->kernel) / s->stride + 1;
    int32_t wo = (s->w + 2 * s->pad - s->kernel) / s->stride + 1;
    dry_of(o)->pooled += product(product(product((uint64_t)s->n, ho), wo), s->c);
    return 0;
}

static void maxpool_free(struct maxpool *pool)
{
    free(pool);
}

static int maxpool_forward(struct maxpool *pool, const struct tensor *x, struct tensor *y)
{
    (void)pool, (void)x, (void)y;
    return 0;
}

static int maxpool_backward(struct maxpool *pool, const struct tensor *dy, struct tensor *dx)
{
    (void)pool, (void)dy, (void)dx;
    return 0;
}

/* --- matrix products --- */

static int linear_count(const struct ops *o, const struct tensor *in, const struct tensor *out)
{
    dry_of(o)->counts.macs += product(product((uint64_t)out->n, in->c), out->c);
    return 0;
}

static int linear_forward(const struct ops *o, const struct tensor *x, const float *w,
                          const float *b, struct tensor *y)
{
    (void)w, (void)b;
    return linear_count(o, x, y);
}

static int linear_backward_data(const struct ops *o, const struct tensor *dy, const float *w,
                                struct tensor *dx, bool accumulate)
{
    (void)w, (void)accumulate;
    return linear_count(o, dx, dy);
}

static int linear_backward_weight(const struct ops *o, const struct tensor *x,
                                  const struct tensor *dy, float *dw, float *db)
{
    (void)dw, (void)db;
    return linear_count(o, x, dy);
}

/* --- rows, losses, the optimiser: no products that count --- */

static int one_to_one(const struct ops *o, const struct tensor *x, struct tensor *y)
{
    (void)o, (void)x, (void)y;
    return 0;
}

static int l2_normalize_backward(const struct ops *o, const struct tensor *x,
                                 const struct tensor *y, const struct tensor *dy, struct tensor *dx)
{
    (void)o, (void)x, (void)y, (void)dy, (void)dx;
    return 0;
}

static int two_to_one(const struct ops *o, const struct tensor *a, const struct tensor *b,
                      struct tensor *y)
{
    (void)o, (void)a, (void)b, (void)y;
    return 0;
}

static int one_to_two(const struct ops *o, const struct tensor *dy, struct tensor *da,
                      struct tensor *db)
{
    (void)o, (void)dy, (void)da, (void)db;
    return 0;
}

static int fill(const struct ops *o, float *x, size_t count, float value)
{
    (void)o, (void)x, (void)count, (void)value;
    return 0;
}

static int copy(const struct ops *o, const float *from, float *to, size_t count)
{
    (void)o, (void)from, (void)to, (void)count;
    return 0;
}

static int sinkhorn(const struct ops *o, const struct tensor *scores, float epsilon,
                    int32_t iterations, struct tensor *q)
{
    (void)o, (void)scores, (void)epsilon, (void)iterations, (void)q;
    return 0;
}

static int loss_cosine(const struct ops *o, const struct tensor *p, const struct tensor *z,
                       float weight, struct tensor *dp, float *loss)
{
    (void)o, (void)p, (void)z, (void)weight, (void)dp, (void)loss;
    return 0;
}

static int loss_target(const struct ops *o, const struct tensor *p, const float *target,
                       float weight, struct tensor *dp, float *loss)
{
    (void)o, (void)p, (void)target, (void)weight, (void)dp, (void)loss;
    return 0;
}

static int accuracy(const struct ops *o, const struct tensor *p, const float *target, float *ret)
{
    (void)o, (void)p, (void)target, (void)ret;
    return 0;
}

static int loss_info_nce(const struct ops *o, const struct tensor *positive,
                         const struct tensor *negative, float temperature, float weight,
                         struct tensor *dpositive, struct tensor *dnegative, float *loss)
{
    (void)o, (void)positive, (void)negative, (void)temperature, (void)weight, (void)dpositive;
    (void)dnegative, (void)loss;
    return 0;
}

static int loss_nt_xent(const struct ops *o, const struct tensor *s, float temperature,
                        float weight, struct tensor *ds, float *loss)
{
    (void)o, (void)s, (void)temperature, (void)weight, (void)ds, (void)loss;
    return 0;
}

static int loss_soft_targets(const struct ops *o, const struct tensor *p, const struct tensor *q,
                             float temperature, float weight, struct tensor *dp, float *loss)
{
    (void)o, (void)p, (void)q, (void)temperature, (void)weight, (void)dp, (void)loss;
    return 0;
}

static int spread(const struct ops *o, const struct tensor *x, float *ret)
{
    (void)o, (void)x, (void)ret;
    return 0;
}

static int sgd_step(const struct ops *o, const struct sgd *s, float *w, const float *d, float *m,
                    size_t count)
{
    (void)o, (void)s, (void)w, (void)d, (void)m, (void)count;
    return 0;
}

static int lars_step(const struct ops *o, const struct sgd *s, float trust, float *w,
                     const float *d, float *m, size_t count)
{
    (void)o, (void)s, (void)trust, (void)w, (void)d, (void)m, (void)count;
    return 0;
}

static int ema_step(const struct ops *o, float momentum, const float *w, float *average,
                    size_t count)
{
    (void)o, (void)momentum, (void)w, (void)average, (void)count;
    return 0;
}

/* --- */

static void dry_close(struct ops *o)
{
    struct dry *dry = dry_of(o);
    while (dry->regions) {
        struct region *region = dry->regions;
        dry->regions = region->next;
        region_free(region);
    }
    free(dry);
}

static const struct ops table = {
    .name = "dry",
    .threads = 1,
    .close = dry_close,
    .mem_new = mem_new,
    .mem_free = mem_free,
    .upload = upload,
    .download = download,
    .tensor_import = tensor_import,
    .tensor_export = tensor_export,
    .input_normalize = input_normalize,
    .conv_new = conv_new,
    .conv_free = conv_free,
    .conv_weight_load = conv_weight_load,
    .conv_weight_store = conv_weight_store,
    .conv_forward = conv_forward,
    .conv_backward_data = conv_backward_data,
    .conv_backward_weight = conv_backward_weight,
    .bn_new = bn_new,
    .bn_free = bn_free,
    .bn_forward = bn_forward,
    .bn_infer = bn_infer,
    .bn_backward = bn_backward,
    .maxpool_new = maxpool_new,
    .maxpool_free = maxpool_free,
    .maxpool_forward = maxpool_forward,
    .maxpool_backward = maxpool_backward,
    .avgpool_forward = one_to_one,
    .avgpool_backward = one_to_one,
    .linear_forward = linear_forward,
    .linear_backward_data = linear_backward_data,
    .linear_backward_weight = linear_backward_weight,
    .pair_forward = one_to_one,
    .pair_backward = one_to_one,
    .concat_forward = two_to_one,
    .concat_backward = one_to_two,
    .l2_normalize = one_to_one,
    .l2_normalize_backward = l2_normalize_backward,
    .row_dot = two_to_one,
    .row_add = two_to_one,
    .fill = fill,
    .copy = copy,
    .add = copy,
    .sinkhorn = sinkhorn,
    .loss_cosine = loss_cosine,
    .loss_mse_tanh = loss_target,
    .loss_bce = loss_target,
    .loss_softmax = loss_target,
    .accuracy = accuracy,
    .loss_info_nce = loss_info_nce,
    .loss_nt_xent = loss_nt_xent,
    .loss_soft_targets = loss_soft_targets,
    .spread = spread,
    .sgd_step = sgd_step,
    .lars_step = lars_step,
    .ema_step = ema_step,
};

int dry_open(struct ops **ret)
{
    struct ops *ops = malloc(sizeof(*ops));
    struct dry *dry = calloc(1, sizeof(*dry));
    if (!ops || !dry) {
        free(ops);
        free(dry);
        return err_set(-ENOMEM, "no memory for a table of operations");
    }
    *ops = table;
    ops->state = dry;
    *ret = ops;
    return 0;
}

void dry_counts(const struct ops *ops, struct dry_counts *ret)
{
    const struct dry *dry = dry_of(ops);
    *ret = dry->counts;
    ret->plan_bytes = dry->largest_input + dry->pooled;
}
