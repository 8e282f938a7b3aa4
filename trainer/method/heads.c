/* SPDX-License-Identifier: Apache-2.0 */
/* heads: see heads.h. Takes a method's configuration, gives MLPs. Owner: the method. Runs nothing.
 */
#include "trainer/method/heads.h"

enum { PREDICTOR_LAYERS = 2 };

static struct projector_config projector_config(const struct method_config *c, int32_t views)
{
    return (struct projector_config){
        .mlp =
            {
                .rows = views * c->n,
                .in = c->features,
                .hidden = (int32_t)c->recipe->method.projector.hidden,
                .out = (int32_t)c->recipe->method.projector.dim,
                .layers = (int32_t)c->recipe->method.projector.layers,
                .groups = views,
            },
        .condition =
            {
                .layers = (int32_t)c->recipe->method.condition.layers,
                .dim = (int32_t)c->recipe->method.condition.dim,
            },
    };
}

int heads_projector(const struct method_config *c, bool last_norm, struct projector **ret)
{
    struct projector_config config = projector_config(c, c->views);
    config.mlp.prefix = "projector";
    config.mlp.last_norm = last_norm;
    config.mlp.group = PARAM_SCHEDULED;
    config.condition.prefix = "condition";
    return projector_new(c->net, &config, ret);
}

int heads_momentum_projector(const struct method_config *c, struct projector **ret)
{
    struct projector_config config = projector_config(c, c->targets);
    config.mlp.prefix = NET_MOMENTUM ".projector";
    config.mlp.group = PARAM_TARGET;
    config.condition.prefix = NET_MOMENTUM ".condition";
    return projector_new(c->net, &config, ret);
}

int heads_predictor(const struct method_config *c, enum param_group group, struct mlp **ret)
{
    int32_t dim = (int32_t)c->recipe->method.projector.dim;
    return mlp_new(c->net,
                   &(struct mlp_config){
                       .prefix = "predictor",
                       .rows = c->views * c->n,
                       .in = dim,
                       .hidden = (int32_t)c->recipe->method.predictor.dim,
                       .out = dim,
                       .layers = PREDICTOR_LAYERS,
                       .groups = c->views,
                       .group = group,
                   },
                   ret);
}
