/* SPDX-License-Identifier: Apache-2.0 */
/* critic: see critic.h. Takes rows of two tables, gives a bound in nats. Thread: the caller's.
 * Owner: who made it. Does not know where the tables come from. */
#include "tools/evaluate/critic.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/rng.h"
#include "trainer/loss.h"
#include "trainer/mlp.h"
#include "trainer/optim.h"
#include "trainer/schedule.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LAYERS = 3,
    CHOICES = 20,       /* how often in a run the rows to choose by are looked at */
    BOUND_BATCHES = 64, /* at least as many are averaged: few rows meet in many ways */
    STREAM_TRAIN = 1,   /* of the permutations */
    STREAM_BOUND = 2,
};

/* The temperatures to choose from, as multiples of that in training; the infinite one besides. */
static const float warmer[] = {0.5F, 0.7F, 1, 1.4F, 2, 2.8F, 4, 8, 16};

struct side {
    struct mlp *mlp;
    int32_t dim;
    float *mean, *scale;  /* [dim]: what is fed is (x - mean) * scale */
    float *host;          /* [N,dim], to be uploaded */
    struct tensor x, dx;  /* [N,dim] */
    struct tensor u, du;  /* [N,out]: what is multiplied, and its gradient */
    struct tensor du_too; /* [N,out]: the part of it from where the side is the right factor */
};

struct critic {
    struct critic_config config;
    struct ops *ops; /* a loan */
    struct net *net;
    struct loss loss;
    struct optim optim;
    struct side side[CRITIC_SIDES];
    int nce[CRITIC_SIDES]; /* indices of the losses: side i finds its partner in the other */
    struct tensor score[CRITIC_SIDES]; /* [N,N] */
    struct tensor dscore, right;       /* [N,N]; right: the identity */
    float *best_params, *best_state;
    double best;
    float temperature; /* chosen; INFINITY: every score is the same */
};

/* --- making --- */

static int side_new(struct critic *critic, enum critic_side which, const char *prefix)
{
    const struct critic_config *c = &critic->config;
    struct side *s = &critic->side[which];
    struct arena *acts = &critic->net->acts;
    s->dim = c->dims[which];
    s->mean = calloc((size_t)s->dim, sizeof(float));
    s->scale = calloc((size_t)s->dim, sizeof(float));
    s->host = calloc((size_t)c->batch * (size_t)s->dim, sizeof(float));
    if (!s->mean || !s->scale || !s->host)
        return err_set(-ENOMEM, "critic: out of memory");
    const struct mlp_config config = {
        .prefix = prefix,
        .rows = c->batch,
        .in = s->dim,
        .hidden = c->hidden,
        .out = c->out,
        .layers = LAYERS,
        .groups = 1,
        .group = PARAM_SCHEDULED,
    };
    int rc = mlp_new(critic->net, &config, &s->mlp);
    struct tensor *in[] = {&s->x, &s->dx}, *out[] = {&s->u, &s->du, &s->du_too};
    for (size_t i = 0; rc >= 0 && i < ARRAY_LEN(in); i++)
        rc = arena_add_tensor(acts, in[i], c->batch, 1, 1, s->dim);
    for (size_t i = 0; rc >= 0 && i < ARRAY_LEN(out); i++)
        rc = arena_add_tensor(acts, out[i], c->batch, 1, 1, c->out);
    return rc;
}

static int scores_new(struct critic *critic)
{
    static const char *const names[] = {"nce.c", "nce.z"};
    struct arena *acts = &critic->net->acts;
    int32_t n = critic->config.batch;
    int rc = loss_init(&critic->loss, critic->net);
    for (int i = 0; rc >= 0 && i < CRITIC_SIDES; i++) {
        rc = critic->nce[i] = loss_add(&critic->loss, names[i], 1.0F / CRITIC_SIDES);
        if (rc >= 0)
            rc = arena_add_tensor(acts, &critic->score[i], n, 1, 1, n);
    }
    if (rc >= 0)
        rc = arena_add_tensor(acts, &critic->dscore, n, 1, 1, n);
    return rc < 0 ? rc : arena_add_tensor(acts, &critic->right, n, 1, 1, n);
}

static int right_fill(struct critic *critic)
{
    size_t n = (size_t)critic->config.batch;
    auto_free float *host = calloc(n * n, sizeof(*host));
    if (!host)
        return err_set(-ENOMEM, "critic: out of memory");
    for (size_t i = 0; i < n; i++)
        host[i * n + i] = 1;
    return critic->ops->upload(critic->ops, critic->right.data, host, n * n * sizeof(*host));
}

static int parts_new(struct critic *critic)
{
    static const char *const names[] = {"c", "z"};
    const struct optim_config optim = {
        .momentum = 0.9F,
        .weight_decay = (float)critic->config.weight_decay,
        .decay_weights_only = true,
        .gradient_scale = 1,
    };
    int rc = net_new(critic->ops, &critic->net);
    for (int i = 0; rc >= 0 && i < CRITIC_SIDES; i++)
        rc = side_new(critic, (enum critic_side)i, names[i]);
    if (rc >= 0)
        rc = scores_new(critic);
    if (rc >= 0)
        rc = optim_init(&critic->optim, critic->net, &optim);
    if (rc >= 0)
        rc = net_commit(critic->net);
    if (rc >= 0)
        rc = net_init(critic->net, critic->config.seed);
    return rc < 0 ? rc : right_fill(critic);
}

void critic_free(struct critic *critic)
{
    if (!critic)
        return;
    for (int i = 0; i < CRITIC_SIDES; i++) {
        struct side *s = &critic->side[i];
        mlp_free(s->mlp);
        free(s->mean);
        free(s->scale);
        free(s->host);
    }
    critic->ops->mem_free(critic->ops, critic->best_params);
    critic->ops->mem_free(critic->ops, critic->best_state);
    net_free(critic->net);
    free(critic);
}

static void free_at(struct critic **critic)
{
    critic_free(*critic);
}

int critic_new(struct ops *ops, const struct critic_config *config, struct critic **ret)
{
    assert(config->batch > 1 && config->steps > 0 && config->temperature > 0);
    auto_with(free_at) struct critic *critic = calloc(1, sizeof(*critic));
    if (!critic)
        return err_set(-ENOMEM, "critic: out of memory");
    critic->config = *config;
    critic->ops = ops;
    critic->temperature = INFINITY;
    int rc = parts_new(critic);
    if (rc < 0)
        return rc;
    critic->best_params = ops->mem_new(ops, critic->net->params.bytes);
    critic->best_state = ops->mem_new(ops, critic->net->state.bytes);
    if (!critic->best_params || !critic->best_state)
        return err_set(-ENOMEM, "critic: out of memory");
    *ret = take_ptr(&critic);
    return 0;
}

/* --- rows --- */

/* Fisher and Yates. */
void critic_order(uint64_t seed, uint32_t stream, uint32_t pass, uint32_t *ret, size_t n)
{
    struct rng rng;
    rng_init(&rng, &(struct rng_key){
                       .seed = seed, .epoch = pass, .sample = stream, .purpose = RNG_SHUFFLE});
    for (size_t i = 0; i < n; i++)
        ret[i] = (uint32_t)i;
    for (size_t i = n; i > 1; i--) {
        size_t j = rng_below(&rng, (uint32_t)i);
        uint32_t moved = ret[i - 1];
        ret[i - 1] = ret[j];
        ret[j] = moved;
    }
}

static const float *row_of(const struct critic_rows *rows, int side, size_t dim, uint32_t i)
{
    return rows->table[side] + (size_t)rows->row[i] * dim;
}

/* A column that is always the same is fed as 0. */
static int columns_measure(struct critic *critic, const struct critic_rows *train, int which)
{
    struct side *s = &critic->side[which];
    size_t dim = (size_t)s->dim;
    auto_free double *sum = calloc(2 * dim, sizeof(*sum));
    if (!sum)
        return err_set(-ENOMEM, "critic: out of memory");
    double *squares = sum + dim, n = (double)train->n;
    for (uint32_t i = 0; i < train->n; i++) {
        const float *x = row_of(train, which, dim, i);
        for (size_t j = 0; j < dim; j++)
            sum[j] += (double)x[j];
    }
    for (uint32_t i = 0; i < train->n; i++) {
        const float *x = row_of(train, which, dim, i);
        for (size_t j = 0; j < dim; j++)
            squares[j] += ((double)x[j] - sum[j] / n) * ((double)x[j] - sum[j] / n);
    }
    for (size_t j = 0; j < dim; j++) {
        double spread = sqrt(squares[j] / n);
        s->mean[j] = (float)(sum[j] / n);
        s->scale[j] = spread > 1e-6 * fabs(sum[j] / n) ? (float)(1 / spread) : 0;
    }
    return 0;
}

static int rows_feed(struct critic *critic, const struct critic_rows *rows, const uint32_t *pick)
{
    const struct ops *ops = critic->ops;
    int rc = 0;
    for (int which = 0; rc >= 0 && which < CRITIC_SIDES; which++) {
        struct side *s = &critic->side[which];
        size_t dim = (size_t)s->dim;
        for (size_t i = 0; i < (size_t)critic->config.batch; i++) {
            const float *x = row_of(rows, which, dim, pick[i]);
            for (size_t j = 0; j < dim; j++)
                s->host[i * dim + j] = (x[j] - s->mean[j]) * s->scale[j];
        }
        rc = ops->upload(ops, s->x.data, s->host, tensor_count(&s->x) * sizeof(float));
    }
    return rc;
}

static int rows_enough(const struct critic *critic, const struct critic_rows *rows,
                       const char *what)
{
    if (rows->n >= (size_t)critic->config.batch && rows->n <= UINT32_MAX)
        return 0;
    return err_set(-EINVAL, "%zu rows %s, a batch has %d", rows->n, what, critic->config.batch);
}

/* --- scores and gradients --- */

/* score[C] is u_c u_z^T, score[Z] the same the other way round. */
static int scores_make(struct critic *critic, bool infer)
{
    const struct ops *ops = critic->ops;
    int rc = 0;
    for (int i = 0; rc >= 0 && i < CRITIC_SIDES; i++) {
        struct side *s = &critic->side[i];
        rc = infer ? mlp_infer(s->mlp, &s->x) : mlp_forward(s->mlp, &s->x);
        if (rc >= 0)
            rc = ops->l2_normalize(ops, mlp_output(s->mlp), &s->u);
    }
    for (int i = 0; rc >= 0 && i < CRITIC_SIDES; i++)
        rc = ops->linear_forward(ops, &critic->side[i].u, critic->side[!i].u.data, NULL,
                                 &critic->score[i]);
    return rc;
}

/* Side i is the left factor of score[i], and the right one of score[!i]. */
static int gradients_make(struct critic *critic)
{
    const struct ops *ops = critic->ops;
    float temperature = (float)critic->config.temperature;
    int rc = 0;
    for (int i = 0; rc >= 0 && i < CRITIC_SIDES; i++) {
        struct side *left = &critic->side[i], *right = &critic->side[!i];
        rc = ops->loss_soft_targets(ops, &critic->score[i], &critic->right, temperature,
                                    1.0F / CRITIC_SIDES, &critic->dscore,
                                    critic->loss.device + critic->nce[i]);
        if (rc >= 0)
            rc = ops->linear_backward_data(ops, &critic->dscore, right->u.data, &left->du, false);
        if (rc >= 0)
            rc = ops->linear_backward_weight(ops, &left->u, &critic->dscore, right->du_too.data,
                                             NULL);
    }
    for (int i = 0; rc >= 0 && i < CRITIC_SIDES; i++) {
        struct side *s = &critic->side[i];
        rc = ops->add(ops, s->du_too.data, s->du.data, tensor_count(&s->du));
        if (rc >= 0)
            rc = ops->l2_normalize_backward(ops, mlp_output(s->mlp), &s->u, &s->du,
                                            mlp_doutput(s->mlp));
        if (rc >= 0)
            rc = mlp_backward(s->mlp, &s->x, &s->dx, false);
    }
    return rc;
}

/* --- the bound --- */

/* L_NCE of the scores as they stand, both ways, at some temperatures; added to sum[n]. */
static int losses_add(struct critic *critic, const float *temperature, size_t n, double *sum)
{
    const struct ops *ops = critic->ops;
    int rc = 0;
    for (size_t t = 0; rc >= 0 && t < n; t++) {
        for (int i = 0; rc >= 0 && i < CRITIC_SIDES; i++)
            rc = ops->loss_soft_targets(ops, &critic->score[i], &critic->right, temperature[t], 1,
                                        &critic->dscore, critic->loss.device + critic->nce[i]);
        float total = 0;
        if (rc >= 0)
            rc = loss_fetch(&critic->loss, &total);
        /* No soft-max is above 1; what is below 0 here is its rounding. */
        sum[t] += total < 0 ? 0 : (double)total;
    }
    return rc;
}

/* The bounds of a set at n temperatures. */
static int bounds_make(struct critic *critic, const struct critic_rows *rows,
                       const float *temperature, size_t n, double *ret)
{
    size_t batch = (size_t)critic->config.batch, batches = 0;
    auto_free uint32_t *order = calloc(rows->n, sizeof(*order));
    if (!order)
        return err_set(-ENOMEM, "critic: out of memory");
    memset(ret, 0, n * sizeof(*ret));
    for (uint32_t pass = 0; batches < BOUND_BATCHES; pass++) {
        critic_order(critic->config.seed, STREAM_BOUND, pass, order, rows->n);
        for (size_t at = 0; at + batch <= rows->n; at += batch, batches++) {
            int rc = rows_feed(critic, rows, order + at);
            if (rc >= 0)
                rc = scores_make(critic, true);
            if (rc >= 0)
                rc = losses_add(critic, temperature, n, ret);
            if (rc < 0)
                return rc;
        }
    }
    for (size_t t = 0; t < n; t++)
        ret[t] = log((double)batch) - ret[t] / (double)batches;
    return 0;
}

int critic_bound(struct critic *critic, const struct critic_rows *rows, double *ret)
{
    int rc = rows_enough(critic, rows, "to measure");
    *ret = 0;
    if (rc < 0 || isinf(critic->temperature))
        return rc;
    return bounds_make(critic, rows, &critic->temperature, 1, ret);
}

/* --- training --- */

/* Keeps the critic as it stands where the rows to choose by say that it is the best so far. */
static int choose(struct critic *critic, const struct critic_rows *rows)
{
    float temperature[ARRAY_LEN(warmer)];
    double at_each[ARRAY_LEN(warmer)] = {0};
    for (size_t i = 0; i < ARRAY_LEN(warmer); i++)
        temperature[i] = warmer[i] * (float)critic->config.temperature;
    int rc = bounds_make(critic, rows, temperature, ARRAY_LEN(warmer), at_each);
    if (rc < 0)
        return rc;
    size_t at = 0;
    for (size_t i = 1; i < ARRAY_LEN(warmer); i++)
        at = at_each[i] > at_each[at] ? i : at;
    if (!(at_each[at] > critic->best))
        return 0;
    const struct ops *ops = critic->ops;
    const struct net *net = critic->net;
    critic->best = at_each[at];
    critic->temperature = temperature[at];
    rc = ops->copy(ops, net->params.base, critic->best_params, net->params.bytes / sizeof(float));
    return rc < 0 ? rc
                  : ops->copy(ops, net->state.base, critic->best_state,
                              net->state.bytes / sizeof(float));
}

static int best_take(struct critic *critic)
{
    const struct ops *ops = critic->ops;
    const struct net *net = critic->net;
    if (isinf(critic->temperature))
        return 0;
    int rc =
        ops->copy(ops, critic->best_params, net->params.base, net->params.bytes / sizeof(float));
    return rc < 0 ? rc
                  : ops->copy(ops, critic->best_state, net->state.base,
                              net->state.bytes / sizeof(float));
}

static int step(struct critic *critic, const struct critic_rows *rows, const uint32_t *pick,
                uint32_t number)
{
    const struct schedule schedule = {
        .kind = SCHEDULE_COSINE,
        .unit = SCHEDULE_STEP,
        .lr = critic->config.lr,
        .epochs = 1,
        .steps = critic->config.steps,
    };
    float lr[PARAM_GROUPS] = {[PARAM_SCHEDULED] = (float)schedule_lr(&schedule, number)};
    float total = 0;
    int rc = rows_feed(critic, rows, pick);
    if (rc >= 0)
        rc = scores_make(critic, false);
    if (rc >= 0)
        rc = gradients_make(critic);
    if (rc >= 0)
        rc = loss_fetch(&critic->loss, &total);
    if (rc >= 0 && !isfinite(total))
        rc = err_set(-ERANGE,
                     "the critic's loss is no finite number after %u steps: a lower --lr, or "
                     "numbers that are not as large",
                     number);
    return rc < 0 ? rc : optim_step(&critic->optim, lr, false);
}

static int steps_run(struct critic *critic, const struct critic_rows *train,
                     const struct critic_rows *to_choose)
{
    size_t batch = (size_t)critic->config.batch, at = train->n;
    uint32_t steps = critic->config.steps, pass = 0;
    auto_free uint32_t *order = calloc(train->n, sizeof(*order));
    if (!order)
        return err_set(-ENOMEM, "critic: out of memory");
    for (uint32_t i = 0; i < steps; i++, at += batch) {
        if (at + batch > train->n) {
            critic_order(critic->config.seed, STREAM_TRAIN, pass++, order, train->n);
            at = 0;
        }
        int rc = step(critic, train, order + at, i);
        uint64_t done = (uint64_t)i + 1;
        bool look = done * CHOICES / steps != (done - 1) * CHOICES / steps;
        if (rc >= 0 && look)
            rc = choose(critic, to_choose);
        if (rc < 0)
            return rc;
        if (critic->config.tell)
            critic->config.tell(critic->config.hint, i + 1);
    }
    return best_take(critic);
}

int critic_train(struct critic *critic, const struct critic_rows *train,
                 const struct critic_rows *to_choose)
{
    int rc = rows_enough(critic, train, "to train on");
    if (rc >= 0)
        rc = rows_enough(critic, to_choose, "to choose by");
    for (int i = 0; rc >= 0 && i < CRITIC_SIDES; i++)
        rc = columns_measure(critic, train, i);
    return rc < 0 ? rc : steps_run(critic, train, to_choose);
}
