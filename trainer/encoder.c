/* SPDX-License-Identifier: Apache-2.0 */
/* encoder: see encoder.h. Takes pixels, gives features; takes their gradient, leaves the
 * parameters'. Thread: the one that trains. Owner: the model. Does not know what features are
 * compared with. */
#include "trainer/encoder.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PAIR = 2 };

struct encoder {
    struct net *net; /* a loan */
    struct encoder_config config;
    struct tensor x, x_small;                /* [large*N,S,S,3], [small*N,s,s,3] */
    struct resnet *trained, *small, *target; /* the latter two may be NULL */
    /* Features and their gradient. joined and djoined, where more than the trained backbone's own
     * are looked at: rows of trained large views, then small views, or then a target's. */
    struct tensor y, t, pair;
    struct tensor joined, djoined;
    struct tensor dy, dpair;
    /* The backbone's gradient from the small views, while the large ones overwrite it. */
    struct {
        const struct param *of;
        float *d;
    } * kept;
    size_t n_kept;
};

static bool is_joined(const struct encoder *e)
{
    return e->small || e->config.trained_views < e->config.large_views;
}

/* --- building --- */

static int backbone_new(struct encoder *e, enum resnet_role role, int32_t views, int32_t size,
                        struct resnet **ret)
{
    struct resnet_config c = e->config.backbone;
    c.rows = views * e->config.n;
    c.size = size;
    c.groups = views;
    c.role = role;
    c.trained = e->trained;
    return resnet_new(e->net, &c, ret);
}

static int backbones_new(struct encoder *e)
{
    const struct encoder_config *c = &e->config;
    int r = arena_add_image(&e->net->acts, &e->x, c->large_views * c->n, c->size, c->size, 3);
    if (r >= 0)
        r = backbone_new(e, RESNET_TRAINED, c->trained_views, c->size, &e->trained);
    if (r >= 0 && c->small_views > 0)
        r = arena_add_image(&e->net->acts, &e->x_small, c->small_views * c->n, c->small_size,
                            c->small_size, 3);
    if (r >= 0 && c->small_views > 0)
        r = backbone_new(e, RESNET_SHARED, c->small_views, c->small_size, &e->small);
    if (r >= 0 && c->target_views > 0)
        r = backbone_new(e, RESNET_TARGET, c->target_views, c->size, &e->target);
    return r;
}

/* A place for each of the backbone's gradients. */
static int kept_new(struct encoder *e)
{
    struct net *net = e->net;
    e->kept = calloc(net->n_params, sizeof(*e->kept));
    if (!e->kept)
        return err_set(-ENOMEM, "encoder: out of memory");
    int r = 0;
    for (size_t i = 0; r >= 0 && i < net->n_params; i++) {
        const struct param *p = &net->param[i];
        if (strncmp(p->name, "backbone.", strlen("backbone.")) != 0)
            continue;
        e->kept[e->n_kept].of = p;
        r = arena_add(&net->acts, p->count * sizeof(float), &e->kept[e->n_kept++].d);
    }
    return r;
}

static int features_new(struct encoder *e)
{
    const struct encoder_config *c = &e->config;
    struct arena *acts = &e->net->acts;
    int32_t d = encoder_features(e), views = encoder_views(e);
    int32_t rows = c->trained_views < c->large_views ? c->large_views : views;
    int r = arena_add_tensor(acts, &e->djoined, rows * c->n, 1, 1, d);
    if (r >= 0 && is_joined(e))
        r = arena_add_tensor(acts, &e->joined, rows * c->n, 1, 1, d);
    return r < 0 || !e->small ? r : kept_new(e);
}

static void free_at(struct encoder **e)
{
    encoder_free(*e);
}

int encoder_new(struct net *net, const struct encoder_config *config, struct encoder **ret)
{
    if (config->large_views != PAIR || config->trained_views < 1 ||
        config->trained_views > config->large_views ||
        config->target_views > config->trained_views ||
        config->trained_views + config->target_views < config->large_views)
        return err_set(-EINVAL,
                       "encoder: %" PRId32 " large views, %" PRId32 " trained, %" PRId32
                       " of the target",
                       config->large_views, config->trained_views, config->target_views);
    auto_with(free_at) struct encoder *e = calloc(1, sizeof(*e));
    if (!e)
        return err_set(-ENOMEM, "encoder: out of memory");
    e->net = net;
    e->config = *config;
    int r = backbones_new(e);
    if (r >= 0)
        r = features_new(e);
    if (r < 0)
        return r;
    *ret = take_ptr(&e);
    return 0;
}

void encoder_free(struct encoder *e)
{
    if (!e)
        return;
    resnet_free(e->trained);
    resnet_free(e->small);
    resnet_free(e->target);
    free(e->kept);
    free(e);
}

int32_t encoder_views(const struct encoder *e)
{
    return e->config.trained_views + e->config.small_views;
}

int32_t encoder_features(const struct encoder *e)
{
    return resnet_output(e->trained)->c;
}

int32_t encoder_rows(const struct encoder *e)
{
    return e->config.trained_views * e->config.n;
}

/* --- forward --- */

/* Normalises the runs into the large views' rows, then the small ones'; -EINVAL unless they are
 * least to most images. */
static int runs_load(struct encoder *e, const struct encoder_run *runs, uint32_t n_runs,
                     int32_t least, int32_t most, int32_t *ret_rows)
{
    const struct ops *ops = e->net->ops;
    int32_t first = 0, large = e->x.n;
    for (uint32_t i = 0; i < n_runs; i++) {
        bool small = first >= large;
        int32_t room = small ? most - first : (most < large ? most : large) - first;
        if (runs[i].rows < 0 || runs[i].rows > room)
            return err_set(-EINVAL, "model: more than %" PRId32 " images", most);
        int r =
            ops->input_normalize(ops, runs[i].pixels, runs[i].rows, e->config.mean, e->config.std,
                                 small ? &e->x_small : &e->x, small ? first - large : first);
        if (r < 0)
            return r;
        first += runs[i].rows;
    }
    if (first < least)
        return err_set(-EINVAL, "model: %" PRId32 " images where %" PRId32 " belong", first, least);
    *ret_rows = first;
    return 0;
}

/* Puts the parts' features one after another. */
static int join(struct encoder *e)
{
    const struct ops *ops = e->net->ops;
    struct resnet *const parts[] = {e->trained, e->small,
                                    e->config.trained_views < PAIR ? e->target : NULL};
    float *to = e->joined.data;
    int r = 0;
    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(parts); i++) {
        if (!parts[i])
            continue;
        const struct tensor *y = resnet_output(parts[i]);
        r = ops->copy(ops, y->data, to, tensor_count(y));
        to += tensor_count(y);
    }
    return r;
}

/* The views of what is there, once the arenas have given memory. */
static void features_find(struct encoder *e)
{
    const struct tensor *all = is_joined(e) ? &e->joined : resnet_output(e->trained);
    int32_t n = e->config.n, views = encoder_views(e);
    e->y = tensor_rows(all, 0, views * n);
    e->dy = tensor_rows(&e->djoined, 0, views * n);
    e->pair = tensor_rows(all, 0, PAIR * n);
    e->dpair = tensor_rows(&e->djoined, 0, PAIR * n);
    if (e->target)
        e->t = *resnet_output(e->target);
}

int encoder_forward(struct encoder *e, const struct encoder_run *runs, uint32_t n_runs)
{
    const struct encoder_config *c = &e->config;
    int32_t all = (c->large_views + c->small_views) * c->n, rows;
    int r = runs_load(e, runs, n_runs, all, all, &rows);
    struct tensor first = tensor_rows(&e->x, 0, c->trained_views * c->n);
    if (r >= 0)
        r = resnet_forward(e->trained, &first, false);
    if (r >= 0 && e->small)
        r = resnet_forward(e->small, &e->x_small, false);
    if (r >= 0 && e->target) {
        int32_t before = c->large_views - c->target_views;
        struct tensor last = tensor_rows(&e->x, before * c->n, c->target_views * c->n);
        r = resnet_forward(e->target, &last, false);
    }
    if (r >= 0 && is_joined(e))
        r = join(e);
    features_find(e);
    /* of the pair, a target's features get a gradient that nobody wants: let it not grow */
    struct tensor rest = tensor_rows(&e->djoined, e->y.n, e->djoined.n - e->y.n);
    return r < 0 ? r : e->net->ops->fill(e->net->ops, rest.data, tensor_count(&rest), 0);
}

const struct tensor *encoder_y(const struct encoder *e)
{
    return &e->y;
}

const struct tensor *encoder_t(const struct encoder *e)
{
    return &e->t;
}

const struct tensor *encoder_pair(const struct encoder *e)
{
    return &e->pair;
}

struct tensor *encoder_dy(struct encoder *e)
{
    return &e->dy;
}

struct tensor *encoder_dpair(struct encoder *e)
{
    return &e->dpair;
}

/* --- backward --- */

/* The small views first: each backward overwrites the parameters' gradients. */
static int small_backward(struct encoder *e)
{
    const struct ops *ops = e->net->ops;
    int32_t before = e->config.trained_views * e->config.n;
    struct tensor dy = tensor_rows(&e->djoined, before, e->config.small_views * e->config.n);
    int r = resnet_backward(e->small, &e->x_small, &dy);
    for (size_t i = 0; r >= 0 && i < e->n_kept; i++)
        r = ops->copy(ops, e->kept[i].of->d, e->kept[i].d, e->kept[i].of->count);
    return r;
}

int encoder_backward(struct encoder *e)
{
    const struct ops *ops = e->net->ops;
    int32_t rows = e->config.trained_views * e->config.n;
    struct tensor x = tensor_rows(&e->x, 0, rows), dy = tensor_rows(&e->djoined, 0, rows);
    int r = e->small ? small_backward(e) : 0;
    if (r >= 0)
        r = resnet_backward(e->trained, &x, &dy);
    for (size_t i = 0; r >= 0 && i < e->n_kept; i++)
        r = ops->add(ops, e->kept[i].d, e->kept[i].of->d, e->kept[i].of->count);
    return r;
}

/* --- evaluation --- */

/* Rows behind the images hold an earlier batch, or zeros: inference mixes no rows, so they cost
 * time and change nothing. */
int encoder_infer(struct encoder *e, const struct encoder_run *runs, uint32_t n_runs,
                  float *ret_features)
{
    const struct ops *ops = e->net->ops;
    int32_t rows;
    int r = runs_load(e, runs, n_runs, 0, encoder_rows(e), &rows);
    struct tensor x = tensor_rows(&e->x, 0, encoder_rows(e));
    if (r >= 0)
        r = resnet_forward(e->trained, &x, true);
    if (r < 0)
        return r;
    const struct tensor *y = resnet_output(e->trained);
    return ops->download(ops, ret_features, y->data, (size_t)rows * (size_t)y->c * sizeof(float));
}
