/* SPDX-License-Identifier: Apache-2.0 */
/* heads: see heads.h. Takes a method's configuration, gives MLPs. Owner: the method. Runs nothing.
 */
#include "trainer/method/heads.h"

enum { PREDICTOR_LAYERS = 2 };

static struct mlp_config projector_config(const struct method_config *c, int32_t views)
{
    return (struct mlp_config){
        .rows = views * c->n,
        .in = c->features,
        .hidden = (int32_t)c->recipe->method.projector.hidden,
        .out = (int32_t)c->recipe->method.projector.dim,
        .layers = (int32_t)c->recipe->method.projector.layers,
        .groups = views,
    };
}

int heads_projector(const struct method_config *c, bool last_norm, struct mlp **ret)
{
    struct mlp_config config = projector_config(c, c->views);
    config.prefix = "projector";
    config.last_norm = last_norm;
    config.group = PARAM_SCHEDULED;
    return mlp_new(c->net, &config, ret);
}

int heads_momentum_projector(const struct method_config *c, struct mlp **ret)
{
    struct mlp_config config = projector_config(c, c->targets);
    config.prefix = NET_MOMENTUM ".projector";
    config.group = PARAM_TARGET;
    return mlp_new(c->net, &config, ret);
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
