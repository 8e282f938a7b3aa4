/* SPDX-License-Identifier: Apache-2.0 */
/* simclr: Chen et al., ICML 2020, arXiv 2002.05709. Takes features of two views, gives the loss and
 * their gradient. Thread: the one that trains. Owner: the model.
 *     y -> projector -> z -> u of length 1 -> s = u u^T [2N,2N], loss = NT-Xent of s / temperature
 */
#include "common/auto.h"
#include "common/err.h"
#include "trainer/method/heads.h"

#include <errno.h>
#include <stdlib.h>

struct simclr {
    struct net *net;   /* a loan */
    struct loss *loss; /* a loan */
    struct projector *projector;
    float temperature;
    struct tensor u, du,
        du_right;        /* [2N,D]; gradient of u, and its part as the right factor of s */
    struct tensor s;     /* [2N,2N], then its gradient */
    int nt_xent, spread; /* indices of the losses */
};

static void simclr_free(void *state)
{
    struct simclr *s = state;
    if (!s)
        return;
    projector_free(s->projector);
    free(s);
}

static void free_at(struct simclr **s)
{
    simclr_free(*s);
}

static int parts_new(struct simclr *s, const struct method_config *c)
{
    int32_t rows = c->views * c->n, dim = (int32_t)c->recipe->method.projector.dim;
    int r = heads_projector(c, false, &s->projector);
    struct tensor *units[] = {&s->u, &s->du, &s->du_right};
    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(units); i++)
        r = arena_add_tensor(&c->net->acts, units[i], rows, 1, 1, dim);
    return r < 0 ? r : arena_add_tensor(&c->net->acts, &s->s, rows, 1, 1, rows);
}

static int simclr_build(const struct method_config *config, void **ret_state)
{
    auto_with(free_at) struct simclr *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(-ENOMEM, "simclr: out of memory");
    s->net = config->net;
    s->loss = config->loss;
    s->temperature = (float)config->recipe->method.temperature;
    int r = parts_new(s, config);
    if (r >= 0)
        r = s->nt_xent = loss_add(s->loss, "simclr", 1);
    if (r >= 0)
        r = s->spread = loss_add(s->loss, "spread", 0);
    if (r < 0)
        return r;
    *ret_state = take_ptr(&s);
    return 0;
}

static int simclr_forward(void *state, const struct method_input *in)
{
    struct simclr *s = state;
    const struct ops *ops = s->net->ops;
    int r = projector_forward(s->projector, in->y, in->code_y);
    if (r >= 0)
        r = ops->l2_normalize(ops, projector_output(s->projector), &s->u);
    if (r >= 0)
        r = ops->linear_forward(ops, &s->u, s->u.data, NULL, &s->s);
    if (r >= 0)
        r = ops->loss_nt_xent(ops, &s->s, s->temperature, 1, &s->s, s->loss->device + s->nt_xent);
    if (r >= 0)
        r = ops->spread(ops, &s->u, s->loss->device + s->spread);
    return r;
}

/* s = u u^T: u stands on both sides. */
static int simclr_backward(void *state, const struct method_input *in, struct tensor *dy)
{
    struct simclr *s = state;
    const struct ops *ops = s->net->ops;
    int r = ops->linear_backward_data(ops, &s->s, s->u.data, &s->du, false);
    if (r >= 0)
        r = ops->linear_backward_weight(ops, &s->u, &s->s, s->du_right.data, NULL);
    if (r >= 0)
        r = ops->add(ops, s->du_right.data, s->du.data, tensor_count(&s->du));
    if (r >= 0)
        r = ops->l2_normalize_backward(ops, projector_output(s->projector), &s->u, &s->du,
                                       projector_doutput(s->projector));
    if (r >= 0)
        r = projector_backward(s->projector, in->y, in->code_y, dy);
    return r;
}

const struct method method_simclr = {
    .name = "simclr",
    .defaults =
        {
            .projector_layers = 2,
            .projector_hidden = METHOD_WIDTH_FEATURES,
            .projector_dim = 128,
            .temperature = 0.2,
        },
    .trained_views = 2,
    .build = simclr_build,
    .forward = simclr_forward,
    .backward = simclr_backward,
    .free = simclr_free,
};
