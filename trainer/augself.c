/* SPDX-License-Identifier: Apache-2.0 */
/* augself: see augself.h. Takes features and omega, gives losses and the gradient of the features.
 * Thread: the one that trains. Owner: the model. Does not define the targets: common/omega does. */
#include "trainer/augself.h"

#include "common/auto.h"
#include "common/err.h"
#include "trainer/mlp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEAD_LAYERS = 3 };

/* The common type of the loss slots. */
typedef int (*loss_fn)(const struct ops *o, const struct tensor *p, const float *target,
                       float weight, struct tensor *dp, float *loss);

static const struct row {
    int32_t outputs;
    size_t loss; /* the slot's place in struct ops */
    bool labels; /* scored by accuracy; else by R2 */
} rows[AUGSELF_KINDS] = {
    [AUGSELF_CROP] = {4, offsetof(struct ops, loss_mse_tanh)},
    [AUGSELF_COLOR] = {4, offsetof(struct ops, loss_mse_tanh)},
    [AUGSELF_FLIP] = {1, offsetof(struct ops, loss_bce), true},
    [AUGSELF_BLUR] = {1, offsetof(struct ops, loss_mse_tanh)},
    [AUGSELF_ROTATION] = {4, offsetof(struct ops, loss_softmax), true},
    [AUGSELF_SOLARIZE] = {1, offsetof(struct ops, loss_mse_tanh)},
};

struct head {
    enum augself_kind kind;
    float weight;
    struct mlp *mlp;
    size_t target_len;  /* numbers of a row */
    float *host_target; /* [2N,target_len]; made here, sent to target */
    float *target;      /* [2N,target_len], back-end memory */
    int loss, score;    /* indices in the list of losses */
};

struct augself {
    struct net *net;   /* a loan */
    struct loss *loss; /* a loan */
    int32_t n;         /* pairs: N */
    struct view_spec law[2];
    struct tensor pair, dpair; /* [2N,2D] */
    struct head head[AUGSELF_KINDS];
    int n_heads;
};

static int head_init(struct augself *a, struct head *head, const struct augself_config *c,
                     enum augself_kind kind)
{
    head->kind = kind;
    head->weight = c->weight[kind];
    head->target_len = augself_target_len(kind);
    char name[LOSS_NAME_MAX];
    snprintf(name, sizeof(name), "augself.%s", augself_kind_name(kind));
    int r = mlp_new(a->net,
                    &(struct mlp_config){
                        .prefix = name,
                        .rows = c->rows,
                        .in = 2 * c->features,
                        .hidden = c->hidden,
                        .out = rows[kind].outputs,
                        .layers = HEAD_LAYERS,
                        .groups = 1,
                        .group = PARAM_SCHEDULED,
                    },
                    &head->mlp);
    if (r < 0)
        return r;
    size_t bytes = (size_t)c->rows * head->target_len * sizeof(float);
    head->host_target = malloc(bytes);
    if (!head->host_target)
        return err_set(-ENOMEM, "%s: out of memory", name);
    r = arena_add(&a->net->acts, bytes, &head->target);
    if (r < 0)
        return r;
    head->loss = loss_add(a->loss, name, head->weight);
    if (head->loss < 0)
        return head->loss;
    head->score = rows[kind].labels ? loss_add_score(a->loss, name, "accuracy")
                                    : loss_add_r2(a->loss, head->loss);
    return head->score < 0 ? head->score : 0;
}

static void free_at(struct augself **a)
{
    augself_free(*a);
}

int augself_new(struct net *net, struct loss *loss, const struct augself_config *config,
                struct augself **ret)
{
    auto_with(free_at) struct augself *a = calloc(1, sizeof(*a));
    if (!a)
        return err_set(-ENOMEM, "augself: out of memory");
    a->net = net;
    a->loss = loss;
    a->n = config->rows / 2;
    a->law[0] = *config->law[0];
    a->law[1] = *config->law[1];
    for (int kind = 0; kind < AUGSELF_KINDS; kind++) {
        if (config->weight[kind] <= 0)
            continue;
        int r = head_init(a, &a->head[a->n_heads++], config, (enum augself_kind)kind);
        if (r < 0)
            return r;
    }
    if (a->n_heads > 0) {
        int32_t d = 2 * config->features;
        int r = arena_add_tensor(&net->acts, &a->pair, config->rows, 1, 1, d);
        if (r < 0)
            return r;
        r = arena_add_tensor(&net->acts, &a->dpair, config->rows, 1, 1, d);
        if (r < 0)
            return r;
    }
    *ret = take_ptr(&a);
    return 0;
}

void augself_free(struct augself *a)
{
    if (!a)
        return;
    for (int i = 0; i < a->n_heads; i++) {
        mlp_free(a->head[i].mlp);
        free(a->head[i].host_target);
    }
    free(a);
}

/* Of the targets about the mean of each of their numbers: what a prediction must beat. */
static double variance_of(const float *target, size_t n, size_t len)
{
    double total = 0;
    for (size_t k = 0; k < len; k++) {
        double mean = 0, square = 0;
        for (size_t i = 0; i < n; i++)
            mean += (double)target[i * len + k] / (double)n;
        for (size_t i = 0; i < n; i++) {
            double off = (double)target[i * len + k] - mean;
            square += off * off;
        }
        total += square / (double)n;
    }
    return total / (double)len;
}

static int head_target(struct augself *a, struct head *head, const struct omega *omega)
{
    size_t n = (size_t)a->n, len = head->target_len;
    for (size_t i = 0; i < n; i++) {
        const struct omega *first = &omega[i], *second = &omega[n + i];
        omega_difference(head->kind, first, &a->law[0], second, &a->law[1],
                         &head->host_target[i * len]);
        omega_difference(head->kind, second, &a->law[1], first, &a->law[0],
                         &head->host_target[(n + i) * len]);
    }
    if (!rows[head->kind].labels)
        loss_set_variance(a->loss, head->score, variance_of(head->host_target, 2 * n, len));
    const struct ops *ops = a->net->ops;
    return ops->upload(ops, head->target, head->host_target, 2 * n * len * sizeof(float));
}

static int head_forward(struct augself *a, struct head *head, const struct omega *omega)
{
    int r = head_target(a, head, omega);
    if (r < 0)
        return r;
    r = mlp_forward(head->mlp, &a->pair);
    if (r < 0)
        return r;
    const struct ops *ops = a->net->ops;
    const struct tensor *p = mlp_output(head->mlp);
    loss_fn loss = *(const loss_fn *)((const char *)ops + rows[head->kind].loss);
    r = loss(ops, p, head->target, head->weight, mlp_doutput(head->mlp),
             a->loss->device + head->loss);
    if (r < 0 || !rows[head->kind].labels)
        return r;
    return ops->accuracy(ops, p, head->target, a->loss->device + head->score);
}

int augself_forward(struct augself *a, const struct omega *omega, const struct tensor *y)
{
    const struct ops *ops = a->net->ops;
    int r = a->n_heads > 0 ? ops->pair_forward(ops, y, &a->pair) : 0;
    for (int i = 0; r >= 0 && i < a->n_heads; i++)
        r = head_forward(a, &a->head[i], omega);
    return r;
}

int augself_backward(struct augself *a, struct tensor *dy)
{
    const struct ops *ops = a->net->ops;
    int r = 0;
    for (int i = 0; r >= 0 && i < a->n_heads; i++)
        r = mlp_backward(a->head[i].mlp, &a->pair, &a->dpair, i > 0);
    if (r >= 0 && a->n_heads > 0)
        r = ops->pair_backward(ops, &a->dpair, dy);
    return r;
}
