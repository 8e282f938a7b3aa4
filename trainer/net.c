/* SPDX-License-Identifier: Apache-2.0 */
/* net: see net.h. Takes names, shapes and rules from the modules; gives them pointers into the
 * arenas at commit. Thread: the one that trains. Owner: the model. Does not know what the
 * parameters compute. */
#include "trainer/net.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/rng.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int net_new(struct ops *ops, struct net **ret)
{
    struct net *net = calloc(1, sizeof(*net));
    if (!net)
        return err_set(-ENOMEM, "net: out of memory");
    net->ops = ops;
    arena_init(&net->params, ops);
    arena_init(&net->grads, ops);
    arena_init(&net->momenta, ops);
    arena_init(&net->sums, ops);
    arena_init(&net->state, ops);
    arena_init(&net->acts, ops);
    *ret = net;
    return 0;
}

void net_free(struct net *net)
{
    if (!net)
        return;
    arena_done(&net->params);
    arena_done(&net->grads);
    arena_done(&net->momenta);
    arena_done(&net->sums);
    arena_done(&net->state);
    arena_done(&net->acts);
    free(net);
}

static int name_join(char *to, const char *prefix, const char *name)
{
    int n = snprintf(to, NET_NAME_MAX, "%s.%s", prefix, name);
    if (n < 0 || n >= NET_NAME_MAX)
        return err_set(-ENAMETOOLONG, "net: the name %s.%s is too long", prefix, name);
    return 0;
}

struct param *net_param(struct net *net, const char *prefix, const char *name, int ndim,
                        const int64_t *shape, enum param_group group)
{
    assert(ndim >= 1 && ndim <= 4 && group < PARAM_GROUPS);
    if (net->n_params == NET_PARAMS_MAX) {
        err_set(-ENOSPC, "net: more than %d parameters", NET_PARAMS_MAX);
        return NULL;
    }
    struct param *p = &net->param[net->n_params];
    if (name_join(p->name, prefix, name) < 0)
        return NULL;
    assert(!net_find_param(net, p->name));
    p->ndim = ndim;
    p->count = 1;
    for (int i = 0; i < ndim; i++) {
        p->shape[i] = shape[i];
        p->count *= (size_t)shape[i];
    }
    p->group = group;
    if (group == PARAM_TARGET) {
        assert(strncmp(p->name, NET_MOMENTUM ".", sizeof(NET_MOMENTUM)) == 0);
        p->online = net_find_param(net, p->name + sizeof(NET_MOMENTUM));
        assert(p->online && p->online->count == p->count);
    }
    net->n_params++;
    return p;
}

static struct buffer *buffer_add(struct net *net, const char *prefix, const char *name)
{
    if (net->n_buffers == NET_BUFFERS_MAX) {
        err_set(-ENOSPC, "net: more than %d buffers", NET_BUFFERS_MAX);
        return NULL;
    }
    struct buffer *b = &net->buffer[net->n_buffers];
    if (name_join(b->name, prefix, name) < 0)
        return NULL;
    assert(!net_find_buffer(net, b->name));
    net->n_buffers++;
    return b;
}

struct buffer *net_buffer(struct net *net, const char *prefix, const char *name, int64_t count,
                          float init_value)
{
    struct buffer *b = buffer_add(net, prefix, name);
    if (!b)
        return NULL;
    b->ndim = count > 0;
    b->shape[0] = b->count = count;
    b->init_value = init_value;
    return b;
}

struct buffer *net_buffer_units(struct net *net, const char *prefix, const char *name, int64_t rows,
                                int64_t dim)
{
    struct buffer *b = buffer_add(net, prefix, name);
    if (!b)
        return NULL;
    b->ndim = 2;
    b->shape[0] = rows;
    b->shape[1] = dim;
    b->count = rows * dim;
    b->init_units = true;
    return b;
}

static enum net_kind kind_of(const struct param *p)
{
    return p->ndim > 1 ? NET_WEIGHTS : NET_VECTORS;
}

static int param_place(struct net *net, struct param *p)
{
    size_t bytes = p->count * sizeof(float);
    int r = arena_add(&net->params, bytes, &p->w);
    if (r < 0 || p->group == PARAM_TARGET)
        return r;
    r = arena_add(&net->grads, bytes, &p->d);
    if (r < 0)
        return r;
    return arena_add(&net->momenta, bytes, &p->m);
}

/* The three arenas got the same pieces in the same order (the targets come last and are in one
 * only), so a group and kind is one range in each. */
static void ranges_find(struct net *net)
{
    for (size_t i = 0; i < net->n_params; i++) {
        const struct param *p = &net->param[i];
        struct net_range *range = &net->range[p->group][kind_of(p)];
        if (!range->w)
            *range = (struct net_range){p->w, p->d, p->m, 0};
        range->count = (size_t)(p->w - range->w) + p->count;
    }
}

void net_accumulate(struct net *net)
{
    net->accumulate = true;
}

int net_commit(struct net *net)
{
    for (int order = 0; order < PARAM_GROUPS * NET_KINDS; order++) {
        for (size_t i = 0; i < net->n_params; i++) {
            struct param *p = &net->param[i];
            if ((int)p->group * NET_KINDS + (int)kind_of(p) != order)
                continue;
            int r = param_place(net, p);
            if (r < 0)
                return r;
        }
    }
    int rc = net->accumulate ? arena_add(&net->sums, net->grads.bytes, &net->sum) : 0;
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < net->n_buffers; i++) {
        struct buffer *b = &net->buffer[i];
        if (b->ndim == 0)
            continue;
        int r = arena_add(&net->state, (size_t)b->count * sizeof(float), &b->data);
        if (r < 0)
            return r;
    }
    struct arena *arenas[] = {&net->params, &net->grads, &net->momenta,
                              &net->sums,   &net->state, &net->acts};
    for (size_t i = 0; i < ARRAY_LEN(arenas); i++) {
        int r = arena_commit(arenas[i]);
        if (r < 0)
            return r;
    }
    ranges_find(net);
    return 0;
}

static void param_draw(const struct net *net, const struct param *p, uint64_t seed, float *host)
{
    const struct param *drawn = p->online ? p->online : p;
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = seed,
                                     .sample = (uint32_t)(drawn - net->param),
                                     .purpose = RNG_INIT});
    double bound = (double)drawn->init_bound;
    for (size_t i = 0; i < p->count; i++)
        host[i] = bound > 0 ? (float)rng_range(&rng, -bound, bound) : drawn->init_value;
}

/* Box-Muller. Streams of buffers follow those of the most parameters there may be. */
static void units_draw(const struct net *net, const struct buffer *b, uint64_t seed, float *host)
{
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = seed,
                                     .sample = NET_PARAMS_MAX + (uint32_t)(b - net->buffer),
                                     .purpose = RNG_INIT});
    size_t dim = (size_t)b->shape[1];
    for (size_t row = 0; row < (size_t)b->shape[0]; row++) {
        float *at = host + row * dim;
        double square = 0;
        for (size_t i = 0; i < dim; i++) {
            double radius = sqrt(-2 * log(1 - rng_unit(&rng)));
            at[i] = (float)(radius * cos(2 * M_PI * rng_unit(&rng)));
            square += (double)at[i] * (double)at[i];
        }
        for (size_t i = 0; i < dim; i++)
            at[i] = (float)(at[i] / sqrt(square));
    }
}

static int buffer_init(struct net *net, struct buffer *b, uint64_t seed, float *host)
{
    b->counter = 0;
    if (b->ndim == 0)
        return 0;
    if (!b->init_units)
        return net->ops->fill(net->ops, b->data, (size_t)b->count, b->init_value);
    units_draw(net, b, seed, host);
    return net->ops->upload(net->ops, b->data, host, (size_t)b->count * sizeof(float));
}

int net_init(struct net *net, uint64_t seed)
{
    size_t most = 1;
    for (size_t i = 0; i < net->n_params; i++)
        most = net->param[i].count > most ? net->param[i].count : most;
    for (size_t i = 0; i < net->n_buffers; i++)
        most = (size_t)net->buffer[i].count > most ? (size_t)net->buffer[i].count : most;
    auto_free float *host = malloc(most * sizeof(float));
    if (!host)
        return err_set(-ENOMEM, "net: out of memory");
    int r = 0;
    for (size_t i = 0; r >= 0 && i < net->n_params; i++) {
        param_draw(net, &net->param[i], seed, host);
        r = net_load(net, &net->param[i], net->param[i].w, host);
    }
    for (size_t i = 0; r >= 0 && i < net->n_buffers; i++)
        r = buffer_init(net, &net->buffer[i], seed, host);
    return r;
}

int net_add_up(struct net *net, bool first, bool last)
{
    const struct ops *ops = net->ops;
    size_t count = net->grads.bytes / sizeof(float);
    int r = first ? ops->copy(ops, net->grads.base, net->sum, count)
                  : ops->add(ops, net->grads.base, net->sum, count);
    return r < 0 || !last ? r : ops->copy(ops, net->sum, net->grads.base, count);
}

int net_follow(struct net *net, float momentum)
{
    int r = 0;
    for (size_t i = 0; r >= 0 && i < net->n_params; i++) {
        const struct param *p = &net->param[i];
        if (p->online)
            r = net->ops->ema_step(net->ops, momentum, p->online->w, p->w, p->count);
    }
    return r;
}

int net_load(struct net *net, const struct param *p, float *what, const float *host)
{
    if (p->conv)
        return net->ops->conv_weight_load(p->conv, host, what);
    return net->ops->upload(net->ops, what, host, p->count * sizeof(float));
}

int net_store(struct net *net, const struct param *p, const float *what, float *host)
{
    if (p->conv)
        return net->ops->conv_weight_store(p->conv, what, host);
    return net->ops->download(net->ops, host, what, p->count * sizeof(float));
}

struct param *net_find_param(struct net *net, const char *name)
{
    for (size_t i = 0; i < net->n_params; i++) {
        if (strcmp(net->param[i].name, name) == 0)
            return &net->param[i];
    }
    return NULL;
}

struct buffer *net_find_buffer(struct net *net, const char *name)
{
    for (size_t i = 0; i < net->n_buffers; i++) {
        if (strcmp(net->buffer[i].name, name) == 0)
            return &net->buffer[i];
    }
    return NULL;
}
