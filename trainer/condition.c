/* SPDX-License-Identifier: Apache-2.0 */
/* condition: see condition.h. Takes omega of a batch, gives tensors of codes. Thread: the one that
 * trains. Does not say what a code is made of: common/omega does. */
#include "trainer/condition.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <stdlib.h>

struct condition {
    struct net *net; /* a loan */
    struct condition_config config;
    struct view_spec law[OMEGA_VIEWS_MAX];
    float *host; /* [V_all][N][OMEGA_CODE_LEN] */
    struct tensor y, t;
};

static void free_at(struct condition **c)
{
    condition_free(*c);
}

int condition_new(struct net *net, const struct condition_config *config, struct condition **ret)
{
    auto_with(free_at) struct condition *c = calloc(1, sizeof(*c));
    if (!c)
        return err_set(-ENOMEM, "condition: out of memory");
    int32_t all = config->large_views + config->small_views;
    c->net = net;
    c->config = *config;
    for (int32_t v = 0; v < all; v++)
        c->law[v] = config->law[v];
    c->host = malloc((size_t)(all * config->n) * OMEGA_CODE_LEN * sizeof(float));
    if (!c->host)
        return err_set(-ENOMEM, "condition: out of memory");
    int32_t trained = config->trained_views + config->small_views;
    int r = arena_add_tensor(&net->acts, &c->y, trained * config->n, 1, 1, OMEGA_CODE_LEN);
    if (r >= 0 && config->target_views > 0)
        r = arena_add_tensor(&net->acts, &c->t, config->target_views * config->n, 1, 1,
                             OMEGA_CODE_LEN);
    if (r < 0)
        return r;
    *ret = take_ptr(&c);
    return 0;
}

void condition_free(struct condition *c)
{
    if (!c)
        return;
    free(c->host);
    free(c);
}

/* The codes of some of the batch's views to the rows of `to` from `first` on. */
static int send(struct condition *c, int32_t view, int32_t views, struct tensor *to, int32_t first)
{
    const struct ops *ops = c->net->ops;
    size_t row = OMEGA_CODE_LEN, image = (size_t)c->config.n * row;
    if (views == 0)
        return 0;
    return ops->upload(ops, to->data + (size_t)first * row, c->host + (size_t)view * image,
                       (size_t)views * image * sizeof(float));
}

int condition_send(struct condition *c, const struct omega *omega)
{
    const struct condition_config *g = &c->config;
    size_t n = (size_t)g->n, all = (size_t)(g->large_views + g->small_views);
    for (size_t v = 0; v < all; v++)
        for (size_t i = 0; i < n; i++)
            omega_encode(&omega[v * n + i], &c->law[v], c->host + (v * n + i) * OMEGA_CODE_LEN);
    int r = send(c, 0, g->trained_views, &c->y, 0);
    if (r >= 0)
        r = send(c, g->large_views, g->small_views, &c->y, g->trained_views * g->n);
    return r < 0 ? r : send(c, g->large_views - g->target_views, g->target_views, &c->t, 0);
}

const struct tensor *condition_y(const struct condition *c)
{
    return &c->y;
}

const struct tensor *condition_t(const struct condition *c)
{
    return &c->t;
}
