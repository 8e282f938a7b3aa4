/* SPDX-License-Identifier: Apache-2.0 */
/* cases: see cases.h. The tolerances are for float32 back ends, in units of the largest magnitude
 * of the result. */
#include "cases.h"

#include <string.h>

/* Copies, choices and counts: no arithmetic, so no error. */
static const double exact = 0;
/* A few roundings of 2^-24 each, one of which may be saved by a fused multiply-add. */
static const double rounding = 1e-6;
/* A sum of K products in float errs by about sqrt(K) * 2^-24 of the sum's deviation; the largest K
 * here is a few ten thousand (a weight's gradient over all pixels), and blocked sums do better. */
static const double summed = 1e-5;

static struct tensor shape_of(int32_t n, int32_t h, int32_t w, int32_t c)
{
    return (struct tensor){.n = n, .h = h, .w = w, .c = c};
}

static struct tensor image_of(const struct bed *bed, int32_t n, int32_t h, int32_t w, int32_t c)
{
    return (struct tensor){.n = n, .h = h, .w = w, .c = c, .dtype = bed->dtype};
}

/* What a slot overwrites holds rubbish before, so that a slot that adds instead shows. */
static struct tensor rubbish(struct bed *bed, struct tensor shape)
{
    return bed_tensor(bed, bed_random(bed, tensor_count(&shape), 7, 9), shape);
}

static float *rubbish_floats(struct bed *bed, size_t count)
{
    return bed_floats(bed, bed_random(bed, count, 7, 9), count);
}

void case_memory(struct bed *bed, const struct op_case *s)
{
    struct ops *o = bed->ops;
    struct tensor whole = image_of(bed, s->n, s->h, s->w, s->c);
    size_t count = tensor_count(&whole), row = count / (size_t)s->n;

    float *fresh = o->mem_new(o, count * sizeof(float));
    assert_non_null(fresh);
    assert_int_equal((uintptr_t)fresh % 64, 0);
    bed_keep(bed, "mem_new", fresh, count, exact);
    o->mem_free(o, fresh);

    float *host = bed_random(bed, count, -1, 1);
    bed_keep(bed, "upload, download", bed_floats(bed, host, count), count, exact);

    struct tensor t = bed_tensor(bed, NULL, whole);
    BED_RUN(bed, "tensor_import", o->tensor_import(o, host, &t));
    float *back = bed_host(bed, count);
    BED_RUN(bed, "tensor_export", o->tensor_export(o, &t, back));
    bed_keep_tensor(bed, "tensor_import, tensor_export", &t, exact);

    /* Row by row, as a partial batch comes, it must be the same tensor. */
    struct tensor by_row = bed_tensor(bed, NULL, whole);
    for (int32_t n = 0; n < s->n; n++) {
        struct tensor one = tensor_rows(&by_row, n, 1);
        assert_int_equal(o->tensor_import(o, host + (size_t)n * row, &one), 0);
    }
    bed_keep_tensor(bed, "tensor_import of single rows", &by_row, exact);
}

void case_input(struct bed *bed, const struct op_case *s)
{
    static const float mean[3] = {.43f, .42f, .39f}, std[3] = {.27f, .26f, .25f};
    struct ops *o = bed->ops;
    struct tensor x = rubbish(bed, image_of(bed, s->n, s->h, s->w, 3));
    size_t row = tensor_count(&x) / (size_t)s->n;
    uint8_t *pixels = (uint8_t *)bed_host(bed, tensor_count(&x));
    for (size_t i = 0; i < tensor_count(&x); i++)
        pixels[i] = (uint8_t)rng_below(&bed->rng, 256);

    /* Two frames of a batch, the second one first. */
    int32_t head = (s->n + 1) / 2;
    if (head < s->n)
        assert_int_equal(
            o->input_normalize(o, pixels + (size_t)head * row, s->n - head, mean, std, &x, head),
            0);
    BED_RUN(bed, "input_normalize", o->input_normalize(o, pixels, head, mean, std, &x, 0));
    bed_keep_tensor(bed, "input_normalize", &x, rounding);
}

static void conv_weights(struct bed *bed, struct conv *conv, const char *name, const float *w,
                         size_t count, double tolerance)
{
    float *host = bed_host(bed, count);
    assert_int_equal(bed->ops->conv_weight_store(conv, w, host), 0);
    bed_keep_host(bed, name, host, count, tolerance);
}

static void conv_data_gradient(struct bed *bed, struct conv *conv, const struct tensor *dy,
                               const float *w, struct tensor x_shape)
{
    struct ops *o = bed->ops;
    struct tensor dx = rubbish(bed, x_shape);
    BED_RUN(bed, "conv_backward_data", o->conv_backward_data(conv, dy, w, &dx, false));
    bed_keep_tensor(bed, "conv_backward_data", &dx, summed);
    BED_RUN(bed, "conv_backward_data_add", o->conv_backward_data(conv, dy, w, &dx, true));
    bed_keep_tensor(bed, "conv_backward_data, accumulate", &dx, summed);
}

void case_conv(struct bed *bed, const struct op_case *s)
{
    struct ops *o = bed->ops;
    int32_t ho = (s->h + 2 * s->pad - s->kernel) / s->stride + 1;
    int32_t wo = (s->w + 2 * s->pad - s->kernel) / s->stride + 1;
    struct tensor x_shape = image_of(bed, s->n, s->h, s->w, s->c);
    struct tensor y_shape = image_of(bed, s->n, ho, wo, s->out);
    size_t weights = (size_t)s->out * (size_t)s->c * (size_t)s->kernel * (size_t)s->kernel;
    struct conv *conv = NULL;
    struct conv_shape plan = {.n = s->n,
                              .h = s->h,
                              .w = s->w,
                              .c_in = s->c,
                              .c_out = s->out,
                              .kernel = s->kernel,
                              .stride = s->stride,
                              .pad = s->pad,
                              .need_dx = !s->first,
                              .dtype = bed->dtype};
    bed_slot_must(o->conv_new(o, &plan, &conv), "conv_new");

    float *w = bed_floats(bed, NULL, weights);
    assert_int_equal(o->conv_weight_load(conv, bed_random(bed, weights, -1, 1), w), 0);
    conv_weights(bed, conv, "conv_weight_load, conv_weight_store", w, weights, exact);

    struct tensor x = bed_tensor(bed, bed_random(bed, tensor_count(&x_shape), -1, 1), x_shape);
    struct tensor y = rubbish(bed, y_shape);
    BED_RUN(bed, "conv_forward", o->conv_forward(conv, &x, w, &y));
    bed_keep_tensor(bed, "conv_forward", &y, summed);

    struct tensor dy = bed_tensor(bed, bed_random(bed, tensor_count(&y), -1, 1), y_shape);
    if (!s->first)
        conv_data_gradient(bed, conv, &dy, w, x_shape);

    float *dw = rubbish_floats(bed, weights);
    BED_RUN(bed, "conv_backward_weight", o->conv_backward_weight(conv, &x, &dy, dw));
    conv_weights(bed, conv, "conv_backward_weight", dw, weights, summed);
    o->conv_free(conv);
}

struct bn_run {
    struct bn *bn;
    struct tensor x, add;
    struct bn_param p;
    struct bn_saved saved;
};

static void bn_back(struct bed *bed, const struct op_case *s, const struct bn_run *r)
{
    struct ops *o = bed->ops;
    size_t c = (size_t)s->c;
    float *host_dy = bed_random(bed, tensor_count(&r->x), -1, 1);
    struct tensor dy = bed_tensor(bed, host_dy, r->x);
    struct tensor dx = rubbish(bed, r->x), dadd = rubbish(bed, r->x);
    float *dgamma = s->plain ? NULL : rubbish_floats(bed, c);
    float *dbeta = s->plain ? NULL : rubbish_floats(bed, c);

    BED_RUN(bed, "bn_backward",
            o->bn_backward(r->bn, &r->x, &dy, &r->p, &r->saved, &dx, s->add ? &dadd : NULL, dgamma,
                           dbeta));
    bed_keep_tensor(bed, "bn_backward: dx", &dx, summed);
    bed_terms(bed, 1); /* of two values a group nothing is left; dy and 1 / deviation are near 1 */
    bed_keep_tensor(bed, "bn_backward: dadd", &dadd, exact);
    if (!s->plain) {
        bed_keep(bed, "bn_backward: dgamma", dgamma, c, summed);
        bed_keep(bed, "bn_backward: dbeta", dbeta, c, summed);
    }
    if (bed->title)
        return;
    assert_int_equal(o->bn_backward(r->bn, &r->x, &dy, &r->p, &r->saved, &dy, s->add ? &dadd : NULL,
                                    dgamma, dbeta),
                     0);
    bed_keep_tensor(bed, "bn_backward: dx in dy's memory", &dy, summed);
    bed_terms(bed, 1);
    bed_keep_tensor(bed, "bn_backward: dadd beside it", &dadd, exact);
}

void case_bn(struct bed *bed, const struct op_case *s)
{
    struct ops *o = bed->ops;
    struct tensor shape = image_of(bed, s->n, s->h, s->w, s->c);
    size_t count = tensor_count(&shape), c = (size_t)s->c, all = c * (size_t)s->groups;
    struct bn_shape plan = {.n = s->n,
                            .h = s->h,
                            .w = s->w,
                            .c = s->c,
                            .groups = s->groups,
                            .add = s->add,
                            .relu = s->relu,
                            .dtype = bed->dtype};
    struct bn_run r = {0};
    bed_slot_must(o->bn_new(o, &plan, &r.bn), "bn_new");

    float *host = bed_two_humps(bed, count, c);
    for (size_t i = 0; i < count; i++)
        host[i] += 1.5f; /* real activations have a mean: a one-pass variance must survive it */
    r.x = bed_tensor(bed, host, shape);
    r.add = bed_tensor(bed, bed_random(bed, count, -.05f, .05f), shape);
    if (!s->plain) {
        r.p.gamma = bed_floats(bed, bed_random(bed, c, .5f, 1.5f), c);
        r.p.beta = bed_floats(bed, bed_random(bed, c, -.05f, .05f), c);
    }
    r.p.running_mean = bed_floats(bed, bed_random(bed, c, -1, 1), c);
    r.p.running_var = bed_floats(bed, bed_random(bed, c, .5f, 2), c);
    r.saved.mean = bed_floats(bed, NULL, all);
    r.saved.invstd = bed_floats(bed, NULL, all);
    r.saved.mask = bed_bytes(bed, bn_mask_bytes(&plan));

    struct tensor y = rubbish(bed, shape);
    const struct tensor *add = s->add ? &r.add : NULL;
    BED_RUN(bed, "bn_infer", o->bn_infer(r.bn, &r.x, add, &r.p, &y));
    bed_keep_tensor(bed, "bn_infer", &y, rounding);
    BED_RUN(bed, "bn_forward", o->bn_forward(r.bn, &r.x, add, &r.p, &r.saved, &y));
    bed_keep_tensor(bed, "bn_forward", &y, summed);
    bed_keep(bed, "bn_forward: mean", r.saved.mean, all, summed);
    bed_keep(bed, "bn_forward: invstd", r.saved.invstd, all, summed);
    bed_keep(bed, "bn_forward: running_mean", r.p.running_mean, c, summed);
    bed_keep(bed, "bn_forward: running_var", r.p.running_var, c, summed);
    bn_back(bed, s, &r);
    o->bn_free(r.bn);
}

void case_maxpool(struct bed *bed, const struct op_case *s)
{
    struct ops *o = bed->ops;
    int32_t ho = (s->h + 2 * s->pad - s->kernel) / s->stride + 1;
    int32_t wo = (s->w + 2 * s->pad - s->kernel) / s->stride + 1;
    struct tensor x_shape = image_of(bed, s->n, s->h, s->w, s->c);
    struct tensor y_shape = image_of(bed, s->n, ho, wo, s->c);
    struct maxpool *pool = NULL;
    struct maxpool_shape plan = {.n = s->n,
                                 .h = s->h,
                                 .w = s->w,
                                 .c = s->c,
                                 .kernel = s->kernel,
                                 .stride = s->stride,
                                 .pad = s->pad,
                                 .dtype = bed->dtype};
    bed_slot_must(o->maxpool_new(o, &plan, &pool), "maxpool_new");

    /* All below zero as well: padding must not win. */
    size_t count = tensor_count(&x_shape);
    float *host =
        s->levels ? bed_levels(bed, count, (uint32_t)s->levels) : bed_random(bed, count, -2, -1);
    struct tensor x = bed_tensor(bed, host, x_shape);
    struct tensor y = rubbish(bed, y_shape), dx = rubbish(bed, x_shape);
    BED_RUN(bed, "maxpool_forward", o->maxpool_forward(pool, &x, &y));
    bed_keep_tensor(bed, "maxpool_forward", &y, exact);

    struct tensor dy = bed_tensor(bed, bed_random(bed, tensor_count(&y), -1, 1), y_shape);
    BED_RUN(bed, "maxpool_backward", o->maxpool_backward(pool, &dy, &dx));
    bed_keep_tensor(bed, "maxpool_backward", &dx, rounding);
    o->maxpool_free(pool);
}

void case_avgpool(struct bed *bed, const struct op_case *s)
{
    struct ops *o = bed->ops;
    struct tensor x_shape = image_of(bed, s->n, s->h, s->w, s->c);
    struct tensor y_shape = shape_of(s->n, 1, 1, s->c);
    struct tensor x = bed_tensor(bed, bed_random(bed, tensor_count(&x_shape), -1, 1), x_shape);
    struct tensor y = rubbish(bed, y_shape), dx = rubbish(bed, x_shape);

    BED_RUN(bed, "avgpool_forward", o->avgpool_forward(o, &x, &y));
    bed_keep_tensor(bed, "avgpool_forward", &y, summed);
    struct tensor dy = bed_tensor(bed, bed_random(bed, tensor_count(&y), -1, 1), y_shape);
    BED_RUN(bed, "avgpool_backward", o->avgpool_backward(o, &dy, &dx));
    bed_keep_tensor(bed, "avgpool_backward", &dx, rounding);
}

void case_linear(struct bed *bed, const struct op_case *s)
{
    struct ops *o = bed->ops;
    struct tensor x_shape = shape_of(s->n, 1, 1, s->c), y_shape = shape_of(s->n, 1, 1, s->out);
    size_t out = (size_t)s->out, weights = out * (size_t)s->c;
    struct tensor x = bed_tensor(bed, bed_random(bed, tensor_count(&x_shape), -1, 1), x_shape);
    float *w = bed_floats(bed, bed_random(bed, weights, -1, 1), weights);
    float *b = s->plain ? NULL : bed_floats(bed, bed_random(bed, out, -1, 1), out);
    struct tensor y = rubbish(bed, y_shape), dx = rubbish(bed, x_shape);

    BED_RUN(bed, "linear_forward", o->linear_forward(o, &x, w, b, &y));
    bed_keep_tensor(bed, "linear_forward", &y, summed);

    struct tensor dy = bed_tensor(bed, bed_random(bed, tensor_count(&y), -1, 1), y_shape);
    BED_RUN(bed, "linear_backward_data", o->linear_backward_data(o, &dy, w, &dx, false));
    bed_keep_tensor(bed, "linear_backward_data", &dx, summed);
    BED_RUN(bed, "linear_backward_data_add", o->linear_backward_data(o, &dy, w, &dx, true));
    bed_keep_tensor(bed, "linear_backward_data, accumulate", &dx, summed);

    float *dw = rubbish_floats(bed, weights), *db = s->plain ? NULL : rubbish_floats(bed, out);
    BED_RUN(bed, "linear_backward_weight", o->linear_backward_weight(o, &x, &dy, dw, db));
    bed_keep(bed, "linear_backward_weight: dw", dw, weights, summed);
    if (db)
        bed_keep(bed, "linear_backward_weight: db", db, out, summed);
}

void case_pair(struct bed *bed, const struct op_case *s)
{
    struct ops *o = bed->ops;
    struct tensor x_shape = shape_of(s->n, 1, 1, s->c), y_shape = shape_of(s->n, 1, 1, 2 * s->c);
    struct tensor x = bed_tensor(bed, bed_random(bed, tensor_count(&x_shape), -1, 1), x_shape);
    struct tensor y = rubbish(bed, y_shape);
    BED_RUN(bed, "pair_forward", o->pair_forward(o, &x, &y));
    bed_keep_tensor(bed, "pair_forward", &y, exact);

    struct tensor dy = bed_tensor(bed, bed_random(bed, tensor_count(&y), -1, 1), y_shape);
    struct tensor dx = bed_tensor(bed, bed_random(bed, tensor_count(&x), -1, 1), x_shape);
    BED_RUN(bed, "pair_backward", o->pair_backward(o, &dy, &dx));
    bed_keep_tensor(bed, "pair_backward", &dx, rounding);

    struct tensor b_shape = shape_of(s->n, 1, 1, 3), both = shape_of(s->n, 1, 1, s->c + 3);
    struct tensor b = bed_tensor(bed, bed_random(bed, tensor_count(&b_shape), -1, 1), b_shape);
    struct tensor joined = rubbish(bed, both), da = rubbish(bed, x_shape),
                  db = rubbish(bed, b_shape);
    BED_RUN(bed, "concat_forward", o->concat_forward(o, &x, &b, &joined));
    bed_keep_tensor(bed, "concat_forward", &joined, exact);
    BED_RUN(bed, "concat_backward", o->concat_backward(o, &joined, &da, &db));
    bed_keep_tensor(bed, "concat_backward: da", &da, exact);
    bed_keep_tensor(bed, "concat_backward: db", &db, exact);
}

void case_vector(struct bed *bed, const struct op_case *s)
{
    struct ops *o = bed->ops;
    struct tensor shape = shape_of(s->n, 1, 1, s->c);
    size_t count = tensor_count(&shape);
    float *filled = rubbish_floats(bed, count), *number = rubbish_floats(bed, 1);
    float *a = bed_floats(bed, bed_random(bed, count, -1, 1), count);
    float *sum = bed_floats(bed, bed_random(bed, count, -1, 1), count);

    BED_RUN(bed, "fill", o->fill(o, filled, count, -2.5f));
    bed_keep(bed, "fill", filled, count, exact);
    BED_RUN(bed, "add", o->add(o, a, sum, count));
    bed_keep(bed, "add", sum, count, exact);

    float *host = bed_random(bed, count, -1, 1);
    memset(host, 0, (size_t)s->c * sizeof(*host)); /* a row without a direction stays 0 */
    struct tensor x = bed_tensor(bed, host, shape), y = rubbish(bed, shape);
    BED_RUN(bed, "l2_normalize", o->l2_normalize(o, &x, &y));
    bed_keep_tensor(bed, "l2_normalize", &y, rounding);
    BED_RUN(bed, "spread", o->spread(o, &x, number));
    bed_keep(bed, "spread", number, 1, rounding);
}

/* p and what it is compared with, of which p knows a part: a loss near 0 has no relative error. */
void case_loss_cosine(struct bed *bed, const struct op_case *s)
{
    struct ops *o = bed->ops;
    struct tensor shape = shape_of(s->n, 1, 1, s->c);
    size_t count = tensor_count(&shape);
    float *z = bed_random(bed, count, -1, 1), *p = bed_random(bed, count, -s->scale, s->scale);
    for (size_t i = 0; i < count; i++)
        p[i] += s->scale * z[(i + count / 2) % count];
    struct tensor tp = bed_tensor(bed, p, shape), tz = bed_tensor(bed, z, shape);
    struct tensor dp = rubbish(bed, shape);
    float *loss = rubbish_floats(bed, 1);
    BED_RUN(bed, "loss_cosine", o->loss_cosine(o, &tp, &tz, .5f, &dp, loss));
    bed_keep_tensor(bed, "loss_cosine: dp", &dp, summed);
    bed_keep(bed, "loss_cosine", loss, 1, summed);
}

typedef int loss_fn(const struct ops *o, const struct tensor *p, const float *target, float weight,
                    struct tensor *dp, float *loss);

static void loss_run(struct bed *bed, const struct op_case *s, const char *name, loss_fn *fn,
                     const float *target, size_t n_target)
{
    struct tensor shape = shape_of(s->n, 1, 1, s->c);
    float *p = bed_random(bed, tensor_count(&shape), -s->scale, s->scale);
    struct tensor tp = bed_tensor(bed, p, shape), dp = rubbish(bed, shape);
    float *t = bed_floats(bed, target, n_target), *loss = rubbish_floats(bed, 1);
    BED_RUN(bed, name, fn(bed->ops, &tp, t, .5f, &dp, loss));
    bed_keep_tensor(bed, "dp", &dp, summed);
    bed_keep(bed, name, loss, 1, summed);
}

void case_loss_mse_tanh(struct bed *bed, const struct op_case *s)
{
    size_t count = (size_t)s->n * (size_t)s->c;
    loss_run(bed, s, "loss_mse_tanh", bed->ops->loss_mse_tanh, bed_random(bed, count, -1, 1),
             count);
}

/* Of small whole numbers, so that some are equal. */
static void accuracy_run(struct bed *bed, const struct op_case *s, const float *target)
{
    struct tensor shape = shape_of(s->n, 1, 1, s->c);
    float *p = bed_levels(bed, tensor_count(&shape), 3), *share = rubbish_floats(bed, 1);
    for (size_t i = 0; i < tensor_count(&shape); i++)
        p[i] -= 1;
    struct tensor tp = bed_tensor(bed, p, shape);
    float *t = bed_floats(bed, target, (size_t)s->n);
    BED_RUN(bed, "accuracy", bed->ops->accuracy(bed->ops, &tp, t, share));
    bed_keep(bed, "accuracy", share, 1, exact);
}

void case_loss_bce(struct bed *bed, const struct op_case *s)
{
    size_t count = (size_t)s->n * (size_t)s->c;
    float *target = bed_levels(bed, count, 2);
    loss_run(bed, s, "loss_bce", bed->ops->loss_bce, target, count);
    if (s->c == 1)
        accuracy_run(bed, s, target);
}

void case_loss_softmax(struct bed *bed, const struct op_case *s)
{
    size_t rows = (size_t)s->n;
    float *target = bed_levels(bed, rows, (uint32_t)s->c);
    loss_run(bed, s, "loss_softmax", bed->ops->loss_softmax, target, rows);
    accuracy_run(bed, s, target);
}

void case_sgd(struct bed *bed, const struct op_case *s)
{
    struct ops *o = bed->ops;
    size_t count = (size_t)s->n * (size_t)s->c;
    const float lr = 1e-3f;
    struct sgd sgd = {
        .lr = bed_floats(bed, &lr, 1), .scale = .5f, .momentum = .9f, .weight_decay = 5e-4f};
    float *w = bed_floats(bed, bed_random(bed, count, -1, 1), count);
    float *d = bed_floats(bed, bed_random(bed, count, -1, 1), count);
    float *m = bed_floats(bed, bed_random(bed, count, -1, 1), count);
    BED_RUN(bed, "sgd_step", o->sgd_step(o, &sgd, w, d, m, count));
    bed_keep(bed, "sgd_step: w", w, count, rounding);
    bed_keep(bed, "sgd_step: m", m, count, rounding);
    BED_RUN(bed, "lars_step", o->lars_step(o, &sgd, .001f, w, d, m, count));
    bed_keep(bed, "lars_step: w", w, count, rounding);
    bed_keep(bed, "lars_step: m", m, count, rounding);
    BED_RUN(bed, "ema_step", o->ema_step(o, .75f, d, w, count));
    bed_keep(bed, "ema_step", w, count, rounding);
}
