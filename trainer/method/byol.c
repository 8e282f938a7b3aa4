/* SPDX-License-Identifier: Apache-2.0 */
/* byol: Grill et al., NeurIPS 2020, arXiv 2006.07733. Takes features of two views from the trained
 * and the momentum backbone, gives the loss and the gradient of the first. Thread: the one that
 * trains. Owner: the model.
 *     y -> projector -> z -> predictor -> p,  t -> momentum projector -> k
 *     loss = (2 - 2 cos(p1, k2)) + (2 - 2 cos(p2, k1)) */
#include "common/auto.h"
#include "common/err.h"
#include "trainer/method/heads.h"

#include <errno.h>
#include <stdlib.h>

/* The cosine slot gives c = -(cos + cos) / 2; the loss is 4 + 4 c. */
static const float cosine_scale = 4, cosine_offset = 4;

struct byol {
    struct net *net;   /* a loan */
    struct loss *loss; /* a loan */
    struct projector *projector, *momentum;
    struct mlp *predictor;
    int cosine, spread; /* indices of the losses */
};

static void byol_free(void *state)
{
    struct byol *b = state;
    if (!b)
        return;
    projector_free(b->projector);
    mlp_free(b->predictor);
    projector_free(b->momentum);
    free(b);
}

static void free_at(struct byol **b)
{
    byol_free(*b);
}

static int heads_new(struct byol *b, const struct method_config *c)
{
    int r = heads_projector(c, false, &b->projector);
    if (r >= 0)
        r = heads_momentum_projector(c, &b->momentum);
    return r < 0 ? r : heads_predictor(c, PARAM_SCHEDULED, &b->predictor);
}

static int byol_build(const struct method_config *config, void **ret_state)
{
    auto_with(free_at) struct byol *b = calloc(1, sizeof(*b));
    if (!b)
        return err_set(-ENOMEM, "byol: out of memory");
    b->net = config->net;
    b->loss = config->loss;
    int r = heads_new(b, config);
    if (r >= 0)
        r = b->cosine = loss_add(b->loss, "byol", 1);
    if (r >= 0)
        r = loss_map(b->loss, b->cosine, cosine_scale, cosine_offset);
    if (r >= 0)
        r = b->spread = loss_add(b->loss, "spread", 0);
    if (r < 0)
        return r;
    *ret_state = take_ptr(&b);
    return 0;
}

static int byol_forward(void *state, const struct method_input *in)
{
    struct byol *b = state;
    const struct ops *ops = b->net->ops;
    int r = projector_forward(b->projector, in->y, in->code_y);
    if (r >= 0)
        r = mlp_forward(b->predictor, projector_output(b->projector));
    if (r >= 0)
        r = projector_forward(b->momentum, in->t, in->code_t);
    if (r >= 0)
        r = ops->loss_cosine(ops, mlp_output(b->predictor), projector_output(b->momentum),
                             cosine_scale, mlp_doutput(b->predictor), b->loss->device + b->cosine);
    if (r >= 0)
        r = ops->spread(ops, projector_output(b->projector), b->loss->device + b->spread);
    return r;
}

static int byol_backward(void *state, const struct method_input *in, struct tensor *dy)
{
    struct byol *b = state;
    int r = mlp_backward(b->predictor, projector_output(b->projector),
                         projector_doutput(b->projector), false);
    if (r >= 0)
        r = projector_backward(b->projector, in->y, in->code_y, dy);
    return r;
}

const struct method method_byol = {
    .name = "byol",
    .defaults =
        {
            .projector_layers = 2,
            .projector_hidden = 4096,
            .projector_dim = 256,
            .predictor_dim = 4096,
            .momentum = 0.996,
            .momentum_cosine = true,
        },
    .trained_views = 2,
    .target_views = 2,
    .build = byol_build,
    .forward = byol_forward,
    .backward = byol_backward,
    .free = byol_free,
};
