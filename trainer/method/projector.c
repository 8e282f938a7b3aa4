/* SPDX-License-Identifier: Apache-2.0 */
/* projector: see projector.h. Takes rows of features and of codes, gives rows. Thread: the one that
 * trains. Owner: a method. Encodes no omega: condition does. */
#include "trainer/method/projector.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/omega.h"

#include <errno.h>
#include <stdlib.h>

struct projector {
    struct net *net; /* a loan */
    struct mlp *mlp;
    struct mlp *gamma;     /* NULL: plain */
    struct tensor in, din; /* [N,in+dim]; without data where it is plain */
    struct tensor dcode;   /* [N,OMEGA_CODE_LEN]: nobody wants it */
};

static void free_at(struct projector **p)
{
    projector_free(*p);
}

static int gamma_new(struct projector *p, const struct projector_config *c)
{
    const struct mlp_config config = {
        .prefix = c->condition.prefix,
        .rows = c->mlp.rows,
        .in = OMEGA_CODE_LEN,
        .hidden = c->condition.dim,
        .out = c->condition.dim,
        .layers = c->condition.layers,
        .groups = c->mlp.groups,
        .group = c->mlp.group,
    };
    struct arena *acts = &p->net->acts;
    int32_t rows = c->mlp.rows, wide = c->mlp.in + c->condition.dim;
    int r = mlp_new(p->net, &config, &p->gamma);
    if (r >= 0)
        r = arena_add_tensor(acts, &p->in, rows, 1, 1, wide);
    if (r >= 0 && c->mlp.group != PARAM_TARGET)
        r = arena_add_tensor(acts, &p->din, rows, 1, 1, wide);
    if (r >= 0 && c->mlp.group != PARAM_TARGET)
        r = arena_add_tensor(acts, &p->dcode, rows, 1, 1, OMEGA_CODE_LEN);
    return r;
}

int projector_new(struct net *net, const struct projector_config *config, struct projector **ret)
{
    auto_with(free_at) struct projector *p = calloc(1, sizeof(*p));
    if (!p)
        return err_set(-ENOMEM, "%s: out of memory", config->mlp.prefix);
    p->net = net;
    struct mlp_config mlp = config->mlp;
    mlp.in += config->condition.dim;
    int r = mlp_new(net, &mlp, &p->mlp);
    if (r >= 0 && config->condition.dim > 0)
        r = gamma_new(p, config);
    if (r < 0)
        return r;
    *ret = take_ptr(&p);
    return 0;
}

void projector_free(struct projector *p)
{
    if (!p)
        return;
    mlp_free(p->mlp);
    mlp_free(p->gamma);
    free(p);
}

int projector_forward(struct projector *p, const struct tensor *x, const struct tensor *code)
{
    const struct ops *ops = p->net->ops;
    if (!p->gamma)
        return mlp_forward(p->mlp, x);
    int r = mlp_forward(p->gamma, code);
    if (r >= 0)
        r = ops->concat_forward(ops, x, mlp_output(p->gamma), &p->in);
    return r < 0 ? r : mlp_forward(p->mlp, &p->in);
}

struct tensor *projector_output(struct projector *p)
{
    return mlp_output(p->mlp);
}

struct tensor *projector_doutput(struct projector *p)
{
    return mlp_doutput(p->mlp);
}

int projector_backward(struct projector *p, const struct tensor *x, const struct tensor *code,
                       struct tensor *dx)
{
    const struct ops *ops = p->net->ops;
    if (!p->gamma)
        return mlp_backward(p->mlp, x, dx, false);
    int r = mlp_backward(p->mlp, &p->in, &p->din, false);
    if (r >= 0)
        r = ops->concat_backward(ops, &p->din, dx, mlp_doutput(p->gamma));
    return r < 0 ? r : mlp_backward(p->gamma, code, &p->dcode, false);
}
