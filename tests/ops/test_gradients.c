/* SPDX-License-Identifier: Apache-2.0 */
/* gradients: every backward slot of ref against finite differences of its forward slot. The
 * objective is the sum of the output times fixed random numbers (or the loss itself), summed in
 * double; each input is moved by itself. */
#include "bed.h"

#include <math.h>
#include <string.h>

/* The slope from four points, (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h, errs by h^4 f'''''/30.
 *
 * linear: f is linear in the input, so any step is exact and a long one drowns the noise: outputs
 * are floats, off by 2^-25 of their size each, a few hundred of them meet in f.
 *
 * smooth: at h = 1/32 the formula errs by about 1e-6 times a fifth derivative that is below 50 for
 * what stands here (batch norm of magnitudes near 1, tanh, soft-max); the noise of float outputs,
 * 2^-25 * sqrt(100 outputs) / h, is about 1e-5. Both are below the tolerance, in units of the
 * largest slope; a wrong factor or a lost term is off by 1e-2 and more. */
struct accuracy {
    float step;
    double tolerance;
};
static const struct accuracy linear = {.step = 0.5f, .tolerance = 2e-6};
static const struct accuracy smooth = {.step = 1.0f / 32, .tolerance = 2e-4};

typedef double objective_fn(void *context);

static double value_at(objective_fn *f, void *context, float *x, float value)
{
    float kept = *x;
    *x = value;
    double y = f(context);
    *x = kept;
    return y;
}

static double slope_at(objective_fn *f, void *context, float *x, float h)
{
    double near = value_at(f, context, x, *x + h) - value_at(f, context, x, *x - h);
    double far = value_at(f, context, x, *x + 2 * h) - value_at(f, context, x, *x - 2 * h);
    return (8 * near - far) / (12 * (double)h);
}

/* dx[count] must be the slopes of f along x[count]. Ref's memory is the host's: it can be poked. */
static void check_slopes(const char *name, objective_fn *f, void *context, float *x,
                         const float *dx, size_t count, struct accuracy want)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs(dx[i]));
    assert_true(most > 1e-3); /* all zero would agree with a dead forward */
    for (size_t i = 0; i < count; i++) {
        double slope = slope_at(f, context, &x[i], want.step);
        if (!(fabs(slope - dx[i]) <= want.tolerance * most))
            fail_msg("%s: element %zu of %zu: the slope is %.9g, the gradient %.9g (largest %.3g)",
                     name, i, count, slope, (double)dx[i], most);
    }
}

static double weighted_sum(const struct tensor *y, const float *weight)
{
    double sum = 0;
    for (size_t i = 0; i < tensor_count(y); i++)
        sum += (double)y->data[i] * weight[i];
    return sum;
}

static int open_bed(void **state)
{
    static struct bed bed;
    bed_init(&bed, "ref", NULL);
    *state = &bed;
    return 0;
}

static int close_bed(void **state)
{
    bed_done(*state);
    return 0;
}

/* A fresh bed for each shape, so that its number of pieces stays small. */
static void next_bed(struct bed *bed)
{
    bed_done(bed);
    bed_init(bed, "ref", NULL);
}

static struct tensor random_tensor(struct bed *bed, int32_t n, int32_t h, int32_t w, int32_t c)
{
    struct tensor shape = {.n = n, .h = h, .w = w, .c = c};
    return bed_tensor(bed, bed_random(bed, tensor_count(&shape), -1, 1), shape);
}

/* The gradient that a slot added to what was there before. */
static float *added(struct bed *bed, const struct tensor *after, const float *before)
{
    float *d = bed_host(bed, tensor_count(after));
    for (size_t i = 0; i < tensor_count(after); i++)
        d[i] = after->data[i] - before[i];
    return d;
}

/* --- convolution --- */

struct conv_context {
    struct ops *o;
    struct conv *conv;
    struct tensor x, y, dy;
    float *w;
};

static double conv_objective(void *context)
{
    struct conv_context *c = context;
    assert_int_equal(c->o->conv_forward(c->conv, &c->x, c->w, &c->y), 0);
    return weighted_sum(&c->y, c->dy.data);
}

static void check_conv(struct bed *bed, const struct conv_shape *s)
{
    struct conv_context c = {.o = bed->ops};
    int32_t ho = (s->h + 2 * s->pad - s->kernel) / s->stride + 1;
    int32_t wo = (s->w + 2 * s->pad - s->kernel) / s->stride + 1;
    size_t weights = (size_t)s->c_out * (size_t)s->c_in * (size_t)s->kernel * (size_t)s->kernel;
    assert_int_equal(c.o->conv_new(c.o, s, &c.conv), 0);
    c.x = random_tensor(bed, s->n, s->h, s->w, s->c_in);
    c.y = random_tensor(bed, s->n, ho, wo, s->c_out);
    c.dy = random_tensor(bed, s->n, ho, wo, s->c_out);
    c.w = bed_floats(bed, bed_random(bed, weights, -1, 1), weights);

    struct tensor dx = random_tensor(bed, s->n, s->h, s->w, s->c_in);
    float *dw = bed_floats(bed, bed_random(bed, weights, -1, 1), weights);
    size_t count = tensor_count(&dx);
    assert_int_equal(c.o->conv_backward_weight(c.conv, &c.x, &c.dy, dw), 0);
    check_slopes("conv dw", conv_objective, &c, c.w, dw, weights, linear);
    assert_int_equal(c.o->conv_backward_data(c.conv, &c.dy, c.w, &dx, false), 0);
    check_slopes("conv dx", conv_objective, &c, c.x.data, dx.data, count, linear);

    float *before = bed_random(bed, count, -1, 1);
    memcpy(dx.data, before, count * sizeof(float));
    assert_int_equal(c.o->conv_backward_data(c.conv, &c.dy, c.w, &dx, true), 0);
    check_slopes("conv dx, accumulate", conv_objective, &c, c.x.data, added(bed, &dx, before),
                 count, linear);
    c.o->conv_free(c.conv);
}

static void test_conv(void **state)
{
    static const struct conv_shape shapes[] = {
        /* n, h, w, c_in, c_out, kernel, stride, pad */
        {1, 1, 1, 3, 2, 1, 1, 0, true}, {2, 3, 4, 2, 3, 1, 1, 0, true},
        {2, 5, 4, 3, 2, 1, 2, 0, true}, {2, 4, 5, 2, 3, 3, 1, 1, true},
        {1, 5, 6, 3, 2, 3, 2, 1, true}, {1, 6, 5, 2, 2, 3, 1, 0, true},
        {1, 1, 1, 2, 3, 3, 1, 1, true}, {1, 7, 6, 2, 1, 4, 3, 2, true},
        {1, 5, 5, 1, 2, 5, 1, 2, true}, {1, 9, 8, 3, 2, 7, 2, 3, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        next_bed(*state);
        check_conv(*state, &shapes[i]);
    }
}

/* --- batch normalisation --- */

struct bn_context {
    struct ops *o;
    struct bn *bn;
    struct bn_shape s;
    struct tensor x, add, y, dy;
    struct bn_param p;
    struct bn_saved saved;
    uint8_t *mask; /* of the point where the gradient was taken */
};

static double bn_objective(void *context)
{
    struct bn_context *c = context;
    int r = c->o->bn_forward(c->bn, &c->x, c->s.add ? &c->add : NULL, &c->p, &c->saved, &c->y);
    assert_int_equal(r, 0);
    /* A ReLU that turned over between the points has no slope to compare with. */
    assert_memory_equal(c->saved.mask, c->mask, bn_mask_bytes(&c->s));
    return weighted_sum(&c->y, c->dy.data);
}

static void check_bn(struct bed *bed, const struct bn_shape *s, bool affine)
{
    struct bn_context b = {.o = bed->ops, .s = *s};
    size_t c = (size_t)s->c, all = c * (size_t)s->groups;
    struct tensor shape = {.n = s->n, .h = s->h, .w = s->w, .c = s->c};
    size_t count = tensor_count(&shape);
    assert_int_equal(b.o->bn_new(b.o, s, &b.bn), 0);
    b.x = bed_tensor(bed, bed_two_humps(bed, count, c), shape);
    b.add = bed_tensor(bed, bed_random(bed, count, -.02f, .02f), shape);
    b.y = random_tensor(bed, s->n, s->h, s->w, s->c);
    b.dy = random_tensor(bed, s->n, s->h, s->w, s->c);
    if (affine) {
        b.p.gamma = bed_floats(bed, bed_random(bed, c, .8f, 1.5f), c);
        b.p.beta = bed_floats(bed, bed_random(bed, c, -.02f, .02f), c);
    }
    b.p.running_mean = bed_floats(bed, NULL, c);
    b.p.running_var = bed_floats(bed, NULL, c);
    b.saved.mean = bed_floats(bed, NULL, all);
    b.saved.invstd = bed_floats(bed, NULL, all);
    b.saved.mask = bed_bytes(bed, bn_mask_bytes(s));
    b.mask = (uint8_t *)bed_host(bed, bn_mask_bytes(s));
    int r = b.o->bn_forward(b.bn, &b.x, s->add ? &b.add : NULL, &b.p, &b.saved, &b.y);
    assert_int_equal(r, 0);
    memcpy(b.mask, b.saved.mask, bn_mask_bytes(s));

    struct tensor dx = random_tensor(bed, s->n, s->h, s->w, s->c), dadd = dx;
    if (s->add)
        dadd = random_tensor(bed, s->n, s->h, s->w, s->c);
    float *dgamma = affine ? bed_floats(bed, NULL, c) : NULL;
    float *dbeta = affine ? bed_floats(bed, NULL, c) : NULL;
    r = b.o->bn_backward(b.bn, &b.x, &b.dy, &b.p, &b.saved, &dx, s->add ? &dadd : NULL, dgamma,
                         dbeta);
    assert_int_equal(r, 0);
    check_slopes("bn dx", bn_objective, &b, b.x.data, dx.data, count, smooth);
    if (s->add)
        check_slopes("bn dadd", bn_objective, &b, b.add.data, dadd.data, count, smooth);
    if (affine) {
        check_slopes("bn dgamma", bn_objective, &b, b.p.gamma, dgamma, c, smooth);
        check_slopes("bn dbeta", bn_objective, &b, b.p.beta, dbeta, c, smooth);
    }
    b.o->bn_free(b.bn);
}

/* Every combination of groups, add, ReLU and affine, on an image and on plain rows. */
static void test_bn(void **state)
{
    static const struct bn_shape shapes[] = {{.n = 4, .h = 3, .w = 2, .c = 3},
                                             {.n = 12, .h = 1, .w = 1, .c = 2}};
    for (size_t i = 0; i < ARRAY_LEN(shapes) * 16; i++) {
        struct bn_shape s = shapes[i / 16];
        s.groups = i & 1 ? 2 : 1;
        s.add = i & 2;
        s.relu = i & 4;
        next_bed(*state);
        check_bn(*state, &s, i & 8);
    }
}

/* --- pooling --- */

struct pool_context {
    struct ops *o;
    struct maxpool *pool; /* NULL: the global average */
    struct tensor x, y, dy;
};

static double pool_objective(void *context)
{
    struct pool_context *c = context;
    int r = c->pool ? c->o->maxpool_forward(c->pool, &c->x, &c->y)
                    : c->o->avgpool_forward(c->o, &c->x, &c->y);
    assert_int_equal(r, 0);
    return weighted_sum(&c->y, c->dy.data);
}

static void check_maxpool(struct bed *bed, const struct maxpool_shape *s)
{
    struct pool_context c = {.o = bed->ops};
    int32_t ho = (s->h + 2 * s->pad - s->kernel) / s->stride + 1;
    int32_t wo = (s->w + 2 * s->pad - s->kernel) / s->stride + 1;
    assert_int_equal(c.o->maxpool_new(c.o, s, &c.pool), 0);
    c.x = random_tensor(bed, s->n, s->h, s->w, s->c);
    size_t count = tensor_count(&c.x);
    for (size_t i = 0; i < count; i++) /* a shuffle of numbers four apart: no step of 2 * 1/2 */
        c.x.data[i] = 4 * (float)(i * 7 % count); /* makes another one the greatest */
    assert_true(count % 7 != 0);
    c.y = random_tensor(bed, s->n, ho, wo, s->c);
    c.dy = random_tensor(bed, s->n, ho, wo, s->c);
    struct tensor dx = random_tensor(bed, s->n, s->h, s->w, s->c);
    pool_objective(&c);
    assert_int_equal(c.o->maxpool_backward(c.pool, &c.dy, &dx), 0);
    check_slopes("maxpool dx", pool_objective, &c, c.x.data, dx.data, count,
                 (struct accuracy){.step = linear.step, .tolerance = 1e-6});
    c.o->maxpool_free(c.pool);
}

static void test_maxpool(void **state)
{
    static const struct maxpool_shape shapes[] = {
        /* n, h, w, c, kernel, stride, pad */
        {2, 6, 5, 3, 3, 2, 1},
        {1, 5, 4, 2, 2, 2, 0},
        {1, 4, 4, 1, 3, 1, 1},
        {2, 1, 1, 3, 3, 2, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        next_bed(*state);
        check_maxpool(*state, &shapes[i]);
    }
}

static void test_avgpool(void **state)
{
    struct bed *bed = *state;
    struct pool_context c = {.o = bed->ops,
                             .x = random_tensor(bed, 3, 4, 5, 2),
                             .y = random_tensor(bed, 3, 1, 1, 2),
                             .dy = random_tensor(bed, 3, 1, 1, 2)};
    struct tensor dx = random_tensor(bed, 3, 4, 5, 2);
    assert_int_equal(c.o->avgpool_backward(c.o, &c.dy, &dx), 0);
    check_slopes("avgpool dx", pool_objective, &c, c.x.data, dx.data, tensor_count(&dx), linear);
}

/* --- linear and pair --- */

struct row_context {
    struct ops *o;
    struct tensor x, y, dy;
    float *w, *b;
};

static double linear_objective(void *context)
{
    struct row_context *c = context;
    assert_int_equal(c->o->linear_forward(c->o, &c->x, c->w, c->b, &c->y), 0);
    return weighted_sum(&c->y, c->dy.data);
}

static void check_linear(struct bed *bed, bool bias)
{
    enum { ROWS = 4, IN = 300, OUT = 3 }; /* wider than one block of ref's sums */
    struct row_context c = {.o = bed->ops,
                            .x = random_tensor(bed, ROWS, 1, 1, IN),
                            .y = random_tensor(bed, ROWS, 1, 1, OUT),
                            .dy = random_tensor(bed, ROWS, 1, 1, OUT)};
    c.w = bed_floats(bed, bed_random(bed, IN * OUT, -1, 1), IN * OUT);
    c.b = bias ? bed_floats(bed, bed_random(bed, OUT, -1, 1), OUT) : NULL;
    struct tensor dx = random_tensor(bed, ROWS, 1, 1, IN);
    float *dw = bed_floats(bed, NULL, IN * OUT), *db = bias ? bed_floats(bed, NULL, OUT) : NULL;

    assert_int_equal(c.o->linear_backward_weight(c.o, &c.x, &c.dy, dw, db), 0);
    check_slopes("linear dw", linear_objective, &c, c.w, dw, IN * OUT, linear);
    if (bias)
        check_slopes("linear db", linear_objective, &c, c.b, db, OUT, linear);
    assert_int_equal(c.o->linear_backward_data(c.o, &c.dy, c.w, &dx, false), 0);
    check_slopes("linear dx", linear_objective, &c, c.x.data, dx.data, ROWS * IN, linear);

    float *before = bed_random(bed, ROWS * IN, -1, 1);
    memcpy(dx.data, before, ROWS * IN * sizeof(float));
    assert_int_equal(c.o->linear_backward_data(c.o, &c.dy, c.w, &dx, true), 0);
    check_slopes("linear dx, accumulate", linear_objective, &c, c.x.data, added(bed, &dx, before),
                 ROWS * IN, linear);
}

static void test_linear(void **state)
{
    check_linear(*state, true);
    next_bed(*state);
    check_linear(*state, false);
}

static double pair_objective(void *context)
{
    struct row_context *c = context;
    assert_int_equal(c->o->pair_forward(c->o, &c->x, &c->y), 0);
    return weighted_sum(&c->y, c->dy.data);
}

static void test_pair(void **state)
{
    struct bed *bed = *state;
    struct row_context c = {.o = bed->ops,
                            .x = random_tensor(bed, 6, 1, 1, 5),
                            .y = random_tensor(bed, 6, 1, 1, 10),
                            .dy = random_tensor(bed, 6, 1, 1, 10)};
    struct tensor dx = random_tensor(bed, 6, 1, 1, 5);
    float *before = bed_host(bed, tensor_count(&dx));
    memcpy(before, dx.data, tensor_count(&dx) * sizeof(float));
    assert_int_equal(c.o->pair_backward(c.o, &c.dy, &dx), 0);
    check_slopes("pair dx", pair_objective, &c, c.x.data, added(bed, &dx, before),
                 tensor_count(&dx), linear);
}

struct concat_context {
    const struct ops *o;
    struct tensor a, b, y, dy;
};

static double concat_objective(void *context)
{
    struct concat_context *c = context;
    assert_int_equal(c->o->concat_forward(c->o, &c->a, &c->b, &c->y), 0);
    return weighted_sum(&c->y, c->dy.data);
}

static void test_concat(void **state)
{
    struct bed *bed = *state;
    struct concat_context c = {.o = bed->ops,
                               .a = random_tensor(bed, 6, 1, 1, 5),
                               .b = random_tensor(bed, 6, 1, 1, 3),
                               .y = random_tensor(bed, 6, 1, 1, 8),
                               .dy = random_tensor(bed, 6, 1, 1, 8)};
    struct tensor da = random_tensor(bed, 6, 1, 1, 5), db = random_tensor(bed, 6, 1, 1, 3);
    assert_int_equal(c.o->concat_backward(c.o, &c.dy, &da, &db), 0);
    check_slopes("concat da", concat_objective, &c, c.a.data, da.data, tensor_count(&da), linear);
    check_slopes("concat db", concat_objective, &c, c.b.data, db.data, tensor_count(&db), linear);
}

/* --- losses --- */

static const float loss_weight = 0.7f;

typedef int target_loss_fn(const struct ops *o, const struct tensor *p, const float *target,
                           float weight, struct tensor *dp, float *loss);

struct loss_context {
    struct ops *o;
    target_loss_fn *fn; /* NULL: loss_cosine with z */
    struct tensor p, z, dp;
    const float *target;
    float loss;
};

static double loss_objective(void *context)
{
    struct loss_context *c = context;
    int r = c->fn ? c->fn(c->o, &c->p, c->target, loss_weight, &c->dp, &c->loss)
                  : c->o->loss_cosine(c->o, &c->p, &c->z, loss_weight, &c->dp, &c->loss);
    assert_int_equal(r, 0);
    return (double)loss_weight * c->loss;
}

static void check_loss(struct bed *bed, const char *name, struct loss_context *c)
{
    size_t count = tensor_count(&c->p);
    c->o = bed->ops;
    c->dp = random_tensor(bed, c->p.n, 1, 1, c->p.c);
    loss_objective(c);
    float *dp = bed_host(bed, count);
    memcpy(dp, c->dp.data, count * sizeof(float));
    check_slopes(name, loss_objective, c, c->p.data, dp, count, smooth);
}

static void test_loss_cosine(void **state)
{
    struct bed *bed = *state;
    struct loss_context c = {.p = random_tensor(bed, 4, 1, 1, 10),
                             .z = random_tensor(bed, 4, 1, 1, 10)};
    check_loss(bed, "loss_cosine", &c);
}

static void test_loss_mse_tanh(void **state)
{
    struct bed *bed = *state;
    struct loss_context c = {.fn = bed->ops->loss_mse_tanh,
                             .p = random_tensor(bed, 5, 1, 1, 4),
                             .target = bed_random(bed, 20, -1, 1)};
    check_loss(bed, "loss_mse_tanh", &c);
}

static void test_loss_bce(void **state)
{
    struct bed *bed = *state;
    struct loss_context c = {.fn = bed->ops->loss_bce,
                             .p = random_tensor(bed, 6, 1, 1, 2),
                             .target = bed_levels(bed, 12, 2)};
    check_loss(bed, "loss_bce", &c);
}

static void test_loss_softmax(void **state)
{
    struct bed *bed = *state;
    struct loss_context c = {.fn = bed->ops->loss_softmax,
                             .p = random_tensor(bed, 6, 1, 1, 4),
                             .target = bed_levels(bed, 6, 4)};
    check_loss(bed, "loss_softmax", &c);
}

/* --- unit rows and the soft-max losses of contrastive methods --- */

struct soft_context {
    struct ops *o;
    struct tensor x, other, dx, dother; /* other: positives, soft targets, gradient of unit rows */
    float loss;
};

static double units_objective(void *context)
{
    struct soft_context *c = context;
    assert_int_equal(c->o->l2_normalize(c->o, &c->x, &c->dx), 0);
    return weighted_sum(&c->dx, c->other.data);
}

static void test_units(void **state)
{
    struct bed *bed = *state;
    struct soft_context c = {.o = bed->ops,
                             .x = random_tensor(bed, 5, 1, 1, 7),
                             .other = random_tensor(bed, 5, 1, 1, 7),
                             .dx = random_tensor(bed, 5, 1, 1, 7)};
    struct tensor dx = random_tensor(bed, 5, 1, 1, 7);
    units_objective(&c);
    assert_int_equal(c.o->l2_normalize_backward(c.o, &c.x, &c.dx, &c.other, &dx), 0);
    check_slopes("l2_normalize dx", units_objective, &c, c.x.data, dx.data, 35, smooth);
}

static double info_nce_objective(void *context)
{
    struct soft_context *c = context;
    int r =
        c->o->loss_info_nce(c->o, &c->other, &c->x, 1, loss_weight, &c->dother, &c->dx, &c->loss);
    assert_int_equal(r, 0);
    return (double)loss_weight * c->loss;
}

static double nt_xent_objective(void *context)
{
    struct soft_context *c = context;
    assert_int_equal(c->o->loss_nt_xent(c->o, &c->x, 1, loss_weight, &c->dx, &c->loss), 0);
    return (double)loss_weight * c->loss;
}

static double soft_targets_objective(void *context)
{
    struct soft_context *c = context;
    int r = c->o->loss_soft_targets(c->o, &c->x, &c->other, 1, loss_weight, &c->dx, &c->loss);
    assert_int_equal(r, 0);
    return (double)loss_weight * c->loss;
}

static void check_soft(struct bed *bed, const char *name, objective_fn *f, int32_t n, int32_t c)
{
    int32_t width = f == info_nce_objective ? 1 : c; /* of what stands beside x */
    struct soft_context s = {.o = bed->ops,
                             .x = random_tensor(bed, n, 1, 1, c),
                             .other = random_tensor(bed, n, 1, 1, width),
                             .dx = random_tensor(bed, n, 1, 1, c),
                             .dother = random_tensor(bed, n, 1, 1, width)};
    size_t count = tensor_count(&s.x);
    f(&s);
    float *dx = bed_host(bed, count), *dother = bed_host(bed, (size_t)n);
    memcpy(dx, s.dx.data, count * sizeof(float));
    memcpy(dother, s.dother.data, (size_t)n * sizeof(float));
    check_slopes(name, f, &s, s.x.data, dx, count, smooth);
    if (width == 1)
        check_slopes(name, f, &s, s.other.data, dother, (size_t)n, smooth);
}

static void test_soft(void **state)
{
    check_soft(*state, "loss_info_nce", info_nce_objective, 3, 5);
    next_bed(*state);
    check_soft(*state, "loss_nt_xent", nt_xent_objective, 6, 6);
    next_bed(*state);
    check_soft(*state, "loss_soft_targets", soft_targets_objective, 3, 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_bed, close_bed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_conv),     TEST(test_bn),           TEST(test_maxpool),
        TEST(test_avgpool),  TEST(test_linear),       TEST(test_pair),
        TEST(test_concat),   TEST(test_loss_cosine),  TEST(test_loss_mse_tanh),
        TEST(test_loss_bce), TEST(test_loss_softmax), TEST(test_units),
        TEST(test_soft),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
