/* SPDX-License-Identifier: Apache-2.0 */
/* simsiam: Chen and He, CVPR 2021, arXiv 2011.10566, with AugSelf's settings. Takes features of two
 * views, gives the loss and the gradient of the features. Thread: the one that trains. Owner: the
 * model. Does not touch the backbone.
 *     y -> projector -> z -> predictor -> p      loss = -(cos(p1, z2) + cos(p2, z1)) / 2
 * z is a constant in the loss (stop-gradient); each view has its own batch statistics. */
#include "common/auto.h"
#include "common/err.h"
#include "trainer/method/heads.h"

#include <errno.h>
#include <stdlib.h>

struct simsiam {
    struct net *net;   /* a loan */
    struct loss *loss; /* a loan */
    struct projector *projector;
    struct mlp *predictor;
    int cosine, spread; /* indices of the losses */
};

static void simsiam_free(void *state)
{
    struct simsiam *s = state;
    if (!s)
        return;
    projector_free(s->projector);
    mlp_free(s->predictor);
    free(s);
}

static void free_at(struct simsiam **s)
{
    simsiam_free(*s);
}

static int heads_new(struct simsiam *s, const struct method_config *c)
{
    int r = heads_projector(c, true, &s->projector);
    return r < 0 ? r : heads_predictor(c, PARAM_CONSTANT, &s->predictor);
}

static int simsiam_build(const struct method_config *config, void **ret_state)
{
    auto_with(free_at) struct simsiam *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(-ENOMEM, "simsiam: out of memory");
    s->net = config->net;
    s->loss = config->loss;
    int r = heads_new(s, config);
    if (r < 0)
        return r;
    s->cosine = loss_add(s->loss, "simsiam", 1);
    s->spread = loss_add(s->loss, "spread", 0);
    if (s->cosine < 0 || s->spread < 0)
        return -ENOSPC;
    *ret_state = take_ptr(&s);
    return 0;
}

static int simsiam_forward(void *state, const struct method_input *in)
{
    struct simsiam *s = state;
    const struct ops *ops = s->net->ops;
    struct tensor *z = projector_output(s->projector);
    int r = projector_forward(s->projector, in->y, in->code_y);
    if (r >= 0)
        r = mlp_forward(s->predictor, z);
    if (r >= 0)
        r = ops->loss_cosine(ops, mlp_output(s->predictor), z, 1, mlp_doutput(s->predictor),
                             s->loss->device + s->cosine);
    if (r >= 0)
        r = ops->spread(ops, z, s->loss->device + s->spread);
    return r;
}

static int simsiam_backward(void *state, const struct method_input *in, struct tensor *dy)
{
    struct simsiam *s = state;
    /* z reaches the loss through the predictor alone */
    int r = mlp_backward(s->predictor, projector_output(s->projector),
                         projector_doutput(s->projector), false);
    if (r >= 0)
        r = projector_backward(s->projector, in->y, in->code_y, dy);
    return r;
}

const struct method method_simsiam = {
    .name = "simsiam",
    .defaults =
        {
            .projector_layers = 2,
            .projector_hidden = METHOD_WIDTH_DIM,
            .projector_dim = 2048,
            .predictor_dim = 512,
        },
    .trained_views = 2,
    .build = simsiam_build,
    .forward = simsiam_forward,
    .backward = simsiam_backward,
    .free = simsiam_free,
};
